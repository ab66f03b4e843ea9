"""Rungs among fidelities, resuming where it is possible, and recommending the best of the highest rung."""

from __future__ import annotations

import numpy as np
import pytest
from nasbench_strategies.ladder import Ladder, choose_rungs
from searching import grid

from nasbench_suite import Budget, Problem
from nasbench_suite.benchmarks.synthetic import SyntheticBenchmark
from nasbench_suite.search.journal import Evaluation, Recommendation


@pytest.mark.parametrize(
    ("fidelities", "reduction", "rungs"),
    [
        ((12, 200), 3.0, (12, 200)),
        ((1, 4, 16, 64), 2.0, (1, 4, 16, 64)),
        ((1, 4, 16, 64), 4.0, (1, 4, 16, 64)),
        ((1, 4, 16, 64), 5.0, (4, 64)),
        (range(1, 201), 3.0, (2, 7, 22, 66, 200)),
        (range(1, 82), 3.0, (1, 3, 9, 27, 81)),
        (range(1, 17), 2.0, (1, 2, 4, 8, 16)),
        ((90, 100), 2.0, (100,)),
        ((7,), 3.0, (7,)),
    ],
)
def test_rungs(fidelities: range | tuple[int, ...], reduction: float, rungs: tuple[int, ...]) -> None:
    assert choose_rungs(fidelities, reduction) == rungs


def test_a_reduction_that_does_not_reduce() -> None:
    with pytest.raises(ValueError, match=r"reduction is 1\.0"):
        choose_rungs((1, 2), 1.0)


@pytest.mark.parametrize("resumable", [True, False])
def test_the_difference_is_paid_where_training_can_be_resumed(resumable: bool) -> None:
    benchmark = SyntheticBenchmark("ladder", grid(3, 3), fidelities=(1, 10))
    problem = Problem(
        benchmark.space, benchmark.fidelities, benchmark.answers(0), Budget(1000, "epochs"), resumable=resumable
    )
    ladder = Ladder(problem, 2.0)
    start = ladder.enter(1, np.random.default_rng(0))
    end = ladder.promote(start, 10)
    assert (end.architecture, end.epochs, end.origin) == (start.architecture, 10, 1 if resumable else 10)
    whole = benchmark.answers(0).ask(start.architecture, 10, 1, 0)[2]
    assert end.cost == pytest.approx(whole - start.cost if resumable else whole)


def test_the_best_of_the_highest_rung_is_recommended() -> None:
    benchmark = SyntheticBenchmark("ladder", grid(4, 4), fidelities=(1, 2), noise=0.2)
    problem = Problem(
        benchmark.space, benchmark.fidelities, benchmark.answers(0), Budget(1000, "epochs"), resumable=True
    )
    ladder = Ladder(problem, 2.0)
    rng = np.random.default_rng(0)
    entered = [ladder.enter(1, rng) for _ in range(12)]
    for evaluation in sorted(entered, key=lambda answer: answer.accuracy)[:6]:
        ladder.promote(evaluation, 2)
    best = (0, -1.0)
    named = None
    recommendations = 0
    for event in problem.journal:
        if isinstance(event, Evaluation):
            due = (event.epochs, event.accuracy) > best
            if due:
                best, named = (event.epochs, event.accuracy), event.architecture
        else:
            assert isinstance(event, Recommendation)
            assert due
            assert event.architecture == named
            recommendations += 1
    assert recommendations >= 3
    full = [event for event in problem.journal if isinstance(event, Evaluation) and event.epochs == 2]
    assert named == max(full, key=lambda answer: answer.accuracy).architecture
    short = [event for event in problem.journal if isinstance(event, Evaluation) and event.epochs == 1]
    assert named != max(short, key=lambda answer: answer.accuracy).architecture
