"""Following runs under way by the journals that their workers write."""

from __future__ import annotations

import time
from pathlib import Path

from nasbench_suite.benchmarks import Benchmark
from nasbench_suite.errors import StoreError
from nasbench_suite.harness.runs import Run
from nasbench_suite.search.journal import Charge, Evaluation, decode_event
from nasbench_suite.search.problem import amount_of


class Followed:
    """How far one run is, as far as its journal on disk tells.

    Args:
        run: that is under way.
        benchmark: on which.

    Attributes:
        spent: of the budget, in its unit.
        evaluations: how many answers.
        best: the best accuracy that the search saw; 0 before the first.
    """

    def __init__(self, run: Run, benchmark: Benchmark) -> None:
        self.run = run
        self.spent = 0.0
        self.evaluations = 0
        self.best = 0.0
        self._full_epochs = benchmark.fidelities[-1]
        # Where the budget is the clock's, it goes on between two answers.
        self._ticking = benchmark.currency == "measured" and run.budget.unit == "seconds"
        self._looked = time.monotonic()
        self._read = 0
        self._charges = 0

    @property
    def fraction(self) -> float:
        """Of the budget that is spent."""
        return min(1.0, self._now() / self.run.budget.amount)

    def _now(self) -> float:
        since = time.monotonic() - self._looked if self._ticking and self._read else 0.0
        return min(self.spent + since, self.run.budget.amount)

    @property
    def words(self) -> str:
        """Where it is, short enough for a progress bar."""
        if not self._read:
            return f"{self.run.strategy} on {self.run.benchmark}"
        budget = self.run.budget
        unit = "s" if budget.unit == "seconds" else budget.unit
        how = f", best {self.best:.3f}" if self.evaluations else f", epoch {self._charges}"
        return f"{self._now():,.0f} of {budget.amount:,.0f} {unit}{how}: {self.run.strategy}"

    def look(self, journals: Path) -> bool:
        """Read what was written since the last look; returns whether the run has written anything yet."""
        try:
            with (journals / f"{self.run.id}.jsonl").open("rb") as file:
                file.seek(self._read)
                data = file.read()
        except OSError:  # not begun, or done and cleared away
            return self._read > 0
        whole = data[: data.rfind(b"\n") + 1]
        if whole:
            self._read, self._looked = self._read + len(whole), time.monotonic()
        for line in whole.decode(errors="replace").splitlines():
            try:
                event = decode_event(line)
            except StoreError:  # its worker will say so
                continue
            self.spent += amount_of(event, self.run.budget.unit, self._full_epochs)
            if isinstance(event, Evaluation):
                self.evaluations += 1
                self.best = max(self.best, event.accuracy)
            self._charges += isinstance(event, Charge)
        return self._read > 0
