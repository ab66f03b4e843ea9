"""In what ships, every method does what its name says: told from the journals of the committed bundles."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from repository import REPOSITORY

from nasbench_suite.publishing import read_bundle

BUNDLES = sorted((REPOSITORY / "leaderboards").rglob("*.nasbench.zip"))


def read(path: Path) -> tuple[object, dict[str, object]]:
    bundle = read_bundle(path)
    document = json.loads(bundle.leaderboard)
    if document["format"] == 1:
        pytest.skip("a leaderboard of the first form, which did not say how far its rows came")
    return bundle, document


def test_there_are_bundles() -> None:
    assert BUNDLES


@pytest.mark.parametrize("path", BUNDLES, ids=lambda path: path.name)
def test_evolution_is_no_random_search(path: Path) -> None:
    bundle, _ = read(path)
    records = bundle.records  # type: ignore[attr-defined]  # a Bundle
    seen = 0
    for label, benchmark in records:
        if label != "regularized-evolution" or ("random-search", benchmark) not in records:
            continue
        for seed, record in records[label, benchmark].items():
            assert record.journal != records["random-search", benchmark][seed].journal, (benchmark, seed)
            seen += 1
    if not seen:
        pytest.skip("has not both strategies")


@pytest.mark.parametrize("path", BUNDLES, ids=lambda path: path.name)
def test_every_row_with_a_characteristic_step_says_how_many_runs_took_it(path: Path) -> None:
    _, document = read(path)
    declared = {row["label"] for row in document["strategies"] if row["step"]}  # type: ignore[attr-defined]
    assert declared
    for benchmark in document["benchmarks"]:  # type: ignore[attr-defined]
        for row in benchmark["ranked"]:
            assert (row["progress"]["taken"] is not None) == (row["label"] in declared)
