"""The promises of the problem: equal budgets, no leak, paired seeds, replay. Each test fails without its promise."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from types import FunctionType, ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench_suite import (
    Architecture,
    Budget,
    Evaluation,
    NotMeasured,
    OutOfBudget,
    Problem,
    QuestionError,
    SpaceError,
)
from nasbench_suite.benchmarks import Measure, TabularBenchmark
from nasbench_suite.errors import ReplayMismatch
from nasbench_suite.plugins import load_registry
from nasbench_suite.search.journal import Charge, Recommendation
from nasbench_suite.search.meter import FREE_EVENTS
from nasbench_suite.search.problem import PATIENCE, amount_of
from nasbench_suite.testing import tiny_benchmark

TINY = tiny_benchmark()
SHIPPED = load_registry().benchmark("nas-bench-201/cifar10")


def make_problem(budget: Budget, seed: int = 0, **more: object) -> Problem:
    return Problem(TINY.space, TINY.fidelities, TINY.answers(seed), budget, resumable=True, **more)  # type: ignore[arg-type]


# --- 1. Equal budgets by construction


@given(st.floats(0, 300), st.sampled_from(["seconds", "evaluations", "epochs"]), st.integers(0, 2**20))
def test_no_sequence_of_questions_exceeds_a_budget(amount: float, unit: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    problem = make_problem(Budget(amount, unit))  # type: ignore[arg-type]
    with pytest.raises(OutOfBudget):
        while True:
            evaluation = problem.evaluate(TINY.space.sample(rng), epochs=int(rng.choice(TINY.fidelities[:2])))
            if rng.random() < 0.3:
                problem.resume(evaluation, 16)
            if rng.random() < 0.3:
                problem.charge("supernet epoch", 0.7, 1)
    spent = sum(amount_of(event, unit, 16) for event in problem.journal)
    assert spent <= amount


def test_an_answer_that_does_not_fit_is_refused_and_the_problem_stays_closed() -> None:
    first = make_problem(Budget(1e9)).evaluate((0, 0, 0))
    problem = make_problem(Budget(first.cost - 1))
    with pytest.raises(OutOfBudget):
        problem.evaluate((0, 0, 0))
    assert problem.journal == ()
    for ask in (
        lambda: problem.evaluate((0, 0, 0), 1),  # would have fitted
        lambda: problem.charge("nothing", 0, 0),
        lambda: problem.recommend((0, 0, 0)),
    ):
        with pytest.raises(OutOfBudget):
            ask()
    assert problem.journal == ()
    assert problem.asked_after_end == 3


def test_a_budget_of_exactly_one_evaluation_buys_one() -> None:
    cost = make_problem(Budget(1e9)).evaluate((1, 2, 3)).cost
    problem = make_problem(Budget(cost))
    problem.evaluate((1, 2, 3))
    with pytest.raises(OutOfBudget):
        problem.evaluate((1, 2, 3), 1)


def test_asking_twice_costs_twice() -> None:
    problem = make_problem(Budget(1e9))
    first, second = problem.evaluate_many([(1, 2, 3), (1, 2, 3)])
    assert first == second
    assert sum(event.cost for event in problem.journal) == 2 * first.cost  # type: ignore[union-attr]


def test_out_of_budget_is_not_caught_by_except_exception() -> None:
    assert not issubclass(OutOfBudget, Exception)


def test_resuming_pays_the_difference_and_keeps_the_training_seed() -> None:
    problem = make_problem(Budget(1e9))
    low = problem.evaluate((1, 2, 3), 1)
    high = problem.resume(low, 16)
    assert (high.epochs, high.origin, high.paid) == (16, 1, 1)
    scratch = problem.evaluate((1, 2, 3), 16)
    assert low.cost + high.cost == pytest.approx(scratch.cost)
    noise = [e.accuracy - TINY.truth((1, 2, 3), e.epochs) for e in (low, high, scratch)]
    assert noise[0] == pytest.approx(noise[1])
    assert noise[0] != pytest.approx(noise[2])


def test_only_what_the_problem_gave_can_be_resumed() -> None:
    problem = make_problem(Budget(1e9))
    low = problem.evaluate((1, 2, 3), 4)
    with pytest.raises(QuestionError, match="no evaluation of this problem"):
        problem.resume(low._replace(epochs=1), 16)
    with pytest.raises(QuestionError, match="expected more epochs"):
        problem.resume(low, 4)
    plain = Problem(SHIPPED.space, SHIPPED.fidelities, SHIPPED.answers(0), Budget(1e9))
    with pytest.raises(QuestionError, match="cannot be resumed"):
        plain.resume(plain.evaluate((0,) * 6), 200)


def test_wrong_charges_are_refused() -> None:
    problem = make_problem(Budget(10))
    for cost, epochs in ((-1.0, 1.0), (math.nan, 1.0), (1.0, math.inf)):
        with pytest.raises(QuestionError, match="finite amounts"):
            problem.charge("cheat", cost, epochs)
    assert problem.journal == ()


def test_a_strategy_that_will_not_stop_is_reported() -> None:
    told = []
    problem = make_problem(Budget(0), on_defiance=lambda: told.append(True))
    for _ in range(PATIENCE + 1):
        with pytest.raises(OutOfBudget):
            problem.evaluate((0, 0, 0))
    assert told


# --- 2. One currency


def test_seconds_evaluations_and_epochs_can_be_the_budget() -> None:
    for budget, expected in ((Budget(4, "evaluations"), 4), (Budget(64, "epochs"), 4)):
        problem = make_problem(budget)
        with pytest.raises(OutOfBudget):
            while True:
                problem.evaluate((1, 1, 1))
        assert len(problem.journal) == expected
    problem = make_problem(Budget(2, "evaluations"))
    problem.charge("supernet epochs", 3.0, 16)  # as many epochs as one full evaluation
    problem.evaluate((1, 1, 1))
    with pytest.raises(OutOfBudget):
        problem.evaluate((1, 1, 1))


# --- 3. No leak


def reachable(thing: object) -> Iterator[object]:
    """Everything that can be reached from a thing by attributes and items, modules and functions left out."""
    seen: dict[int, object] = {}
    stack = [thing]
    while stack:
        item = stack.pop()
        if id(item) in seen or isinstance(item, (ModuleType, FunctionType, type, str, bytes, int, float)):
            continue
        seen[id(item)] = item
        yield item
        if isinstance(item, dict):
            stack += [*item.keys(), *item.values()]
        elif isinstance(item, (list, tuple, set, frozenset)) and not (
            item and isinstance(next(iter(item)), (int, float))
        ):
            stack += item
        stack += vars(item).values() if hasattr(item, "__dict__") else ()
        stack += [
            getattr(item, slot)
            for kind in type(item).__mro__
            for slot in getattr(kind, "__slots__", ())
            if hasattr(item, slot)
        ]
        stack += [item.__self__] if hasattr(item, "__self__") else []


def test_no_attribute_leads_from_a_problem_to_table_benchmark_or_scores() -> None:
    problem = Problem(SHIPPED.space, SHIPPED.fidelities, SHIPPED.answers(0), Budget(1e9))
    problem.evaluate((0,) * 6)
    kinds = Counter(f"{type(item).__module__}.{type(item).__name__}" for item in reachable(problem))
    assert kinds["nasbench_suite.benchmarks.tabular.TabularAnswers"] == 1  # the walk does go in
    assert not [kind for kind in kinds if "Table" in kind or "Benchmark" in kind or "Scores" in kind or "h5py" in kind]
    assert "numpy.ndarray" not in kinds


def test_the_signal_is_one_training_seed_and_the_score_their_mean() -> None:
    column = SHIPPED._table.column("cifar10", "200-epochs", "valid-accuracy", 200)  # type: ignore[attr-defined]
    cell = (3, 3, 2, 1, 3, 3)
    seeds = {float(value) for value in column[SHIPPED.space.index(cell)] if not np.isnan(value)}
    seen = {SHIPPED.answers(seed).ask(cell, 200, 200, 0)[1] for seed in range(50)}
    assert seen == seeds
    assert SHIPPED.scores()["validation"].of(cell) == pytest.approx(np.mean(list(seeds)))


# --- 4. Missing stays missing


class GappedTable:
    """A table of one space with gaps, in memory: the members that a tabular benchmark reads."""

    sampled = False

    def __init__(self, accuracy: np.ndarray, seconds: np.ndarray) -> None:
        from nasbench_suite.tables.table import DatasetOutline, TrainingOutline

        training = TrainingOutline(1, (1, 2), "", {"valid-accuracy": (1,), "train-seconds": (1,)})
        self.datasets = {"data": DatasetOutline("", {"valid-accuracy": "some"}, (), {"once": training})}
        self.values = {"valid-accuracy": accuracy, "train-seconds": seconds}
        self.name = self.space = "gapped"
        self.sha256, self.architectures = "0", len(accuracy)

    def dataset(self, name: str) -> object:
        return self.datasets[name]

    def training(self, dataset: str, training: str) -> object:
        return self.datasets[dataset].trainings[training]

    def column(self, dataset: str, training: str, metric: str, epochs: int) -> np.ndarray:
        return self.values[metric]


def test_gaps_are_errors_and_missing_seeds_are_not_drawn() -> None:
    from nasbench_suite import CategoricalSpace, Decision

    space = CategoricalSpace("gapped", [Decision("d", ("a", "b", "c"))])
    table = GappedTable(
        np.array([[0.5, 0.6], [np.nan, 0.7], [np.nan, np.nan]]), np.array([[1.0, 2.0], [np.nan, 3.0], [np.nan, np.nan]])
    )
    measure = Measure("data", "once", "valid-accuracy")
    benchmark = TabularBenchmark("gapped", space, table, signal=[measure], scores={"valid": measure})  # type: ignore[arg-type]
    assert {benchmark.answers(seed).ask((0,), 1, 1, 0)[1:] for seed in range(30)} == {(0.5, 1.0), (0.6, 2.0)}
    assert {benchmark.answers(seed).ask((1,), 1, 1, 0)[1:] for seed in range(30)} == {(0.7, 3.0)}
    with pytest.raises(NotMeasured, match="nothing is imputed"):
        benchmark.answers(0).ask((2,), 1, 1, 0)
    assert math.isnan(benchmark.scores()["valid"].of((2,)))


def test_illegal_questions_are_told_and_cost_nothing() -> None:
    problem = Problem(SHIPPED.space, SHIPPED.fidelities, SHIPPED.answers(0), Budget(1e9))
    with pytest.raises(SpaceError, match="not 5"):
        problem.evaluate((0, 0, 0, 0, 0, 5))
    with pytest.raises(QuestionError, match="12 epochs were not measured; it has 200"):
        problem.evaluate((0,) * 6, 12)
    with pytest.raises(QuestionError, match="whole number"):
        problem.evaluate((0,) * 6, 200.0)  # type: ignore[arg-type]
    assert problem.journal == ()
    assert problem.evaluate(np.zeros(6, int)).architecture == (0,) * 6  # type: ignore[arg-type]


# --- 5. Paired seeds


def test_the_noise_of_a_run_is_the_same_in_whatever_order_it_is_asked() -> None:
    cells = list(SHIPPED.space.architectures())[::97]
    forward = [SHIPPED.answers(3).ask(cell, 200, 200, 0) for cell in cells]
    backward = [SHIPPED.answers(3).ask(cell, 200, 200, 0) for cell in reversed(cells)]
    assert forward == backward[::-1]
    assert forward != [SHIPPED.answers(4).ask(cell, 200, 200, 0) for cell in cells]


def test_every_training_seed_answers_equally_often() -> None:
    column = SHIPPED._table.column("cifar10", "200-epochs", "valid-accuracy", 200)  # type: ignore[attr-defined]
    full = np.flatnonzero(np.isfinite(column).all(axis=1) & (np.ptp(column, axis=1) > 0))[:3000]
    counts = Counter()
    for row in full.tolist():
        cell = SHIPPED.space.architecture(row)
        accuracy = SHIPPED.answers(11).ask(cell, 200, 200, 0)[1]
        counts[column[row].tolist().index(accuracy)] += 1
    assert sum((counts[place] - 1000) ** 2 / 1000 for place in range(3)) < 13.8  # 0.999 quantile, 2 degrees


# --- 6. Same inputs, same journal; replay


def events() -> tuple[object, ...]:
    problem = make_problem(Budget(1e9))
    low = problem.evaluate((1, 2, 3), 1)
    problem.charge("supernet epoch", 2.5, 1)
    problem.resume(low, 4)
    problem.recommend((0, 1, 2))
    problem.evaluate((3, 3, 3))
    return problem.journal


def test_a_journal_answers_the_same_questions_without_asking_the_benchmark() -> None:
    recorded = events()

    class Mute:
        def ask(self, *question: object) -> tuple[tuple[int, ...], float, float]:
            raise AssertionError("asked the benchmark")

    problem = Problem(TINY.space, TINY.fidelities, Mute(), Budget(1e9), resumable=True, journal=recorded)  # type: ignore[arg-type]
    low = problem.evaluate((1, 2, 3), 1)
    problem.charge("supernet epoch", 2.5, 1)
    problem.resume(low, 4)
    problem.recommend((0, 1, 2))
    problem.evaluate((3, 3, 3))
    assert problem.journal == recorded


@pytest.mark.parametrize(
    "ask",
    [
        lambda problem: problem.evaluate((1, 2, 2), 1),
        lambda problem: problem.evaluate((1, 2, 3), 4),
        lambda problem: problem.recommend((1, 2, 3)),
        lambda problem: problem.charge("supernet epoch", 2.5, 1),
    ],
)
def test_a_different_question_is_a_mismatch(ask: object) -> None:
    problem = make_problem(Budget(1e9), journal=events())
    with pytest.raises(ReplayMismatch, match="event 1 of the journal"):
        ask(problem)  # type: ignore[operator]


def test_plugins_that_save_states_go_on_working_and_are_replayed() -> None:
    problem = make_problem(Budget(1e9))
    problem.evaluate((1, 2, 3))
    problem.checkpoint(b"after one")
    resumed = make_problem(Budget(1e9), journal=problem.journal)
    assert resumed.restore() is None
    resumed.evaluate((1, 2, 3))
    assert resumed.journal == problem.journal


class Costly:
    """Answers of a benchmark that states impossible costs."""

    def __init__(self, cost: float) -> None:
        self.cost = cost

    def ask(self, architecture: Architecture, epochs: int, origin: int, paid: int) -> tuple[Architecture, float, float]:
        return TINY.space.check(architecture), 0.5, self.cost


@pytest.mark.parametrize("unit", ["seconds", "evaluations", "epochs"])
@pytest.mark.parametrize("cost", [math.nan, math.inf, -math.inf, -1e-9])
def test_a_cost_that_is_no_finite_number_of_seconds_never_enters_the_books(cost: float, unit: str) -> None:
    problem = Problem(TINY.space, (1, 16), Costly(cost), Budget(10, unit))  # type: ignore[arg-type]
    for epochs in (1, 16):
        with pytest.raises(QuestionError, match="expected a finite number of seconds"):
            problem.evaluate((0, 0, 0), epochs)
    assert problem.journal == ()
    problem.recommend((0, 0, 0))
    assert len(problem.journal) == 1


@pytest.mark.parametrize("cost", [0.0, 1e-300])
def test_answers_that_cost_nothing_come_to_an_end(cost: float) -> None:
    problem = Problem(TINY.space, (16,), Costly(cost), Budget(10))
    with pytest.raises(QuestionError, match="cost nothing, so a budget in seconds never ends"):
        while True:
            problem.evaluate((0, 0, 0))
    assert len(problem.journal) >= FREE_EVENTS
    with pytest.raises(OutOfBudget):
        problem.evaluate((0, 0, 0))


def test_recommending_for_ever_and_charging_nothing_come_to_an_end() -> None:
    for ask in (lambda p: p.recommend((0, 0, 0)), lambda p: p.charge("nothing", 0, 0)):
        problem = make_problem(Budget(10, "evaluations"))
        with pytest.raises(QuestionError, match="cost nothing"):
            while True:
                ask(problem)


def test_free_events_between_paid_ones_are_as_many_as_one_likes() -> None:
    problem = Problem(TINY.space, (16,), Costly(1.0), Budget(1e9))
    for _ in range(FREE_EVENTS // 2 + 10):
        problem.evaluate((0, 0, 0))
        problem.recommend((0, 0, 0))
        problem.recommend((0, 0, 1))
    assert len(problem.journal) > FREE_EVENTS


def test_events_are_flushed_in_order_and_once() -> None:
    flushed: list[object] = []
    problem = make_problem(Budget(1e9), on_flush=flushed.extend, flush_seconds=0.0)
    for _ in range(5):
        problem.evaluate((1, 2, 3))
    problem.recommend((1, 2, 3))
    assert flushed == list(problem.journal)
    kinds = [type(event) for event in flushed]
    assert kinds == [Evaluation] * 5 + [Recommendation]
    assert len(problem.own_seconds) == 6
    assert all(own >= 0 for own in problem.own_seconds)
    assert not any(isinstance(event, Charge) for event in flushed)
