"""Regularized evolution against a literal transcription of Algorithm 1."""

from __future__ import annotations

import pytest
from nasbench_strategies.regularized_evolution import regularized_evolution
from numpy.random import Generator, default_rng
from searching import asked, grid, search

from nasbench_suite import Architecture
from nasbench_suite.benchmarks import Answers
from nasbench_suite.benchmarks.synthetic import SyntheticBenchmark
from nasbench_suite.testing import wide_benchmark


def algorithm_1(
    benchmark: SyntheticBenchmark, answers: Answers, rng: Generator, P: int, S: int, C: int
) -> list[Architecture]:
    """Real et al. 2019, Algorithm 1, with a mutation of one decision to another option."""
    full = benchmark.fidelities[-1]
    counts = [len(decision.options) for decision in benchmark.space.decisions]
    population: list[tuple[Architecture, float]] = []
    history: list[Architecture] = []
    while len(history) < C:
        if len(history) < P:
            model = tuple(int(draw * count) for draw, count in zip(rng.random(len(counts)), counts, strict=True))
        else:
            sample = []
            while len(sample) < S:
                sample.append(population[int(rng.random() * P)])
            parent = next(member for member in sample if member[1] == max(m[1] for m in sample))[0]
            child = list(parent)
            place = int(rng.random() * len(counts))
            others = [option for option in range(counts[place]) if option != parent[place]]
            child[place] = others[int(rng.random() * len(others))]
            model = tuple(child)
        population.append((model, answers.ask(model, full, full, 0)[1]))
        history.append(model)
        if len(population) > P:
            population.pop(0)
    return history


@pytest.mark.parametrize(("population_size", "tournament_size"), [(10, 3), (30, 15), (5, 1), (1, 2)])
def test_it_is_algorithm_1(population_size: int, tournament_size: int) -> None:
    benchmark = wide_benchmark(decisions=20, options=3)
    problem = search(
        regularized_evolution,
        benchmark,
        "150 evaluations",
        seed=4,
        population_size=population_size,
        tournament_size=tournament_size,
    )
    expected = algorithm_1(benchmark, benchmark.answers(4), default_rng(4), population_size, tournament_size, 150)
    assert asked(problem) == expected


def test_a_space_without_mutants_ends_the_search() -> None:
    lonely = SyntheticBenchmark("lonely", grid(1, 1), fidelities=(1,))
    assert asked(search(regularized_evolution, lonely, "1000 evaluations", population_size=4)) == [(0, 0)] * 4
