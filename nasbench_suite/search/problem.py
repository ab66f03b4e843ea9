"""A strategy's whole world: a space, and answers that cost something."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING

from nasbench_suite.errors import QuestionError
from nasbench_suite.search.answers import Answer, Answers, More
from nasbench_suite.search.budget import Budget
from nasbench_suite.search.journal import Charge, Evaluation, Event, Recommendation
from nasbench_suite.search.meter import NOTHING, PATIENCE, Meter, amount_of, check_cost
from nasbench_suite.search.record import Record
from nasbench_suite.search.statement import optional_answers
from nasbench_suite.search.workshop import Workshop, stated_price
from nasbench_suite.spaces import Architecture, Space

if TYPE_CHECKING:
    from nasbench_suite.tasks.task import Offer

_INFINITE = math.inf
_new = tuple.__new__


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
        on_flush: called with the events since the last call, now and then (see ``flush_seconds``).
        on_defiance: called when a strategy asks on and on after the end of its budget.
        flush_seconds: least seconds between two calls of ``on_flush``.

    Attributes:
        space: what may be asked about.
        fidelities: the epochs that may be asked for, rising; the last is the default of :meth:`evaluate`.
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
        on_flush: Callable[[list[Event]], None] | None = None,
        on_defiance: Callable[[], None] | None = None,
        flush_seconds: float = 1.0,
    ) -> None:
        optional = optional_answers(answers)
        self.space = space
        self.fidelities = tuple(fidelities)
        self._offer = training
        self._default = self.fidelities[-1]
        self._meter = Meter(budget, self._default, on_defiance)
        self._in_seconds = self._meter.in_seconds
        self._record = Record(journal, on_flush, flush_seconds)
        self._live = answers.ask, optional.more
        # While a journal is replayed, it answers instead of the benchmark.
        self._ask: Callable[[Sequence[int], int, int, int], Answer] = self._replay if journal else answers.ask
        self._more: More | None = optional.more
        self._resumable = resumable
        self._resumes = optional.resumes
        self._given: set[Evaluation] = set()
        self._unmetered = False

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
        return self._trained(entered, architecture, epochs, epochs, 0)

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
        return self._trained(entered, evaluation.architecture, epochs, evaluation.origin, evaluation.epochs)

    def can_resume(self, evaluation: Evaluation, epochs: int) -> bool:
        """Whether :meth:`resume` would train on from there; if not, evaluate from scratch. Free, and not recorded."""
        return (
            self._resumable
            and evaluation in self._given
            and epochs > evaluation.epochs
            and (self._resumes is None or self._resumes(evaluation.origin, evaluation.epochs, epochs))
        )

    def workshop(self) -> Workshop:
        """Train for oneself: batches come out only of epochs that are paid (see :class:`Workshop`).

        Raises:
            QuestionError: the benchmark does not offer ``"training"``.
        """
        if self._offer is None:
            raise QuestionError("nothing can be trained on this benchmark; require 'training' in @strategy")
        return Workshop(self._offer, self.pay_for_epoch, self.would_fit)

    @property
    def training(self) -> Offer | None:
        """API version 1: all images for training and validation at once, where the benchmark offers ``"training"``.

        Whoever takes them trains past the meter, so the run is marked (see :attr:`unmetered`); use :meth:`workshop`.
        """
        self._unmetered = self._unmetered or self._offer is not None
        return self._offer

    def charge(self, what: str, cost: float, epochs: float, *, measured: bool = False) -> None:
        """API version 1: pay what one says oneself; the run is marked (see :attr:`unmetered`). Use :meth:`workshop`.

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
        self._unmetered = True
        self._charge(Charge(str(what), float(cost), float(epochs)), measured)

    def recommend(self, architecture: Sequence[int]) -> None:
        """Name the answer so far. Without it, the best evaluated (by what the strategy saw) counts. Free of charge.

        Raises:
            SpaceError: not an architecture of the space.
        """
        entered = perf_counter()
        self._book(Recommendation(self.space.check(architecture)), entered)

    def checkpoint(self, state: bytes) -> None:
        """API version 1: does nothing. An interrupted run is replayed from its journal and trains nothing again."""

    def restore(self) -> bytes | None:
        """API version 1: there never is a saved state (see :meth:`checkpoint`)."""
        return None

    @property
    def journal(self) -> tuple[Event, ...]:
        """Everything that happened so far, in order."""
        return tuple(self._record.events)

    @property
    def own_seconds(self) -> tuple[float, ...]:
        """Per event of the journal, the strategy's own seconds since the previous one (measured, not paid)."""
        return tuple(self._record.own_seconds)

    @property
    def asked_after_end(self) -> int:
        """How many questions came after the one that the meter refused; more than 0 makes a run invalid."""
        return self._meter.asked_after_end

    @property
    def unmetered(self) -> bool:
        """Whether the strategy took all images at once or named prices itself, so that its budget is its own word."""
        return self._unmetered

    def _trained(self, entered: float, architecture: Sequence[int], epochs: int, origin: int, paid: int) -> Evaluation:
        """Ask, pay, write down: the only way from a question to an evaluation."""
        meter = self._meter
        if meter.closed:
            meter.refuse_if_closed()
        options, accuracy, cost = self._ask(architecture, epochs, origin, paid)
        if not 0.0 <= cost < _INFINITE:
            check_cost(cost, f"the benchmark's answer for {options} at {epochs} epochs")
        more = () if self._more is None else self._more(options, epochs, origin, paid)
        # What Evaluation(...) does; written out because look-ups in a table are asked for by the million.
        evaluation = _new(Evaluation, (options, epochs, accuracy, cost, origin, paid, more))
        if self._in_seconds and cost >= NOTHING:
            spent = meter.spent + cost
            if spent > meter.limit:
                meter.close()
            meter.spent = spent
        else:
            meter.pay(evaluation)
        self._record.write(evaluation, entered)
        if self._resumable:
            self._given.add(evaluation)
        return evaluation

    def _replay(self, architecture: Sequence[int], epochs: int, origin: int, paid: int) -> Answer:
        """The recorded answer, as long as there are any."""
        if not self._record.replaying:
            self._ask, self._more = self._live
            return self._ask(architecture, epochs, origin, paid)
        event = self._record.recorded(Evaluation, self.space.check(architecture), epochs, origin, paid)
        assert isinstance(event, Evaluation)
        self._more = (lambda *question: event.more) if event.more else None
        return event.architecture, event.accuracy, event.cost

    def _book(self, event: Charge | Recommendation, entered: float) -> None:
        """Pay for an event that nobody answers, and write it down."""
        self._meter.refuse_if_closed()
        if self._record.replaying:
            self._record.recorded(type(event), *event)
        self._meter.pay(event)
        self._record.write(event, entered)

    def _charge(self, charge: Charge, measured: bool) -> None:
        entered = perf_counter()
        finite = math.isfinite(charge.cost) and math.isfinite(charge.epochs)
        if not (finite and charge.cost >= 0 and charge.epochs >= 0):
            raise QuestionError(
                f"charge of {charge.cost} s and {charge.epochs} epochs for {charge.what!r}: expected finite amounts of "
                "at least 0"
            )
        recorded = self._record.recorded_cost() if measured else None
        self._book(charge if recorded is None else charge._replace(cost=recorded), entered)

    def pay_for_epoch(self, kind: str, what: str, seconds: float) -> None:
        """Pay for one epoch of the workshop: the stated price of its kind, or the seconds where there is none."""
        price = None if self._offer is None else stated_price(self._offer.supernet_seconds, kind)
        self._charge(Charge(what, seconds if price is None else price, 1.0), price is None)

    def would_fit(self, seconds: float) -> bool:
        """Whether so many seconds on top of what was spent fit the budget."""
        return not self._in_seconds or self._meter.spent + seconds <= self._meter.limit


def _whole(epochs: int) -> int:
    try:
        return operator.index(epochs)
    except TypeError:
        raise QuestionError(f"{epochs!r} epochs: expected a whole number") from None


__all__ = ["PATIENCE", "Architecture", "Problem", "amount_of"]
