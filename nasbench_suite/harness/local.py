"""Spreading batches of runs over workers: a small interface, and the executor for the processes of this machine."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from nasbench_suite.harness.runs import Outcome, Packed
from nasbench_suite.harness.worker import WENT_ON, Batch, execute_batch, start_worker

if TYPE_CHECKING:
    from pebble import ProcessPool

_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


MOST_POOLS = 6
"""So many plugins' workers are kept ready at once."""


@dataclass(frozen=True)
class Done:
    """What became of a batch: the results of its first runs, or the fault that ended the worker.

    Attributes:
        batch: as submitted.
        results: of the first ``len(results)`` runs; the others were not begun.
        fault: outcome and reason if the worker was lost; then nothing is known of any run of the batch.
    """

    batch: Batch
    results: list[Packed]
    fault: tuple[Outcome, str] | None = None


class Executor(Protocol):
    """Where runs are executed. Another engine needs these members and nothing else."""

    @property
    def slots(self) -> int:
        """How many batches run at once."""

    @property
    def in_flight(self) -> int:
        """How many batches were submitted and not yet collected."""

    def submit(self, batch: Batch) -> None:
        """Hand a batch over."""

    def collect(self, seconds: float) -> list[Done]:
        """Wait at most so long for at least one batch, and return those that are done."""

    def stop(self) -> None:
        """End all workers now; what is in flight is lost."""


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
        self._pools: dict[frozenset[str], ProcessPool] = {}
        self._waiting: deque[Batch] = deque()
        self._batches: dict[concurrent.futures.Future[list[Packed]], Batch] = {}
        self._environment = {name: os.environ.get(name) for name in _THREADS}

    def __enter__(self) -> LocalExecutor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def in_flight(self) -> int:
        """How many batches were submitted and not yet collected."""
        return len(self._batches) + len(self._waiting)

    def submit(self, batch: Batch) -> None:
        """Hand a batch over; its time limit counts from when a worker takes it."""
        self._waiting.append(batch)
        self._advance()

    def _advance(self) -> None:
        """Keep so many batches at work as there are slots."""
        while self._waiting and len(self._batches) < self.slots:
            self._schedule(self._waiting.popleft())

    def _schedule(self, batch: Batch) -> None:
        strangers = frozenset(key for key in batch.plugins if key not in self._trust)
        if strangers not in self._pools:
            self._make_room()
            self._pools[strangers] = self._start(strangers)
        # A batch may take as long as one of its runs; if it takes longer, its runs are tried one by one.
        future = self._pools[strangers].schedule(execute_batch, args=[batch], timeout=batch.time_limit)
        self._batches[future] = batch

    def _make_room(self) -> None:
        """End the workers of plugins that have nothing to do, once there are many."""
        busy = {frozenset(key for key in batch.plugins if key not in self._trust) for batch in self._batches.values()}
        idle = [strangers for strangers in self._pools if strangers not in busy]
        for strangers in idle[: max(0, len(self._pools) - MOST_POOLS + 1)]:
            pool = self._pools.pop(strangers)
            pool.stop()  # type: ignore[no-untyped-call]
            pool.join()

    def _start(self, strangers: frozenset[str]) -> ProcessPool:
        from pebble import ProcessPool

        os.environ.update(dict.fromkeys(_THREADS, "1"))  # read by the workers when they load their libraries
        return ProcessPool(
            max_workers=self.slots,
            initializer=start_worker,
            initargs=[
                self._plugins_dir,
                self._show_output,
                self._trust.and_keys(strangers),
                bool(strangers),
                self._command,
            ],
            context=multiprocessing.get_context("spawn"),
        )

    def collect(self, seconds: float) -> list[Done]:
        """Wait at most so long for at least one batch, and return those that are done."""
        ready, _ = concurrent.futures.wait(self._batches, seconds, concurrent.futures.FIRST_COMPLETED)
        done = [_done(self._batches.pop(future), future) for future in ready]
        self._advance()
        return done

    def stop(self) -> None:
        """End all workers now; what is in flight is lost."""
        for pool in self._pools.values():
            pool.stop()  # type: ignore[no-untyped-call]
        for pool in self._pools.values():
            pool.join()
        self._pools.clear()
        self._batches.clear()
        self._waiting.clear()
        for name, value in self._environment.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _done(batch: Batch, future: concurrent.futures.Future[list[Packed]]) -> Done:
    from pebble import ProcessExpired

    try:
        return Done(batch, future.result())
    except concurrent.futures.TimeoutError:
        return Done(batch, [], ("timeout", f"did not end within the time limit of {batch.time_limit:g} s"))
    except ProcessExpired as error:
        if error.exitcode == WENT_ON:
            return Done(batch, [], ("invalid", "caught OutOfBudget and went on asking; let it end the strategy"))
        how = (
            f"was killed by signal {-error.exitcode}" if error.exitcode < 0 else f"exited with status {error.exitcode}"
        )
        return Done(batch, [], ("died", f"its process {how}"))
    except Exception as error:  # what a worker sends back may fail to arrive in many ways
        return Done(batch, [], ("died", f"its result was lost ({type(error).__name__}: {error})"))
