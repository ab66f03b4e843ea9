"""Fully-connected networks: how many hidden layers, and how many units each has.

``dense`` has one width for all layers: 1 to 10 layers of 1 to 10 units are its 100 networks. In ``dense-wide`` every
layer has a width of its own, and the width of a layer counts only if there is that layer.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cache

from nasbench_suite.errors import SpaceError
from nasbench_suite.spaces.conditional import ConditionalSpace
from nasbench_suite.spaces.protocols import Architecture
from nasbench_suite.spaces.space import CategoricalSpace, Decision

DEPTHS = tuple(range(1, 11))
"""Hidden layers of both spaces."""

WIDTHS = tuple(range(1, 11))
"""Units of every hidden layer of ``dense``."""

WIDE_WIDTHS = tuple(range(16, 129, 16))
"""Units of one hidden layer of ``dense-wide``."""


class DenseSpace(CategoricalSpace):
    """Fully-connected networks with one width for all hidden layers; the text of three layers of ten is ``10-10-10``.

    Args:
        name: of the space.
        depths: the numbers of hidden layers, rising.
        widths: the numbers of units, rising.
    """

    def __init__(self, name: str, depths: Sequence[int], widths: Sequence[int]) -> None:
        super().__init__(name, [_ordered("layers", depths), _ordered("units", widths)])
        self._depths, self._widths = tuple(depths), tuple(widths)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.name, self._depths, self._widths)

    def widths(self, architecture: Sequence[int]) -> tuple[int, ...]:
        """Units of the hidden layers, from the input to the output."""
        layers, units = self.check(architecture)
        return (self._widths[units],) * self._depths[layers]

    def format(self, architecture: Sequence[int]) -> str:
        """The widths joined by hyphens, e.g. ``10-10-10``."""
        return "-".join(map(str, self.widths(architecture)))

    def parse(self, text: str) -> Architecture:
        """The inverse of :meth:`format`; raises :class:`SpaceError` naming what does not fit."""
        widths = _read_widths(text, self.name)
        if len(set(widths)) != 1 or widths[0] not in self._widths or len(widths) not in self._depths:
            raise SpaceError(
                f"{text!r} is no network of {self.name}; expected {_said(self._depths)} layers of equally many units, "
                f"{_said(self._widths)}, such as {self.format((0, 0))!r}"
            )
        return self._depths.index(len(widths)), self._widths.index(widths[0])


class WideDenseSpace(ConditionalSpace):
    """Fully-connected networks whose hidden layers each have a width of their own; the text is ``64-128-16``.

    Args:
        name: of the space.
        depth: the most hidden layers; there is at least one.
        widths: the numbers of units, rising.
    """

    def __init__(self, name: str, depth: int, widths: Sequence[int]) -> None:
        layers = _ordered("layers", range(1, depth + 1))
        conditions = [None, *(("layers", layers.options[layer - 1 :]) for layer in range(2, depth + 1))]
        units = [_ordered(f"units {layer}", widths, when) for layer, when in enumerate(conditions, start=1)]
        super().__init__(name, [layers, *units])
        self._depth, self._widths = depth, tuple(widths)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.name, self._depth, self._widths)

    def widths(self, architecture: Sequence[int]) -> tuple[int, ...]:
        """Units of the hidden layers, from the input to the output."""
        layers, *units = self.check(architecture)
        return tuple(self._widths[option] for option in units[: layers + 1])

    def format(self, architecture: Sequence[int]) -> str:
        """The widths joined by hyphens, e.g. ``64-128-16``."""
        return "-".join(map(str, self.widths(architecture)))

    def parse(self, text: str) -> Architecture:
        """The inverse of :meth:`format`; raises :class:`SpaceError` naming what does not fit."""
        widths = _read_widths(text, self.name)
        if not set(widths) <= set(self._widths) or len(widths) > self._depth:
            raise SpaceError(
                f"{text!r} is no network of {self.name}; expected 1 to {self._depth} layers of {_said(self._widths)} "
                "units, such as '16-64'"
            )
        units = [self._widths.index(width) for width in widths]
        return (len(widths) - 1, *units, *[0] * (self._depth - len(widths)))

    @property
    def levels(self) -> int:
        """As many as there may be layers."""
        return self._depth

    def grow(self, architecture: Architecture | None, level: int) -> list[Architecture]:
        """All networks with one layer more, before the output: level k has k + 1 layers.

        Raises:
            SpaceError: a level that does not exist.
        """
        if not 0 <= level < self.levels:
            raise SpaceError(f"{self.name} has levels 0 to {self.levels - 1}, not {level}")
        kept = () if architecture is None or level == 0 else self.check(architecture)[1 : level + 1]
        rest = [0] * (self._depth - level - 1)
        return [(level, *kept, option, *rest) for option in range(len(self._widths))]


def _ordered(name: str, numbers: Sequence[int], when: tuple[str, tuple[str, ...]] | None = None) -> Decision:
    return Decision(name, tuple(map(str, numbers)), values=tuple(numbers), when=when)


def _read_widths(text: str, space: str) -> tuple[int, ...]:
    parts = text.strip().split("-")
    if not all(part.isascii() and part.isdecimal() for part in parts):
        raise SpaceError(f"{text!r} is no network of {space}; expected widths joined by hyphens, such as '16-16'")
    return tuple(map(int, parts))


def _said(numbers: Sequence[int]) -> str:
    """``1 to 10`` where numbers follow one another, otherwise all of them."""
    rising = all(after == before + 1 for before, after in itertools.pairwise(numbers))
    return f"{numbers[0]} to {numbers[-1]}" if rising and len(numbers) > 2 else ", ".join(map(str, numbers))


@cache
def dense() -> DenseSpace:
    """1 to 10 hidden layers of 1 to 10 units, one width for all layers: 100 networks (one shared instance)."""
    return DenseSpace("dense", DEPTHS, WIDTHS)


@cache
def dense_wide() -> WideDenseSpace:
    """1 to 10 hidden layers of 16, 32, … or 128 units each: 1,227,133,512 networks (one shared instance)."""
    return WideDenseSpace("dense-wide", DEPTHS[-1], WIDE_WIDTHS)
