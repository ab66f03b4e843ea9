"""The executor for the processes of this machine."""

from __future__ import annotations

import os
import selectors
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from nasbench_suite.harness.confinement import become_subreaper
from nasbench_suite.harness.engine import Batch, Done, Executor
from nasbench_suite.harness.supervisor import Setting, Worker

MOST_WORKERS = 6
"""So many idle workers of plugins are kept ready."""


@dataclass(frozen=True)
class Named:
    """Plugins by their names, their packages' names, or their keys."""

    names: frozenset[str]
    keys: frozenset[str] = frozenset()

    def __contains__(self, key: object) -> bool:
        package, _, name = str(key).rpartition(":")
        return key in self.keys or name in self.names or package in self.names

    def and_keys(self, keys: frozenset[str]) -> Named:
        """These and those."""
        return Named(self.names, self.keys | keys)


class LocalExecutor:
    """Worker processes on this machine, each run within its limits; a lost worker is replaced.

    Args:
        jobs: how many workers; each computes with one thread, so that runs do not slow each other down.
        plugins_dir: loose plugins that the workers load, too.
        show_output: whether what strategies print goes to stderr; otherwise it is dropped.
        trust: names of plugins or packages whose runs share the processes of the suite's own; all others get
            processes of their own, one set for each plugin, that know of no other plugin and are watched.
        command: a program that the workers know as a strategy.
    """

    def __init__(
        self,
        jobs: int,
        plugins_dir: Path | None = None,
        show_output: bool = False,
        trust: Iterable[str] = (),
        command: str | None = None,
    ) -> None:
        self.slots = jobs
        self._command = command
        self._trust = Named(frozenset(trust))
        self._plugins_dir = plugins_dir
        self._show_output = show_output
        self._waiting: deque[Batch] = deque()
        self._idle: list[Worker] = []
        self._busy: list[Worker] = []

    def __enter__(self) -> LocalExecutor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def in_flight(self) -> int:
        """How many batches were submitted and not yet collected."""
        return len(self._busy) + len(self._waiting)

    def submit(self, batch: Batch) -> None:
        """Hand a batch over; its time limit counts from when a worker takes it."""
        self._waiting.append(batch)
        self._advance()

    def _advance(self) -> None:
        """Keep so many batches at work as there are slots."""
        while self._waiting and len(self._busy) < self.slots:
            batch = self._waiting.popleft()
            setting = self._setting(batch)
            fitting = [worker for worker in self._idle if worker.setting == setting]
            if fitting:
                self._idle.remove(fitting[0])
            worker = fitting[0] if fitting else self._start(setting)
            worker.give(batch)
            self._busy.append(worker)

    def _setting(self, batch: Batch) -> Setting:
        strangers = frozenset(key for key in batch.plugins if key not in self._trust)
        isolated = bool(strangers) and hasattr(os, "fork")
        only = batch.plugins if isolated else strangers
        home = batch.home if isolated else ""
        return Setting(self._plugins_dir, self._show_output, only, self._trust.names, isolated, home, self._command)

    def _start(self, setting: Setting) -> Worker:
        become_subreaper()
        while len(self._idle) + len(self._busy) >= MOST_WORKERS + self.slots and self._idle:
            self._idle.pop(0).end()
        return Worker(setting)

    def collect(self, seconds: float) -> list[Done]:
        """Wait at most so long for at least one batch, and return those that are done."""
        until = time.monotonic() + seconds
        done: list[Done] = []
        while self._busy and not done:
            now = time.monotonic()
            ends = min(worker.deadline for worker in self._busy)
            with selectors.DefaultSelector() as selector:
                for worker in self._busy:
                    selector.register(worker, selectors.EVENT_READ)
                ready = [key.fileobj for key, _ in selector.select(max(0.0, min(until, ends) - now))]
            for worker in list(self._busy):
                if (worker in ready and worker.hear()) or worker.late():
                    self._busy.remove(worker)
                    done += self._finished(worker)
            if time.monotonic() >= until:
                break
        self._advance()
        return done

    def _finished(self, worker: Worker) -> list[Done]:
        batch, results = worker.batch, worker.results
        assert batch is not None
        if worker.fault is None:
            worker.batch = None
            self._idle.append(worker)
            return [Done(batch, results)]
        if results:
            return [Done(batch, results)]
        if worker.fresh or worker.setting.isolated or len(batch.runs) > 1:
            return [Done(batch, [], worker.fault)]
        # Another run may have left behind what ended the worker; in a fresh one it shows whether it was this one.
        fresh = Worker(worker.setting)
        fresh.give(batch)
        self._busy.append(fresh)
        return []

    def stop(self) -> None:
        """End all workers now; what is in flight is lost."""
        for worker in [*self._busy, *self._idle]:
            worker.end()
        self._busy.clear()
        self._idle.clear()
        self._waiting.clear()
        become_subreaper(False)


__all__ = ["Executor", "LocalExecutor", "Named"]
