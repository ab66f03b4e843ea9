"""Searches without a harness, for tests of what comes after them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

import numpy as np

from nasbench_suite.comparisons import load_comparison
from nasbench_suite.errors import OutOfBudget
from nasbench_suite.harness import Plan, Result, Run, make_plan
from nasbench_suite.plugins import load_registry
from nasbench_suite.scoring import Scoreboard
from nasbench_suite.search.budget import Budget
from nasbench_suite.search.problem import Problem

STRATEGIES = ("random-sampling", "random-search", "regularized-evolution")


@lru_cache(maxsize=1)
def small_plan() -> Plan:
    """Three strategies on two real data sets, 40 evaluations, 12 seeds."""
    comparison = load_comparison("nas-bench-201").override(
        name="small",
        benchmarks=("nas-bench-201/cifar10", "nas-bench-201/cifar100"),
        strategies=STRATEGIES,
        budget=Budget(40, "evaluations"),
        seeds=tuple(range(12)),
    )
    return make_plan(comparison, load_registry())


def search(plan: Plan, label: str, run: Run) -> Result:
    """Run one search to its end."""
    benchmark = plan.benchmarks[run.benchmark]
    (row,) = (row for row in plan.rows if row.label == label)
    problem = Problem(benchmark.space, benchmark.fidelities, benchmark.answers(run.seed), run.budget)
    with suppress(OutOfBudget):
        row.offered.strategy.run(problem, np.random.default_rng(run.seed), **run.parameters)
    return Result(run, "finished", journal=problem.journal, own_seconds=problem.own_seconds)


def small_results() -> dict[str, Result]:
    """Every run of :func:`small_plan`."""
    return dict(_all_small())


@lru_cache(maxsize=1)
def _all_small() -> tuple[tuple[str, Result], ...]:
    plan = small_plan()
    return tuple((run.id, search(plan, label, run)) for (label, _), runs in plan.runs.items() for run in runs)


def renamed(board: Scoreboard, names: Mapping[str, str]) -> Scoreboard:
    """The same scoreboard with other labels, everywhere."""

    def labelled(rows: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(dataclasses.replace(row, label=names.get(row.label, row.label)) for row in rows)

    boards = []
    for held in board.boards:
        snapshots = tuple(dataclasses.replace(s, placings=labelled(s.placings)) for s in held.snapshots)
        changed = {"standings": labelled(held.standings), "unranked": labelled(held.unranked), "snapshots": snapshots}
        boards.append(dataclasses.replace(held, **changed))
    overall = board.overall
    return dataclasses.replace(
        board,
        boards=tuple(boards),
        overall=dataclasses.replace(
            overall, standings=labelled(overall.standings), unranked=labelled(overall.unranked)
        ),
        entrants={
            names.get(label, label): e
            for label, e in zip(board.entrants, labelled(tuple(board.entrants.values())), strict=True)
        },
        timings=labelled(board.timings),
    )
