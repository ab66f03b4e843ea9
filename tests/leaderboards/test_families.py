"""The shipped comparison shows that every family beats random search on every data set, by intervals that do not overlap."""

from __future__ import annotations

import json

import pytest
from repository import REPOSITORY

BOARD = json.loads((REPOSITORY / "leaderboards" / "nas-bench-201" / "leaderboard.json").read_text())
FAMILIES = ("bayesian", "entropy", "evolution", "progressive", "reinforcement-learning")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("benchmark", BOARD["benchmarks"], ids=lambda benchmark: benchmark["name"])
def test_a_family_beats_random_search(benchmark, family) -> None:
    family_of = {entrant["label"]: entrant["family"] for entrant in BOARD["strategies"]}
    intervals = {row["label"]: row["interquartile_mean"] for row in benchmark["ranked"]}
    lows = [interval["low"] for label, interval in intervals.items() if family_of[label] == family]
    assert max(lows) > intervals["random-search"]["high"]


@pytest.mark.parametrize("benchmark", BOARD["benchmarks"], ids=lambda benchmark: benchmark["name"])
def test_no_search_is_below_random_search(benchmark) -> None:
    intervals = {row["label"]: row["interquartile_mean"] for row in benchmark["ranked"]}
    searches = set(intervals) - {"random-sampling"}
    assert all(intervals[label]["high"] >= intervals["random-search"]["low"] for label in searches)
