"""The part of a space that was measured: sampling, mutation and growth stay within it, everything else is refused.

A table rarely has every architecture of its space: some trainings failed, or the space is far too large. A search on
such a table has to stay among what is there, since nothing may be imputed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.errors import NotMeasured, SpaceError
from nasbench_suite.spaces.protocols import Architecture
from nasbench_suite.spaces.space import Decision, Space

DRAWS = 16
"""So many mutants of the whole space are drawn before one is chosen among the measured neighbours."""


class MeasuredSpace:
    """Some architectures of a space, in the order of their options.

    What the space itself offers beyond sampling (a graph, levels, encodings, texts) is offered here as well.

    Args:
        whole: the space that they are of.
        options: ``[architecture, decision]``, each architecture once.

    Attributes:
        whole: as given.
        size: how many were measured; ``index`` counts these alone.

    Raises:
        SpaceError: no architecture, one twice, or options that the space does not have.
    """

    def __init__(self, whole: Space, options: NDArray[np.integer]) -> None:
        self.whole = whole
        self.name = whole.name
        self.decisions: tuple[Decision, ...] = whole.decisions
        counts = np.array([len(decision.options) for decision in whole.decisions])
        matrix = np.asarray(options)
        fits = matrix.ndim == 2 and matrix.shape[1] == len(counts) and len(matrix)
        if not fits or matrix.dtype.kind not in "iu" or (matrix < 0).any() or (matrix >= counts).any():
            raise SpaceError(
                f"{self.name}: expected option numbers [architecture, decision] of at least one architecture, "
                f"got an array of {matrix.dtype} of shape {matrix.shape}"
            )
        self._matrix = np.ascontiguousarray(matrix, dtype=np.min_scalar_type(int(counts.max()) - 1))
        self._matrix.flags.writeable = False
        self._all: list[Architecture] = list(map(tuple, self._matrix.tolist()))
        self._places = {architecture: place for place, architecture in enumerate(self._all)}
        self.size = len(self._all)
        if len(self._places) != self.size:
            raise SpaceError(f"{self.name}: {self.size - len(self._places)} measured architectures are there twice")
        # What only some spaces have stands in the instance, where ``isinstance`` finds the members of a protocol.
        for name in dir(whole):
            if not name.startswith("_") and not hasattr(type(self), name) and name not in self.__dict__:
                setattr(self, name, getattr(whole, name))

    def __repr__(self) -> str:
        return f"<MeasuredSpace {self.name}: {self.size:,} of {self.whole.size:,} architectures>"

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.whole, self._matrix)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MeasuredSpace) and self.whole == other.whole and self._digest == other._digest

    def __hash__(self) -> int:
        return hash(self._digest)

    @cached_property
    def _digest(self) -> bytes:
        return hashlib.sha256(f"{self.name}\0{self._matrix.shape}".encode() + self._matrix.tobytes()).digest()

    @property
    def options(self) -> NDArray[np.integer]:
        """Option numbers ``[architecture, decision]``; they cannot be written to."""
        return self._matrix

    @property
    def capabilities(self) -> frozenset[str]:
        """Those of the whole space."""
        return self.whole.capabilities

    @property
    def encodings(self) -> tuple[str, ...]:
        """Those of the whole space."""
        return self.whole.encodings

    def check(self, architecture: Sequence[int]) -> Architecture:
        """Return it as a plain tuple of ``int``.

        Raises:
            NotMeasured: an architecture of the whole space that was not measured.
            SpaceError: none of the whole space.
        """
        options = self.whole.check(architecture)
        if options not in self._places:
            raise NotMeasured(
                f"{self.whole.format(options)} was never measured ({self.size:,} of the {self.whole.size:,} "
                f"architectures of {self.name} were); nothing is imputed, and nothing is charged: ask for what sample, "
                "mutate, neighbours or nearest of the problem's space give"
            )
        return options

    def is_valid(self, architecture: Sequence[int]) -> bool:
        """Whether it was measured; raises :class:`SpaceError` for none of the whole space."""
        return self.whole.check(architecture) in self._places

    def nearest(self, architecture: Sequence[int]) -> Architecture:
        """The measured architecture with the fewest different decisions; of several the one of the lowest index.

        Raises:
            SpaceError: none of the whole space.
        """
        options = self._settled(architecture)
        return options if options in self._places else self._all[int(self._distances(options).argmin())]

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw uniformly from what was measured."""
        return self._all[int(rng.random() * self.size)]

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """A mutant of the whole space that was measured, or else one of the measured neighbours.

        The only architecture that was measured is its own mutant.
        """
        for _ in range(DRAWS):
            mutant = self.whole.mutate(architecture, rng)
            if mutant != architecture and mutant in self._places:
                return mutant
        near = self.neighbours(architecture)
        return near[int(rng.random() * len(near))] if near else architecture

    def crossover(self, first: Architecture, second: Architecture, rng: np.random.Generator) -> Architecture:
        """A child of the whole space, or the measured architecture nearest to it."""
        return self.nearest(self.whole.crossover(first, second, rng))

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """The measured among the whole space's neighbours; where there is none, all measured at least distance."""
        near = [options for options in self.whole.neighbours(architecture) if options in self._places]
        if near:
            return near
        distances = self._distances(architecture)
        others = distances[distances > 0]
        if not others.size:
            return []
        return [self._all[place] for place in np.flatnonzero(distances == others.min()).tolist()]

    def grow(self, architecture: Architecture | None, level: int) -> list[Architecture]:
        """The measured among the whole space's expansions, or the measured ones nearest to them.

        Raises:
            SpaceError: a level that does not exist, or a space without levels.
        """
        if "levels" not in self.capabilities:
            raise SpaceError(f"{self.name} has no levels")
        grown: list[Architecture] = self.whole.grow(architecture, level)  # type: ignore[attr-defined]
        return [g for g in grown if g in self._places] or list(dict.fromkeys(map(self.nearest, grown)))

    def index(self, architecture: Sequence[int]) -> int:
        """The place among what was measured; raises as :meth:`check` does."""
        try:
            return self._places[architecture]  # type: ignore[index]  # a list goes the slow way
        except (KeyError, TypeError):
            return self._places[self.check(architecture)]

    def architecture(self, index: int) -> Architecture:
        """The architecture at a place; raises :class:`SpaceError` outside ``0 .. size - 1``."""
        if not 0 <= index < self.size:
            raise SpaceError(f"index {index} is outside {self.name}; {self.size:,} were measured")
        return self._all[index]

    def architectures(self) -> Sequence[Architecture]:
        """Every measured architecture, in index order."""
        return self._all

    def __iter__(self) -> Iterator[Architecture]:
        return iter(self._all)

    def format(self, architecture: Sequence[int]) -> str:
        """The whole space's text, of any of its architectures."""
        return self.whole.format(architecture)

    def parse(self, text: str) -> Architecture:
        """The inverse of :meth:`format`."""
        return self.whole.parse(text)

    def canonical(self, architecture: Sequence[int]) -> str:
        """As of the whole space."""
        return self.whole.canonical(architecture)

    def encode(self, architectures: Sequence[Architecture], encoding: str | None = None) -> NDArray[np.float64]:
        """As of the whole space."""
        return self.whole.encode(architectures, encoding)

    def _settled(self, architecture: Sequence[int]) -> Architecture:
        """An architecture of the decisions, whether the whole space takes it or not."""
        try:
            return self.whole.check(architecture)
        except SpaceError:
            options = tuple(int(option) for option in architecture)
            counts = [len(decision.options) for decision in self.decisions]
            if len(options) != len(counts) or any(not 0 <= o < c for o, c in zip(options, counts, strict=True)):
                raise
            return options

    def _distances(self, architecture: Sequence[int]) -> NDArray[np.intp]:
        different = self._matrix != np.asarray(architecture, dtype=self._matrix.dtype)
        distances: NDArray[np.intp] = different.sum(axis=1)
        return distances


def measured_part(space: Space, places: NDArray[np.integer]) -> Space:
    """The space itself if all its architectures are meant, otherwise the part at some places, in their order.

    Args:
        space: a whole space or a part of one.
        places: rising indices of the space.

    Raises:
        SpaceError: no place.
    """
    if len(places) == space.size:
        return space
    whole = space.whole if isinstance(space, MeasuredSpace) else space
    some = [space.architecture(place) for place in np.asarray(places).tolist()]
    return MeasuredSpace(whole, np.array(some, dtype=np.int64).reshape(len(some), len(space.decisions)))
