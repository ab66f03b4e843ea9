"""The forest strategy: local search against exhaustive search, and no question twice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from nasbench_strategies.random_forest import climb, random_forest
from searching import asked, grid, search

from nasbench_suite import Architecture
from nasbench_suite.benchmarks.synthetic import SyntheticBenchmark


def test_climbing_ends_on_peaks_and_scores_nothing_twice() -> None:
    space = grid(4, 4, 4)
    heights = dict(zip(space.architectures(), np.random.default_rng(0).permutation(64).astype(float), strict=True))
    scored: list[Architecture] = []

    def scoring(architectures: Sequence[Architecture]) -> np.ndarray:
        scored.extend(architectures)
        return np.array([heights[architecture] for architecture in architectures])

    begin = [(0, 0, 0), (3, 3, 3), (1, 2, 1), (0, 0, 1)]
    scores = climb(begin, 2, scoring, space)
    assert len(scored) == len(set(scored)) == len(scores)
    for start in [(0, 0, 0), (3, 3, 3), max(begin, key=heights.__getitem__)]:
        peak = start
        while (up := max([peak, *space.neighbours(peak)], key=heights.__getitem__)) != peak:
            peak = up
        assert {peak, *space.neighbours(peak)} <= set(scores)


def test_on_a_single_peak_it_finds_the_top() -> None:
    space = grid(*[5] * 12)
    top = tuple(np.random.default_rng(1).integers(0, 5, 12).tolist())

    def scoring(architectures: Sequence[Architecture]) -> np.ndarray:
        return -(np.array(architectures) != top).sum(axis=1).astype(float)

    scores = climb([(0,) * 12], 1, scoring, space)
    assert max(scores, key=scores.__getitem__) == top


def test_a_small_space_is_asked_once_and_whole() -> None:
    benchmark = SyntheticBenchmark("forest", grid(3, 4, 2), fidelities=(10,))
    found = asked(search(random_forest, benchmark, "1000 evaluations"))
    assert len(found) == len(set(found)) == 24
