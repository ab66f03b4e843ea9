"""Cells: directed acyclic graphs whose edges each carry one operation (DARTS-like, as in NAS-Bench-201)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.errors import SpaceError
from nasbench_suite.spaces.protocols import Architecture, Graph
from nasbench_suite.spaces.space import CategoricalSpace, Decision


class CellSpace(CategoricalSpace):
    """All cells of ``nodes`` nodes in which every node receives an operation from every earlier one.

    Node 0 is the input, the last node the output, and a node is the sum of what arrives. The decisions are the
    edges ``1<-0, 2<-0, 2<-1, 3<-0, …`` in this order; the text of a cell is the one of NAS-Bench-201,
    ``|op~0|+|op~0|op~1|+…``.

    Args:
        name: of the space.
        nodes: at least 2.
        operations: the options of every edge.
        zero: the operation that gives nothing (an absent edge).
        identity: the operation that passes its input on unchanged.

    Raises:
        SpaceError: fewer than 2 nodes, or ``zero`` or ``identity`` not among the operations.
    """

    encodings = ("one-hot", "paths")

    def __init__(self, name: str, nodes: int, operations: Sequence[str], *, zero: str, identity: str) -> None:
        if nodes < 2 or zero not in operations or identity not in operations:
            raise SpaceError(
                f"cell space {name!r}: expected at least 2 nodes (got {nodes}) and operations that include "
                f"{zero!r} and {identity!r} (got {', '.join(operations)})"
            )
        self.nodes = nodes
        self.operations = tuple(operations)
        self.zero = self.operations.index(zero)
        self.identity = self.operations.index(identity)
        self.edges = tuple((source, target) for target in range(1, nodes) for source in range(target))
        super().__init__(name, [Decision(f"{target}<-{source}", self.operations) for source, target in self.edges])

    def __reduce__(self) -> tuple[object, ...]:
        return _remake, (
            self.name,
            self.nodes,
            self.operations,
            self.operations[self.zero],
            self.operations[self.identity],
        )

    def format(self, architecture: Sequence[int]) -> str:
        """NAS-Bench-201's text, e.g. ``|none~0|+|none~0|skip_connect~1|`` for three nodes."""
        options = self.check(architecture)
        return "+".join(
            "|"
            + "".join(
                f"{self.operations[o]}~{s}|" for (s, t), o in zip(self.edges, options, strict=True) if t == target
            )
            for target in range(1, self.nodes)
        )

    def parse(self, text: str) -> Architecture:
        """The inverse of :meth:`format`; raises :class:`SpaceError` naming the part that does not fit."""
        expected = f"expected {self.format((self.zero,) * len(self.edges))!r} with operations of {self.name}"
        groups = text.strip().split("+")
        if len(groups) != self.nodes - 1:
            raise SpaceError(f"{text!r} has {len(groups)} nodes after the input; {expected}")
        options: list[int] = []
        for target, group in enumerate(groups, start=1):
            parts = group.strip("|").split("|")
            sources = [part.rpartition("~")[2] for part in parts]
            if sources != [str(source) for source in range(target)]:
                raise SpaceError(f"{group!r} does not describe node {target}; {expected}")
            for part in parts:
                operation = part.rpartition("~")[0]
                if operation not in self.operations:
                    raise SpaceError(
                        f"{operation!r} is not an operation of {self.name}; expected one of {', '.join(self.operations)}"
                    )
                options.append(self.operations.index(operation))
        return tuple(options)

    def canonical(self, architecture: Sequence[int]) -> str:
        """The cell as a nested sum of ``(input)@operation``, identities melted away, absent edges as ``#``.

        Two cells of the same text compute the same function of the input up to the initial weights. This is the
        benchmark's own notion (Dong & Yang 2020, section 3.1), under which NAS-Bench-201 has 6,466 different
        cells among 15,625. It is a little finer than equality of functions: an absent edge stays a term of its
        sum, and a node that receives nothing is recognised only if it has a single edge.
        """
        options = iter(self.check(architecture))
        sums = ["0"]
        for target in range(1, self.nodes):
            terms = []
            for source in range(target):
                option = next(options)
                if option == self.zero or sums[source] == "#":
                    terms.append("#")
                elif option == self.identity:
                    terms.append(sums[source])
                else:
                    terms.append(f"({sums[source]})@{self.operations[option]}")
            sums.append("+".join(sorted(terms)))
        return sums[-1]

    def graph(self, architecture: Sequence[int]) -> Graph:
        """The cell with operations as nodes, without absent edges and without what the output does not see.

        An operation on ``a -> b`` is followed by every operation on ``b -> c``. This is the form on which
        Weisfeiler-Lehman features are taken (Ru et al. 2021, NAS-BOWL, section 3.1).
        """
        options = self.check(architecture)
        present = [edge for edge, option in zip(self.edges, options, strict=True) if option != self.zero]
        forward, backward = {0}, {self.nodes - 1}
        for source, target in present:
            if source in forward:
                forward.add(target)
        for source, target in sorted(present, key=lambda edge: -edge[1]):
            if target in backward:
                backward.add(source)
        used = [edge for edge in present if edge[0] in forward and edge[1] in backward]
        option_of = dict(zip(self.edges, options, strict=True))
        labels = ("input", *(self.operations[option_of[edge]] for edge in used), "output")
        last = len(labels) - 1
        edges: list[tuple[int, int]] = []
        for number, (source, target) in enumerate(used, start=1):
            if source == 0:
                edges.append((0, number))
            if target == self.nodes - 1:
                edges.append((number, last))
            edges.extend((number, other) for other, (begin, _) in enumerate(used, start=1) if begin == target)
        return Graph(labels, tuple(sorted(edges)))

    @property
    def levels(self) -> int:
        """How many levels of complexity there are: with 0, 1, … intermediate nodes in use."""
        return self.nodes - 1

    def grow(self, architecture: Architecture | None, level: int) -> list[Architecture]:
        """All cells of a level that keep what a cell of the level before has; the rest stays absent.

        Level 0 decides the edge from input to output; level k decides the edges of intermediate node k. In
        NAS-Bench-201 that is 5 cells, then 25 expansions of each, then 125.

        Args:
            architecture: a cell of level ``level - 1``; ``None`` for level 0.
            level: ``0 .. levels - 1``.

        Raises:
            SpaceError: a level that does not exist.
        """
        if not 0 <= level < self.levels:
            raise SpaceError(f"{self.name} has levels 0 to {self.levels - 1}, not {level}")
        last = self.nodes - 1
        new = {(0, last)} if level == 0 else {(source, level) for source in range(level)} | {(level, last)}
        base = (self.zero,) * len(self.edges) if architecture is None else architecture
        choices = [
            range(len(self.operations)) if edge in new else (option,)
            for edge, option in zip(self.edges, base, strict=True)
        ]
        return list(itertools.product(*choices))

    @cached_property
    def _paths(self) -> list[tuple[int, ...]]:
        """Every way from input to output as edge numbers, shortest first."""
        number = {edge: position for position, edge in enumerate(self.edges)}
        middles = range(1, self.nodes - 1)
        ways = (
            (0, *middle, self.nodes - 1)
            for length in range(self.nodes - 1)
            for middle in itertools.combinations(middles, length)
        )
        return [tuple(number[pair] for pair in itertools.pairwise(way)) for way in ways]

    def _encode(self, options: NDArray[np.intp], encoding: str) -> NDArray[np.float64]:
        """``"paths"``: one column per sequence of operations from input to output (White et al. 2021, BANANAS).

        Sequences with an absent edge are no paths. NAS-Bench-201 has 4 + 16 + 64 = 84 columns.
        """
        if encoding != "paths":
            return super()._encode(options, encoding)
        kinds = len(self.operations) - 1
        digit = np.array([kinds if o == self.zero else o - (o > self.zero) for o in range(kinds + 1)])[options]
        offsets = np.cumsum([0, *(kinds**length for length in range(1, self.nodes))])
        features = np.zeros((len(options), int(offsets[-1])))
        rows = np.arange(len(options))
        for path in self._paths:
            column = np.zeros(len(options), dtype=np.intp)
            for edge in path:
                column = column * kinds + digit[:, edge]
            whole = np.all(digit[:, path] < kinds, axis=1)
            features[rows[whole], offsets[len(path) - 1] + column[whole]] = 1.0
        return features


def _remake(name: str, nodes: int, operations: tuple[str, ...], zero: str, identity: str) -> CellSpace:
    return CellSpace(name, nodes, operations, zero=zero, identity=identity)
