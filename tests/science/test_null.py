"""Twenty copies of random search under different names: what a leaderboard claims of them is false, and must be rare."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from scored import search

from nasbench_suite import Problem, strategy
from nasbench_suite.comparisons import Entry, load_comparison
from nasbench_suite.harness import make_plan
from nasbench_suite.plugins import Offered, Plugin, Registry, load_registry
from nasbench_suite.scoring import score
from nasbench_suite.search.budget import Budget

COPIES = 20
PLUGIN = '''
"""Random search whose draws begin later or earlier in its generator's stream."""

from nasbench_suite import hookimpl, strategy


@strategy("copy", family="other")
def copy(problem, rng, *, skip: int = 0):
    """Draw and evaluate until the budget ends."""
    rng.random(1000 * skip)
    while True:
        problem.evaluate(problem.space.sample(rng))


@hookimpl
def nasbench_strategies():
    return [copy]
'''
COMPARISON = """
name = "null"
title = "Twenty copies of one search"
description = "Nothing differs here."
seeds = 20

[[benchmarks]]
name = "nas-bench-201/cifar10"
budget = "12evaluations"

[[benchmarks]]
name = "nas-bench-201/cifar100"
budget = "12evaluations"
"""


def test_copies_of_one_search_end_to_end(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "copies.py").write_text(PLUGIN)
    rows = "".join(
        f'\n[[strategies]]\nname = "copy"\nlabel = "copy-{k:02}"\nparameters = {{ skip = {k} }}\n'
        for k in range(COPIES)
    )
    (tmp_path / "null.toml").write_text(COMPARISON + rows)
    command = [sys.executable, "-m", "nasbench_suite.cli", "run-all", "null.toml", "--plugins-dir", "plugins", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    tables = [document["overall"], *document["benchmarks"]]
    wrong = 0
    for table in tables:
        assert len(table["ranked"]) == COPIES and table["tests"]["tells"]
        wrong += len({row["group"] for row in table["ranked"]}) > 1
    assert wrong <= 1  # three tables at 5 %
    for benchmark in document["benchmarks"]:
        assert not any(row["luck"]["flagged"] for row in benchmark["ranked"])


@strategy("copy")
def copy(problem: Problem, rng: np.random.Generator, *, skip: int = 0) -> None:
    """Draw and evaluate until the budget ends, later or earlier in the generator's stream."""
    rng.random(1000 * skip)
    while True:
        problem.evaluate(problem.space.sample(rng))


def test_over_many_comparisons_false_separations_stay_within_the_level() -> None:
    """In one process, so that there are many: all pairs of eight copies, 60 times with other seeds."""
    times, wrong = 60, 0
    offered = {"copy": Offered(copy, Plugin("copies", "copies", "", "package"), "1+0")}
    registry = Registry(strategies=offered, benchmarks=load_registry().benchmarks)
    rows = tuple(Entry(f"copy-{k}", "copy", {"skip": k}) for k in range(8))
    for again in range(times):
        comparison = load_comparison("nas-bench-201").override(
            name="null",
            benchmarks=("nas-bench-201/cifar10",),
            budget=Budget(15, "evaluations"),
            seeds=tuple(range(100 * again, 100 * again + 12)),
        )
        plan = make_plan(dataclasses.replace(comparison, entries=rows), registry)
        results = {run.id: search(plan, label, run) for (label, _), runs in plan.runs.items() for run in runs}
        assert len(results) == 96 and len({result.journal for result in results.values()}) == 96
        (board,) = score(plan, results).boards
        assert board.differences.tells
        wrong += len({standing.group for standing in board.standings}) > 1
        assert not any(standing.luck is not None and standing.luck.flagged for standing in board.standings)
    assert wrong <= 8  # of a binomial of 60 at 5 %, 99.7 % are at most 8
