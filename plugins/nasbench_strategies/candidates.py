"""What a surrogate chooses from: the whole space where that is small, samples and mutants of the best where not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, cast

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from nasbench_suite import Architecture, Evaluation, Space

WHOLE = 50_000
"""Spaces up to this size are scored whole."""

DECIMALS = 9
"""Scores are rounded to this before they are compared, so that the last bits of a BLAS decide nothing."""


class Candidates:
    """The architectures that may still be proposed; the same one is never proposed twice.

    Answers do not change within a run, so a surrogate learns nothing from asking again. Ties between scores are
    broken by a random order that is drawn beforehand.

    Args:
        space: to choose from.
        rng: all randomness.
        whole: spaces up to this size are candidates as a whole.
        sampled: uniform draws in a pool of a larger space.
        mutated: mutants of the best in a pool of a larger space: half of them changed once, a quarter twice, ….

    Attributes:
        is_whole: whether :meth:`pool` always gives the whole space, in index order.
        free: ``[candidate]`` of the last :meth:`pool`, whether it may be proposed.
    """

    def __init__(
        self, space: Space, rng: Generator, *, whole: int = WHOLE, sampled: int = 500, mutated: int = 500
    ) -> None:
        self.space = space
        self.is_whole = space.size <= whole
        self._rng = rng
        self._sampled = sampled
        self._mutated = mutated
        self._taken: set[Architecture] = set()
        self._architectures: Sequence[Architecture] = ()
        if self.is_whole:
            self._architectures = space.architectures()
            self.free = np.ones(space.size, dtype=np.bool_)
            self._luck = np.argsort(rng.permutation(space.size))

    @property
    def exhausted(self) -> bool:
        """Whether every architecture of the space has been taken."""
        return len(self._taken) >= self.space.size

    def take(self, architecture: Architecture) -> None:
        """Never propose this one (again)."""
        self._taken.add(architecture)
        if self.is_whole:
            self.free[self.space.index(architecture)] = False

    def is_taken(self, architecture: Architecture) -> bool:
        """Whether it was taken."""
        return architecture in self._taken

    def first(self, count: int) -> list[Architecture]:
        """An initial design: different uniform draws, at least one and at most as many as are left; they are taken."""
        drawn: list[Architecture] = []
        for _ in range(min(max(count, 1), self.space.size - len(self._taken))):
            drawn.append(self.random())
        return drawn

    def random(self) -> Architecture:
        """One uniform draw among those not taken; it is taken. Ask only while the space is not exhausted."""
        while (architecture := self.space.sample(self._rng)) in self._taken:
            pass
        self.take(architecture)
        return architecture

    def pool(self, best: Iterable[Architecture]) -> Sequence[Architecture]:
        """The candidates that the next scores are about.

        Args:
            best: what to mutate where the space is too large to be scored whole.
        """
        if self.is_whole:
            return self._architectures
        space, rng = self.space, self._rng
        parents = list(best)
        # A dictionary keeps the order of arrival, a set would not.
        pool = dict.fromkeys(space.sample(rng) for _ in range(self._sampled))
        for place in range(self._mutated if parents else 0):
            mutant = space.mutate(parents[place % len(parents)], rng)
            while rng.random() < 0.5:
                mutant = space.mutate(mutant, rng)
            pool[mutant] = None
        fresh = [architecture for architecture in pool if architecture not in self._taken]
        while not fresh:
            fresh = [architecture for architecture in [space.sample(rng)] if architecture not in self._taken]
        self._architectures = fresh
        self.free = np.ones(len(fresh), dtype=np.bool_)
        self._luck = np.arange(len(fresh))
        return fresh

    def choose(self, scores: NDArray[np.float64], count: int = 1) -> list[Architecture]:
        """Take the free candidates of the highest scores, best first.

        Args:
            scores: ``[candidate]`` of the last :meth:`pool`.
            count: how many; fewer come back if fewer are free.
        """
        values = np.where(self.free, np.round(scores, DECIMALS), -np.inf)
        if count == 1:  # the highest is found faster than the order of all
            chosen = np.flatnonzero(values == values.max())
            chosen = chosen[[int(self._luck[chosen].argmin())]]
        else:
            chosen = np.lexsort((self._luck, -values))[:count]
        chosen = chosen[values[chosen] > -np.inf]
        self.free[chosen] = False
        architectures = [self._architectures[place] for place in chosen.tolist()]
        self._taken.update(architectures)
        return architectures


def best_of(evaluations: Iterable[Evaluation], count: int) -> list[Architecture]:
    """The architectures of the highest accuracy, best first, the earlier of equal ones first."""
    return [
        evaluation.architecture
        for evaluation in sorted(evaluations, key=lambda evaluation: -evaluation.accuracy)[:count]
    ]


def most_promising(
    architectures: Sequence[Architecture], scores: NDArray[np.float64], count: int
) -> list[Architecture]:
    """Those of the highest scores, best first, the earlier of equal ones first."""
    order = np.argsort(-np.round(scores, DECIMALS), kind="stable")[:count]
    return [architectures[place] for place in order.tolist()]


def as_matrix(architectures: Sequence[Architecture], space: Space) -> NDArray[Any]:
    """Option numbers, ``[architecture, decision]``, as integers: of the narrowest type where it is the whole space."""
    if space.size <= WHOLE and architectures is space.architectures():
        return _whole_matrix(cast(Any, space))
    return np.array(architectures, dtype=np.int64).reshape(len(architectures), len(space.decisions))


@lru_cache(maxsize=4)
def _whole_matrix(space: Any) -> NDArray[Any]:
    # Narrow, and column by column: kernels compare all of it with every new observation.
    most = max(len(decision.options) for decision in space.decisions)
    matrix = np.array(space.architectures(), dtype=np.min_scalar_type(most - 1), order="F")
    matrix.flags.writeable = False
    return matrix
