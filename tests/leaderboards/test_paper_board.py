"""The committed leaderboard of the paper's protocol: what it has to reach, and that its runs come out again."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from repository import REPOSITORY

from nasbench_suite.comparisons import load_comparison
from nasbench_suite.plugins import load_registry
from nasbench_suite.spaces import read_space
from nasbench_suite.tables.importers.from_files import import_arrays

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

NAME = "nas-bench-201-paper"
BOARD = REPOSITORY / "leaderboards" / NAME
DOCUMENT = json.loads((BOARD / "leaderboard.json").read_text())
(TASK,) = DOCUMENT["benchmarks"]
ROWS = {row["label"]: row for row in TASK["ranked"]}
LEAST = {
    "regularized-evolution": 0.9394,
    "reinforce": 0.9377,
    "recurrent-controller": 0.9385,
    "ppo": 0.9385,
    "genetic-algorithm": 0.9403,
    "local-search": 0.9415,
    "pnas": 0.9415,
    "tpe": 0.9417,
    "random-forest": 0.9420,
    "bananas": 0.9420,
    "gaussian-process": 0.9433,
}
"""Mean CIFAR-10 test accuracy of the cells found: what is published, or what bare reimplementations and other
libraries reach with the same table. A mean below it by no more than the noise of the seeds is not told apart from it."""

SPREAD = {"regularized-evolution": 0.0030, "reinforce": 0.0037, "tpe": 0.0052, "gaussian-process": 0.0052}
"""Published standard deviations: of the method, or of BOHB for the Bayesian family."""


def test_it_is_the_whole_preset_with_seeds_that_tuning_did_not_use() -> None:
    comparison = load_comparison(NAME)
    seeds = DOCUMENT["comparison"]["seeds"]
    assert seeds == list(comparison.seeds[: len(seeds)])
    assert len(seeds) == 500 and min(seeds) >= 1000
    built_in = {name for name, offered in load_registry().strategies.items() if offered.plugin.built_in}
    ranked = {entrant["label"] for entrant in DOCUMENT["strategies"]}
    made = tomllib.loads((REPOSITORY / "leaderboards" / "made.toml").read_text())[NAME]
    assert ranked == built_in or (ranked < built_in and "progressive-ensemble" in made["older"])
    assert sum(path.stat().st_size for path in BOARD.iterdir()) < 1_500_000


def test_random_search_is_where_the_paper_has_it() -> None:
    assert ROWS["random-search"]["mean"] == pytest.approx(0.9374, abs=0.001)


def noise(label: str) -> float:
    """Half the 95 % interval of a mean."""
    return float(1.96 * ROWS[label]["std"] / np.sqrt(len(DOCUMENT["comparison"]["seeds"])))


@pytest.mark.parametrize(("label", "least"), LEAST.items())
def test_what_the_strategies_reach(label: str, least: float) -> None:
    assert ROWS[label]["mean"] + noise(label) >= least


@pytest.mark.parametrize(("label", "most"), SPREAD.items())
def test_no_more_spread_than_published(label: str, most: float) -> None:
    assert ROWS[label]["std"] <= most


def test_random_search_spreads_as_published() -> None:
    """Published: 0.36 points. Deviations of 500 runs each, which differ by sampling alone."""
    ours, published = ROWS["random-search"]["std"], 0.0036
    assert abs(ours - published) < 2 * np.hypot(ours, published) / np.sqrt(2 * 500)


def test_the_best_strategy_is_near_the_ceiling_at_half_the_budget() -> None:
    """94.25 of the 94.37 that the best cell by the signal has, after 6,000 of 12,000 seconds."""
    with (BOARD / "curves.csv").open(newline="", encoding="utf-8") as file:
        halves = {row["strategy"]: float(row["mean"]) for row in csv.DictReader(file) if row["fraction"] == "0.5"}
    assert max(halves.values()) >= 0.9425


@pytest.mark.xfail(strict=True, reason="the board is older: its scores include the training seed that the search saw")
def test_the_first_runs_come_out_again(real_data: Path, tmp_path: Path) -> None:
    """Of the strategies that take no time, with the table imported anew: the same scores, seed by seed."""
    labels = [row for row in ROWS if load_registry().strategies[row].strategy.family in ("evolution", "reference")]
    mapping = REPOSITORY / "tests" / "tables" / "nas_bench_201_npz.toml"
    tables = tmp_path / "tables"
    import_arrays(real_data / "nas_bench_201.npz", mapping, read_space("nas-bench-201"), tables, "nats-bench-tss")
    chosen = [word for label in labels for word in ("--strategy", label)]
    done = subprocess.run(
        [sys.executable, "-m", "nasbench_suite.cli", "run-all", NAME, "--seeds", "1000-1009", "--json", *chosen],
        cwd=tmp_path,
        env={**os.environ, "NASBENCH_TABLES": str(tables)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (again,) = json.loads(done.stdout)["benchmarks"]
    assert again["identity"] == TASK["identity"]
    for row in again["ranked"]:
        for score, values in row["scores"].items():
            assert np.array_equal(values, ROWS[row["label"]]["scores"][score][:10]), (row["label"], score)
