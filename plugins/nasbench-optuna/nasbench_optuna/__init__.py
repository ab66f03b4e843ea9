"""Optuna's samplers (Akiba et al., KDD 2019, https://arxiv.org/abs/1907.10902) as strategies of nasbench-suite.

Every decision is a categorical parameter; for CMA-ES, which has none, it is a whole number. A study lives in memory
and is asked and told.
"""

from __future__ import annotations

import importlib.util
import warnings
from typing import TYPE_CHECKING

from numpy.random import Generator

from nasbench_suite import Architecture, Evaluation, Problem, Strategy, ask_and_tell, hookimpl, strategy

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler
    from optuna.trial import Trial

NASBENCH_API = 2
PAPER = "https://arxiv.org/abs/1907.10902"


def _search(problem: Problem, sampler: BaseSampler, ordinal: bool = False) -> None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=sampler)
    counts = [len(decision.options) for decision in problem.space.decisions]
    current: list[Trial] = []

    def ask() -> Architecture:
        trial = study.ask()
        current[:] = [trial]
        if ordinal:
            return tuple(trial.suggest_int(str(place), 0, count - 1) for place, count in enumerate(counts))
        return tuple(trial.suggest_categorical(str(place), range(count)) for place, count in enumerate(counts))

    def tell(evaluation: Evaluation) -> None:
        study.tell(current[0], 1.0 - evaluation.accuracy)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # experimental features and fallbacks announce themselves
        ask_and_tell(problem, ask, tell)


def _seed(rng: Generator) -> int:
    return int(rng.integers(2**32))


@strategy("optuna-random", family="reference", paper=PAPER)
def optuna_random(problem: Problem, rng: Generator) -> None:
    """Optuna's random sampler: what the library's overhead alone is."""
    from optuna.samplers import RandomSampler

    _search(problem, RandomSampler(seed=_seed(rng)))


@strategy("optuna-tpe", family="bayesian", paper="https://arxiv.org/abs/2304.11127")
def optuna_tpe(problem: Problem, rng: Generator, *, startup_trials: int = 10, multivariate: bool = False) -> None:
    """Optuna's tree-structured Parzen estimator (Watanabe 2023).

    Args:
        problem: the search.
        rng: seeds the sampler.
        startup_trials: random draws before the first estimate.
        multivariate: whether decisions are modelled together.
    """
    from optuna.samplers import TPESampler

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sampler = TPESampler(n_startup_trials=startup_trials, multivariate=multivariate, seed=_seed(rng))
    _search(problem, sampler)


@strategy("optuna-cma-es", family="evolution", paper="https://arxiv.org/abs/1604.00772")
def optuna_cma_es(problem: Problem, rng: Generator) -> None:
    """CMA-ES (Hansen 2016) over option numbers, which treats them as an order that they do not have."""
    from optuna.samplers import CmaEsSampler

    _search(problem, CmaEsSampler(seed=_seed(rng), warn_independent_sampling=False), ordinal=True)


@strategy("optuna-gp", family="bayesian", paper=PAPER)
def optuna_gp(problem: Problem, rng: Generator, *, startup_trials: int = 10) -> None:
    """Optuna's Gaussian process sampler (needs torch: the extra ``gp``).

    Args:
        problem: the search.
        rng: seeds the sampler.
        startup_trials: random draws before the first fit.
    """
    from optuna.samplers import GPSampler

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sampler = GPSampler(seed=_seed(rng), n_startup_trials=startup_trials, deterministic_objective=False)
    _search(problem, sampler)


@hookimpl
def nasbench_strategies() -> list[Strategy]:
    """The samplers whose libraries are there."""
    offered = [optuna_random, optuna_tpe]
    if importlib.util.find_spec("cmaes"):
        offered.append(optuna_cma_es)
    if importlib.util.find_spec("torch"):
        offered.append(optuna_gp)
    return offered
