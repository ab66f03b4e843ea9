"""The anytime curve of an incumbent, against curves computed by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench_suite.errors import ScoringError
from nasbench_suite.scoring import Curve, trace
from nasbench_suite.search.budget import Budget
from nasbench_suite.search.journal import Charge, Evaluation, Event, Recommendation

A, B, C, D = (0,), (1,), (2,), (3,)


def evaluation(architecture: tuple[int, ...], accuracy: float, cost: float = 10.0, epochs: int = 200) -> Evaluation:
    return Evaluation(architecture, epochs, accuracy, cost, epochs)


def steps(curve: Curve) -> list[tuple[float, tuple[int, ...]]]:
    return list(zip(curve.times.tolist(), curve.incumbents, strict=True))


def test_a_step_begins_at_the_moment_it_is_paid_and_holds_until_the_next() -> None:
    journal = [evaluation(A, 0.5, 10.0), evaluation(B, 0.4, 5.0), evaluation(C, 0.7, 7.0)]
    curve = trace(journal, Budget(100.0), 200)
    assert steps(curve) == [(10.0, A), (22.0, C)]
    values = curve.values_at([0.0, 9.999, 10.0, 15.0, 21.999, 22.0, 100.0], {A: 0.51, C: 0.69}.__getitem__)
    np.testing.assert_array_equal(values, [math.nan, math.nan, 0.51, 0.51, 0.51, 0.69, 0.69])
    assert (curve.spent, curve.evaluations, curve.charged) == (22.0, 3, 0.0)


def test_of_equal_accuracies_the_earlier_stays() -> None:
    assert steps(trace([evaluation(A, 0.5), evaluation(B, 0.5)], Budget(100.0), 200)) == [(10.0, A)]


def test_more_epochs_beat_a_higher_accuracy_after_fewer() -> None:
    journal = [evaluation(A, 0.9, epochs=12), evaluation(B, 0.3, epochs=200), evaluation(C, 0.95, epochs=12)]
    assert steps(trace(journal, Budget(100.0), 200)) == [(10.0, A), (20.0, B)]


def test_a_recommendation_replaces_the_best_evaluated_from_then_on() -> None:
    journal: list[Event] = [
        evaluation(A, 0.5),
        Recommendation(B),
        evaluation(C, 0.9),
        Recommendation(D),
        evaluation(A, 0.99),
    ]
    assert steps(trace(journal, Budget(100.0), 200)) == [(10.0, B), (20.0, D)]


def test_a_charge_takes_time_and_answers_nothing() -> None:
    journal: list[Event] = [Charge("supernet epoch", 30.0, 50.0), Recommendation(A)]
    assert steps(trace(journal, Budget(100.0), 200)) == [(30.0, A)]
    assert steps(trace(journal, Budget(1, "evaluations"), 200)) == [(0.25, A)]
    assert trace(journal, Budget(50, "epochs"), 200).charged == 50.0


def test_a_resumed_training_counts_only_its_new_epochs() -> None:
    journal = [Evaluation(A, 12, 0.5, 12.0, 12), Evaluation(A, 25, 0.6, 13.0, 12, 12), Evaluation(B, 25, 0.7, 25.0, 25)]
    assert steps(trace(journal, Budget(50, "epochs"), 200)) == [(12.0, A), (50.0, B)]


def test_without_an_answer_there_is_no_incumbent() -> None:
    for journal in ([], [Charge("supernet epoch", 1.0, 1.0)]):
        curve = trace(journal, Budget(100.0), 200)
        assert curve.incumbents == ()
        assert np.isnan(curve.values_at([0.0, 100.0], lambda _: 1.0)).all()


def test_a_journal_beyond_its_budget_is_refused() -> None:
    with pytest.raises(ScoringError, match=r"spends 20 of a budget of 19"):
        trace([evaluation(A, 0.5), evaluation(B, 0.4)], Budget(19.0), 200)


def test_a_cost_that_is_no_number_is_refused() -> None:
    with pytest.raises(ScoringError, match="spends nan"):
        trace([evaluation(A, 0.5, math.nan)], Budget(19.0), 200)


def test_own_time_pushes_answers_back_and_cuts_what_lies_beyond_the_budget() -> None:
    journal = [evaluation(A, 0.5), evaluation(B, 0.6), evaluation(C, 0.7)]
    assert steps(trace(journal, Budget(30.0), 200, [1.0, 2.0, 3.0])) == [(11.0, A), (23.0, B)]
    with pytest.raises(ScoringError, match="2 own times for 3 events"):
        trace(journal, Budget(30.0), 200, [1.0, 2.0])


@pytest.mark.parametrize(("times", "incumbents"), [([1.0, 2.0], (A,)), ([2.0, 1.0], (A, B)), ([1.0, 1.0], (A, B))])
def test_shapes_and_order_are_checked(times: list[float], incumbents: Any) -> None:
    with pytest.raises(ScoringError, match="curve: times"):
        Curve(np.array(times), incumbents, 0.0, 0)


EVENTS = st.lists(
    st.one_of(
        st.builds(
            lambda a, e, y, c: Evaluation((a,), e, y / 8, float(c), e),
            st.integers(0, 9),
            st.sampled_from([12, 200]),
            st.integers(0, 8),
            st.integers(0, 5),
        ),
        st.builds(lambda c: Charge("epoch", float(c), 1.0), st.integers(0, 5)),
        st.builds(lambda a: Recommendation((a,)), st.integers(0, 9)),
    ),
    max_size=30,
)


@given(EVENTS, st.integers(0, 150))
def test_at_any_moment_the_curve_says_what_the_journal_up_to_there_says(journal: list[Event], moment: int) -> None:
    past: list[Event] = []
    spent = 0.0
    for event in journal:
        spent += getattr(event, "cost", 0.0)
        if spent > moment:
            break
        past.append(event)
    recommended = [event.architecture for event in past if isinstance(event, Recommendation)]
    evaluated = [event for event in past if isinstance(event, Evaluation)]
    expected = None
    if recommended:
        expected = recommended[-1]
    elif evaluated:
        expected = max(evaluated, key=lambda event: (event.epochs, event.accuracy)).architecture
    curve = trace(journal, Budget(1000.0), 200)
    step = int(curve.steps_at(moment))
    assert (curve.incumbents[step] if step >= 0 else None) == expected
