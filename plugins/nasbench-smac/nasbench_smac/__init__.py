"""SMAC3 (Lindauer et al., JMLR 2022, https://arxiv.org/abs/2109.09831) as a strategy of nasbench-suite.

Its facade for hyperparameter optimization is asked and told; every decision is a categorical hyperparameter. Nothing
but the seed decides what it asks: of SMAC's own parts one is replaced (see :func:`_ordered_local_search`), the forest
computes in one thread, and neither clocks nor trial limits end the search.
"""

from __future__ import annotations

import logging
import random
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from numpy.random import Generator

from nasbench_suite import Architecture, Evaluation, Problem, Strategy, ask_and_tell, hookimpl, strategy

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace
    from smac.acquisition.maximizer import LocalSearch
    from smac.facade import AbstractFacade
    from smac.model.random_forest import RandomForest

NASBENCH_API = 2
LEAVES = 2**13
TRIALS = 10**6
"""What SMAC is told that it may try: more than any budget here pays for, since a strategy does not know its budget."""


@strategy("smac", family="bayesian", paper="https://arxiv.org/abs/2109.09831")
def smac(
    problem: Problem, rng: Generator, *, initial: int = 10, retrain_after: int = 8, challengers: int = 1000
) -> None:
    """A random forest with log expected improvement, maximized by local search (SMAC's facade for HPO).

    The defaults are the library's but for two: the initial design has as many architectures as the suite's own
    Bayesian strategies draw (SMAC derives its own from the number of trials, which a strategy does not know), and the
    local searches start from the best of 1,000 random architectures, not of 10,000, which takes a tenth of the time.

    Args:
        problem: the search.
        rng: seeds the library.
        initial: architectures of its initial design, a scrambled Sobol sequence.
        retrain_after: evaluations between two fits of the forest.
        challengers: random architectures among which the local searches begin.
    """
    seed = int(rng.integers(2**31))
    with _quiet(), _global_generators_kept(seed), tempfile.TemporaryDirectory() as directory:
        from smac.main.exceptions import ConfigurationSpaceExhaustedException as Exhausted
        from smac.runhistory.dataclasses import TrialInfo, TrialValue

        optimizer = _facade(problem, seed, Path(directory), initial, retrain_after, challengers)
        places = _places(problem)
        current: list[TrialInfo] = []

        def ask() -> Architecture | None:
            try:
                current[:] = [optimizer.ask()]
            except (StopIteration, Exhausted):  # it proposes nothing twice, and a small space comes to an end
                return None
            return tuple(int(current[0].config[place]) for place in places)

        def tell(evaluation: Evaluation) -> None:
            optimizer.tell(current[0], TrialValue(cost=1.0 - evaluation.accuracy), save=False)

        ask_and_tell(problem, ask, tell)


def _places(problem: Problem) -> list[str]:
    return [f"d{place}" for place in range(len(problem.space.decisions))]


def _facade(
    problem: Problem, seed: int, directory: Path, initial: int, retrain_after: int, challengers: int
) -> AbstractFacade:
    from ConfigSpace import CategoricalHyperparameter, ConfigurationSpace
    from smac import HyperparameterOptimizationFacade as Facade
    from smac import Scenario

    space = ConfigurationSpace(seed=seed)
    for place, decision in zip(_places(problem), problem.space.decisions, strict=True):
        space.add(CategoricalHyperparameter(place, list(range(len(decision.options)))))
    scenario = Scenario(space, output_directory=directory, n_trials=TRIALS, deterministic=True, seed=seed)
    maximizer = Facade.get_acquisition_maximizer(scenario, challengers=challengers)
    maximizer._local_search = _ordered_local_search(maximizer._local_search, space, seed)
    return Facade(
        scenario,
        None,
        model=_forest(space, seed),
        acquisition_maximizer=maximizer,
        initial_design=Facade.get_initial_design(scenario, n_configs=initial, max_ratio=1.0),
        config_selector=Facade.get_config_selector(scenario, retrain_after=retrain_after),
        logging_level=logging.ERROR,
        overwrite=True,
    )


def _forest(space: ConfigurationSpace, seed: int) -> RandomForest:
    """The facade's own forest, with room for fewer leaves, whose trees are asked one after another.

    The library asks for up to 2**20 leaves, for which scikit-learn sets two million nodes aside in every tree: 1.3 GiB
    and two seconds for each fit. With fewer the trees are the same as long as there are no more evaluations than these.
    It also asks its ten trees by way of joblib, which takes longer than their answers; the numbers are the same.
    """
    import numpy
    from smac.model.random_forest import RandomForest

    class DirectForest(RandomForest):
        def _predict(self, X, covariance_type="diagonal"):  # type: ignore[no-untyped-def]
            rows = numpy.ascontiguousarray(self._impute_inactive(X), dtype=numpy.float32)
            answers = numpy.stack([tree.tree_.predict(rows)[:, 0] for tree in self._rf.estimators_], axis=1)
            return answers.mean(axis=1).reshape(-1, 1), answers.var(axis=1).reshape(-1, 1)

    return DirectForest(
        space,
        log_y=True,
        n_trees=10,
        ratio_features=1.0,
        min_samples_split=2,
        min_samples_leaf=1,
        bootstrapping=True,
        max_leaf_nodes=LEAVES,
        seed=seed,
        n_jobs=1,
    )


def _ordered_local_search(original: LocalSearch, space: object, seed: int) -> LocalSearch:
    """SMAC's local search, with its starting points in an order that does not depend on the process.

    The library takes them from a ``set`` of configurations. These are hashed by their text, so the order in which the
    searches draw from their generator is another one in every process (until ``PYTHONHASHSEED`` is set).
    """
    from smac.acquisition.maximizer import LocalSearch

    class OrderedLocalSearch(LocalSearch):
        def _get_init_points_from_previous_configs(self, *args, **kwargs):  # type: ignore[no-untyped-def]
            points = super()._get_init_points_from_previous_configs(*args, **kwargs)
            return sorted(points, key=lambda point: tuple(point.get_array()))

    return OrderedLocalSearch(
        space,
        max_steps=original._max_steps,
        n_steps_plateau_walk=original._n_steps_plateau_walk,
        seed=seed,
        n_jobs=1,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _global_generators_kept(seed: int) -> Iterator[None]:
    """Seed the generators of the process, from which parts of the library may draw, and put them back afterwards."""
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
    """SMAC."""
    return [smac]
