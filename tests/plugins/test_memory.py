"""Nothing is paid twice, and what is left is drawn uniformly."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from nasbench_strategies.memory import Memory, sample_unseen
from searching import grid

from nasbench_suite import Budget, Problem
from nasbench_suite.benchmarks.synthetic import SyntheticBenchmark


def test_a_question_is_asked_once() -> None:
    benchmark = SyntheticBenchmark("memory", grid(2, 3), fidelities=(5,))
    problem = Problem(benchmark.space, benchmark.fidelities, benchmark.answers(0), Budget(100, "evaluations"))
    accuracy = Memory(problem)
    assert not accuracy.complete
    assert (0, 1) not in accuracy
    assert len(problem.journal) == 0
    first = accuracy[0, 1]
    assert accuracy[0, 1] == first == problem.journal[0].accuracy  # type: ignore[union-attr]
    assert len(problem.journal) == 1
    for architecture in benchmark.space.architectures():
        accuracy[architecture]
    assert accuracy.complete
    assert len(problem.journal) == 6
    with pytest.raises(LookupError, match="all 6 architectures"):
        accuracy.sample_unseen(np.random.default_rng(0))


def test_what_is_left_is_drawn_uniformly() -> None:
    rng = np.random.default_rng(0)
    seen = {(0, 0), (1, 1), (2, 0)}
    counts = Counter(sample_unseen(grid(3, 2), seen, rng) for _ in range(3000))
    assert set(counts) == {(0, 1), (1, 0), (2, 1)}
    assert max(abs(count - 1000) for count in counts.values()) < 5 * (3000 * (1 / 3) * (2 / 3)) ** 0.5
