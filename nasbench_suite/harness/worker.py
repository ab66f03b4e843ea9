"""Executing runs inside a worker process, and telling what came of each."""

from __future__ import annotations

import gc
import os
import random
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from nasbench_suite.benchmarks import Benchmark, training_of
from nasbench_suite.errors import OutOfBudget, StoreError, SuiteError
from nasbench_suite.harness.audit import audit
from nasbench_suite.harness.runs import Outcome, Packed, Result, Run
from nasbench_suite.journal import Event, decode_event, encode_event
from nasbench_suite.plugins import Registry, load_registry
from nasbench_suite.problem import Problem

WENT_ON = 117
"""Exit status of a worker whose strategy would not stop asking after the end of its budget."""

BATCH_SECONDS = 0.5
"""A batch that has taken this long hands the rest of its runs back."""


@dataclass(frozen=True)
class Batch:
    """Runs for one worker, to be done one after another.

    Attributes:
        runs: at least one.
        journals: directory for the journals of runs under way; ``None`` keeps none.
        memory_limit: MiB that a run may allocate on top of what the worker has.
        time_limit: seconds of wall clock for each run (kept by the executor).
    """

    runs: tuple[Run, ...]
    journals: Path | None
    memory_limit: int
    time_limit: float


_registry: Registry | None = None
_opened: dict[str, Benchmark] = {}


def start_worker(plugins_dir: Path | None, show_output: bool) -> None:
    """Prepare a fresh worker process: load the plugins, leave the terminal to the parent, end when the parent ends."""
    global _registry
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    target = 2 if show_output else os.open(os.devnull, os.O_WRONLY)
    os.dup2(target, 1)
    os.dup2(target, 2)
    _registry = load_registry(plugins_dir)


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def execute_batch(batch: Batch) -> list[Packed]:
    """Do the runs of a batch in order, until all are done or :data:`BATCH_SECONDS` have passed."""
    assert _registry is not None
    stop_at = time.perf_counter() + BATCH_SECONDS
    done = []
    for run in batch.runs:
        done.append(execute(run, _registry, batch.journals, batch.memory_limit).packed())
        if time.perf_counter() > stop_at:
            break
    return done


def execute(run: Run, registry: Registry, journals: Path | None = None, memory_limit: int | None = None) -> Result:
    """Do one run in this process and judge it.

    Args:
        run: what to do.
        registry: where strategy and benchmark come from.
        journals: see :class:`Batch`.
        memory_limit: see :class:`Batch`; ``None`` sets none.
    """
    try:
        offered = registry.strategy(run.strategy)
        benchmark = _benchmark(run.benchmark, registry)
    except SuiteError as error:
        return Result(run, "failed", str(error))
    if (offered.version, benchmark.identity) != (run.version, run.identity):
        return Result(run, "failed", "the strategy or the benchmark was changed while the comparison ran; run it again")
    path = None if journals is None else journals / f"{run.id}.jsonl"
    problem = Problem(
        benchmark.space,
        benchmark.fidelities,
        benchmark.answers(run.seed),
        run.budget,
        resumable="resume" in benchmark.capabilities,
        training=training_of(benchmark),
        journal=[] if path is None else _read_journal(path),
        on_flush=None if path is None else partial(_append_journal, path),
        on_defiance=partial(os._exit, WENT_ON) if path is not None else None,
    )
    # A state that no strategy can set by itself, so that reseeding shows.
    random.seed(run.id)
    np.random.seed(int(run.id[:8], 16))
    before = global_generators()
    wall, cpu = time.perf_counter(), time.process_time()
    outcome: Outcome = "finished"
    reason = ""
    try:
        with _memory(memory_limit):
            offered.strategy.run(problem, np.random.default_rng(run.seed), **run.parameters)
    except OutOfBudget:
        pass
    except MemoryError:
        outcome, reason = (
            "memory",
            f"needed more than {memory_limit} MiB of memory" if memory_limit else "out of memory",
        )
    except BaseException as error:  # a strategy may raise anything, SystemExit and KeyboardInterrupt included
        outcome, reason = "failed", _explain(error)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if outcome == "finished":
        reason = _broken_rule(problem, before, run, benchmark)
        outcome = "invalid" if reason else "finished"
    return Result(run, outcome, reason, problem.journal, problem.own_seconds, wall, cpu)


def _benchmark(name: str, registry: Registry) -> Benchmark:
    if name not in _opened:
        _opened[name] = registry.benchmark(name)
        gc.collect()
        gc.freeze()  # a table's numbers live as long as the worker; do not look at them again and again
    return _opened[name]


def _broken_rule(problem: Problem, before: tuple[object, ...], run: Run, benchmark: Benchmark) -> str:
    """Which rule a finished search broke, in one line; empty if none."""
    if problem.asked_after_end:
        return "caught OutOfBudget and went on asking; let it end the strategy"
    changed = [
        name
        for name, old, new in zip(("random", "numpy.random"), before, global_generators(), strict=True)
        if old != new
    ]
    if changed:
        return f"used or reseeded the global generator of {' and '.join(changed)}; draw everything from rng"
    if benchmark.currency == "simulated":
        return audit(problem.journal, benchmark.answers(run.seed), run.budget, benchmark.fidelities[-1])
    return ""


def global_generators() -> tuple[object, object]:
    """The states of the global generators, to be compared."""
    kind, keys, position, *rest = np.random.get_state(legacy=True)
    return random.getstate(), (kind, keys.tobytes(), position, *rest)  # type: ignore[union-attr]


def _explain(error: BaseException) -> str:
    """An exception in one line, with the place in the strategy's own file."""
    text = " ".join(str(error).split())
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"raised {type(error).__name__}{': ' + text[:200] if text else ''}{place}"


@contextmanager
def _memory(limit: int | None) -> Iterator[None]:
    """Let the process allocate at most so many MiB more than it has, where the system can enforce it (not Windows)."""
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
    resource.setrlimit(resource.RLIMIT_AS, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _append_journal(path: Path, events: list[Event]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(encode_event(event) + "\n" for event in events))


def _read_journal(path: Path) -> list[Event]:
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
