"""Progress on stderr: a bar with an estimate in a terminal, a plain line now and then anywhere else."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

PLAIN_SECONDS = 5.0


class Progress:
    """Shows how many runs are done; use it as a context and pass :meth:`report` to the runner."""

    def __init__(self) -> None:
        self._bar: Bar | None = None
        self._started = time.monotonic()
        self._first: float | None = None
        self._next_line = self._started + PLAIN_SECONDS

    def __enter__(self) -> Progress:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns = (
                BarColumn(bar_width=20),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.description}"),
            )
            self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._bar.add_task("starting", total=None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def report(self, done: float, total: int, what: str) -> None:
        """Take note of the progress (the runner's ``Report``)."""
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done, total=total, description=what[:38])
            return
        now = time.monotonic()
        if self._first is None:
            self._first = done
        if now >= self._next_line and done < total:
            self._next_line = now + PLAIN_SECONDS
            rate = (done - self._first) / (now - self._started)
            left = f", about {(total - done) / rate:,.0f} s left" if rate > 0 else ""
            print(f"{int(done)} of {total} runs done{left} ({what})", file=sys.stderr, flush=True)
