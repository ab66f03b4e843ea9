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
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from nasbench_suite.benchmarks import Answers, Benchmark, TabularBenchmark, training_of
from nasbench_suite.errors import OutOfBudget, StoreError, SuiteError
from nasbench_suite.harness.answering import RemoteBenchmark
from nasbench_suite.harness.audit import audit, unpaid_recommendation
from nasbench_suite.harness.guard import Guard, LimitedOutput, end_children
from nasbench_suite.harness.runs import MACHINE, Outcome, Packed, Result, Run, is_machine_failure
from nasbench_suite.harness.scores import SCORE, execute_score
from nasbench_suite.integrity import Integrity
from nasbench_suite.plugins import Registry, load_registry
from nasbench_suite.search.checking import answers_of
from nasbench_suite.search.journal import Evaluation, Event, decode_event, encode_event
from nasbench_suite.search.problem import Problem
from nasbench_suite.spaces import Architecture

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
        plugins: keys of the plugins that they need besides those that come with the suite.
        curves: directory for the curves of live trainings; ``None`` writes none.
    """

    runs: tuple[Run, ...]
    journals: Path | None
    memory_limit: int
    time_limit: float
    plugins: frozenset[str] = frozenset()
    curves: Path | None = None


AGAIN_SECONDS = 0.05
"""Runs up to this length are done again now and then, to find strategies that carry something from run to run."""

_registry: Registry | None = None
_isolation: _Isolation | None = None
_opened: dict[str, Benchmark] = {}
_broken_journals: set[Path] = set()


def start_worker(
    plugins_dir: Path | None,
    show_output: bool,
    only: Container[str] | None = None,
    isolated: bool = False,
    command: str | None = None,
) -> None:
    """Prepare a fresh worker process: load the plugins, leave the terminal to the parent, end when the parent ends.

    Args:
        plugins_dir: loose plugins, too.
        show_output: whether what strategies print goes to stderr.
        only: the plugins to load besides the suite's own; ``None`` means all.
        isolated: whether what runs here is watched and limited (see :class:`Guard`).
        command: a program that is a strategy.
    """
    global _registry, _isolation
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    terminal = os.dup(2)
    target = 2 if show_output and not isolated else os.open(os.devnull, os.O_WRONLY)
    os.dup2(target, 1)
    os.dup2(target, 2)
    _registry = load_registry(plugins_dir, only=only, command=command)
    if isolated:
        if show_output:
            sys.stdout = sys.stderr = LimitedOutput(terminal)
        _isolation = _Isolation(plugins_dir)


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def execute_batch(batch: Batch) -> list[Packed]:
    """Do the runs of a batch in order, until all are done or :data:`BATCH_SECONDS` have passed."""
    assert _registry is not None
    if batch.runs[0].kind == SCORE:
        return [execute_score(run, _registry).packed() for run in batch.runs]
    if _isolation is not None:
        return _isolation.execute(batch, _registry)
    stop_at = time.perf_counter() + BATCH_SECONDS
    done = []
    for run in batch.runs:
        with _curves(run, batch.curves):
            done.append(execute(run, _registry, batch.journals, batch.memory_limit).packed())
        if time.perf_counter() > stop_at:
            break
    return done


class _Isolation:
    """What is looked after in a worker whose strategies do not come with the suite."""

    def __init__(self, plugins_dir: Path | None) -> None:
        self.plugins_dir = plugins_dir
        self.guard = Guard()
        self.guard.install()
        self.integrity = Integrity()
        self.first: dict[tuple[str, str], Packed] = {}

    def execute(self, batch: Batch, registry: Registry) -> list[Packed]:
        """Do the runs of a batch; what the batch did to its process is the outcome of all its runs."""
        stop_at = time.perf_counter() + BATCH_SECONDS
        done: list[Packed] = []
        try:
            self._detach(batch.runs[0].benchmark, registry)
        except SuiteError as error:
            return [Result(run, "failed", str(error)).packed() for run in batch.runs]
        for run in batch.runs:
            with _curves(run, batch.curves):
                packed = execute(run, registry, batch.journals, batch.memory_limit, self.guard.watching).packed()
            if self.guard.seen and packed.outcome in ("finished", "failed"):
                packed = packed._replace(outcome="invalid", reason=self.guard.seen)
            done.append(packed)
            if time.perf_counter() > stop_at:
                break
        reason = self._patched() or self._remembers(batch, registry, done[0])
        end_children(self.guard.helpers)
        if reason:
            done = [
                packed._replace(outcome="invalid", reason=reason) if packed.outcome == "finished" else packed
                for packed in done
            ]
        return done

    def _detach(self, name: str, registry: Registry) -> None:
        """Open a benchmark so that nothing in this process leads to its table or to a score."""
        opened = _opened.get(name)
        if isinstance(opened, RemoteBenchmark) and not opened.alive:
            opened.close()
            del _opened[name]
        if name in _opened:
            return
        benchmark = registry.benchmark(name)
        if isinstance(benchmark, TabularBenchmark) and benchmark.detachable:
            _keep(name, benchmark.detached())
            return
        del benchmark
        homes = {plugin.key for plugin in registry.plugins if name in plugin.adds.get("benchmarks", ())}
        remote = RemoteBenchmark(name, self.plugins_dir, homes)
        self.guard.helpers.add(remote.pid)
        _keep(name, remote)

    def _patched(self) -> str:
        changed = self.integrity.restore()
        return f"changed {changed[0]} of the suite; a strategy leaves the suite as it is" if changed else ""

    def _remembers(self, batch: Batch, registry: Registry, packed: Packed) -> str:
        """Do the first run of this strategy in this process again: with no state outside of runs it ends the same."""
        key = (batch.runs[0].strategy, batch.runs[0].benchmark)
        first = self.first.setdefault(key, packed)
        if first.outcome != "finished" or first.wall_seconds > AGAIN_SECONDS:
            return ""
        again = execute(Run.from_recipe(first.recipe), registry, batch.journals, batch.memory_limit).packed()
        self._patched()
        if again.journal == first.journal:
            return ""
        return "the same run ended otherwise when done again; draw everything from rng, keep no state between runs"


def execute(
    run: Run,
    registry: Registry,
    journals: Path | None = None,
    memory_limit: int | None = None,
    watching: Callable[[Path | None], AbstractContextManager[object]] = nullcontext,
) -> Result:
    """Do one run in this process and judge it.

    Args:
        run: what to do.
        registry: where strategy and benchmark come from.
        journals: see :class:`Batch`.
        memory_limit: see :class:`Batch`; ``None`` sets none.
        watching: a context for the search itself, given the path of its journal.
    """
    try:
        offered = registry.strategy(run.strategy)
        benchmark = _benchmark(run.benchmark, registry)
    except SuiteError as error:
        return Result(run, "failed", str(error))
    if (offered.version, benchmark.identity) != (run.version, run.identity):
        return Result(run, "failed", "the strategy or the benchmark was changed while the comparison ran; run it again")
    path = None if journals is None else journals / f"{run.id}.jsonl"
    past = [] if path is None else _read_journal(path)
    answers = answers_of(benchmark, run.seed)
    counted = None
    if _isolation is not None:
        answers = counted = _Counted(answers)
    problem = Problem(
        benchmark.space,
        benchmark.fidelities,
        answers,
        run.budget,
        resumable="resume" in benchmark.capabilities,
        training=training_of(benchmark),
        journal=past,
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
        with _memory(memory_limit), watching(path):
            offered.strategy.run(problem, np.random.default_rng(run.seed), **run.parameters)
    except OutOfBudget:
        pass
    except MemoryError:
        outcome, reason = (
            "memory",
            f"needed more than {memory_limit} MiB of memory" if memory_limit else "out of memory",
        )
    except BaseException as error:  # a strategy may raise anything, SystemExit and KeyboardInterrupt included
        outcome, reason = MACHINE if is_machine_failure(error) else "failed", _explain(error)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if outcome == "finished":
        reason = _broken_rule(problem, before, run, benchmark) or (
            counted.unpaid(problem.journal[len(past) :]) if counted else ""
        )
        outcome = "invalid" if reason else "finished"
    return Result(run, outcome, reason, problem.journal, problem.own_seconds, wall, cpu)


def _curves(run: Run, directory: Path | None) -> AbstractContextManager[object]:
    """Where the curves of a run go; a run that goes on after an interruption goes on in its file."""
    if directory is None:
        return nullcontext()
    from nasbench_suite.training.log import written_to

    name = f"{run.strategy}-{run.benchmark.replace('/', '-')}-{run.seed}-{run.id[:8]}.jsonl"
    return written_to(directory / name)


class _Counted:
    """Answers that count how often they were given, so that what went past the meter shows."""

    def __init__(self, answers: Answers) -> None:
        self.given = 0
        inner = answers.ask
        if hasattr(answers, "resumes"):
            self.resumes = answers.resumes

        def ask(architecture: Sequence[int], epochs: int, origin: int, paid: int) -> tuple[Architecture, float, float]:
            answer = inner(architecture, epochs, origin, paid)
            self.given += 1
            return answer

        self.ask = ask

    def unpaid(self, events: Sequence[Event]) -> str:
        """In words, if more answers were given than were paid for; the one that ended the budget may be refused."""
        paid = sum(isinstance(event, Evaluation) for event in events)
        if self.given <= paid + 1:
            return ""
        return f"took {self.given} answers and paid for {paid}; ask with problem.evaluate() only"


def _benchmark(name: str, registry: Registry) -> Benchmark:
    """The benchmark, opened once."""
    if name not in _opened:
        _keep(name, registry.benchmark(name))
    return _opened[name]


def _keep(name: str, benchmark: Benchmark) -> None:
    _opened[name] = benchmark
    gc.collect()
    gc.freeze()  # a table's numbers live as long as the worker; do not look at them again and again


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
    if run.recommend == "evaluated" and (unpaid := unpaid_recommendation(problem.journal)):
        return unpaid
    if benchmark.currency == "simulated" and _isolation is None:  # otherwise done outside of this process
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
    """Keep what a run did in case it is interrupted. A run whose journal cannot be kept, as on a full disk, still goes on."""
    if path in _broken_journals:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write("".join(encode_event(event) + "\n" for event in events))
    except OSError:
        _broken_journals.add(path)  # what follows would leave a gap


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
