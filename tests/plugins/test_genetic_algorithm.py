"""The genetic algorithm against a literal transcription and against what its parts must do."""

from __future__ import annotations

import pytest
from nasbench_strategies.genetic_algorithm import genetic_algorithm
from numpy.random import Generator, default_rng
from searching import asked, evaluations, grid, search

from nasbench_suite import Architecture
from nasbench_suite.benchmarks import Answers
from nasbench_suite.benchmarks.synthetic import SyntheticBenchmark
from nasbench_suite.testing import wide_benchmark


def textbook(benchmark: SyntheticBenchmark, answers: Answers, rng: Generator, total: int) -> list[Architecture]:
    """20 members, 15 elites, tournaments of 5, crossover of 9 in 10, one mutation, nothing twice."""
    space, full = benchmark.space, benchmark.fidelities[-1]
    fitness: dict[Architecture, float] = {}

    def select() -> Architecture:
        best = generation[int(rng.random() * 20)]
        for _ in range(4):
            rival = generation[int(rng.random() * 20)]
            if fitness[rival] > fitness[best]:
                best = rival
        return best

    while len(fitness) < 20:
        genome = space.sample(rng)
        if genome not in fitness:
            fitness[genome] = answers.ask(genome, full, full, 0)[1]
    generation = list(fitness)
    while True:
        brood = []
        for _ in range(5):
            mother = select()
            genome = space.crossover(mother, select(), rng) if rng.random() < 0.9 else mother
            genome = space.mutate(genome, rng)
            while genome in fitness:
                genome = space.mutate(genome, rng)
            fitness[genome] = answers.ask(genome, full, full, 0)[1]
            brood.append(genome)
            if len(fitness) == total:
                return list(fitness)
        generation = sorted(generation, key=lambda genome: -fitness[genome])[:15] + brood


def test_it_is_the_textbook_algorithm() -> None:
    benchmark = wide_benchmark(decisions=8, options=3)
    expected = textbook(benchmark, benchmark.answers(2), default_rng(2), 200)
    assert asked(search(genetic_algorithm, benchmark, "200 evaluations", seed=2)) == expected


def test_without_crossover_and_with_all_as_contestants_it_mutates_the_best() -> None:
    benchmark = wide_benchmark()
    problem = search(
        genetic_algorithm,
        benchmark,
        "80 evaluations",
        population_size=6,
        elites=5,
        tournament_size=200,
        crossover_rate=0.0,
    )
    answers = evaluations(problem)
    distances = []
    for place in range(6, len(answers)):
        best = max(answers[:place], key=lambda answer: answer.accuracy)
        pairs = zip(answers[place].architecture, best.architecture, strict=True)
        distances.append(sum(a != b for a, b in pairs))
    assert set(distances) <= {1, 2}
    assert distances.count(1) > 50


def test_it_sees_everything_once_and_then_returns() -> None:
    benchmark = SyntheticBenchmark("small", grid(3, 1, 4, 2), fidelities=(1,))
    questions = asked(search(genetic_algorithm, benchmark, "1000 evaluations"))
    assert sorted(questions) == list(benchmark.space.architectures())


def test_a_generation_without_children_is_refused() -> None:
    with pytest.raises(ValueError, match="children is 0"):
        search(genetic_algorithm, wide_benchmark(), "10 evaluations", population_size=5, elites=5)
