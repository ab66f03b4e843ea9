"""Successive halving: the arithmetic of a bracket, and who goes on."""

from __future__ import annotations

from collections import Counter

import pytest
from nasbench_strategies.successive_halving import rung_sizes, successive_halving
from searching import evaluations, grid, search

from nasbench_suite.benchmarks.synthetic import SyntheticBenchmark
from nasbench_suite.testing import wide_benchmark


@pytest.mark.parametrize(
    ("rungs", "number", "sizes"),
    [
        ((1, 2, 4, 8, 16), 16, [16, 8, 4, 2, 1]),
        ((1, 3, 9, 27, 81), 81, [81, 27, 9, 3, 1]),
        ((3, 9, 27, 81), 34, [34, 11, 3, 1]),
        ((12, 200), 17, [17, 1]),
        ((12, 200), 34, [34, 2]),
        ((12, 200), 5, [5, 1]),
        ((200,), 4, [4]),
    ],
)
def test_no_rung_costs_more_than_the_first(rungs: tuple[int, ...], number: int, sizes: list[int]) -> None:
    assert rung_sizes(rungs, number) == sizes


@pytest.mark.parametrize("fidelities", [(1, 4, 16, 64), (12, 200), (1, 2, 3, 4, 5, 6, 7, 8), (5,)])
def test_a_bracket_keeps_the_best_of_every_rung(fidelities: tuple[int, ...]) -> None:
    benchmark = SyntheticBenchmark("brackets", wide_benchmark().space, fidelities=fidelities, noise=0.05)
    rungs = {(1, 4, 16, 64): (1, 4, 16, 64), (12, 200): (12, 200), (5,): (5,)}.get(fidelities, (1, 2, 4, 8))
    sizes = rung_sizes(rungs, -(-rungs[-1] // rungs[0]))
    answers = evaluations(search(successive_halving, benchmark, f"{3 * sum(sizes)} evaluations"))
    assert len(answers) == 3 * sum(sizes)
    assert len({answer.architecture for answer in answers}) == 3 * sizes[0]
    while answers:
        before = None
        for epochs, size in zip(rungs, sizes, strict=True):
            rung, answers = answers[:size], answers[size:]
            assert {answer.epochs for answer in rung} == {epochs}
            if before is not None:
                ranked = sorted(before, key=lambda answer: -answer.accuracy)
                assert [answer.architecture for answer in rung] == [answer.architecture for answer in ranked[:size]]
                assert all(answer.paid == before[0].epochs for answer in rung)
            before = rung


def test_a_small_space_is_seen_once() -> None:
    benchmark = SyntheticBenchmark("small", grid(3, 2, 4), fidelities=(1, 4, 16))
    counts = Counter(answer.epochs for answer in evaluations(search(successive_halving, benchmark, "10000 epochs")))
    # 16 and then 8 architectures enter: 16, 4, 1 and 8, 2, 1.
    assert counts == {1: 24, 4: 6, 16: 2}


def test_a_bracket_has_candidates() -> None:
    with pytest.raises(ValueError, match="candidates is 0"):
        search(successive_halving, SyntheticBenchmark("x", grid(2), fidelities=(1, 2)), "9 epochs", candidates=0)
