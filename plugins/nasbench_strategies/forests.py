"""Random regression forests on categorical decisions, all trees grown and asked at once (Breiman 2001).

Written here because a library fits trees one by one through a layer of checks: 10 trees of scikit-learn on 100 architectures
take longer to fit than a whole proposal may. ``tests/benchmarks/bench_surrogates.py`` measures the difference.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Options = NDArray[np.int64]


class Forest:
    """Trees of questions "is decision d option o?", each grown on a bootstrap sample until its leaves are pure or small.

    A split takes the question of the greatest reduction of squared error among a random subset of the questions, at every
    node anew. All trees grow by one level at a time, and the sums over all nodes of all trees are one histogram.

    Args:
        options: ``[observation, decision]``.
        values: ``[observation]``.
        counts: options per decision.
        rng: bootstrap samples and subsets.
        trees: how many.
        share: of the questions that a node may choose from.
        least: a node of fewer observations is a leaf.
        bootstrap: whether trees see samples with replacement; otherwise every tree sees everything once.
    """

    def __init__(
        self,
        options: Options,
        values: Vector,
        counts: Sequence[int],
        rng: Generator,
        *,
        trees: int = 10,
        share: float = 5 / 6,
        least: int = 3,
        bootstrap: bool = True,
    ) -> None:
        observations, decisions = options.shape
        offsets = np.concatenate(([0], np.cumsum(counts)))
        width = int(offsets[-1])
        self._offsets = offsets[:-1]
        answers = options + self._offsets
        if bootstrap:
            drawn = (rng.random((trees, observations)) * observations).astype(np.int64)
            weights = np.bincount(
                (drawn + np.arange(trees)[:, None] * observations).ravel(), minlength=trees * observations
            )
        else:
            weights = np.ones(trees * observations, dtype=np.int64)
        row = np.tile(np.arange(observations), trees)[weights > 0]
        node = np.repeat(np.arange(trees), observations)[weights > 0]
        weight = weights[weights > 0].astype(np.float64)
        target = values[row]
        # Nodes of all trees in one numbering, the roots first; a leaf asks nothing (-1).
        question: list[NDArray[np.int64]] = []
        child: list[NDArray[np.int64]] = []
        mean: list[Vector] = []
        first, nodes = 0, trees
        while nodes:
            cell = (node[:, None] * width + answers[row]).ravel()
            size = np.bincount(cell, np.repeat(weight, decisions), nodes * width).reshape(nodes, width)
            total = np.bincount(cell, np.repeat(weight * target, decisions), nodes * width).reshape(nodes, width)
            all_size = np.bincount(node, weight, nodes)
            all_total = np.bincount(node, weight * target, nodes)
            squares = np.bincount(node, weight * target * target, nodes)
            mean.append(all_total / all_size)
            rest, rest_total = all_size[:, None] - size, all_total[:, None] - total
            with np.errstate(divide="ignore", invalid="ignore"):
                gain = (
                    total * total / size + rest_total * rest_total / rest - (all_total * all_total / all_size)[:, None]
                )
            gain[(size < 0.5) | (rest < 0.5)] = -np.inf
            # A random order of the questions, of which a node sees the first; ones that split nothing do not count.
            luck = rng.random((nodes, width))
            luck[gain == -np.inf] = 2.0
            allowed = np.maximum(np.ceil(share * (luck < 2.0).sum(axis=1)), 1).astype(np.int64)
            limit = np.take_along_axis(np.sort(luck, axis=1), (allowed - 1)[:, None], axis=1)
            gain[luck > limit] = -np.inf
            gain = np.round(gain, 9)
            best = gain.argmax(axis=1)
            impure = squares - all_total * all_total / all_size > 1e-9 * all_size
            splits = impure & (all_size >= least) & (gain[np.arange(nodes), best] > -np.inf)
            number = np.cumsum(splits) - 1
            question.append(np.where(splits, best, -1))
            child.append(np.where(splits, first + nodes + 2 * number, -1))
            goes_on = splits[node]
            row, node, weight, target = row[goes_on], node[goes_on], weight[goes_on], target[goes_on]
            asked = best[node]
            yes = (answers[row] == asked[:, None]).any(axis=1)
            node = 2 * number[node] + yes
            first, nodes = first + nodes, 2 * int(splits.sum())
        self._trees = trees
        self._depth = len(question) - 1
        self._question = np.concatenate(question)
        self._child = np.concatenate(child)
        self._mean = np.concatenate(mean)
        self._decision = np.repeat(np.arange(decisions), counts)[self._question]
        self._option = self._question - self._offsets[self._decision]
        # A leaf is its own child, whatever the answer.
        leaf = self._question < 0
        self._child[leaf] = np.flatnonzero(leaf)
        self._option[leaf] = -1

    def predict(self, options: Options) -> tuple[Vector, Vector]:
        """Mean and deviation over the trees of what they predict, each ``[architecture]``."""
        predictions = self.predictions(options)
        return predictions.mean(axis=0), predictions.std(axis=0)

    def predictions(self, options: Options) -> NDArray[np.float64]:
        """What every tree predicts, ``[tree, architecture]``."""
        count, decisions = options.shape
        flat = options.ravel()
        start = np.arange(count) * decisions
        place = np.repeat(np.arange(self._trees)[:, None], count, axis=1)
        for _ in range(self._depth):
            yes = flat[start + self._decision[place]] == self._option[place]
            place = self._child[place] + yes
        predictions: NDArray[np.float64] = self._mean[place]
        return predictions
