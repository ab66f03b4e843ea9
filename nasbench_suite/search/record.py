"""The record of a run under way: its events, the strategy's own time between them, and the replay of an earlier try."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from time import perf_counter

from nasbench_suite.errors import ReplayMismatch
from nasbench_suite.search.journal import Charge, Event, encode_event, same_question


class Record:
    """Writes events down, hands them on now and then, and answers from an interrupted run's journal first.

    Args:
        past: the events of the interrupted run; they are the answers as long as the same questions come.
        on_flush: called with the events since the last call.
        flush_seconds: least seconds between two calls.

    Attributes:
        events: everything that happened so far, in order.
        own_seconds: per event, the strategy's own seconds since the previous one.
        left_at: when the strategy got its last answer.
        flush_at: from when on the next event is handed on.
    """

    __slots__ = ("_flush_seconds", "_flushed", "_on_flush", "_past", "events", "flush_at", "left_at", "own_seconds")

    def __init__(
        self, past: Sequence[Event], on_flush: Callable[[list[Event]], None] | None, flush_seconds: float
    ) -> None:
        self.events: list[Event] = []
        self.own_seconds: list[float] = []
        self.left_at = perf_counter()
        self.flush_at = math.inf if on_flush is None else self.left_at + flush_seconds
        self._past = tuple(past)
        self._flushed = len(self._past)
        self._on_flush = on_flush
        self._flush_seconds = flush_seconds

    @property
    def replaying(self) -> bool:
        """Whether the next event is one of the interrupted run."""
        return len(self.events) < len(self._past)

    def recorded(self, *question: object) -> Event:
        """While replaying: the recorded event, if it answers this very question.

        Raises:
            ReplayMismatch: it answers another one.
        """
        event = self._past[len(self.events)]
        if not same_question(question, event):
            asked = getattr(question[0], "__name__", "event").lower()
            raise ReplayMismatch(
                f"event {len(self.events) + 1} of the journal is {encode_event(event)}, but the resumed strategy asked "
                f"for {asked} {question[1:]}; it must depend on nothing but its rng and the answers"
            )
        return event

    def recorded_cost(self) -> float | None:
        """While replaying: the cost of the next event if it is a charge. What a clock said then counts again."""
        event = self._past[len(self.events)] if self.replaying else None
        return event.cost if isinstance(event, Charge) else None

    def write(self, event: Event, entered: float) -> None:
        """Write an event down whose question came at ``entered``."""
        self.events.append(event)
        self.own_seconds.append(entered - self.left_at)
        if entered >= self.flush_at:
            self._flush(entered)
        self.left_at = perf_counter()

    def _flush(self, now: float) -> None:
        if self._on_flush is not None and len(self.events) > self._flushed:
            self._on_flush(self.events[self._flushed :])
            self._flushed = len(self.events)
        self.flush_at = now + self._flush_seconds
