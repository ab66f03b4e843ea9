"""Budgets and their texts."""

from __future__ import annotations

import pytest

from nasbench_suite import Budget, SuiteError


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("12000s", Budget(12000)),
        ("12_000", Budget(12000)),
        ("1.5 h", Budget(5400)),
        ("3d", Budget(259200)),
        ("2min", Budget(120)),
        ("100 evaluations", Budget(100, "evaluations")),
        ("1 evaluation", Budget(1, "evaluations")),
        ("2400epochs", Budget(2400, "epochs")),
        ("1e4 s", Budget(10000)),
    ],
)
def test_texts(text: str, budget: Budget) -> None:
    assert Budget.parse(text) == budget
    assert Budget.parse(str(budget)) == budget


@pytest.mark.parametrize("text", ["", "s", "-5s", "12 parsecs", "nan", "inf s", "1..2s", "10 evaluation s"])
def test_what_is_no_budget_is_told(text: str) -> None:
    with pytest.raises(SuiteError, match="expected a number and a unit"):
        Budget.parse(text)


def test_impossible_amounts_are_refused() -> None:
    for amount in (-1.0, float("inf"), float("nan")):
        with pytest.raises(SuiteError, match="finite amount"):
            Budget(amount)
    with pytest.raises(SuiteError, match="one of seconds, evaluations, epochs"):
        Budget(1, "days")  # type: ignore[arg-type]
