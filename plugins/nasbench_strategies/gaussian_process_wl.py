"""NAS-BOWL: a Gaussian process with a Weisfeiler-Lehman graph kernel (Ru, Wan, Dong & Osborne, ICLR 2021,
https://arxiv.org/abs/2006.07556), Algorithm 1."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, cast

import numpy as np
from numpy.random import Generator

from nasbench_strategies.acquisition import leading_improvement
from nasbench_strategies.candidates import WHOLE, Candidates, best_of
from nasbench_strategies.kernels import WeisfeilerLehmanKernel
from nasbench_strategies.posterior import GaussianProcess
from nasbench_strategies.targets import log_regret
from nasbench_strategies.weisfeiler_lehman import GraphFeatures, GraphSpace, Vocabulary
from nasbench_suite import Architecture, Problem, Space, Step, strategy


@strategy(
    "gaussian-process-wl",
    family="bayesian",
    step=Step("a model-based proposal", "evaluations", "initial_design"),
    paper="https://arxiv.org/abs/2006.07556",
    requires={"graph"},
    tuning="shape of the kernel, rounds and floor of the targets: mean validation accuracy after 12 epochs on CIFAR-10 "
    "(NAS-Bench-201's protocol, 12,000 s), 20 to 30 seeds each",
)
def gaussian_process_wl(
    problem: Problem,
    rng: Generator,
    *,
    initial_design: int = 10,
    rounds: int = 2,
    growth: float = 1.3,
    floor: float = 0.1,
) -> None:
    """Model architectures as graphs: a Gaussian process on Weisfeiler-Lehman features, with expected improvement.

    As in the paper: operations are the nodes of the graph, features are counts of relabelled nodes, expected improvement
    picks, mutants of the best are candidates where the space is too large to be scored whole. What differs: the kernel is a
    Matérn 5/2 of the distances of the features after every round, whose weights are fitted, in place of their dot
    product at the best number of rounds (a process that is linear in counts cannot say that two operations are good only
    together); the process models the log of the regret; one architecture is evaluated at a time.

    Args:
        problem: the search.
        rng: all randomness.
        initial_design: random architectures to begin with.
        rounds: of relabelling (H in the paper).
        growth: hyperparameters are fitted anew when the observations have become this many times as many.
    """
    space = problem.space
    candidates = Candidates(space, rng)
    evaluations = problem.evaluate_many(candidates.first(initial_design))
    features = Features(space, rounds)
    model = GaussianProcess(WeisfeilerLehmanKernel(rounds), growth=growth)
    while not candidates.exhausted:
        pool = features(candidates.pool(best_of(evaluations, 10)))
        observed = features([evaluation.architecture for evaluation in evaluations])
        values = log_regret(np.array([evaluation.accuracy for evaluation in evaluations]), floor)
        mean, deviation = model.predict(observed, values, pool)
        (chosen,) = candidates.choose(leading_improvement(mean, deviation, values.max(), candidates.free))
        evaluations.append(problem.evaluate(chosen))


class Features:
    """The Weisfeiler-Lehman features of a space's architectures; those of a small space are made once per process.

    Args:
        space: with graphs.
        rounds: of relabelling.
    """

    def __init__(self, space: Space, rounds: int) -> None:
        self._space = space
        self._whole = _of_whole_space(cast(Any, space), rounds) if space.size <= WHOLE else None
        self._vocabulary = Vocabulary(rounds)

    def __call__(self, architectures: Sequence[Architecture]) -> GraphFeatures:
        """Features, ``[architecture]``."""
        space = self._space
        if self._whole is None:
            graphs = cast(GraphSpace, space)
            return self._vocabulary.features([graphs.graph(architecture) for architecture in architectures])
        if len(architectures) == space.size:
            return self._whole
        return self._whole[np.array([space.index(architecture) for architecture in architectures])]


@lru_cache(maxsize=4)
def _of_whole_space(space: Any, rounds: int) -> GraphFeatures:
    return Vocabulary(rounds).features([space.graph(architecture) for architecture in space.architectures()])
