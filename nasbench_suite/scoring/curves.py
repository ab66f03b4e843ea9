"""From a journal to the anytime curve of its incumbent: right-continuous steps, nothing in between."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasbench_suite.errors import ScoringError
from nasbench_suite.scoring.steps import kind_of
from nasbench_suite.search.budget import Budget
from nasbench_suite.search.journal import Charge, Evaluation, Event, Recommendation
from nasbench_suite.search.problem import amount_of
from nasbench_suite.spaces import Architecture

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Curve:
    """The incumbent of one run over its budget: a right-continuous step function.

    From ``times[k]`` on, that moment included, and until ``times[k + 1]`` the incumbent is ``incumbents[k]``. Before
    ``times[0]`` there is none.

    Attributes:
        times: ``[steps]``, rising strictly, in the budget's unit.
        incumbents: ``[steps]`` architectures.
        spent: what the run paid in all, in the budget's unit.
        evaluations: how many answers the run got.
        charged: of ``spent``, what was paid for training that is no evaluation.
        recommended: whether its strategy named the answer; else it is the best that was evaluated.

    Raises:
        ScoringError: shapes that do not agree, or times that do not rise.
    """

    times: FloatArray
    incumbents: tuple[Architecture, ...] = field(repr=False)
    spent: float
    evaluations: int
    charged: float = 0.0
    recommended: bool = False

    def __post_init__(self) -> None:
        if self.times.shape != (len(self.incumbents),):
            raise ScoringError(
                f"curve: times of shape {self.times.shape} for {len(self.incumbents)} incumbents; expected one each"
            )
        if (self.times[1:] <= self.times[:-1]).any():
            raise ScoringError(f"curve: times {self.times.tolist()} do not rise strictly")

    def steps_at(self, moments: ArrayLike) -> NDArray[np.intp]:
        """The step that holds at each moment (at ``times[k]`` it is ``k``), or -1 before the first."""
        steps: NDArray[np.intp] = np.searchsorted(self.times, np.asarray(moments, dtype=np.float64), side="right") - 1
        return steps

    def values_at(self, moments: ArrayLike, value_of: Callable[[Architecture], float]) -> FloatArray:
        """The value of the incumbent at each moment, in the moments' shape; NaN before the first."""
        values = np.array([*map(value_of, self.incumbents), math.nan])
        found: FloatArray = values[self.steps_at(moments)]
        return found


def trace(
    journal: Sequence[Event], budget: Budget, full_epochs: int, own_seconds: Sequence[float] | None = None
) -> Curve:
    """Follow the incumbent through a journal.

    The incumbent is what the run would answer if it were stopped there:

    - the architecture of the best evaluation seen. An evaluation with more epochs beats any with fewer, whatever
      their accuracies, because accuracies after trainings of different length do not compare. Among those with the
      most epochs the higher accuracy wins, and among equal ones the earlier;
    - from the strategy's first recommendation on, the latest recommendation instead.

    An event counts from the moment at which it is paid. Of several incumbents at one moment the last counts.

    Args:
        journal: the events of one run, in order.
        budget: of the run.
        full_epochs: the benchmark's last fidelity (see :func:`nasbench_suite.search.problem.amount_of`).
        own_seconds: per event the strategy's own computing time before it. If it is given, that counts as well, and
            what then lies beyond the budget is cut off (for budgets in seconds only).

    Raises:
        ScoringError: a journal that spent more than its budget, or own times of another length.
    """
    columns = _evaluations_alone(journal, budget) if own_seconds is None else None
    amounts = _amounts(journal, budget, full_epochs) if columns is None else columns[2]
    spent = list(accumulate(amounts))  # the same additions in the same order as the meter's
    if spent and not spent[-1] <= budget.amount:
        raise ScoringError(f"the journal spends {spent[-1]:,.6g} of a budget of {budget}")
    if columns is not None:
        return _best_so_far(columns[0], columns[1], spent)
    moments = spent
    if own_seconds is not None:
        if budget.unit != "seconds" or len(own_seconds) != len(journal):
            raise ScoringError(
                f"{len(own_seconds)} own times for {len(journal)} events and a budget in {budget.unit}; expected one "
                "per event and a budget in seconds"
            )
        moments = [paid + own for paid, own in zip(spent, accumulate(own_seconds), strict=True)]
    times: list[float] = []
    incumbents: list[Architecture] = []
    most_epochs, best = 0, -math.inf
    recommended = False
    evaluations = 0
    charged = 0.0
    for event, amount, moment in zip(journal, amounts, moments, strict=True):
        if moment > budget.amount:
            break
        if isinstance(event, Evaluation):
            evaluations += 1
            if recommended or event.epochs < most_epochs or (event.epochs == most_epochs and event.accuracy <= best):
                continue
            most_epochs, best = event.epochs, event.accuracy
        elif isinstance(event, Charge):
            charged += amount
            continue
        else:
            recommended = True
        architecture = event.architecture
        if incumbents and incumbents[-1] == architecture:
            continue
        if times and times[-1] == moment:
            incumbents[-1] = architecture
        else:
            times.append(moment)
            incumbents.append(architecture)
    total = moments[-1] if moments else 0.0
    steps, spent_in_all = np.array(times, dtype=np.float64), min(total, budget.amount)
    return Curve(steps, tuple(incumbents), spent_in_all, evaluations, charged, recommended)


def _evaluations_alone(
    journal: Sequence[Event], budget: Budget
) -> tuple[tuple[Architecture, ...], tuple[float, ...], tuple[float, ...], int] | None:
    """Architectures, accuracies and costs of a journal that holds evaluations of one fidelity alone, and that fidelity.

    It is the usual case, there may be millions of events, and it can be followed several times as fast. ``None`` for
    any other journal.
    """
    if budget.unit != "seconds" or set(map(type, journal)) != {Evaluation}:
        return None
    architectures, epochs, accuracies, costs = list(zip(*journal, strict=True))[:4]
    if len(set(epochs)) != 1:
        return None
    return architectures, accuracies, costs, epochs[0]


def _best_so_far(architectures: Sequence[Architecture], accuracies: Sequence[float], spent: Sequence[float]) -> Curve:
    """The curve of evaluations of one fidelity: every one that is better than all before is a step."""
    times: list[float] = []
    incumbents: list[Architecture] = []
    best = -math.inf
    for place, accuracy in enumerate(accuracies):
        if accuracy > best:
            best, architecture = accuracy, architectures[place]
            if incumbents and incumbents[-1] == architecture:
                continue
            if times and times[-1] == spent[place]:
                incumbents[-1] = architecture
            else:
                times.append(spent[place])
                incumbents.append(architecture)
    return Curve(np.array(times, dtype=np.float64), tuple(incumbents), spent[-1], len(spent))


def spending(journal: Sequence[Event], budget: Budget, full_epochs: int) -> dict[str, float]:
    """What the budget went into, as shares that add up to 1.

    ``"N epochs"``: evaluations of architectures asked about for the first time at this fidelity; ``"asked again"``:
    repeated ones; what charges call themselves; ``"unspent"``: what was left.
    """
    columns = _evaluations_alone(journal, budget)
    if columns is not None and len(set(columns[0])) == len(journal):  # nothing was asked again
        *_, spent = accumulate(columns[2])
        given = {f"{columns[3]} epochs": spent, "unspent": max(budget.amount - spent, 0.0)}
        return {kind: amount / budget.amount if budget.amount else 0.0 for kind, amount in given.items()}
    shares: dict[str, float] = {}
    asked = set()
    names = _FidelityNames()
    left = budget.amount
    for event, amount in zip(journal, _amounts(journal, budget, full_epochs), strict=True):
        left -= amount
        if isinstance(event, Evaluation):
            question = (event.architecture, event.epochs)
            kind = "asked again" if question in asked else names[event.epochs]
            asked.add(question)
        elif isinstance(event, Charge):
            kind = kind_of(event.what)
        else:
            continue
        shares[kind] = shares.get(kind, 0.0) + amount
    shares["unspent"] = max(left, 0.0)
    return {kind: amount / budget.amount if budget.amount else 0.0 for kind, amount in shares.items()}


class _FidelityNames(dict[int, str]):
    def __missing__(self, epochs: int) -> str:
        name = self[epochs] = f"{epochs} epochs"
        return name


def _amounts(journal: Sequence[Event], budget: Budget, full_epochs: int) -> list[float]:
    """What each event takes from the budget; see :func:`nasbench_suite.search.problem.amount_of`."""
    if budget.unit == "seconds":  # the usual case, and there may be millions
        return [0.0 if isinstance(event, Recommendation) else event.cost for event in journal]
    return [amount_of(event, budget.unit, full_epochs) for event in journal]
