"""Enumeration: everything once."""

from __future__ import annotations

import pytest
from nasbench_strategies.exhaustive import exhaustive
from searching import asked, grid, search

from nasbench_suite.benchmarks.synthetic import SyntheticBenchmark


@pytest.mark.parametrize("counts", [(1,), (7,), (2, 3, 4), (1, 5, 1), (5,) * 4])
@pytest.mark.parametrize("seed", range(5))
def test_everything_is_asked_once(counts: tuple[int, ...], seed: int) -> None:
    benchmark = SyntheticBenchmark("all", grid(*counts), fidelities=(1,))
    questions = asked(search(exhaustive, benchmark, "100000 evaluations", seed))
    assert sorted(questions) == list(benchmark.space.architectures())


def test_the_order_is_the_index_on_request_and_else_the_seeds() -> None:
    benchmark = SyntheticBenchmark("all", grid(5, 5, 5), fidelities=(1,))
    in_order = asked(search(exhaustive, benchmark, "125 evaluations", in_order=True))
    assert in_order == list(benchmark.space.architectures())
    orders = {tuple(asked(search(exhaustive, benchmark, "125 evaluations", seed))) for seed in range(10)}
    assert len(orders) == 10


def test_a_space_of_any_size() -> None:
    benchmark = SyntheticBenchmark("huge", grid(*[5] * 40), fidelities=(1,))
    questions = asked(search(exhaustive, benchmark, "500 evaluations"))
    assert len(set(questions)) == 500
    assert len({architecture[-1] for architecture in questions}) == 5
    assert len({architecture[0] for architecture in questions}) == 5
