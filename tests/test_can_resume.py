"""What a problem says can be resumed is what it then resumes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from nasbench_strategies.asha import asha
from numpy.random import default_rng

from nasbench_suite import Budget, CellSpace, Evaluation, Problem, QuestionError
from nasbench_suite.benchmarks import Measure, TabularBenchmark
from nasbench_suite.tables import open_table
from nasbench_suite.tables.schema import DatasetRecord, TableRecord, TrainingRecord, write_table


@pytest.fixture
def mixed(tmp_path: Path) -> TabularBenchmark:
    """5 epochs are a training of their own; 10 and 20 epochs are points of another one."""
    space = CellSpace("cells", 3, ("none", "skip_connect", "conv"), zero="none", identity="skip_connect")
    rng = np.random.default_rng(0)

    def training(epochs: tuple[int, ...]) -> TrainingRecord:
        shape = (space.size, 2, len(epochs))
        seconds = np.broadcast_to(np.array(epochs, dtype=float), shape)
        metrics = {"valid-accuracy": (epochs, rng.random(shape)), "train-seconds": (epochs, seconds)}
        return TrainingRecord(epochs[-1], (1, 2), metrics)

    trainings = {"short": training((5,)), "long": training((10, 20))}
    dataset = DatasetRecord(trainings, {"valid-accuracy": "made up"})
    decisions = {decision.name: decision.options for decision in space.decisions}
    write_table(
        TableRecord("mixed", "cells", space.size, {"data": dataset}, decisions=decisions), tmp_path / "mixed.h5"
    )
    signal = [Measure("data", name, "valid-accuracy") for name in trainings]
    table = open_table(tmp_path / "mixed.h5")
    return TabularBenchmark("mixed/data", space, table, signal=signal, scores={"valid": signal[1]})


def problem_on(benchmark: TabularBenchmark, amount: float, *, resumable: bool = True) -> Problem:
    return Problem(
        benchmark.space, benchmark.fidelities, benchmark.answers(0), Budget(amount, "epochs"), resumable=resumable
    )


def test_it_is_true_exactly_where_resume_answers(mixed: TabularBenchmark) -> None:
    problem = problem_on(mixed, 10_000)
    started = [problem.evaluate((1, 2, 0), epochs) for epochs in mixed.fidelities]
    for evaluation in started:
        for epochs in mixed.fidelities:
            before = len(problem.journal)
            if problem.can_resume(evaluation, epochs):
                assert len(problem.journal) == before
                assert problem.resume(evaluation, epochs).cost == 10.0
                assert (evaluation.epochs, epochs) == (10, 20)
            else:
                with pytest.raises(QuestionError):
                    problem.resume(evaluation, epochs)
                assert (evaluation.epochs, epochs) != (10, 20)


def test_a_stranger_cannot_be_resumed(mixed: TabularBenchmark) -> None:
    problem = problem_on(mixed, 10_000)
    assert not problem.can_resume(Evaluation((1, 2, 0), 10, 0.5, 10.0, 10), 20)
    fixed = problem_on(mixed, 10_000, resumable=False)
    assert not fixed.can_resume(fixed.evaluate((1, 2, 0), 10), 20)


def test_a_strategy_climbs_over_a_break_between_trainings(mixed: TabularBenchmark) -> None:
    problem = problem_on(mixed, 10_000)
    asha.run(problem, default_rng(0), reduction=1.5)
    evaluations = [event for event in problem.journal if isinstance(event, Evaluation)]
    kinds = {(event.origin, event.paid, event.epochs) for event in evaluations}
    assert kinds == {(5, 0, 5), (10, 0, 10), (10, 10, 20)}
