"""Checking a journal against the benchmark that it claims to come from: every answer is asked for again."""

from __future__ import annotations

from collections.abc import Sequence

from nasbench_suite.benchmarks import Answers
from nasbench_suite.errors import SuiteError
from nasbench_suite.search.budget import Budget
from nasbench_suite.search.journal import Evaluation, Event, Recommendation
from nasbench_suite.search.problem import amount_of
from nasbench_suite.search.statement import optional_answers
from nasbench_suite.spaces import Architecture


def audit(journal: Sequence[Event], answers: Answers, budget: Budget, full_epochs: int) -> str:
    """What is wrong with a journal, in one line; empty if every answer is the benchmark's and all fits the budget.

    Args:
        journal: all events of a run.
        answers: fresh answers for the run's seed, from a benchmark that answers by look-up.
        budget: what the run might spend.
        full_epochs: the benchmark's last fidelity.
    """
    spent = 0.0
    further = optional_answers(answers).more
    trained: set[tuple[Architecture, int, int]] = set()
    for number, event in enumerate(journal, start=1):
        spent += amount_of(event, budget.unit, full_epochs)
        if spent > budget.amount:
            return f"event {number} brings the run to {spent:g} {budget.unit}; its budget is {budget.amount:g}"
        if isinstance(event, Evaluation):
            if event.paid and (event.architecture, event.origin, event.paid) not in trained:
                return f"event {number} resumes a training of {event.paid} epochs that the run never did"
            trained.add((event.architecture, event.origin, event.epochs))
            try:
                _, accuracy, cost = answers.ask(event.architecture, event.epochs, event.origin, event.paid)
            except SuiteError as error:
                return f"event {number} cannot have been answered: {error}"
            more = () if further is None else further(event.architecture, event.epochs, event.origin, event.paid)
            if more != event.more:
                return f"event {number} says {event.more} of its further objectives; the benchmark says {more}"
            if not (_same(accuracy, event.accuracy) and _same(cost, event.cost)):
                return (
                    f"event {number} says accuracy {event.accuracy} at {event.cost} s; "
                    f"the benchmark says {accuracy} at {cost} s"
                )
    return ""


def _same(one: float, other: float) -> bool:
    """Whether two numbers are the same; two that are none are."""
    return one == other or (one != one and other != other)


def unpaid_recommendation(journal: Sequence[Event]) -> str:
    """The first recommended architecture that was not evaluated before, in words; empty if there is none."""
    paid = set()
    for number, event in enumerate(journal, start=1):
        if isinstance(event, Evaluation):
            paid.add(event.architecture)
        elif isinstance(event, Recommendation) and event.architecture not in paid:
            return (
                f"event {number} recommends {event.architecture}, which was never evaluated; the comparison forbids it"
            )
    return ""
