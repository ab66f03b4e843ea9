"""Whether a run came beyond the beginning of its method, told from its journal and what the strategy declares."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from nasbench_suite.search.journal import Charge, Evaluation, Event
from nasbench_suite.search.strategies import Step
from nasbench_suite.spaces import Space

_PART = re.compile(r", ([1-9][0-9]{0,8}) of ([1-9][0-9]{0,8})$")
"""How a charge says which part of its schedule it is: ``"supernet epoch, 13 of 26"``."""


def kind_of(charge: str) -> str:
    """What a charge was for, without the part of its schedule."""
    return _PART.sub("", charge)


def schedule_share(journal: Sequence[Event], step: Step | None, parameters: Mapping[str, Any]) -> float | None:
    """How much of its own schedule a run completed, from 0 to 1; ``None`` where nobody says how long it is.

    Args:
        journal: of the run.
        step: what its strategy declares; of kind ``"schedule"`` it says how many epochs the whole schedule charges.
        parameters: of the row.
    """
    charges = [event for event in journal if type(event) is Charge]
    parts = [found for charge in charges if (found := _PART.search(charge.what))]
    if parts:
        return min(1.0, max(int(part[1]) / int(part[2]) for part in parts))
    if step is None or step.kind != "schedule":
        return None
    whole = step.amount(parameters)
    return None if not whole or whole <= 0 else min(1.0, sum(charge.epochs for charge in charges) / whole)


def took(
    step: Step, journal: Sequence[Event], parameters: Mapping[str, Any], space: Space, share: float | None
) -> bool:
    """Whether a run took the step (see :class:`~nasbench_suite.search.strategies.Step`).

    Args:
        step: of the strategy.
        journal, parameters: of the run.
        space: that was searched.
        share: of its schedule, see :func:`schedule_share`.
    """
    if step.kind == "schedule":
        return share is not None and share >= 1.0
    evaluations = [event for event in journal if type(event) is Evaluation]
    if step.kind == "evaluations":
        least = step.amount(parameters)
        return least is not None and len(evaluations) > least
    if step.kind == "fidelity":
        return len({evaluation.epochs for evaluation in evaluations}) > 1
    grow = getattr(space, "grow", None)
    first = set(grow(None, 0)) if grow is not None else set()
    return grow is not None and any(evaluation.architecture not in first for evaluation in evaluations)
