"""SMAC3 (Lindauer et al., JMLR 2022, https://arxiv.org/abs/2109.09831) as a strategy of nasbench-suite.

Its facade is asked and told; every decision is a categorical hyperparameter. Results that it writes to disk go to a
directory that is removed afterwards.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from pathlib import Path

from numpy.random import Generator

from nasbench_suite import Architecture, Evaluation, Problem, Strategy, ask_and_tell, hookimpl, strategy

NASBENCH_API = 1
TRIALS = 10_000
"""What SMAC is told that it may try: more than any budget here pays for, since a strategy does not know its budget."""


@strategy("smac", family="bayesian", paper="https://arxiv.org/abs/2109.09831")
def smac(problem: Problem, rng: Generator, *, initial: int = 10) -> None:
    """A random forest and expected improvement (SMAC's facade for hyperparameter optimization).

    Args:
        problem: the search.
        rng: seeds the library.
        initial: architectures of its initial design, a Sobol sequence.
    """
    import numpy
    from ConfigSpace import CategoricalHyperparameter, ConfigurationSpace

    seed = int(rng.integers(2**31))
    before = numpy.random.get_state()
    try:
        with warnings.catch_warnings(), tempfile.TemporaryDirectory() as directory:
            warnings.simplefilter("ignore")
            numpy.random.seed(seed)
            from smac import HyperparameterOptimizationFacade as Facade
            from smac import Scenario
            from smac.runhistory.dataclasses import TrialInfo, TrialValue

            space = ConfigurationSpace(seed=seed)
            places = [f"d{place}" for place in range(len(problem.space.decisions))]
            for place, decision in zip(places, problem.space.decisions, strict=True):
                space.add(CategoricalHyperparameter(place, list(range(len(decision.options)))))
            scenario = Scenario(space, output_directory=Path(directory), n_trials=TRIALS, deterministic=True, seed=seed)
            optimizer = Facade(
                scenario,
                lambda configuration, seed=0: 0.0,
                initial_design=Facade.get_initial_design(scenario, n_configs=initial),
                logging_level=logging.ERROR,
                overwrite=True,
            )
            current: list[TrialInfo] = []

            def ask() -> Architecture:
                current[:] = [optimizer.ask()]
                return tuple(int(current[0].config[place]) for place in places)

            def tell(evaluation: Evaluation) -> None:
                optimizer.tell(current[0], TrialValue(cost=1.0 - evaluation.accuracy))

            ask_and_tell(problem, ask, tell)
    finally:
        numpy.random.set_state(before)


@hookimpl
def nasbench_strategies() -> list[Strategy]:
    """SMAC."""
    return [smac]
