"""Hyperband against table 1 of the paper."""

from __future__ import annotations

from collections import Counter

from nasbench_strategies.hyperband import brackets, hyperband
from nasbench_strategies.successive_halving import rung_sizes
from searching import evaluations, grid, search

from nasbench_suite.benchmarks.synthetic import SyntheticBenchmark
from nasbench_suite.testing import wide_benchmark

TABLE_1 = [
    [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
    [(34, 3), (11, 9), (3, 27), (1, 81)],
    [(15, 9), (5, 27), (1, 81)],
    [(8, 27), (2, 81)],
    [(5, 81)],
]
"""Per bracket: how many architectures, how many epochs (Li et al. 2018, R = 81, η = 3)."""


def test_brackets_are_those_of_the_paper() -> None:
    made = [list(zip(rung_sizes(rungs, n), rungs, strict=True)) for rungs, n in brackets((1, 3, 9, 27, 81))]
    assert made == TABLE_1


def test_brackets_of_two_uneven_rungs() -> None:
    assert [(tuple(rungs), number) for rungs, number in brackets((12, 200))] == [((12, 200), 17), ((200,), 2)]


def test_a_round_asks_what_the_table_says() -> None:
    benchmark = SyntheticBenchmark("hyperband", wide_benchmark().space, fidelities=range(1, 82))
    total = sum(number for bracket in TABLE_1 for number, _ in bracket)
    answers = evaluations(search(hyperband, benchmark, f"{total} evaluations"))
    expected = Counter[int]()
    for bracket in TABLE_1:
        for number, epochs in bracket:
            expected[epochs] += number
    assert Counter(answer.epochs for answer in answers) == expected
    assert Counter(answer.epochs for answer in answers if not answer.paid) == {1: 81, 3: 34, 9: 15, 27: 8, 81: 5}


def test_a_small_space_ends() -> None:
    benchmark = SyntheticBenchmark("small", grid(2, 3), fidelities=(1, 3, 9))
    answers = evaluations(search(hyperband, benchmark, "10000 epochs"))
    assert len({answer.architecture for answer in answers}) == 6
