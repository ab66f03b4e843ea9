"""Syne Tune's searchers (Salinas et al., AutoML 2022, https://proceedings.mlr.press/v188/salinas22a.html) as strategies.

Every decision is a ``choice``; a searcher is asked and told one architecture at a time, without its tuner and without
clocks.
"""

from __future__ import annotations

import logging
import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from numpy.random import Generator

from nasbench_suite import Architecture, Evaluation, Problem, Strategy, ask_and_tell, hookimpl, strategy

if TYPE_CHECKING:
    from syne_tune.optimizer.schedulers.searchers.single_objective_searcher import SingleObjectiveBaseSearcher

NASBENCH_API = 2


@strategy("syne-tune-evolution", family="evolution", paper="https://arxiv.org/abs/1802.01548")
def syne_tune_evolution(problem: Problem, rng: Generator, *, population_size: int = 20, sample_size: int = 5) -> None:
    """Syne Tune's regularized evolution (Real et al. 2019).

    The library's own population of 100 would spend a whole budget of some hundred evaluations on random draws.

    Args:
        problem: the search.
        rng: seeds the searcher.
        population_size: the youngest architectures, which may have children.
        sample_size: how many of them compete to have the next one.
    """
    from syne_tune.optimizer.schedulers.searchers.regularized_evolution import RegularizedEvolution

    def make(space: dict[str, Any], seed: int) -> SingleObjectiveBaseSearcher:
        return RegularizedEvolution(space, population_size=population_size, sample_size=sample_size, random_seed=seed)

    _search(problem, rng, make)


@strategy("syne-tune-kde", family="bayesian", paper="https://proceedings.mlr.press/v80/falkner18a.html")
def syne_tune_kde(problem: Problem, rng: Generator, *, candidates: int = 64, random_fraction: float = 0.33) -> None:
    """Syne Tune's kernel density estimator, the model of BOHB (Falkner et al. 2018), at the full training.

    Args:
        problem: the search.
        rng: seeds the searcher.
        candidates: draws from the density of the good, of which the most promising one is asked for.
        random_fraction: of the questions that are drawn at random instead.
    """
    from syne_tune.optimizer.schedulers.searchers.kde.kde_searcher import KernelDensityEstimator

    def make(space: dict[str, Any], seed: int) -> SingleObjectiveBaseSearcher:
        return KernelDensityEstimator(
            space, num_candidates=candidates, random_fraction=random_fraction, random_seed=seed
        )

    _search(problem, rng, make)


def _search(
    problem: Problem, rng: Generator, make: Callable[[dict[str, Any], int], SingleObjectiveBaseSearcher]
) -> None:
    """Ask and tell a searcher; decisions with one option are none for it."""
    from syne_tune.config_space import choice

    seed = int(rng.integers(2**31))
    counts = [len(decision.options) for decision in problem.space.decisions]
    space = {f"d{place}": choice(list(range(count))) for place, count in enumerate(counts) if count > 1}
    if not space:  # nothing to choose, which its searchers refuse
        problem.evaluate(tuple(0 for _ in counts))
        return
    with _quiet(), _global_generators_kept(seed):
        searcher = make(space, seed)
        asked: list[dict[str, Any]] = []

        def ask() -> Architecture:
            asked.append(searcher.suggest())
            return tuple(int(asked[-1].get(f"d{place}", 0)) for place in range(len(counts)))

        def tell(evaluation: Evaluation) -> None:
            searcher.on_trial_complete(len(asked) - 1, asked[-1], 1.0 - evaluation.accuracy)

        ask_and_tell(problem, ask, tell)


@contextmanager
def _quiet() -> Iterator[None]:
    """Neither warnings nor log messages: both would repeat at every question."""
    logger = logging.getLogger("syne_tune")
    before = logger.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(before)


@contextmanager
def _global_generators_kept(seed: int) -> Iterator[None]:
    """Seed the generators of the process, from which ``choice(...).sample()`` draws, and put them back afterwards."""
    import numpy

    before = numpy.random.get_state(), random.getstate()
    try:
        numpy.random.seed(seed)
        random.seed(seed)
        yield
    finally:
        numpy.random.set_state(before[0])
        random.setstate(before[1])


@hookimpl
def nasbench_strategies() -> list[Strategy]:
    """The searchers."""
    return [syne_tune_evolution, syne_tune_kde]
