"""Doing what is left of a plan: claim, execute, store, until every run has an outcome."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Container, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from nasbench_suite.errors import StoreError, UsageError
from nasbench_suite.harness.audit import audit
from nasbench_suite.harness.engine import Batch, Done, Executor
from nasbench_suite.harness.follow import Followed
from nasbench_suite.harness.plan import Plan
from nasbench_suite.harness.runs import MACHINE, Packed, Result, Run
from nasbench_suite.harness.store import HEARTBEAT_SECONDS, Store

BATCH_RUNS = 16
KILLED = (f"signal {int(signal.SIGKILL)}", f"signal {int(signal.SIGTERM)}")
"""How the reason of a run ends whose process somebody killed, the system for want of memory perhaps."""

GIVE_UP_AFTER = 3
"""So many runs of a pair that time out, die or eat memory, and none that finishes, and the rest of it is not tried."""

Report = Callable[[float, int, str], None]
"""``report(done, total, what)``: called when it may have changed; a run under way counts by the budget it has spent."""


@dataclass
class Summary:
    """What a call of :func:`run_plan` did.

    Attributes:
        total: runs of the plan.
        before: had an outcome already.
        outcomes: outcome -> how many of the runs done now, by this process or by another one at work on the store.
        not_tried: runs of pairs that were given up.
        unfinished_before: of those that had an outcome already, how many did not finish.
        machine: why runs have no outcome -> how many: the machine failed, not they; the next call does them again.
    """

    total: int
    before: int
    outcomes: Counter[str] = field(default_factory=Counter)
    not_tried: int = 0
    unfinished_before: int = 0
    machine: Counter[str] = field(default_factory=Counter)

    @property
    def unfinished(self) -> int:
        """Runs of the plan that did not finish, now or before."""
        now = self.outcomes.total() - self.outcomes["finished"]
        return self.unfinished_before + now + self.not_tried + self.machine.total()


def run_plan(
    plan: Plan,
    store: Store,
    executor: Executor,
    *,
    retry_failed: bool = False,
    report: Report = lambda done, total, what: None,
    curves: Path | None = None,
) -> Summary:
    """Do every run of a plan that has no outcome in the store yet.

    Several processes may do this on one store at once: they share the runs. Interrupted at any moment, nothing that
    was stored is lost, and the next call goes on from there.

    Args:
        plan: what to do.
        store: where results go.
        executor: where runs are executed.
        retry_failed: whether runs that did not finish are done again.
        report: is told of the progress.
        curves: directory for the curves of live trainings; ``None`` writes none.

    Raises:
        StoreError: the store cannot be written; what it holds stays.
        UsageError: this process is being started as a worker, by a script without a ``__main__`` guard.
    """
    refuse_in_a_starting_worker()
    runs = plan.all_runs
    known = store.outcomes(run.id for run in runs)
    if retry_failed:
        store.forget(run for run, outcome in known.items() if outcome != "finished")
        known = {run: outcome for run, outcome in known.items() if outcome == "finished"}
    return _Work(plan, store, executor, report, known, curves.absolute() if curves else None).do()


def refuse_in_a_starting_worker() -> None:
    """Stop a script that would wait for itself: imported anew by its own workers, it must not start a comparison.

    Raises:
        UsageError: with what to write.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise UsageError(
            "this script runs a comparison whenever it is imported, and its workers import it; put what it does under "
            "if __name__ == '__main__':"
        )


class _Work:
    """The state of one call of :func:`run_plan`."""

    def __init__(
        self,
        plan: Plan,
        store: Store,
        executor: Executor,
        report: Report,
        known: dict[str, str],
        curves: Path | None,
    ) -> None:
        self.plan, self.store, self.executor, self.report, self.curves = plan, store, executor, report, curves
        self.followed: dict[str, Followed] = {}
        self.pair_of = {run.id: pair for pair, runs in plan.runs.items() for run in runs}
        self.waiting = deque(_batches(plan, known))
        self.elsewhere: dict[str, Run] = {}
        self.hard_faults: Counter[tuple[str, str]] = Counter()
        self.finished: set[tuple[str, str]] = set()
        failed = sum(outcome != "finished" for outcome in known.values())
        self.summary = Summary(len(plan.all_runs), len(known), unfinished_before=failed)
        self.killed: set[str] = set()
        self.renew_at = time.monotonic() + HEARTBEAT_SECONDS

    @property
    def done(self) -> int:
        now = self.summary.outcomes.total() + self.summary.machine.total()
        return self.summary.before + now + self.summary.not_tried

    def do(self) -> Summary:
        try:
            self.report(self.done, self.summary.total, "")
            while self.waiting or self.executor.in_flight or self.elsewhere:
                self._submit()
                if self.executor.in_flight:
                    collected = self.executor.collect(1.0)
                    for done in collected:
                        self._take(done)
                    if not collected:
                        self._follow()
                else:
                    self._look_elsewhere()
                if time.monotonic() > self.renew_at:
                    self.store.renew()
                    self.renew_at = time.monotonic() + HEARTBEAT_SECONDS
        finally:
            self.executor.stop()
            with suppress(StoreError):  # a store that cannot be written says so above; its claims end with this process
                self.store.release()
        return self.summary

    def _submit(self) -> None:
        """Keep every worker busy and one batch ready behind it."""
        limits = self.plan.comparison
        while self.waiting and self.executor.in_flight < 2 * self.executor.slots:
            runs = self.waiting.popleft()
            pair = self.pair_of[runs[0].id]
            if self.hard_faults[pair] >= GIVE_UP_AFTER and pair not in self.finished:
                self.summary.not_tried += len(runs)
                continue
            claimed = set(self.store.claim([run.id for run in runs]))
            self.elsewhere.update({run.id: run for run in runs if run.id not in claimed})
            mine = tuple(run for run in runs if run.id in claimed)
            if mine:
                plugins = self.plan.plugins(pair)
                self.executor.submit(
                    Batch(
                        mine,
                        self.store.journals,
                        limits.memory_limit,
                        limits.time_limit,
                        plugins,
                        self.curves,
                        self.plan.homes.get(mine[0].benchmark, ""),
                    )
                )
                self.followed.update((run.id, Followed(run, self.plan.benchmarks[run.benchmark])) for run in mine)

    def _follow(self) -> None:
        """Report how far the runs under way are."""
        journals = self.store.journals
        moving = [followed for followed in self.followed.values() if followed.look(journals)]
        shown = moving or list(self.followed.values())
        if shown:
            self.report(self.done + sum(one.fraction for one in moving), self.summary.total, shown[0].words)

    def _take(self, done: Done) -> None:
        """Store what a worker brought; put the rest of the batch back in front."""
        runs = done.batch.runs
        results, rest = done.results, runs[len(done.results) :]
        if done.batch.plugins:
            results = [self._audited(packed, run) for packed, run in zip(results, runs, strict=False)]
        if done.fault is not None and len(runs) == 1:
            if self._again(runs[0], *done.fault):
                self.waiting.appendleft(runs)
                return
            results, rest = [Result(runs[0], *done.fault).packed()], ()
        elif done.fault is not None:
            # One of them did it; alone, each shows for itself.
            self.waiting.extendleft((run,) for run in reversed(runs))
            return
        if rest:
            self.waiting.appendleft(rest)
        for run in runs:
            self.followed.pop(run.id, None)
        self.store.put(packed for packed in results if packed.outcome != MACHINE)
        for packed, run in zip(results, runs, strict=False):
            if packed.outcome == MACHINE:
                self.summary.machine[packed.reason] += 1
                continue
            self.summary.outcomes[packed.outcome] += 1
            if packed.outcome == "finished":
                self.finished.add(self.pair_of[run.id])
            elif packed.outcome in ("timeout", "memory", "died"):
                self.hard_faults[self.pair_of[run.id]] += 1
        self.report(self.done, self.summary.total, f"{runs[0].strategy} on {runs[0].benchmark}")

    def _again(self, run: Run, outcome: str, reason: str) -> bool:
        """Whether a run whose process was killed from outside is tried once more: out of memory, or by somebody."""
        if outcome != "died" or not reason.endswith(KILLED) or run.id in self.killed:
            return False
        self.killed.add(run.id)
        return True

    def _audited(self, packed: Packed, run: Run) -> Packed:
        """A stranger's result, checked outside of the process that it comes from."""
        benchmark = self.plan.benchmarks[run.benchmark]
        if packed.outcome != "finished" or benchmark.currency != "simulated":
            return packed
        try:
            if packed.id != run.id:
                raise StoreError("the worker sent the result of another run")
            answers, full = benchmark.answers(run.seed), benchmark.fidelities[-1]
            wrong = audit(packed.unpacked().journal, answers, run.budget, full)
        except StoreError as error:
            wrong = str(error)
        return packed._replace(id=run.id, recipe=run.recipe, outcome="invalid", reason=wrong) if wrong else packed

    def _look_elsewhere(self) -> None:
        """Wait for runs that another process has claimed; take over those that it left behind."""
        time.sleep(0.2)
        outcomes = self.store.outcomes(self.elsewhere)
        for run, outcome in outcomes.items():
            del self.elsewhere[run]
            self.summary.outcomes[outcome] += 1
        self.report(self.done, self.summary.total, "waiting for another process")
        for run in self.store.claim(list(self.elsewhere)):
            self.waiting.append((self.elsewhere.pop(run),))


def _batches(plan: Plan, known: Container[str]) -> Iterator[tuple[Run, ...]]:
    """What is left, in batches: the first of every pair, then the second of every pair, …

    So faults show early, and an estimate of the remaining time settles soon.
    """
    seen: set[str] = set()
    queues = []
    for runs in plan.runs.values():
        left = [run for run in runs if run.id not in known and run.id not in seen]
        seen.update(run.id for run in left)
        queues.append([tuple(left[start : start + BATCH_RUNS]) for start in range(0, len(left), BATCH_RUNS)])
    for place in range(max(map(len, queues), default=0)):
        yield from (queue[place] for queue in queues if place < len(queue))
