"""Executing one run in this process, and telling what came of it."""

from __future__ import annotations

import gc
import os
import random
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path

import numpy as np

from nasbench_suite.benchmarks import Benchmark, training_of
from nasbench_suite.errors import OutOfBudget, StoreError, SuiteError
from nasbench_suite.harness.audit import audit, unpaid_recommendation
from nasbench_suite.harness.runs import MACHINE, Outcome, Result, Run, is_machine_failure
from nasbench_suite.plugins import Offered, Registry
from nasbench_suite.search.checking import answers_of
from nasbench_suite.search.journal import Charge, Evaluation, Event, decode_event, encode_event, encode_journal
from nasbench_suite.search.problem import Problem

WENT_ON = "caught OutOfBudget and went on asking; let it end the strategy"
WENT_ON_STATUS = 117
"""Exit status of a worker whose strategy would not stop asking after the end of its budget."""

BATCH_SECONDS = 0.5
"""A batch that has taken this long hands the rest of its runs back."""

AGAIN_SECONDS = 0.05
"""Runs up to this length are done again where it must be told whether they depend on more than their seed."""

OWN_FACTOR = 1.0
"""A run whose own seconds exceed what it paid by this factor is marked."""

OWN_LEAST = 5.0
"""Seconds of its own that are nobody's concern."""

_benchmarks: dict[str, Benchmark] = {}
_broken_journals: set[Path] = set()


def execute(
    run: Run,
    registry: Registry,
    journals: Path | None = None,
    memory_limit: int | None = None,
    curves: Path | None = None,
) -> Result:
    """Do one run in this process and judge it.

    Args:
        run: what to do.
        registry: where strategy and benchmark come from.
        journals: where to keep the journal while the run is under way; ``None`` keeps none.
        memory_limit: MiB that the run may allocate on top of what the process has; ``None`` sets none.
        curves: directory for the curves of live trainings; ``None`` writes none.
    """
    try:
        offered = registry.strategy(run.strategy)
        benchmark = opened(run.benchmark, registry)
    except SuiteError as error:
        return Result(run, "failed", why_missing(error, registry))
    if (offered.version, benchmark.identity) != (run.version, run.identity):
        return Result(run, "failed", CHANGED)
    path = journal_of(run, journals)
    past = [] if path is None else read_journal(path)
    problem = problem_of(run, benchmark, past, path, partial(os._exit, WENT_ON_STATUS) if path is not None else None)
    before = seed_global_generators(run.id)
    wall, cpu = time.perf_counter(), time.process_time()
    with curves_of(run, curves), limited_memory(memory_limit):
        outcome, reason = searched(offered, problem, run, memory_limit)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if outcome == "finished":
        used = [name for name, old, new in zip(GENERATORS, before, global_generators(), strict=True) if old != new]
        reason = broken_rule(problem, run)
        if not reason and used and wall <= AGAIN_SECONDS and not _same_again(run, offered, benchmark, problem):
            reason = f"depends on the global generator of {' and '.join(used)}; draw everything from rng"
        if not reason and benchmark.currency == "simulated":
            reason = audit(problem.journal, benchmark.answers(run.seed), run.budget, benchmark.fidelities[-1])
        outcome = "invalid" if reason else "finished"
    marks = marks_of(problem.journal, problem.own_seconds)
    return Result(run, outcome, reason, problem.journal, problem.own_seconds, wall, cpu, marks)


CHANGED = "the strategy or the benchmark was changed while the comparison ran; run it again"
GENERATORS = ("random", "numpy.random")


def problem_of(
    run: Run,
    benchmark: Benchmark,
    past: Sequence[Event] = (),
    path: Path | None = None,
    on_defiance: Callable[[], None] | None = None,
) -> Problem:
    """The problem of a run.

    Args:
        run: whose budget and seed count.
        benchmark: that answers.
        past: events of an interrupted run.
        path: where the journal is kept while the run is under way; ``None`` keeps none.
        on_defiance: see :class:`~nasbench_suite.search.problem.Problem`.
    """
    return Problem(
        benchmark.space,
        benchmark.fidelities,
        answers_of(benchmark, run.seed),
        run.budget,
        resumable="resume" in benchmark.capabilities,
        training=training_of(benchmark),
        journal=past,
        on_flush=None if path is None else partial(append_journal, path),
        on_defiance=on_defiance,
    )


def searched(offered: Offered, problem: Problem, run: Run, memory_limit: int | None) -> tuple[Outcome, str]:
    """Let a strategy search, whatever it raises; outcome and reason."""
    try:
        offered.strategy.run(problem, np.random.default_rng(run.seed), **run.parameters)
    except OutOfBudget:
        pass
    except MemoryError:
        wanted = f"needed more than {memory_limit} MiB of memory" if memory_limit else "out of memory"
        return "memory", wanted
    except BaseException as error:  # a strategy may raise anything, SystemExit and KeyboardInterrupt included
        return MACHINE if is_machine_failure(error) else "failed", explained(error)
    return "finished", ""


def _same_again(run: Run, offered: Offered, benchmark: Benchmark, problem: Problem) -> bool:
    """Whether a run asks the same questions when the global generators begin elsewhere; answers come from its journal."""
    again = problem_of(run, benchmark, problem.journal)
    seed_global_generators(run.id[::-1])
    searched(offered, again, run, None)
    return encode_journal(again.journal) == encode_journal(problem.journal)


def why_missing(error: SuiteError, registry: Registry) -> str:
    """Why a strategy or benchmark is not there: what is wrong with its plugin, where something is."""
    return "; ".join([str(error), *registry.problems])


def journal_of(run: Run, journals: Path | None) -> Path | None:
    """Where the journal of a run is kept while it is under way."""
    return None if journals is None else journals / f"{run.id}.jsonl"


def marks_of(journal: Sequence[Event], own_seconds: Sequence[float]) -> tuple[str, ...]:
    """What a search shows by its own seconds: more of them than it paid for, in words.

    Args:
        journal: of the run.
        own_seconds: before each event; those before a charge are the training that it pays.
    """
    own = sum(seconds for event, seconds in zip(journal, own_seconds, strict=True) if not isinstance(event, Charge))
    paid = sum(event.cost for event in journal if isinstance(event, (Charge, Evaluation)))
    if own <= max(OWN_FACTOR * paid, OWN_LEAST):
        return ()
    return (f"computed {own:.0f} s of its own and paid {paid:.0f} s",)


def curves_of(run: Run, directory: Path | None) -> AbstractContextManager[object]:
    """Where the curves of a run go; a run that goes on after an interruption goes on in its file."""
    if directory is None:
        return nullcontext()
    from nasbench_suite.training.log import written_to

    name = f"{run.strategy}-{run.benchmark.replace('/', '-')}-{run.seed}-{run.id[:8]}.jsonl"
    return written_to(directory / name)


def opened(name: str, registry: Registry) -> Benchmark:
    """The benchmark, opened once in this process."""
    if name not in _benchmarks:
        _benchmarks[name] = registry.benchmark(name)
        gc.collect()
        gc.freeze()  # a table's numbers live as long as the worker; do not look at them again and again
    return _benchmarks[name]


def broken_rule(problem: Problem, run: Run) -> str:
    """Which rule of the meter a finished search broke, in one line; empty if none."""
    if problem.asked_after_end:
        return WENT_ON
    return unpaid_recommendation(problem.journal) if run.recommend == "evaluated" else ""


def seed_global_generators(text: str) -> tuple[object, object]:
    """Put the global generators into a state that follows from a text of hexadecimal digits; returns their states."""
    random.seed(text)
    np.random.seed(int(text[:8], 16))
    return global_generators()


def global_generators() -> tuple[object, object]:
    """The states of the global generators, to be compared."""
    kind, keys, position, *rest = np.random.get_state(legacy=True)
    return random.getstate(), (kind, keys.tobytes(), position, *rest)  # type: ignore[union-attr]


def explained(error: BaseException) -> str:
    """An exception in one line, with the place in the strategy's own file."""
    try:
        text = " ".join(str(error).split())
    except BaseException:  # an exception's own text is a stranger's code, too
        text = "(its text cannot be had)"
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"raised {type(error).__name__}{': ' + text[:200] if text else ''}{place}"


@contextmanager
def limited_memory(limit: int | None, for_good: bool = False) -> Iterator[None]:
    """Let the process allocate at most so many MiB more than it has, where the system can enforce it (not Windows).

    Args:
        limit: MiB; ``None`` sets none.
        for_good: whether the process may not raise the limit any more, and keeps it.
    """
    if limit is None or sys.platform == "win32":
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        yield
        return
    wanted = pages * resource.getpagesize() + limit * 2**20
    ceiling = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_AS, (ceiling, ceiling if for_good else hard))
    try:
        yield
    finally:
        if not for_good:
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def append_journal(path: Path, events: list[Event]) -> None:
    """Keep what a run did in case it is interrupted. A run whose journal cannot be kept, as on a full disk, still goes on."""
    if path in _broken_journals:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write("".join(encode_event(event) + "\n" for event in events))
    except OSError:
        _broken_journals.add(path)  # what follows would leave a gap


def read_journal(path: Path) -> list[Event]:
    """The events of an interrupted run; a last line that was cut off is dropped from the file, too."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    whole = data[: data.rfind(b"\n") + 1]
    try:
        events = [decode_event(line) for line in whole.decode().splitlines()]
    except (StoreError, UnicodeDecodeError):
        events, whole = [], b""
    if whole != data:
        path.write_bytes(whole)
    return events
