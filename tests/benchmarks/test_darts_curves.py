"""The curves of DARTS in the documentation show what is said of them there."""

from __future__ import annotations

import csv

import pytest
from repository import REPOSITORY

from nasbench_suite.spaces import nas_bench_201


def curve(name: str) -> list[dict[str, str]]:
    with (REPOSITORY / "docs" / "darts" / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(("name", "winner"), [("digits", "skip"), ("mnist", "pool")])
def test_operations_without_weights_take_over(name: str, winner: str) -> None:
    rows = curve(name)
    assert [int(row["epoch"]) for row in rows] == list(range(1, len(rows) + 1))
    first, last = rows[0], rows[-1]
    weights = {column: float(last[column]) for column in last if column.startswith("weight ")}
    assert max(weights, key=lambda column: weights[column]) == f"weight {winner}"
    for convolution in ("weight 1x1", "weight 3x3"):
        assert float(last[convolution]) < float(first[convolution]) - 0.04
    scratch = [float(row["from scratch"]) for row in rows if row["from scratch"]]
    assert scratch[-1] < scratch[0] - 0.25
    space = nas_bench_201()
    for row in rows:
        cell = space.parse(row["cell"])
        counts = [int(row[column]) for column in row if column.startswith("edges ")]
        assert counts == [cell.count(option) for option in range(5)]
