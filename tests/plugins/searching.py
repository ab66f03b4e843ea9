"""Running a strategy on a benchmark until it ends, for the tests of strategies."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np

from nasbench_suite import Architecture, Budget, CategoricalSpace, Decision, Evaluation, OutOfBudget, Problem, Strategy
from nasbench_suite.benchmarks import Benchmark


def search(strategy: Strategy, benchmark: Benchmark, budget: str, seed: int = 0, **parameters: Any) -> Problem:
    """Run a strategy to its end and return the problem with its journal."""
    resumable = "resume" in benchmark.capabilities
    amount = Budget.parse(budget)
    problem = Problem(benchmark.space, benchmark.fidelities, benchmark.answers(seed), amount, resumable=resumable)
    with suppress(OutOfBudget):
        strategy.run(problem, np.random.default_rng(seed), **parameters)
    assert problem.asked_after_end == 0
    return problem


def evaluations(problem: Problem) -> list[Evaluation]:
    """What was evaluated, in order."""
    return [event for event in problem.journal if isinstance(event, Evaluation)]


def asked(problem: Problem) -> list[Architecture]:
    """The architectures that were evaluated, in order."""
    return [evaluation.architecture for evaluation in evaluations(problem)]


def grid(*counts: int) -> CategoricalSpace:
    """A space of decisions with so many options each."""
    name = "x".join(map(str, counts))
    return CategoricalSpace(
        name, [Decision(f"d{n}", tuple(f"o{option}" for option in range(count))) for n, count in enumerate(counts)]
    )


def central_differences(function: Any, point: np.ndarray[Any, Any], step: float = 1e-6) -> np.ndarray[Any, Any]:
    """The gradient of ``function()``, which reads ``point`` in place, by moving one number at a time."""
    gradient = np.empty(point.size)
    flat = point.reshape(-1)
    for place in range(flat.size):
        before = flat[place]
        flat[place] = before + step
        above = function()
        flat[place] = before - step
        below = function()
        flat[place] = before
        gradient[place] = (above - below) / (2 * step)
    return gradient.reshape(point.shape)
