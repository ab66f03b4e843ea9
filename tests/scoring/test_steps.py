"""Characteristic steps and shares of schedules, told from journals."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from scored import small_plan, small_results

from nasbench_suite import Step, strategy
from nasbench_suite.errors import PluginError
from nasbench_suite.scoring import score
from nasbench_suite.scoring.curves import spending
from nasbench_suite.scoring.steps import kind_of, schedule_share, took
from nasbench_suite.search.budget import Budget
from nasbench_suite.search.journal import Charge, Evaluation, Event, Recommendation
from nasbench_suite.spaces import nas_bench_201

SPACE = nas_bench_201()
SIMPLE, OTHER = (0, 0, 0, 3, 0, 0), (3, 0, 0, 3, 1, 0)


def evaluated(*cells: tuple[int, ...], epochs: int = 200) -> list[Event]:
    return [Evaluation(cell, epochs, 0.5, 1.0, epochs) for cell in cells]


@pytest.mark.parametrize(
    ("step", "journal", "expected"),
    [
        (Step("a mutation", "evaluations", "size"), evaluated(*[OTHER] * 3), False),
        (Step("a mutation", "evaluations", "size"), evaluated(*[OTHER] * 4), True),
        (Step("an update", "evaluations", 1), evaluated(OTHER), False),
        (Step("an update", "evaluations", 1), [Charge("x", 1.0, 1.0), *evaluated(OTHER, OTHER)], True),
        (Step("a promotion", "fidelity"), evaluated(OTHER, OTHER), False),
        (Step("a promotion", "fidelity"), [*evaluated(OTHER, epochs=12), *evaluated(OTHER)], True),
        (Step("a second level", "level"), evaluated(SIMPLE), False),
        (Step("a second level", "level"), [*evaluated(SIMPLE, OTHER), Recommendation(SIMPLE)], True),
    ],
)
def test_who_took_the_step(step: Step, journal: list[Event], expected: bool) -> None:
    assert took(step, journal, {"size": 3}, SPACE, None) is expected


@pytest.mark.parametrize(
    ("charges", "parameters", "expected"),
    [
        ([("epoch", 1.0)] * 13, {"epochs": 26}, 0.5),
        ([("epoch", 1.0)] * 26, {"epochs": 26}, 1.0),
        ([("epoch", 0.5)] * 26, {"epochs": 26}, 0.5),
        ([], {"epochs": 26}, 0.0),
        ([("epoch", 1.0)], {}, None),
        ([("epoch, 1 of 40", 1.0), ("epoch, 10 of 40", 1.0)], {"epochs": 2}, 0.25),
        ([("epoch, 1 of 1, 2 of 3", 1.0)], {}, 2 / 3),
    ],
)
def test_share_of_the_own_schedule(charges: Any, parameters: dict[str, int], expected: float | None) -> None:
    journal = [Charge(what, 1.0, epochs) for what, epochs in charges]
    step = Step("a finished schedule", "schedule", "epochs")
    share = schedule_share(journal, step, parameters)
    assert share == (None if expected is None else pytest.approx(expected))
    assert took(step, journal, parameters, SPACE, share) is (expected == 1.0)


def test_parts_of_a_schedule_are_one_kind_of_spending() -> None:
    assert kind_of("darts epoch, 3 of 9") == "darts epoch" and kind_of("3 of 9") == "3 of 9"
    journal = [Charge(f"epoch, {k} of 4", 1.0, 1.0) for k in (1, 2, 3)]
    assert spending(journal, Budget(4.0), 200) == {"epoch": 0.75, "unspent": 0.25}


def test_a_board_tells_how_many_runs_took_it_and_marks_a_cut_schedule() -> None:
    plan, results = small_plan(), small_results()
    step = Step("a mutation", "evaluations", "population_size")
    rows = []
    for row in plan.rows:
        if row.label == "regularized-evolution":
            declared = dataclasses.replace(row.offered.strategy, step=step)
            row = dataclasses.replace(row, offered=dataclasses.replace(row.offered, strategy=declared))
        rows.append(row)
    held = score(dataclasses.replace(plan, rows=tuple(rows)), results).boards[0]
    found = {standing.label: standing.progress for standing in held.standings}
    expected = sum(
        sum(type(event) is Evaluation for event in results[run.id].journal) > rows[2].parameters["population_size"]
        for run in plan.runs["regularized-evolution", held.contest.benchmark]
    )
    assert (found["regularized-evolution"].step, found["regularized-evolution"].taken) == ("a mutation", expected)
    assert found["random-search"].taken is None and found["random-search"].schedule is None


@pytest.mark.parametrize(
    "wrong",
    [
        ("", "evaluations", 3),
        ("a\nb", "level", ""),
        ("x", "nonsense", 1),
        ("x", "evaluations", ""),
        ("x", "evaluations", 1.5),
    ],
)
def test_a_step_that_says_nothing_is_refused(wrong: Any) -> None:
    with pytest.raises(PluginError, match="step"):
        Step(*wrong)


def test_a_step_of_a_parameter_that_is_not_there_is_refused() -> None:
    with pytest.raises(PluginError, match="population"):

        @strategy("x", step=Step("a mutation", "evaluations", "population"))
        def search(problem: Any, rng: Any, *, size: int = 3) -> None: ...
