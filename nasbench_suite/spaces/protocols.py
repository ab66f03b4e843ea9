"""What only some spaces have, a small protocol each; ``requires={"graph"}`` of a strategy means ``Graphed``.

Whether a space has it is asked with ``isinstance``: a plugin's space needs no base class of the suite.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

Architecture = tuple[int, ...]
"""One option number per decision, in the order of ``space.decisions``: hashable, comparable, printable."""


class Graph(NamedTuple):
    """A labelled directed graph for kernels and graph networks.

    Attributes:
        labels: one per node, ``"input"`` first and ``"output"`` last.
        edges: pairs ``(from, to)`` of node numbers.
    """

    labels: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]


@runtime_checkable
class Graphed(Protocol):
    """A space whose architectures are graphs (``"graph"``)."""

    def graph(self, architecture: Architecture) -> Graph:
        """The architecture as a graph, without what its output does not depend on."""


@runtime_checkable
class Levelled(Protocol):
    """A space that grows from simple to complex architectures (``"levels"``)."""

    @property
    def levels(self) -> int:
        """How many levels of complexity there are."""

    def grow(self, architecture: Architecture | None, level: int) -> list[Architecture]:
        """The architectures of a level that keep what one of the level before has; level 0 grows from ``None``."""


@runtime_checkable
class Cells(Protocol):
    """A space of cells: every edge of a directed acyclic graph carries one operation (``"cell"``)."""

    @property
    def nodes(self) -> int:
        """Node 0 is the input, the last node the output."""

    @property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """Pairs ``(source, target)`` of nodes, one per decision."""

    @property
    def operations(self) -> tuple[str, ...]:
        """The options of every edge."""

    @property
    def zero(self) -> int:
        """The number of the operation that gives nothing."""

    @property
    def identity(self) -> int:
        """The number of the operation that passes its input on."""


PROTOCOLS: dict[str, type] = {"cell": Cells, "graph": Graphed, "levels": Levelled}
"""Capability -> protocol that a space of it fulfils."""


def protocols_of(space: object) -> frozenset[str]:
    """The names of the protocols that a space fulfils."""
    return frozenset(name for name, protocol in PROTOCOLS.items() if isinstance(space, protocol))
