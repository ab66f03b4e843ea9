"""A strategy's whole world: a space, and answers that cost something."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, NoReturn

from nasbench_suite.errors import OutOfBudget, QuestionError, ReplayMismatch
from nasbench_suite.search.answers import Answers
from nasbench_suite.search.budget import Budget
from nasbench_suite.search.journal import Charge, Evaluation, Event, Recommendation, encode_event, same_question
from nasbench_suite.spaces import Architecture, Space

if TYPE_CHECKING:
    from nasbench_suite.tasks.task import Offer

PATIENCE = 1000
"""Questions after the end of the budget before a strategy counts as one that will not stop."""


class Problem:
    """What a strategy gets: a space and a meter. It sees no file, budget, clock or test accuracy.

    A strategy asks until it has nothing more to ask, or until the meter raises
    :class:`~nasbench_suite.errors.OutOfBudget` through it. It keeps no books: what was asked, answered and paid is
    in the journal.

    Args:
        space: what may be asked about.
        fidelities: the epochs that may be asked for, rising; the last is the default.
        answers: the benchmark's answers for this run's seed.
        budget: the meter's limit.
        resumable: whether trainings may be resumed.
        training: what the benchmark gives to strategies that train for themselves, if it offers ``"training"``.
        journal: events of an interrupted run; they are the answers as long as the same questions come.
        checkpoint: ``(events before it, state)`` as the interrupted run saved it last.
        on_flush: called with the events since the last call, now and then (see ``flush_seconds``).
        on_checkpoint: called with ``(events before it, state)`` when the strategy saves its state.
        on_defiance: called when a strategy asks on and on after the end of its budget.
        flush_seconds: least seconds between two calls of ``on_flush``.

    Attributes:
        space: what may be asked about.
        fidelities: the epochs that may be asked for, rising; the last is the default of :meth:`evaluate`.
        training: images for training and validation, and the prices of supernet epochs, where the benchmark offers
            ``"training"``; ``None`` elsewhere. The test images are not among them.
    """

    def __init__(
        self,
        space: Space,
        fidelities: Sequence[int],
        answers: Answers,
        budget: Budget,
        *,
        resumable: bool = False,
        training: Offer | None = None,
        journal: Sequence[Event] = (),
        checkpoint: tuple[int, bytes] | None = None,
        on_flush: Callable[[list[Event]], None] | None = None,
        on_checkpoint: Callable[[int, bytes], None] | None = None,
        on_defiance: Callable[[], None] | None = None,
        flush_seconds: float = 1.0,
    ) -> None:
        self.space = space
        self.fidelities = tuple(fidelities)
        self.training = training
        self._ask = answers.ask
        self._default = self.fidelities[-1]
        self._limit = budget.amount
        self._unit = budget.unit
        self._in_seconds = budget.unit == "seconds"
        self._resumable = resumable
        self._resumes: Callable[[int, int, int], bool] | None = getattr(answers, "resumes", None)
        self._past = tuple(journal)
        self._checkpoint = checkpoint
        self._on_flush = on_flush
        self._on_checkpoint = on_checkpoint
        self._on_defiance = on_defiance
        self._flush_seconds = flush_seconds
        self._spent = 0.0
        self._closed = False
        self._asked_after_end = 0
        self._events: list[Event] = []
        self._own: list[float] = []
        self._given: set[Evaluation] = set()
        self._flushed = len(self._past)
        self._left_at = perf_counter()
        self._flush_at = math.inf if on_flush is None else self._left_at + flush_seconds
        # One test on the fast path instead of three.
        self._plain = not self._past and not resumable

    def evaluate(self, architecture: Sequence[int], epochs: int | None = None) -> Evaluation:
        """Train an architecture from scratch and validate it. Asking twice costs twice.

        Args:
            architecture: one option number per decision.
            epochs: one of ``fidelities``; by default the last.

        Raises:
            OutOfBudget: the answer does not fit the budget; the problem is closed from here on.
            SpaceError: not an architecture of the space.
            QuestionError: a fidelity that does not exist, or (``NotMeasured``) a gap in the table.
        """
        entered = perf_counter()
        epochs = self._default if epochs is None else _whole(epochs)
        if not self._plain:
            return self._carefully(entered, architecture, epochs, epochs, 0)
        options, accuracy, cost = self._ask(architecture, epochs, epochs, 0)
        spent = self._spent + (cost if self._in_seconds else self._amount(cost, epochs, 1))
        if spent > self._limit:
            self._close()
        self._spent = spent
        evaluation = Evaluation(options, epochs, accuracy, cost, epochs)
        self._events.append(evaluation)
        self._own.append(entered - self._left_at)
        if entered >= self._flush_at:
            self._flush(entered)
        self._left_at = perf_counter()
        return evaluation

    def evaluate_many(self, architectures: Iterable[Sequence[int]], epochs: int | None = None) -> list[Evaluation]:
        """Evaluate a batch, in order. If the budget ends within it, the answers that fit still count for the run.

        Raises:
            OutOfBudget, SpaceError, QuestionError: as :meth:`evaluate`.
        """
        return [self.evaluate(architecture, epochs) for architecture in architectures]

    def resume(self, evaluation: Evaluation, epochs: int) -> Evaluation:
        """Train on from an earlier evaluation of this problem, with the same training seed, and pay the difference.

        Args:
            evaluation: as :meth:`evaluate` or :meth:`resume` returned it.
            epochs: a later one of ``fidelities``, counted from the start of the training.

        Raises:
            OutOfBudget: the answer does not fit the budget; the problem is closed from here on.
            QuestionError: not an evaluation of this problem, or a training that cannot be resumed there.
        """
        entered = perf_counter()
        epochs = _whole(epochs)
        if not self._resumable:
            raise QuestionError(
                "trainings of this benchmark cannot be resumed; evaluate from scratch (or require 'resume')"
            )
        if evaluation not in self._given:
            raise QuestionError(
                f"{evaluation!r} is no evaluation of this problem; pass on what evaluate() or resume() returned"
            )
        if epochs <= evaluation.epochs:
            raise QuestionError(f"cannot resume from {evaluation.epochs} to {epochs} epochs; expected more epochs")
        return self._carefully(entered, evaluation.architecture, epochs, evaluation.origin, evaluation.epochs)

    def can_resume(self, evaluation: Evaluation, epochs: int) -> bool:
        """Whether :meth:`resume` would train on from there; if not, evaluate from scratch. Free, and not recorded."""
        return (
            self._resumable
            and evaluation in self._given
            and epochs > evaluation.epochs
            and (self._resumes is None or self._resumes(evaluation.origin, evaluation.epochs, epochs))
        )

    def charge(self, what: str, cost: float, epochs: float, *, measured: bool = False) -> None:
        """Pay for training that is not an evaluation; the training helpers call this by themselves.

        Args:
            what: in words, e.g. ``"supernet epoch"``.
            cost: seconds of training, in the benchmark's own currency.
            epochs: how many epochs of training it counts for. Where the budget is in evaluations, a charge counts
                ``epochs`` divided by the epochs of a full evaluation.
            measured: whether the cost was read from a clock; when an interrupted run is replayed, the recorded cost
                then counts instead.

        Raises:
            OutOfBudget: it does not fit the budget; the problem is closed from here on.
            QuestionError: a negative or infinite amount.
        """
        entered = perf_counter()
        charge = Charge(str(what), float(cost), float(epochs))
        if not (
            math.isfinite(charge.cost) and charge.cost >= 0 and math.isfinite(charge.epochs) and charge.epochs >= 0
        ):
            raise QuestionError(
                f"charge of {cost} s and {epochs} epochs for {what!r}: expected finite amounts of at least 0"
            )
        self._pass_or_close()
        if measured and len(self._events) < len(self._past):
            past = self._past[len(self._events)]
            if isinstance(past, Charge):
                charge = charge._replace(cost=past.cost)
        self._recorded(Charge, *charge)
        self._book(charge, self._amount(charge.cost, charge.epochs, charge.epochs / self._default), entered)

    def recommend(self, architecture: Sequence[int]) -> None:
        """Name the answer so far. Without it, the best evaluated (by what the strategy saw) counts. Free of charge.

        Raises:
            SpaceError: not an architecture of the space.
        """
        entered = perf_counter()
        recommendation = Recommendation(self.space.check(architecture))
        self._pass_or_close()
        self._recorded(Recommendation, *recommendation)
        self._book(recommendation, 0.0, entered)

    def checkpoint(self, state: bytes) -> None:
        """Save a state from which the strategy can go on after an interruption (shortens the replay; see :meth:`restore`).

        Args:
            state: whatever the strategy needs, its generator's state included, as bytes that it can read without
                executing them.
        """
        if self._on_checkpoint is not None and len(self._events) >= len(self._past):
            self._flush(perf_counter())
            self._on_checkpoint(len(self._events), bytes(state))

    def restore(self) -> bytes | None:
        """The state saved last by the interrupted run that this one continues, or ``None``. Ask before anything else.

        What happened before that state was saved then stands as recorded and is not asked again.
        """
        if self._checkpoint is None or self._events:
            return None
        position, state = self._checkpoint
        self._checkpoint = None
        for event in self._past[:position]:
            self._spent += self._amount_of(event)
            self._events.append(event)
            self._own.append(0.0)
            if type(event) is Evaluation and self._resumable:
                self._given.add(event)
        return state

    @property
    def journal(self) -> tuple[Event, ...]:
        """Everything that happened so far, in order."""
        return tuple(self._events)

    @property
    def own_seconds(self) -> tuple[float, ...]:
        """Per event of the journal, the strategy's own seconds since the previous one (measured, not paid)."""
        return tuple(self._own)

    @property
    def asked_after_end(self) -> int:
        """How many questions came after the one that the meter refused; more than 0 makes a run invalid."""
        return self._asked_after_end

    def _amount(self, cost: float, epochs: float, evaluations: float) -> float:
        if self._in_seconds:
            return cost
        return evaluations if self._unit == "evaluations" else epochs

    def _amount_of(self, event: Event) -> float:
        return amount_of(event, self._unit, self._default)

    def _pass_or_close(self) -> None:
        if self._closed:
            self._close()

    def _close(self) -> NoReturn:
        """Refuse, and go on refusing."""
        if self._closed:
            self._asked_after_end += 1
            if self._asked_after_end >= PATIENCE and self._on_defiance is not None:
                self._on_defiance()
        self._closed = True
        self._plain = False
        raise OutOfBudget("the budget is spent")

    def _carefully(
        self, entered: float, architecture: Sequence[int], epochs: int, origin: int, paid: int
    ) -> Evaluation:
        """Answer when the problem is closed, replays a journal, or must remember what can be resumed."""
        self._pass_or_close()
        if len(self._events) < len(self._past):
            question = (Evaluation, self.space.check(architecture), epochs, origin, paid)
            evaluation = self._recorded(*question)
            assert isinstance(evaluation, Evaluation)
        else:
            options, accuracy, cost = self._ask(architecture, epochs, origin, paid)
            evaluation = Evaluation(options, epochs, accuracy, cost, origin, paid)
        self._book(evaluation, self._amount(evaluation.cost, epochs - paid, 1), entered)
        if self._resumable:
            self._given.add(evaluation)
        return evaluation

    def _recorded(self, *question: object) -> Event | None:
        """While a journal is replayed: the recorded event, if it answers this very question."""
        place = len(self._events)
        if place >= len(self._past):
            return None
        event = self._past[place]
        if not same_question(question, event):
            asked = getattr(question[0], "__name__", "event").lower()
            raise ReplayMismatch(
                f"event {place + 1} of the journal is {encode_event(event)}, but the resumed strategy asked for "
                f"{asked} {question[1:]}; it must depend on nothing but its rng and the answers"
            )
        return event

    def _book(self, event: Event, amount: float, entered: float) -> None:
        """Take the amount from the budget and write the event down, or refuse it."""
        spent = self._spent + amount
        if spent > self._limit:
            self._close()
        self._spent = spent
        self._events.append(event)
        self._own.append(entered - self._left_at)
        if entered >= self._flush_at:
            self._flush(entered)
        self._plain = not self._resumable and len(self._events) >= len(self._past)
        self._left_at = perf_counter()

    def _flush(self, now: float) -> None:
        if self._on_flush is not None and len(self._events) > self._flushed:
            self._on_flush(self._events[self._flushed :])
            self._flushed = len(self._events)
        self._flush_at = now + self._flush_seconds


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


def _whole(epochs: int) -> int:
    try:
        return operator.index(epochs)
    except TypeError:
        raise QuestionError(f"{epochs!r} epochs: expected a whole number") from None


__all__ = ["Architecture", "Problem", "amount_of"]
