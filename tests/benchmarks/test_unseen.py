"""Scores of a run come from trainings that it did not see, and from the same ones for every strategy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nasbench_suite.benchmarks.shipped import benchmarks
from nasbench_suite.benchmarks.tabular import Measure, TabularBenchmark
from nasbench_suite.search.answers import RunScores
from nasbench_suite.spaces import CategoricalSpace, Decision
from nasbench_suite.tables import open_table
from nasbench_suite.tables.schema import DatasetRecord, TableRecord, TrainingRecord, write_table

SPACE = CategoricalSpace("pairs", [Decision("a", ("0", "1", "2")), Decision("b", ("0", "1"))])
TEST = np.array(
    [[0.1, 0.2, 0.4], [0.5, 0.6, np.nan], [0.7, np.nan, np.nan], [0.3, 0.35, 0.4], [0.8, 0.82, 0.9], [0.6] * 3]
)


def benchmark(directory: Path, epochs: tuple[int, ...] = (4,), score: str = "full") -> TabularBenchmark:
    """A table in which the signal names the training seed that gave it: 0.1, 0.2 or 0.3."""
    shape = (6, 3, len(epochs))
    signal = np.where(np.isnan(TEST), np.nan, np.array([0.1, 0.2, 0.3]))[:, :, None]
    test = {"test-accuracy": ((4,), TEST[:, :, None])}
    full = {
        "valid-accuracy": (epochs, np.broadcast_to(signal, shape)),
        "train-seconds": (epochs, np.broadcast_to(np.array(epochs, dtype=float), shape)),
    }
    trainings = {"full": TrainingRecord(4, (7, 8, 9), test | full), "other": TrainingRecord(4, (7, 8, 9), test)}
    splits = {"test-accuracy": "made up", "valid-accuracy": "made up"}
    decisions = {decision.name: decision.options for decision in SPACE.decisions}
    record = TableRecord("pairs", "pairs", 6, {"d": DatasetRecord(trainings, splits)}, decisions=decisions, double=True)
    write_table(record, directory / "pairs.h5")
    return TabularBenchmark(
        "pairs/d",
        SPACE,
        open_table(directory / "pairs.h5"),
        signal=[Measure("d", "full", "valid-accuracy")],
        scores={"test": Measure("d", score, "test-accuracy")},
    )


def of_run(held: TabularBenchmark, seed: int) -> RunScores:
    scores = held.scores()["test"].of_run
    assert scores is not None
    return scores(seed)


def seed_seen(held: TabularBenchmark, seed: int, row: int, epochs: int, origin: int) -> int:
    accuracy = held.answers(seed).ask(SPACE.architecture(row), epochs, origin, 0)[1]
    return round(accuracy * 10) - 1


@pytest.mark.parametrize("seed", range(20))
def test_the_training_that_answers_does_not_score(tmp_path: Path, seed: int) -> None:
    held = benchmark(tmp_path)
    scores = of_run(held, seed)
    reached = []
    for row in range(6):
        kept = TEST[row].copy()
        kept[seed_seen(held, seed, row, 4, 4)] = np.nan
        left = kept[~np.isnan(kept)]
        score, count, unseen = scores.of(SPACE.architecture(row))
        if row == 2:  # trained once: scored by the only training there is, and said so
            assert (score, count, unseen) == (0.7, 1, False)
        else:
            assert (score, count, unseen) == (pytest.approx(left.mean(), abs=1e-12), len(left), True)
        reached.append(score)
    assert scores.best == pytest.approx(max(reached), abs=1e-12)
    assert scores.typical == pytest.approx(np.mean(reached), abs=1e-12)


def test_it_is_another_training_in_other_runs(tmp_path: Path) -> None:
    held = benchmark(tmp_path)
    found = {round(of_run(held, seed).of(SPACE.architecture(0))[0], 6) for seed in range(40)}
    assert found == {0.15, 0.25, 0.3}


def test_a_second_training_that_the_run_saw_does_not_score_either(tmp_path: Path) -> None:
    held = benchmark(tmp_path, epochs=(1, 4))
    told = set()
    for seed in range(40):
        scores, cell = of_run(held, seed), SPACE.architecture(0)
        seen = {seed_seen(held, seed, 0, 4, 4), seed_seen(held, seed, 0, 1, 1)}
        score, count, unseen = scores.of(cell, origins=[1])
        assert unseen and count == 3 - len(seen)
        assert score == pytest.approx(np.delete(TEST[0], sorted(seen)).mean(), abs=1e-12)
        told.add(count)
    assert told == {1, 2}


def test_where_the_run_has_seen_all_the_plain_question_alone_is_left_out(tmp_path: Path) -> None:
    held = benchmark(tmp_path, epochs=(1, 2, 3, 4))
    everything = [
        seed for seed in range(200) if len({seed_seen(held, seed, 1, origin, origin) for origin in (1, 2, 3, 4)}) == 2
    ]
    assert everything
    for seed in everything[:5]:
        score, count, unseen = of_run(held, seed).of(SPACE.architecture(1), origins=[1, 2, 3])
        assert (count, unseen) == (1, True)
        assert score == TEST[1, 1 - seed_seen(held, seed, 1, 4, 4)]


def test_other_trainings_than_those_that_answer_score_with_all_their_seeds(tmp_path: Path) -> None:
    held = benchmark(tmp_path, score="other").scores()["test"]
    assert held.of_run is None
    assert held.of(SPACE.architecture(0)) == pytest.approx(TEST[0].mean())


def test_the_shipped_table_keeps_every_answer_out_of_its_score() -> None:
    held = benchmarks()["nas-bench-201/cifar100"]()
    assert isinstance(held, TabularBenchmark)
    of = held.scores()["validation"].of_run
    assert of is not None
    answers, scores = held.answers(7), of(7)
    whole = held.scores()["validation"]
    for row in range(0, 15_625, 97):
        cell = held.space.architecture(row)
        _, seen, _ = answers.ask(cell, 200, 200, 0)
        score, count, unseen = scores.of(cell)
        assert unseen and count in (1, 2)
        # Taking the seen one in again gives the mean over all.
        assert (score * count + seen) / (count + 1) == pytest.approx(whole.of(cell), abs=1e-6)
        assert score <= scores.best + 1e-12


def test_references_are_the_cells_that_anybody_would_try() -> None:
    held = benchmarks()["nas-bench-201/cifar10"]()
    assert isinstance(held, TabularBenchmark)
    assert set(held.references) == {"all 3×3", "residual block", "most expensive"}
    answers = held.answers(0)
    cost = {name: answers.ask(cell, 200, 200, 0)[2] for name, cell in held.references.items()}
    sample = [answers.ask(held.space.architecture(row), 200, 200, 0)[2] for row in range(0, 15_625, 13)]
    assert cost["most expensive"] >= max(sample) > cost["residual block"]
