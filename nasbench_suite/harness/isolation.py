"""Running strangers' strategies: the process that answers, and the confined one that it starts and ends."""

from __future__ import annotations

import os
import pickle
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import astuple, replace
from functools import partial
from pathlib import Path
from typing import Any

from nasbench_suite.benchmarks import Benchmark
from nasbench_suite.errors import PluginError, SuiteError
from nasbench_suite.harness.answering import Conversation, first_words, searchable
from nasbench_suite.harness.confinement import landlock_version, search_rules
from nasbench_suite.harness.engine import Batch
from nasbench_suite.harness.executing import (
    AGAIN_SECONDS,
    CHANGED,
    WENT_ON,
    broken_rule,
    curves_of,
    journal_of,
    marks_of,
    opened,
    problem_of,
    read_journal,
)
from nasbench_suite.harness.frames import (
    Garbled,
    framed,
    new_mark,
    packed_json,
    read_exactly,
    read_frame,
    unpacked_json,
)
from nasbench_suite.harness.guard import end_children, hash_of_path
from nasbench_suite.harness.runs import MACHINE, OUTCOMES, Outcome, Result, Run
from nasbench_suite.plugins import Registry
from nasbench_suite.search.external import parse_command
from nasbench_suite.search.journal import Event, encode_journal
from nasbench_suite.search.problem import Problem
from nasbench_suite.tables.manifest import table_directories

START_SECONDS = 60.0
"""So long a plugin may take to be imported, whatever the time limit of a run is."""

AGAIN_LIMIT = 1.0
"""So long a run is followed when it is done again; after that its beginning counts."""

KILLED = f"signal {int(signal.SIGKILL)}"
"""How the reason of a run ends whose process somebody killed, the system for want of memory perhaps: it is tried again."""

UNLIKE = "the same run ended otherwise when done again; draw everything from rng, no clock, no global generator"

SEARCH = "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from nasbench_suite.harness.searching import main; main(int(sys.argv[2]), sys.argv[3] == 'True')"


class Lost(SuiteError):
    """The process that searches is gone, or never came to be."""

    def __init__(self, outcome: Outcome, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome


class Searcher:
    """The confined process of one set of plugins, seen from the one that answers.

    Args:
        setting: of the worker (see :mod:`nasbench_suite.harness.worker`).
        store: of results, so that it can be told apart from other files; ``None`` if there is none.
        seconds: that the plugins may take to be imported.

    Raises:
        Lost: they did not come to their end.
    """

    def __init__(self, setting: Mapping[str, Any], store: Path | None, seconds: float) -> None:
        self.store = store
        self._mark = new_mark()
        self._told: set[str] = set()
        self._run: socket.socket | None = None
        self._deadline: float | None = None
        self._runner = 0
        self._ended: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self.late = False
        self._control, theirs = socket.socketpair()
        python_path = [entry for entry in sys.path if entry]
        command = [sys.executable, "-c", SEARCH, json_text(python_path), str(theirs.fileno()), str(setting["show"])]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], start_new_session=True, cwd=setting["own"]
        )
        theirs.close()
        rules = search_rules(
            setting["own"],
            python_path=python_path,
            more=readable(setting),
            hidden=[*table_directories(), *_of_store(store)],
        )
        told = {
            "own": setting["own"],
            "plugins_dir": setting["plugins_dir"],
            "only": setting["only"],
            "command": setting["command"],
            "rules": astuple(rules) if landlock_version() else None,
            "hidden": hidden_paths(store),
        }
        self._send(self._mark + framed(self._mark, b"c", packed_json(told)))
        self._control.settimeout(seconds)
        try:
            frame = read_frame(partial(read_exactly, self._control), self._mark)
        except TimeoutError:
            self.end()
            reason = f"its plugin was not imported within {seconds:g} s; importing must not wait for anything"
            raise Lost("timeout", reason) from None
        except (OSError, Garbled):
            frame = None
        if frame is None:
            raise Lost("died", f"its process {self.end()} while its plugin was imported")
        self._control.settimeout(None)
        self.confinement, threads = unpacked_json(frame[1])
        # A process with several threads cannot be forked safely; it serves one run only and is started anew.
        self.once = threads > 1
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def begin(self, benchmark: Benchmark, order: Mapping[str, Any], deadline: float) -> socket.socket:
        """Have a run begun; returns the socket through which it asks.

        Raises:
            Lost: the process is gone.
        """
        if benchmark.name not in self._told:
            try:
                content = pickle.dumps(searchable(benchmark))
            except Exception as error:  # whatever a value's own pickling raises
                why = f"its space or its images cannot be pickled ({type(error).__name__}: {error})"
                raise PluginError(
                    f"benchmark {benchmark.name!r} cannot be handed to an isolated search: {why}"
                ) from None
            self._send(framed(self._mark, b"b", content))
            self._told.add(benchmark.name)
        ours, theirs = socket.socketpair()
        self.late, self._deadline, self._run = False, deadline, ours
        frame = framed(self._mark, b"x", packed_json(order))
        with theirs:
            try:
                sent = socket.send_fds(self._control, [frame], [theirs.fileno()])
                self._control.sendall(frame[sent:])
            except OSError:
                raise Lost("died", f"its process {self.end()}") from None
        return ours

    def finish(self) -> str:
        """Wait for the end of the run's process and of all that it started; says how it ended."""
        try:
            status = self._ended.get(timeout=5.0)
        except queue.Empty:
            self._kill_run()
            status = None
        self._deadline = None
        if self._run is not None:
            self._run.close()
            self._run = None
        return _how(status)

    def end(self) -> str:
        """End the process and all that it started; says how it had ended by itself."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(0.2)
        status = self._process.poll()
        with suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        end_children()
        self._control.close()
        return _how(status)

    @property
    def pid(self) -> int:
        """Of the process that waits for runs."""
        return self._process.pid

    def _send(self, data: bytes) -> None:
        with suppress(OSError):  # whoever waits for what follows is told that it is gone
            self._control.sendall(data)

    def _listen(self) -> None:
        """Hear of the beginning and the end of runs; end those that are late."""
        self._control.settimeout(None)
        reader = partial(read_exactly, self._control)
        threading.Thread(target=self._watch, daemon=True).start()
        with suppress(OSError, Garbled, ValueError):
            while (frame := read_frame(reader, self._mark)) is not None:
                kind, content = frame
                if kind == b"p":
                    self._runner = int(content)
                elif kind == b"s":
                    self._runner = 0
                    self._hang_up()
                    self._ended.put(int(content))
        self._ended.put(None)
        self._hang_up()

    def _watch(self) -> None:
        while self.alive:
            deadline = self._deadline
            if deadline is not None and time.monotonic() > deadline:
                self.late = True
                self._deadline = None
                self._kill_run()
            time.sleep(0.05)

    def _kill_run(self) -> None:
        if self._runner:
            with suppress(OSError):
                os.killpg(self._runner, signal.SIGKILL)
            with suppress(OSError):
                os.kill(self._runner, signal.SIGKILL)
        else:
            with suppress(OSError):
                self._process.kill()
        self._hang_up()

    def _hang_up(self) -> None:
        """What the run has written can still be read; a question that waits for more is not waited for."""
        run = self._run
        if run is not None:
            with suppress(OSError):
                run.shutdown(socket.SHUT_RD)


class Isolation:
    """Runs of strangers' strategies, one after another.

    Args:
        setting: of the worker (see :mod:`nasbench_suite.harness.worker`).
        registry: with the plugin of the benchmark, and not that of the strategy.
    """

    def __init__(self, setting: Mapping[str, Any], registry: Registry) -> None:
        self._setting, self._registry = setting, registry
        self._searcher: Searcher | None = None
        self._followed: dict[tuple[str, str], str] = {}

    def execute(self, run: Run, batch: Batch) -> Result:
        """Do one run and judge it; whatever its process does is its outcome."""
        try:
            benchmark = opened(run.benchmark, self._registry)
            if benchmark.identity != run.identity:
                return Result(run, "failed", CHANGED)
            result = self._searched(run, batch, benchmark)
            if result.outcome == "died" and result.reason.endswith(KILLED):
                result = self._searched(run, batch, benchmark)
            if result.outcome == "finished":
                key = (run.strategy, run.benchmark)
                if key not in self._followed:
                    self._followed[key] = self._unlike(result, batch, benchmark)
                if self._followed[key]:
                    result = replace(result, outcome="invalid", reason=self._followed[key])
        except Lost as lost:
            self.end()
            return Result(run, lost.outcome, str(lost))
        except SuiteError as error:
            return Result(run, "failed", str(error))
        return result

    def end(self) -> None:
        """End the process that searches."""
        if self._searcher is not None:
            self._searcher.end()
            self._searcher = None

    def _ready(self, batch: Batch) -> Searcher:
        store = None if batch.journals is None else Path(str(batch.journals.parent).removesuffix("-journals"))
        if self._searcher is not None and (not self._searcher.alive or self._searcher.store != store):
            self.end()
        if self._searcher is None:
            self._searcher = Searcher(self._setting, store, max(START_SECONDS, batch.time_limit))
        return self._searcher

    def _searched(self, run: Run, batch: Batch, benchmark: Benchmark) -> Result:
        path = journal_of(run, batch.journals)
        past = [] if path is None else read_journal(path)
        return self._conversed(run, batch, benchmark, past, path, batch.time_limit, run.id)

    def _conversed(
        self,
        run: Run,
        batch: Batch,
        benchmark: Benchmark,
        past: Iterable[Event],
        path: Path | None,
        seconds: float,
        generators: str,
    ) -> Result:
        searcher = self._ready(batch)
        order = {
            "recipe": run.recipe,
            "benchmark": benchmark.name,
            "globals": generators,
            "memory": batch.memory_limit,
        }
        channel = searcher.begin(benchmark, order, time.monotonic() + seconds)
        garbled = ""
        told: dict[str, Any] | None = None
        with curves_of(run, batch.curves):
            try:
                told = first_words(channel)
            except Garbled as error:
                garbled = str(error)
            wall = time.perf_counter()
            problem = problem_of(run, benchmark, tuple(past), path, partial(_hang_up, channel))
            try:
                if told is not None and "end" not in told:
                    told = Conversation(problem, channel).until_end()
            except Garbled as error:
                garbled = str(error)
        wall = time.perf_counter() - wall
        cpu = _processor_seconds(searcher)
        with suppress(OSError):
            channel.shutdown(socket.SHUT_RDWR)
        late = searcher.late
        how = searcher.finish()
        if not searcher.alive or searcher.once or not end_children({searcher.pid}):
            self.end()
        empty(Path(self._setting["own"]), searcher.pid)
        outcome, reason = self._judged(run, batch, problem, told, garbled, late, how)
        marks = marks_of(problem.journal, problem.own_seconds)
        if searcher.confinement:
            marks = (searcher.confinement, *marks)
        return Result(run, outcome, reason, problem.journal, problem.own_seconds, wall, cpu, marks)

    @staticmethod
    def _judged(
        run: Run, batch: Batch, problem: Problem, told: dict[str, Any] | None, garbled: str, late: bool, how: str
    ) -> tuple[Outcome, str]:
        """Outcome and reason, from what the process said at its end, if it did."""
        if late:
            return "timeout", f"did not end within the time limit of {batch.time_limit:g} s"
        if problem.asked_after_end:
            return "invalid", WENT_ON
        if garbled:
            return "invalid", garbled
        end = None if told is None else told.get("end")
        if not isinstance(end, dict) or not all(isinstance(value, str) for value in end.values()):
            return "died", f"its process {how}"
        if end.get("version") != run.version:
            return "failed", CHANGED
        outcome, reason = end.get("outcome"), " ".join(end.get("reason", "").split())[:500]
        if outcome not in (*OUTCOMES, MACHINE):
            return "invalid", "wrote into the socket of its questions"
        if outcome in ("finished", "failed") and end.get("seen"):
            return "invalid", " ".join(end["seen"].split())[:500]
        if outcome != "finished":
            return outcome, reason
        if end.get("changed"):
            return "invalid", f"changed {end['changed'][:200]} of the suite; a strategy leaves the suite as it is"
        broken = broken_rule(problem, run)
        return ("invalid", broken) if broken else ("finished", "")

    def _unlike(self, first: Result, batch: Batch, benchmark: Benchmark) -> str:
        """In words, if the run asks other questions when it is done again, answered from its own journal.

        The global generators begin elsewhere then. Of a long run the beginning is looked at.
        """
        run = first.run
        seconds = max(AGAIN_SECONDS, min(first.wall_seconds * 2, AGAIN_LIMIT))
        again = self._conversed(run, batch, benchmark, first.journal, None, seconds, run.id[::-1])
        if again.outcome in ("died", "memory"):
            return ""
        if again.outcome == "timeout":
            same = first.journal[: len(again.journal)] == again.journal
        else:
            same = encode_journal(first.journal) == encode_journal(again.journal)
        return "" if same else UNLIKE


def _hang_up(channel: socket.socket) -> None:
    """Leave a search that will not stop asking."""
    with suppress(OSError):
        channel.shutdown(socket.SHUT_RDWR)


def _how(status: int | None) -> str:
    if status is None:
        return "ended"
    return f"was killed by signal {-status}" if status < 0 else f"exited with status {status}"


def _processor_seconds(searcher: Searcher) -> float:
    """Of a run's process, its threads, and of its children that have ended."""
    runner = searcher._runner
    with suppress(OSError, ValueError, IndexError):
        if runner:
            fields = Path(f"/proc/{runner}/stat").read_text().rpartition(")")[2].split()
            return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def empty(directory: Path, pid: int = 0) -> None:
    """Remove what a run left in its directory, and in the shared memory that a process has of its own."""
    import shutil

    places = [directory]
    if pid and Path("/dev/shm").is_dir():
        inside = Path(f"/proc/{pid}/root/dev/shm")
        with suppress(OSError):
            if inside.stat().st_dev != Path("/dev/shm").stat().st_dev:
                places.append(inside)
    for place in places:
        with suppress(OSError):
            for part in place.iterdir():
                if part.is_dir() and not part.is_symlink():
                    shutil.rmtree(part, ignore_errors=True)
                else:
                    with suppress(OSError):
                        part.unlink()


def readable(setting: Mapping[str, Any]) -> list[Path]:
    """What a plugin may read besides what Python imports: its own file and what is named after it, or its program."""
    found: list[Path] = []
    for key in setting["only"]:
        package, _, name = key.rpartition(":")
        path = Path(package)
        if path.suffix == ".py":
            found += [path, *path.parent.glob(f"{name}.*"), *path.parent.glob(f"{name}/")]
    if setting["command"]:
        _, program, _ = parse_command(setting["command"])
        for word in program:
            path = Path(word)
            if path.exists():
                found += [path, *(part for part in path.resolve().parent.iterdir() if not part.name.startswith("."))]
    return found


def _of_store(store: Path | None) -> list[Path]:
    if store is None:
        return []
    return [store.with_name(store.name + end) for end in ("", "-wal", "-shm", "-journal", "-journals")]


def hidden_paths(store: Path | None) -> dict[str, str]:
    """What the guard knows of paths that no search may open: their hashes, and what opening them is called."""
    words = {str(path): "opened the store of results while searching" for path in _of_store(store)}
    words |= {str(path): "opened the table NAME while searching" for path in table_directories()}
    return {hash_of_path(os.path.realpath(path)): what for path, what in words.items()}


def json_text(value: object) -> str:
    """Plain values as text."""
    return packed_json(value).decode()
