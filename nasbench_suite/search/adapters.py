"""Fitting other libraries' optimizers to a problem: those that are asked and told, and those that call a function."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue

from nasbench_suite.search.journal import Evaluation
from nasbench_suite.search.problem import Problem

Objective = Callable[[Sequence[int]], float]
"""``objective(architecture) -> loss``: one minus the validation accuracy after the full training."""

REFUSALS = 3
"""So often a library may swallow the end of the budget and ask on; then its thread is put to sleep for good."""

LEAVE_SECONDS = 5.0
"""So long a library may take to come to an end after the budget has."""


def ask_and_tell(
    problem: Problem, ask: Callable[[], Sequence[int] | None], tell: Callable[[Evaluation], object]
) -> None:
    """Evaluate what an optimizer proposes, until the budget ends or it proposes nothing more.

    Args:
        problem: the search.
        ask: the next architecture, one option number per decision; ``None`` ends the search.
        tell: takes the answer; most libraries minimize, so tell them ``1 - evaluation.accuracy``.

    Raises:
        OutOfBudget: as ever, through the strategy.
    """
    while (architecture := ask()) is not None:
        tell(problem.evaluate(architecture))


def minimize(problem: Problem, run: Callable[[Objective], object]) -> None:
    """Let a library that owns the loop minimize: it calls the objective, and is left behind when the budget ends.

    The library runs in a thread of its own while this thread waits and answers, so one that catches every exception,
    or cannot be stopped from within its objective, needs no special care: after the end of the budget its questions
    stay unanswered. Exactly one of the two threads runs at any time, so the search is as deterministic as the
    library. For a library that can be asked and told, :func:`ask_and_tell` is cheaper.

    Args:
        problem: the search.
        run: ``run(objective)`` calls the library; what it raises is raised here.

    Raises:
        OutOfBudget: as ever, through the strategy.
    """
    exchange = _Exchange(run)
    answer: float | None = None
    try:
        while (architecture := exchange.question(answer)) is not None:
            answer = 1.0 - problem.evaluate(architecture).accuracy
    finally:
        exchange.leave()


class _Left(BaseException):
    """Raised out of the objective of a library that is left behind."""


class _Exchange:
    """A library in a thread of its own that speaks through two queues."""

    def __init__(self, run: Callable[[Objective], object]) -> None:
        self._run = run
        self._questions: SimpleQueue[tuple[str, object]] = SimpleQueue()
        self._answers: SimpleQueue[float | None] = SimpleQueue()
        self._left = False
        self._refused = 0
        self._thread = threading.Thread(target=self._work, name="nasbench-minimize", daemon=True)
        self._thread.start()

    def question(self, answer: float | None) -> Sequence[int] | None:
        """Give the answer to the last question and wait for the next; ``None`` when the library has returned."""
        if answer is not None:
            self._answers.put(answer)
        kind, what = self._questions.get()
        if isinstance(what, BaseException):
            raise what
        return None if kind == "returned" else what  # type: ignore[return-value]

    def leave(self) -> None:
        """Answer no more: the library gets an exception instead, and a library that goes on gets nothing at all."""
        self._left = True
        self._answers.put(None)
        self._thread.join(LEAVE_SECONDS)

    def _work(self) -> None:
        try:
            self._run(self._objective)
        except BaseException as error:
            self._questions.put(("raised", error))
        else:
            self._questions.put(("returned", None))

    def _objective(self, architecture: Sequence[int]) -> float:
        if not self._left:
            self._questions.put(("asked", architecture))
            answer = self._answers.get()
            if answer is not None:
                return answer
        self._refused += 1
        if self._refused > REFUSALS:
            threading.Event().wait()
        raise _Left("the budget is spent")


__all__ = ["Objective", "ask_and_tell", "minimize"]
