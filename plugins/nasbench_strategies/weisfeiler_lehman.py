"""Weisfeiler-Lehman features of graphs (Shervashidze et al. 2011, JMLR 12, algorithm 1), directed as in NAS-BOWL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from nasbench_suite import Architecture


class Graph(Protocol):
    """A labelled directed graph, as ``space.graph`` gives it."""

    @property
    def labels(self) -> tuple[str, ...]:
        """One per node."""

    @property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """Pairs ``(from, to)`` of node numbers."""


class GraphSpace(Protocol):
    """A space of the capability ``"graph"``."""

    def graph(self, architecture: Architecture) -> Graph:
        """The architecture as a graph."""


@dataclass(frozen=True)
class GraphFeatures:
    """How often each label occurs in each graph after 0, 1, … rounds of relabelling, scaled to length 1.

    Attributes:
        rounds: one sparse matrix ``[graph, label]`` per round. Features that were made later may have more columns.
    """

    rounds: tuple[csr_array, ...]

    def __len__(self) -> int:
        return int(self.rounds[0].shape[0])

    def __getitem__(self, rows: slice | NDArray[np.intp]) -> GraphFeatures:
        return GraphFeatures(tuple(matrix[rows] for matrix in self.rounds))


class Vocabulary:
    """The labels seen so far, by round; the same label gets the same column whenever it turns up.

    A node's next label is its label with the sorted labels of its predecessors. All that flows into a node is thus
    in its label, and the label of the output after ``k`` rounds describes the last ``k`` operations of the network.

    Args:
        rounds: how often nodes are relabelled (H in the papers).
    """

    def __init__(self, rounds: int) -> None:
        self._numbers: list[dict[object, int]] = [{} for _ in range(rounds + 1)]

    def counts(self, graph: Graph) -> list[dict[int, int]]:
        """Label -> number of nodes that carry it, per round."""
        before: list[list[int]] = [[] for _ in graph.labels]
        for source, target in graph.edges:
            before[target].append(source)
        labels: list[int] = []
        counts: list[dict[int, int]] = []
        for depth, numbers in enumerate(self._numbers):
            names: list[object] = (
                list(graph.labels)
                if depth == 0
                else [(label, *sorted(labels[node] for node in before[place])) for place, label in enumerate(labels)]
            )
            labels = [numbers.setdefault(name, len(numbers)) for name in names]
            counts.append(Counter(labels))
        return counts

    def features(self, graphs: Sequence[Graph]) -> GraphFeatures:
        """The features of some graphs, every row of every round of Euclidean length 1."""
        from scipy.sparse import csr_array

        all_counts = [self.counts(graph) for graph in graphs]
        matrices = []
        for depth in range(len(self._numbers)):
            counted = [counts[depth] for counts in all_counts]
            lengths = np.fromiter(map(len, counted), np.int64, len(counted))
            starts = np.concatenate(([0], np.cumsum(lengths)))
            columns = np.fromiter((label for counts in counted for label in counts), np.int64, starts[-1])
            numbers = np.fromiter((number for counts in counted for number in counts.values()), np.float64, starts[-1])
            norms = np.sqrt(np.add.reduceat(numbers * numbers, starts[:-1]))
            matrices.append(
                csr_array(
                    (numbers / np.repeat(norms, lengths), columns, starts),
                    shape=(len(graphs), len(self._numbers[depth])),
                )
            )
        return GraphFeatures(tuple(matrices))


def similarities(first: GraphFeatures, second: GraphFeatures) -> NDArray[np.float64]:
    """The cosine of the feature vectors of every pair of graphs, ``[round, first, second]``."""
    result = np.empty((len(first.rounds), len(first), len(second)))
    for depth, (few, many) in enumerate(zip(first.rounds, second.rounds, strict=True)):
        width = max(few.shape[1], many.shape[1])
        result[depth] = (_widened(many, width) @ _widened(few, width).toarray().T).T
    return result


def _widened(matrix: csr_array, width: int) -> csr_array:
    from scipy.sparse import csr_array

    return csr_array((matrix.data, matrix.indices, matrix.indptr), shape=(matrix.shape[0], width))
