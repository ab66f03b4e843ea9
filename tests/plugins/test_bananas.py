"""BANANAS: what it trains are mutants of the best, by independent draws from its ensemble."""

from __future__ import annotations

import numpy as np
from nasbench_strategies.bananas import bananas
from searching import asked, evaluations, grid, search

from nasbench_suite.benchmarks.synthetic import SyntheticBenchmark
from nasbench_suite.testing import tiny_benchmark, wide_benchmark


def test_after_the_initial_design_it_trains_neighbours_of_the_best() -> None:
    answers = evaluations(
        search(bananas, wide_benchmark(), "60 evaluations", initial_design=10, batch=5, parents=3, again=0.0)
    )
    for start in range(10, 60, 5):
        best = sorted(answers[:start], key=lambda answer: -answer.accuracy)[:3]
        parents = np.array([answer.architecture for answer in best])
        for answer in answers[start : start + 5]:
            assert (parents != answer.architecture).sum(axis=1).min() == 1


def test_it_prefers_mutants_that_are_better() -> None:
    """Among all neighbours of the best, what is trained is better than the average neighbour."""
    benchmark = wide_benchmark()
    (score,) = benchmark.scores().values()
    gains = []
    for seed in range(2):
        answers = evaluations(search(bananas, benchmark, "80 evaluations", seed, again=0.0, parents=1))
        for start in range(40, 80, 5):
            best = max(answers[:start], key=lambda answer: answer.accuracy).architecture
            average = np.mean([score.of(neighbour) for neighbour in benchmark.space.neighbours(best)])
            gains.append(np.mean([score.of(answer.architecture) for answer in answers[start : start + 5]]) - average)
    assert np.mean(gains) > 3 * np.std(gains) / np.sqrt(len(gains))


def test_spaces_with_paths_and_without_are_asked_once_and_whole() -> None:
    for benchmark in (tiny_benchmark(), SyntheticBenchmark("plain", grid(3, 3), fidelities=(10,))):
        found = asked(search(bananas, benchmark, "1000 evaluations"))
        assert len(found) == len(set(found)) == benchmark.space.size
