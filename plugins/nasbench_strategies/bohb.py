"""BOHB: Hyperband whose architectures come from a density of the good (Falkner, Klein & Hutter, ICML 2018), Algorithm 2.

https://arxiv.org/abs/1807.01774
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.random import Generator

from nasbench_strategies.candidates import DECIMALS, as_matrix, best_of
from nasbench_strategies.hyperband import brackets
from nasbench_strategies.ladder import Ladder
from nasbench_strategies.parzen import KernelDensity, limited, reference_bandwidths
from nasbench_strategies.successive_halving import run_bracket
from nasbench_strategies.taking import taken_by
from nasbench_suite import Architecture, Evaluation, Problem, Step, strategy


@strategy(
    "bohb",
    family="multi-fidelity",
    step=Step("a promotion", "fidelity"),
    paper="https://arxiv.org/abs/1807.01774",
    requires={"fidelities"},
    tuning="widening 1 or 3: accuracy on synthetic tasks of 30 decisions with 4 fidelities, 12 seeds each",
)
def bohb(
    problem: Problem,
    rng: Generator,
    *,
    reduction: float = 3.0,
    good_share: float = 0.15,
    random_share: float = 1 / 3,
    draws: int = 64,
    widening: float = 1.0,
) -> None:
    """Hyperband, but most new architectures are drawn where those that trained longest were good.

    As in the paper, with its defaults but one: brackets as in Hyperband; the model is of the highest rung that has enough evaluations;
    it has a density of the best 15 % and one of the others; a third of the architectures is random. What differs:
    bandwidths (see :func:`~nasbench_strategies.parzen.reference_bandwidths`); draws come from the good density itself, since
    three times its bandwidth, as in the paper, is nearly uniform where decisions are categorical; no architecture enters twice; rungs are those of the
    benchmark's fidelities that are about ``reduction`` apart.

    Args:
        problem: the search.
        rng: all randomness.
        reduction: least ratio between the epochs of two rungs (η in the paper).
        good_share: of the evaluations that count as good (q in the paper).
        random_share: of the architectures that are drawn uniformly (ρ in the paper).
        draws: from the good density per proposal (N_s in the paper).
        widening: of the bandwidths for drawing (b_w in the paper, where it is 3).
    """
    ladder = ModelledLadder(problem, reduction, good_share, random_share, draws, widening)
    while not ladder.exhausted:
        for rungs, number in brackets(ladder.rungs):
            run_bracket(ladder, rungs, number, rng)


class ModelledLadder(Ladder):
    """A ladder that proposes what enters it from what it has seen; the arguments are those of :func:`bohb`."""

    def __init__(
        self,
        problem: Problem,
        reduction: float,
        good_share: float,
        random_share: float,
        draws: int,
        widening: float,
    ) -> None:
        super().__init__(problem, reduction)
        self._space = problem.space
        self._good_share = good_share
        self._random_share = random_share
        self._draws = draws
        self._widening = widening
        self._counts = [len(decision.options) for decision in problem.space.decisions]
        self._by_epochs: defaultdict[int, list[Evaluation]] = defaultdict(list)

    def propose(self, rng: Generator) -> Architecture:
        """An architecture that has not entered: by the model, or random while there is none and now and then after."""
        models = self.densities()
        if models is not None and rng.random() >= self._random_share:
            good, bad, wide = models
            drawn = wide.sample(self._draws, rng)
            promise = np.round(good.log_density(drawn) - bad.log_density(drawn), DECIMALS)
            for place in np.argsort(-promise, kind="stable"):
                proposal = taken_by(self._space, drawn[place].tolist())
                if proposal not in self.entered:
                    return proposal
        return super().propose(rng)

    def densities(self) -> tuple[KernelDensity, KernelDensity, KernelDensity] | None:
        """Of the good, of the others, and the good's widened for drawing; ``None`` while no rung has seen enough.

        The good are the best 15 %, both are at least one more than there are decisions (equation 6 of the paper).
        """
        least = len(self._counts) + 1
        for epochs in sorted(self._by_epochs, reverse=True):
            seen = self._by_epochs[epochs]
            if len(seen) >= least + 2:
                ranked = as_matrix(best_of(seen, len(seen)), self._space)
                good = ranked[: max(least, int(self._good_share * len(seen)))]
                bad = ranked[-max(least, len(seen) - len(good)) :]
                narrow = reference_bandwidths(good, self._counts)
                return (
                    KernelDensity(good, self._counts, narrow),
                    KernelDensity(bad, self._counts, reference_bandwidths(bad, self._counts)),
                    KernelDensity(good, self._counts, limited(self._widening * narrow, self._counts)),
                )
        return None

    def _seen(self, evaluation: Evaluation) -> Evaluation:
        self._by_epochs[evaluation.epochs].append(evaluation)
        return super()._seen(evaluation)
