"""One metric of every architecture, for fast questions: single, by the million, the best, or all in turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.errors import NotMeasured, SpaceError
from nasbench_suite.spaces import Architecture, CategoricalSpace, Space


class Column:
    """One number per architecture: ``column[architecture]``, ``column.many(architectures)``, ``column.best()``.

    Args:
        what: the metric in words, for messages.
        space: whose index is the row order.
        values: ``[architecture]``, NaN where never measured.

    Attributes:
        what, space, values: as given; the values cannot be written to.
    """

    def __init__(self, what: str, space: Space, values: NDArray[np.floating]) -> None:
        self.what = what
        self.space = space
        self.values: NDArray[np.float64] = np.ascontiguousarray(values, dtype=np.float64)
        self.values.flags.writeable = False
        self._rows = rows_of(space)  # type: ignore[arg-type]  # every space of the suite is hashable

    def __repr__(self) -> str:
        return f"<Column {self.what}: {len(self):,} of {self.space.size:,} measured>"

    @cached_property
    def _numbers(self) -> list[float]:
        numbers: list[float] = self.values.tolist()
        return numbers

    def __getitem__(self, architecture: Sequence[int]) -> float:
        """The value of one architecture.

        Raises:
            SpaceError: not an architecture of the space.
            NotMeasured: the table has a gap there.
        """
        try:
            value = self._numbers[self._rows[architecture]]  # type: ignore[index]  # others go the slow way below
        except (KeyError, TypeError):
            value = self._numbers[self.space.index(architecture)]
        if value != value:
            raise NotMeasured(f"{self.what}: {self.space.format(architecture)} was never measured; nothing is imputed")
        return value

    def many(self, architectures: NDArray[np.integer] | Sequence[Architecture]) -> NDArray[np.float64]:
        """The values of many architectures, NaN where never measured.

        Args:
            architectures: rows (indices of the space) ``[n]``, or option numbers ``[n, decisions]``.

        Raises:
            SpaceError: one of them is none of the space.
        """
        given = np.asarray(architectures)
        if given.size == 0:
            return np.empty(0)
        if given.dtype.kind not in "iu" or given.ndim not in (1, 2):
            raise SpaceError(f"{self.what}: expected rows [n] or option numbers [n, decisions] as integers")
        rows = given if given.ndim == 1 else self._index(given)
        try:
            values: NDArray[np.float64] = self.values.take(rows)  # faster than indexing
        except IndexError:
            values = np.empty(0)
        if not values.size or rows.min() < 0:
            raise SpaceError(f"{self.what}: rows outside 0 to {self.space.size - 1}")
        return values

    def _index(self, options: NDArray[np.integer]) -> NDArray[np.intp]:
        if type(self.space).index is not CategoricalSpace.index:  # another order than counting
            return np.array([self.space.index(architecture) for architecture in options.tolist()], dtype=np.intp)
        counts = np.array([len(decision.options) for decision in self.space.decisions])
        if options.shape[1] != len(counts) or (options < 0).any() or (options >= counts).any():
            raise SpaceError(f"{self.what}: option numbers that are no architectures of {self.space.name}")
        weights = np.concatenate([np.cumprod(counts[:0:-1])[::-1], [1]])
        return options.astype(np.intp) @ weights.astype(np.intp)

    def best(self, count: int = 1, *, lowest: bool = False) -> list[tuple[Architecture, float]]:
        """The best measured architectures with their values, best first; ties by index."""
        order = np.argsort(self.values if lowest else -self.values, kind="stable")[:count]
        return [
            (self.space.architecture(int(row)), float(self.values[row]))
            for row in order
            if not np.isnan(self.values[row])
        ]

    def __iter__(self) -> Iterator[tuple[Architecture, float]]:
        """Every measured architecture with its value, in index order."""
        for row in np.flatnonzero(~np.isnan(self.values)).tolist():
            yield self.space.architecture(row), self._numbers[row]

    def __len__(self) -> int:
        """How many architectures were measured."""
        return int(np.count_nonzero(~np.isnan(self.values)))


@lru_cache(maxsize=8)
def rows_of(space: Space) -> dict[Architecture, int]:
    """Architecture -> row of every architecture of a space (shared; do not change it)."""
    return {architecture: row for row, architecture in enumerate(space.architectures())}


def mean_over_seeds(column: NDArray[np.floating]) -> NDArray[np.float64]:
    """``[architecture, training seed] -> [architecture]``: the mean of those measured, NaN where none is."""
    measured = ~np.isnan(column)
    total = np.where(measured, column.astype(np.float64), 0.0).sum(axis=1)
    with np.errstate(invalid="ignore"):
        mean: NDArray[np.float64] = total / measured.sum(axis=1)
    return mean
