"""Searches without a harness, for tests of what comes after them."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache

import numpy as np

from nasbench_suite.comparisons import load_comparison
from nasbench_suite.errors import OutOfBudget
from nasbench_suite.harness import Plan, Result, Run, make_plan
from nasbench_suite.plugins import load_registry
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
