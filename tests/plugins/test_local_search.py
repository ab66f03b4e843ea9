"""Local search against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from nasbench_strategies.local_search import climb, local_search
from searching import asked, grid, search

from nasbench_suite import Architecture
from nasbench_suite.benchmarks.synthetic import SyntheticBenchmark

SPACE = grid(4, 1, 3, 4, 2, 3)
LANDSCAPE = SyntheticBenchmark("climbing", SPACE, fidelities=(1,), noise=0.0)
TRUTH = {architecture: LANDSCAPE.truth(architecture, 1) for architecture in SPACE.architectures()}


def differs_in_one(first: Architecture, second: Architecture) -> bool:
    return sum(a != b for a, b in zip(first, second, strict=True)) == 1


OPTIMA = {here for here in TRUTH if all(TRUTH[here] >= TRUTH[x] for x in TRUTH if differs_in_one(here, x))}


def test_the_landscape_has_several_optima() -> None:
    assert len(OPTIMA) > 1


@pytest.mark.parametrize("first_improvement", [True, False])
def test_every_climb_ends_in_a_local_optimum(first_improvement: bool) -> None:
    rng = np.random.default_rng(0)
    ends = {climb(SPACE, TRUTH, start, rng, first_improvement) for start in TRUTH}
    assert ends == OPTIMA


def test_best_improvement_is_steepest_ascent() -> None:
    for start in TRUTH:
        here = start
        while here not in OPTIMA:
            here = max((x for x in TRUTH if differs_in_one(here, x)), key=TRUTH.__getitem__)
        assert climb(SPACE, TRUTH, start, np.random.default_rng(0), first_improvement=False) == here


@pytest.mark.parametrize("first_improvement", [True, False])
@pytest.mark.parametrize("initial_samples", [1, 7])
def test_it_sees_everything_once_and_then_returns(first_improvement: bool, initial_samples: int) -> None:
    problem = search(
        local_search,
        LANDSCAPE,
        "1000 evaluations",
        initial_samples=initial_samples,
        first_improvement=first_improvement,
    )
    assert sorted(asked(problem)) == sorted(TRUTH)


def test_questions_of_a_first_climb_are_neighbours_of_the_best_so_far() -> None:
    wide = SyntheticBenchmark("wide", grid(*[5] * 12), fidelities=(1,), noise=0.0)
    questions = asked(search(local_search, wide, "40 evaluations", initial_samples=10))
    for place in range(10, 40):
        best = max(questions[:place], key=lambda architecture: wide.truth(architecture, 1))
        assert differs_in_one(questions[place], best)


def test_a_sample_at_least() -> None:
    with pytest.raises(ValueError, match="initial_samples is 0"):
        search(local_search, LANDSCAPE, "10 evaluations", initial_samples=0)
