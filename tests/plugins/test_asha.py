"""ASHA against a literal transcription of Algorithm 2 for one worker."""

from __future__ import annotations

import pytest
from nasbench_strategies.asha import asha
from numpy.random import default_rng
from searching import evaluations, grid, search

from nasbench_suite import Architecture
from nasbench_suite.benchmarks.synthetic import SyntheticBenchmark
from nasbench_suite.testing import wide_benchmark


def algorithm_2(benchmark: SyntheticBenchmark, seed: int, jobs: int) -> list[tuple[Architecture, int]]:
    """Li et al. 2020, Algorithm 2, with the benchmark's fidelities as rungs and their ratios as 1/η."""
    rng, answers, epochs = default_rng(seed), benchmark.answers(seed), benchmark.fidelities
    rungs: list[list[tuple[float, Architecture]]] = [[] for _ in epochs]
    promoted: list[set[Architecture]] = [set() for _ in epochs]
    asked: list[tuple[Architecture, int]] = []

    def get_job() -> tuple[Architecture, int]:
        for k in reversed(range(len(rungs) - 1)):
            share = len(rungs[k]) * epochs[k] // epochs[k + 1]
            top = sorted(rungs[k], key=lambda entry: -entry[0])[:share]
            promotable = [theta for _, theta in top if theta not in promoted[k]]
            if promotable:
                promoted[k].add(promotable[0])
                return promotable[0], k + 1
        return benchmark.space.sample(rng), 0

    while len(asked) < jobs:
        theta, k = get_job()
        rungs[k].append((answers.ask(theta, epochs[k], epochs[0], 0)[1], theta))
        asked.append((theta, epochs[k]))
    return asked


@pytest.mark.parametrize("fidelities", [(1, 4, 16, 64), (12, 200), (1, 10, 40), (3,)])
def test_it_is_algorithm_2(fidelities: tuple[int, ...]) -> None:
    benchmark = SyntheticBenchmark("asha", wide_benchmark().space, fidelities=fidelities, noise=0.05)
    answers = evaluations(search(asha, benchmark, "400 evaluations", seed=1))
    assert [(answer.architecture, answer.epochs) for answer in answers] == algorithm_2(benchmark, 1, 400)
    assert {answer.epochs for answer in answers} == set(fidelities)


def test_a_small_space_ends_with_nothing_to_promote() -> None:
    benchmark = SyntheticBenchmark("small", grid(3, 3, 4), fidelities=(1, 3, 9))
    answers = evaluations(search(asha, benchmark, "10000 epochs", reduction=3.0))
    counts = {epochs: sum(answer.epochs == epochs for answer in answers) for epochs in (1, 3, 9)}
    assert counts[1] == 36
    assert counts[3] >= 12
    assert counts[9] >= counts[3] // 3
