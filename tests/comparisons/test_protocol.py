"""In the shipped comparisons every method can do what its name says: tested on the presets, not on their results."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from nasbench_suite.comparisons import Comparison, load_comparison
from nasbench_suite.errors import OutOfBudget
from nasbench_suite.plugins import load_registry
from nasbench_suite.search.journal import Event
from nasbench_suite.search.problem import Problem

REGISTRY = load_registry()
BUILT_IN = sorted(name for name, offered in REGISTRY.strategies.items() if offered.plugin.built_in)
DIGITS = ("digits", "digits-long")
SHIPPED = ("nas-bench-201", *DIGITS)


def parameters(comparison: Comparison, name: str) -> dict[str, Any]:
    given = {entry.strategy: entry.parameters for entry in comparison.entries or ()}
    return REGISTRY.strategies[name].strategy.check_parameters(given.get(name, {}))


def journal(name: str, comparison: Comparison, place: int, seed: int = 0) -> tuple[Event, ...]:
    contest = comparison.tasks[place]
    benchmark = REGISTRY.benchmark(contest.benchmark)
    problem = Problem(benchmark.space, benchmark.fidelities, benchmark.answers(seed), contest.budget, resumable=True)
    with suppress(OutOfBudget):
        REGISTRY.strategies[name].strategy.run(problem, np.random.default_rng(seed), **parameters(comparison, name))
    return problem.journal


@pytest.mark.parametrize("name", DIGITS)
def test_every_strategy_of_the_suite_stands_in_it(name: str) -> None:
    comparison = load_comparison(name)
    assert sorted(entry.strategy for entry in comparison.entries or ()) == BUILT_IN
    assert all(entry.label == entry.strategy for entry in comparison.entries or ())


@pytest.mark.parametrize("name", SHIPPED)
def test_no_strategy_spends_more_than_a_third_before_its_first_informed_step(name: str) -> None:
    comparison = load_comparison(name)
    trainings = min(len(journal("random-search", comparison, place)) for place in range(len(comparison.tasks)))
    for strategy in BUILT_IN:
        chosen = parameters(comparison, strategy)
        for parameter in ("population_size", "initial_design", "initial_samples"):
            assert chosen.get(parameter, 0) <= trainings / 3, (strategy, parameter, trainings)


@pytest.mark.parametrize("name", SHIPPED)
def test_evolution_is_no_random_search(name: str) -> None:
    comparison = load_comparison(name)
    for place in range(len(comparison.tasks)):
        for seed in range(3):
            assert journal("regularized-evolution", comparison, place, seed) != journal(
                "random-search", comparison, place, seed
            )


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("strategy", ["pnas", "progressive-ensemble"])
def test_progressive_search_reaches_the_last_level(name: str, strategy: str) -> None:
    comparison = load_comparison(name)
    for place, contest in enumerate(comparison.tasks):
        space = REGISTRY.benchmark(contest.benchmark).space
        asked = [event.architecture for event in journal(strategy, comparison, place)]  # type: ignore[union-attr]
        edges = [number for number, edge in enumerate(space.edges) if 2 in edge]
        assert any(any(cell[edge] for edge in edges) for cell in asked)


@pytest.mark.parametrize("name", DIGITS)
def test_schedules_of_weight_sharing_are_laid_out_for_the_budget(name: str) -> None:
    comparison = load_comparison(name)
    for strategy in ("darts", "darts-second-order", "drnas", "enas", "gdas", "rsps"):
        assert parameters(comparison, strategy)["seconds"] == comparison.tasks[0].budget.amount
