"""A benchmark's answers from a process of its own, so that a search shares no memory with what scores it.

Strangers' searches get their answers this way where the benchmark is no table whose signal can be read as a whole
(see :meth:`~nasbench_suite.benchmarks.TabularBenchmark.detached`): one that computes or trains, a stranger's own, or a
table that is too large. ``python -m nasbench_suite.harness.answering NAME PLUGINS_DIR KEY...`` opens the benchmark,
writes what a search needs of it (pickled, to its own parent only), and then answers JSON lines.
"""

from __future__ import annotations

import itertools
import json
import os
import pickle
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from nasbench_suite import errors
from nasbench_suite.benchmarks import Answers, Benchmark, training_of
from nasbench_suite.errors import SuiteError, UsageError
from nasbench_suite.plugins import load_registry
from nasbench_suite.search.answers import Currency, Scores
from nasbench_suite.search.checking import answers_of
from nasbench_suite.spaces import Architecture, Space

if TYPE_CHECKING:
    from nasbench_suite.tasks.task import Offer

RUNS_KEPT = 4
"""So many runs' answers are kept ready; a worker does one run after another."""


@dataclass(frozen=True)
class Searchable:
    """What a search needs of a benchmark besides its answers.

    Attributes:
        name, space, fidelities, capabilities, currency, identity: the benchmark's.
        resumes: whether its answers say which trainings can be resumed.
        offer: what it gives to strategies that train for themselves.
    """

    name: str
    space: Space
    fidelities: tuple[int, ...]
    capabilities: frozenset[str]
    currency: Currency
    identity: str
    resumes: bool
    offer: Offer | None = field(repr=False)


class RemoteBenchmark:
    """A benchmark that can be searched and not be scored; it lives in another process, which ends with this one.

    Args:
        name: of the benchmark.
        plugins_dir: loose plugins.
        only: keys of the plugins to load there besides the suite's own: the one that the benchmark comes from.

    Raises:
        SuiteError: it cannot be opened there, or its space or images cannot be handed over.
    """

    def __init__(self, name: str, plugins_dir: Path | None, only: Iterable[str]) -> None:
        command = [sys.executable, "-m", "nasbench_suite.harness.answering", name, str(plugins_dir or ""), *only]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._questions: IO[bytes] = self._process.stdin
        self._answers: IO[bytes] = self._process.stdout
        try:
            told = pickle.load(self._answers)  # from the suite's own code, before any search
        except (EOFError, pickle.UnpicklingError) as error:
            self.close()
            raise SuiteError(f"benchmark {name!r} cannot be opened in a process of its own") from error
        if not isinstance(told, Searchable):
            self.close()
            raise SuiteError(str(told))
        self._told = told
        self.name, self.space, self.fidelities = told.name, told.space, told.fidelities
        self.capabilities, self.currency, self.identity = told.capabilities, told.currency, told.identity
        self.provenance: Mapping[str, str] = {}
        self._runs = itertools.count()

    @property
    def pid(self) -> int:
        """The other process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the other process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._questions, self._answers):
            with suppress(OSError):  # a question that it did not take any more
                pipe.close()

    def training(self) -> Offer:
        """The benchmark's own (see :func:`~nasbench_suite.benchmarks.training_of`)."""
        if self._told.offer is None:
            raise UsageError(f"benchmark {self.name!r} offers no training")
        return self._told.offer

    def answers(self, seed: int) -> RemoteAnswers:
        """The answers for one run seed."""
        return RemoteAnswers(self, next(self._runs), seed, self._told.resumes)

    def scores(self) -> Mapping[str, Scores]:
        """There are none here."""
        return {}

    def question(self, **words: object) -> Any:
        """Send a question and wait for its answer; an error there is raised here.

        Raises:
            SuiteError: of the kind that the benchmark raised, or because its process is gone.
        """
        try:
            self._questions.write(json.dumps(words).encode() + b"\n")
            self._questions.flush()
            line = self._answers.readline()
        except OSError:
            line = b""
        if not line:
            raise SuiteError(f"the process of benchmark {self.name!r} has ended")
        told = json.loads(line)
        if "error" in told:
            kind = getattr(errors, told["error"], SuiteError)
            raise kind(told["message"])
        return told["answer"]


class RemoteAnswers:
    """The answers for one run seed, by way of the other process; only numbers come back."""

    def __init__(self, benchmark: RemoteBenchmark, run: int, seed: int, resumes: bool) -> None:
        self._question = benchmark.question
        self._check = benchmark.space.check
        self._run, self._seed = run, seed
        if resumes:
            self.resumes = self._resumes

    def ask(
        self, architecture: Sequence[int], epochs: int, origin: int, paid: int
    ) -> tuple[Architecture, float, float]:
        """Ask the benchmark (see :class:`~nasbench_suite.benchmarks.Answers`)."""
        options = self._check(architecture)
        accuracy, cost = self._question(
            run=self._run, seed=self._seed, ask=[[int(option) for option in options], epochs, origin, paid]
        )
        return options, accuracy, cost

    def _resumes(self, origin: int, paid: int, epochs: int) -> bool:
        return bool(self._question(run=self._run, seed=self._seed, resumes=[origin, paid, epochs]))


class _Answering:
    """The other side: the benchmark, and the answers of the latest runs."""

    def __init__(self, benchmark: Benchmark) -> None:
        self._benchmark = benchmark
        self._runs: OrderedDict[int, Answers] = OrderedDict()

    def answer(self, question: dict[str, Any]) -> dict[str, object]:
        try:
            answers = self._of(question["run"], question["seed"])
            if "resumes" in question:
                return {"answer": bool(answers.resumes(*question["resumes"]))}  # type: ignore[attr-defined]
            options, epochs, origin, paid = question["ask"]
            _, accuracy, cost = answers.ask(tuple(options), epochs, origin, paid)
            return {"answer": [float(accuracy), float(cost)]}
        except SuiteError as error:
            return {"error": type(error).__name__, "message": str(error)}
        except Exception as error:  # whatever a stranger's benchmark raises
            return {"error": "SuiteError", "message": f"the benchmark raised {type(error).__name__}: {error}"}

    def _of(self, run: int, seed: int) -> Answers:
        if run not in self._runs:
            self._runs[run] = answers_of(self._benchmark, seed)
            while len(self._runs) > RUNS_KEPT:
                self._runs.popitem(last=False)
        return self._runs[run]


def _opened(name: str, plugins_dir: str, only: list[str]) -> tuple[bytes, Benchmark | None]:
    """The benchmark, and what to tell of it; an error in one line if there is none."""
    try:
        benchmark = load_registry(Path(plugins_dir) if plugins_dir else None, only=frozenset(only)).benchmark(name)
        told = Searchable(
            benchmark.name,
            benchmark.space,
            benchmark.fidelities,
            benchmark.capabilities,
            benchmark.currency,
            benchmark.identity,
            hasattr(benchmark.answers(0), "resumes"),
            training_of(benchmark),
        )
    except SuiteError as error:
        return pickle.dumps(str(error)), None
    except Exception as error:  # whatever a stranger's benchmark raises
        return pickle.dumps(f"benchmark {name!r} cannot be opened: {type(error).__name__}: {error}"), None
    try:
        return pickle.dumps(told), benchmark
    except Exception as error:  # whatever a value's own pickling raises
        why = f"its space or its images cannot be pickled ({type(error).__name__}: {error})"
        return pickle.dumps(f"benchmark {name!r} cannot be handed to an isolated search: {why}"), None


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def main(name: str, plugins_dir: str, *only: str) -> None:
    """Answer until the questions end; what the benchmark prints is dropped."""
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    out = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    told, benchmark = _opened(name, plugins_dir, list(only))
    out.write(told)
    out.flush()
    if benchmark is None:
        return
    answering = _Answering(benchmark)
    for line in sys.stdin.buffer:
        out.write(json.dumps(answering.answer(json.loads(line))).encode() + b"\n")
        out.flush()


if __name__ == "__main__":
    # Under its own name, so that what is pickled here is known there.
    from nasbench_suite.harness.answering import main as answer

    answer(*sys.argv[1:])
