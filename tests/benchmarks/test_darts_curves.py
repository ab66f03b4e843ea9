"""The curves of DARTS in the documentation show what is said of them there."""

from __future__ import annotations

import csv

import pytest
from repository import REPOSITORY

from nasbench_suite.spaces import nas_bench_201


def curve(name: str) -> list[dict[str, str]]:
    with (REPOSITORY / "docs" / "darts" / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", ["digits", "mnist"])
def test_skip_connections_take_over_as_epochs_grow(name: str) -> None:
    rows = curve(name)
    assert [int(row["epoch"]) for row in rows] == list(range(1, 61))
    first, last = rows[0], rows[-1]
    weights = {column: float(last[column]) for column in last if column.startswith("weight ")}
    skip = weights.pop("weight skip")
    assert skip > float(first["weight skip"]) + 0.1
    assert skip > max(weights.values()) + 0.01
    rising = [float(row["weight skip"]) for row in rows[4:40:5]]
    assert rising == sorted(rising)
    assert max(int(row["edges skip"]) for row in rows) >= 4
    assert int(first["edges 3x3"]) + int(first["edges 1x1"]) > int(last["edges 3x3"]) + int(last["edges 1x1"])
    space = nas_bench_201()
    for row in rows:
        cell = space.parse(row["cell"])
        counts = [int(row[column]) for column in row if column.startswith("edges ")]
        assert counts == [cell.count(option) for option in range(5)]


def test_on_the_digits_no_convolution_is_left_and_the_cell_is_useless() -> None:
    rows = curve("digits")
    assert (rows[-1]["edges 1x1"], rows[-1]["edges 3x3"]) == ("0", "0")
    for convolution in ("weight 1x1", "weight 3x3"):
        assert float(rows[-1][convolution]) < float(rows[0][convolution]) - 0.04
    scratch = [float(row["from scratch"]) for row in rows if row["from scratch"]]
    assert scratch[-1] < scratch[0] - 0.25
