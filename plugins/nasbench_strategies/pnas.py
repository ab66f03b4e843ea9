"""Progressive neural architecture search (Liu et al., ECCV 2018, https://arxiv.org/abs/1712.00559), Algorithm 1."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, cast

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from nasbench_strategies.candidates import DECIMALS, best_of
from nasbench_strategies.perceptrons import Perceptrons
from nasbench_strategies.posterior import log_regret
from nasbench_suite import Architecture, Evaluation, Problem, Space, strategy


class GrowingSpace(Protocol):
    """A space of the capability ``"levels"``."""

    @property
    def levels(self) -> int:
        """How many levels of complexity there are."""

    def grow(self, architecture: Architecture | None, level: int) -> list[Architecture]:
        """The architectures of a level that keep what one of the level before has."""


@strategy("pnas", family="progressive", paper="https://arxiv.org/abs/1712.00559", requires={"levels"})
def pnas(
    problem: Problem,
    rng: Generator,
    *,
    beam: int = 20,
    batch: int = 5,
    members: int = 5,
    hidden: int = 20,
    steps: int = 150,
    floor: float = 0.1,
    decay: float = 0.1,
    rate: float = 0.01,
    enc: str = "o",
    widen: bool = False,
) -> None:
    """Grow architectures level by level; a surrogate picks which expansions of the trained ones are trained next."""
    space = problem.space
    growing = cast(GrowingSpace, space)
    encoding = "paths" if enc == "p" else "one-hot"
    evaluations: list[Evaluation] = problem.evaluate_many(growing.grow(None, 0))
    trained = {e.architecture for e in evaluations}
    parents = [e.architecture for e in evaluations]

    def rank(pool):
        features = space.encode([evaluation.architecture for evaluation in evaluations], encoding)
        values = log_regret(np.array([evaluation.accuracy for evaluation in evaluations]), floor)
        ensemble = Perceptrons(features.shape[1], (hidden, hidden), members, rng)
        ensemble.fit(features, values, steps, rate, decay)
        predicted = ensemble.predict(space.encode(pool, encoding)).mean(axis=0)
        return [pool[place] for place in np.argsort(-np.round(predicted, DECIMALS), kind="stable")]

    for level in range(1, growing.levels):
        expansions = list(dict.fromkeys(e for p in parents for e in growing.grow(p, level)))
        pool = [e for e in expansions if e not in trained]
        parents = []
        left = beam
        while pool and left>0:
            chosen = rank(pool)[:min(beam if level<growing.levels-1 else batch, left)]
            left -= len(chosen)
            evaluations += problem.evaluate_many(chosen)
            trained.update(chosen); parents += chosen
            pool = [e for e in pool if e not in trained]
    if widen:
        pool = [None]
        for level in range(growing.levels):
            pool = list(dict.fromkeys(e for p in pool for e in growing.grow(p, level)))
        pool = [e for e in pool if e not in trained]
    while pool:
        chosen = rank(pool)[:batch]
        evaluations += problem.evaluate_many(chosen)
        trained.update(chosen)
        pool = [e for e in pool if e not in trained]
