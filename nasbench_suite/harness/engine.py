"""What an engine is: something that takes batches of runs and brings their results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from nasbench_suite.harness.runs import Outcome, Packed, Run


@dataclass(frozen=True)
class Batch:
    """Runs for one worker, to be done one after another.

    Attributes:
        runs: at least one.
        journals: directory for the journals of runs under way; ``None`` keeps none.
        memory_limit: MiB that a run may allocate on top of what its process has.
        time_limit: seconds of wall clock for each run (kept by the executor).
        plugins: keys of the plugins that they need besides those that come with the suite.
        curves: directory for the curves of live trainings; ``None`` writes none.
        home: key of the plugin that their benchmark comes from; empty if it comes with the suite.
    """

    runs: tuple[Run, ...]
    journals: Path | None
    memory_limit: int
    time_limit: float
    plugins: frozenset[str] = frozenset()
    curves: Path | None = None
    home: str = ""


@dataclass(frozen=True)
class Done:
    """What became of a batch.

    Attributes:
        batch: as submitted.
        results: of its first runs, each checked against the run that it is of; the others were not begun. A worker
            that was lost is the outcome of the run that it was at.
        fault: outcome and reason if nothing is known of any run of the batch.
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
