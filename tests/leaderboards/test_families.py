"""The shipped comparison shows that every family beats random search, by intervals that do not overlap."""

from __future__ import annotations

import json

import pytest
from repository import REPOSITORY

BOARD = json.loads((REPOSITORY / "leaderboards" / "nas-bench-201" / "leaderboard.json").read_text())
FAMILIES = ("bayesian", "entropy", "evolution", "progressive", "reinforcement-learning")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_beats_random_search(family) -> None:
    """Over the three data sets, by intervals that do not overlap; regret, so less is better."""
    family_of = {entrant["label"]: entrant["family"] for entrant in BOARD["strategies"]}
    intervals = {row["label"]: row["normalized_regret"] for row in BOARD["overall"]["ranked"]}
    highs = [interval["high"] for label, interval in intervals.items() if family_of[label] == family]
    assert min(highs) < intervals["random-search"]["low"]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("benchmark", BOARD["benchmarks"], ids=lambda benchmark: benchmark["name"])
def test_a_family_is_above_random_search_on_every_data_set(benchmark, family) -> None:
    family_of = {entrant["label"]: entrant["family"] for entrant in BOARD["strategies"]}
    means = {row["label"]: row["interquartile_mean"]["value"] for row in benchmark["ranked"]}
    assert max(mean for label, mean in means.items() if family_of[label] == family) > means["random-search"]


@pytest.mark.parametrize("benchmark", BOARD["benchmarks"], ids=lambda benchmark: benchmark["name"])
def test_no_search_is_below_random_search(benchmark) -> None:
    intervals = {row["label"]: row["interquartile_mean"] for row in benchmark["ranked"]}
    searches = set(intervals) - {"random-sampling"}
    assert all(intervals[label]["high"] >= intervals["random-search"]["low"] for label in searches)
