"""The meter: what was spent of a budget, what every event takes from it, and when it refuses."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NoReturn

from nasbench_suite.errors import OutOfBudget, QuestionError
from nasbench_suite.search.budget import Budget
from nasbench_suite.search.journal import Charge, Event, Recommendation

PATIENCE = 1000
"""Questions after the end of the budget before a strategy counts as one that will not stop."""

FREE_EVENTS = 100_000
"""So many events in a row may cost next to nothing; more would never come to an end."""

NOTHING = 1e-9
"""An amount below this, in seconds, evaluations or epochs, is next to nothing."""


class Meter:
    """Takes amounts from one budget until something does not fit, and refuses from there on.

    Every number that it adds is finite and at least 0.

    Args:
        budget: the limit.
        full_epochs: of a full evaluation.
        on_defiance: called when somebody asks on and on after the end.

    Attributes:
        spent: in the budget's unit.
        closed: whether something did not fit.
        asked_after_end: questions after the one that was refused.
    """

    __slots__ = (
        "_free",
        "_full_epochs",
        "_on_defiance",
        "_unit",
        "_waits_from",
        "asked_after_end",
        "closed",
        "limit",
        "spent",
    )

    def __init__(self, budget: Budget, full_epochs: int, on_defiance: Callable[[], None] | None = None) -> None:
        self.limit = budget.amount
        self.spent = 0.0
        self.closed = False
        self.asked_after_end = 0
        self._unit = budget.unit
        self._full_epochs = full_epochs
        self._on_defiance = on_defiance
        self._free = 0
        self._waits_from = 0.0

    @property
    def in_seconds(self) -> bool:
        """Whether costs are what the budget counts."""
        return self._unit == "seconds"

    def pay(self, event: Event) -> None:
        """Take what an event costs.

        Raises:
            OutOfBudget: it does not fit; nothing fits from here on.
            QuestionError: :data:`FREE_EVENTS` in a row cost nothing.
        """
        self.take(amount_of(event, self._unit, self._full_epochs))

    def take(self, amount: float) -> None:
        """Take an amount in the budget's unit (see :meth:`pay`)."""
        spent = self.spent + amount
        if spent > self.limit:
            self.close()
        if amount < NOTHING:
            self._wait()
        self.spent = spent

    def close(self) -> NoReturn:
        """Refuse, and go on refusing."""
        self.closed = True
        raise OutOfBudget("the budget is spent")

    def refuse_if_closed(self) -> None:
        """Raise :class:`OutOfBudget` if something did not fit before."""
        if self.closed:
            self.asked_after_end += 1
            if self.asked_after_end >= PATIENCE and self._on_defiance is not None:
                self._on_defiance()
            self.close()

    def _wait(self) -> None:
        if self.spent > self._waits_from + NOTHING * FREE_EVENTS:  # something was paid in between
            self._free, self._waits_from = 0, self.spent
        self._free += 1
        if self._free > FREE_EVENTS:
            self.closed = True
            raise QuestionError(
                f"{FREE_EVENTS:,} events in a row cost nothing, so a budget in {self._unit} never ends; "
                "give one in evaluations or epochs, and ask about other architectures"
            )


def check_cost(cost: float, who: str) -> None:
    """Raise :class:`QuestionError` unless a cost is a finite number of at least 0."""
    if not 0.0 <= cost < math.inf:
        raise QuestionError(f"{who} costs {cost!r} s; expected a finite number of seconds of at least 0")


def amount_of(event: Event, unit: str, full_epochs: int) -> float:
    """What an event takes from a budget.

    Args:
        event: of a journal.
        unit: of the budget.
        full_epochs: the benchmark's last fidelity; where the budget is in evaluations, a charge counts as its epochs
            divided by this.
    """
    if isinstance(event, Recommendation):
        return 0.0
    if unit == "seconds":
        return event.cost
    if isinstance(event, Charge):
        return event.epochs if unit == "epochs" else event.epochs / full_epochs
    return 1.0 if unit == "evaluations" else event.epochs - event.paid
