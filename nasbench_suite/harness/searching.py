"""The process that searches: confined, with a strategy in it and nothing that answers.

It loads a plugin once, within its confinement, and then forks for every run. So each run begins as the plugin was
when it had just been imported: nothing is carried from run to run, and what one run does to its process ends with it.
"""

from __future__ import annotations

import array
import contextlib
import json
import operator
import os
import pickle
import signal
import socket
import struct
import sys
import tempfile
import threading
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from nasbench_suite import errors
from nasbench_suite.errors import OutOfBudget, QuestionError, SuiteError
from nasbench_suite.harness.answering import (
    ANSWERED,
    EVALUATE,
    HEAD,
    OTHER,
    SPENT,
    Searchable,
    spoken,
)
from nasbench_suite.harness.confinement import Rules, confine, confine_further, die_with_parent
from nasbench_suite.harness.executing import limited_memory, searched, seed_global_generators, why_missing
from nasbench_suite.harness.frames import framed, packed_json, read_exactly, read_frame, unpacked_json
from nasbench_suite.harness.guard import Guard, LimitedOutput, limit_files
from nasbench_suite.harness.runs import Run
from nasbench_suite.integrity import Integrity
from nasbench_suite.plugins import Registry, load_registry
from nasbench_suite.search.journal import Evaluation, Event
from nasbench_suite.search.problem import Problem

if TYPE_CHECKING:
    from nasbench_suite.tasks.task import Offer


class AskingProblem(Problem):
    """A problem whose meter, journal and answers are in another process; this one only asks.

    Args:
        told: what a search needs of the benchmark.
        channel: this side of the socket to the process that answers.
    """

    def __init__(self, told: Searchable, channel: socket.socket) -> None:
        # Problem's own parts are in the other process.
        self.space = told.space
        self.fidelities = told.fidelities
        self._offer = told.offer
        self._last = told.fidelities[-1]
        self._channel = channel
        self._owner = os.getpid()
        self._turn = threading.Lock()
        question, self._answer = spoken(told.space)
        self._question = struct.Struct("<BI" + question.format.removeprefix("<"))
        self._length = question.size
        self._seen: list[Event] = []

    def evaluate(self, architecture: Sequence[int], epochs: int | None = None) -> Evaluation:
        """See :meth:`Problem.evaluate`."""
        asked = self._last if epochs is None else epochs
        try:
            data = self._question.pack(EVALUATE, self._length, asked, *architecture)
        except (struct.error, TypeError):
            asked = _whole(asked)
            data = self._question.pack(EVALUATE, self._length, asked, *self.space.check(architecture))
        with self._turn:
            content = self._exchange(data)
            accuracy, cost, *options = self._answer.unpack(content)
            evaluation = Evaluation(tuple(options), operator.index(asked), accuracy, cost, operator.index(asked))
            self._seen.append(evaluation)
        return evaluation

    def evaluate_many(self, architectures: Iterable[Sequence[int]], epochs: int | None = None) -> list[Evaluation]:
        """See :meth:`Problem.evaluate_many`."""
        return [self.evaluate(architecture, epochs) for architecture in architectures]

    def resume(self, evaluation: Evaluation, epochs: int) -> Evaluation:
        """See :meth:`Problem.resume`."""
        options, whole, accuracy, cost, origin, paid, more = self._other("resume", _plain(evaluation), _whole(epochs))
        resumed = Evaluation(tuple(options), whole, accuracy, cost, origin, paid, tuple(more))
        self._seen.append(resumed)
        return resumed

    def can_resume(self, evaluation: Evaluation, epochs: int) -> bool:
        """See :meth:`Problem.can_resume`."""
        return bool(self._other("can_resume", _plain(evaluation), epochs))

    def charge(self, what: str, cost: float, epochs: float, *, measured: bool = False) -> None:
        """See :meth:`Problem.charge`."""
        self._other("charge", str(what), float(cost), float(epochs), bool(measured))

    def recommend(self, architecture: Sequence[int]) -> None:
        """See :meth:`Problem.recommend`."""
        self._other("recommend", self.space.check(architecture))

    @property
    def training(self) -> Offer | None:
        """See :attr:`Problem.training`."""
        if self._offer is not None:
            self._other("training")
        return self._offer

    def pay_for_epoch(self, kind: str, what: str, seconds: float) -> None:
        """See :meth:`Problem.pay_for_epoch`."""
        self._other("epoch", kind, what, seconds)

    def would_fit(self, seconds: float) -> bool:
        """See :meth:`Problem.would_fit`."""
        return bool(self._other("fits", seconds))

    @property
    def journal(self) -> tuple[Event, ...]:
        """The answers so far; what was charged and recommended is in the journal of the process that answers."""
        return tuple(self._seen)

    @property
    def own_seconds(self) -> tuple[float, ...]:
        """See :attr:`Problem.own_seconds`."""
        return tuple(self._other("own_seconds"))

    def _other(self, name: str, *given: object) -> Any:
        content = json.dumps({"ask": name, "given": given}, separators=(",", ":")).encode()
        with self._turn:
            return json.loads(self._exchange(HEAD.pack(OTHER, len(content)) + content))

    def _exchange(self, data: bytes) -> bytes:
        """Send a question, and wait for what answers it; a refusal is raised."""
        if os.getpid() != self._owner:
            raise QuestionError("a child of the search asked; ask in the process that the search began in")
        try:
            self._channel.sendall(data)
            data = self._channel.recv(2**16)
            while len(data) < HEAD.size or len(data) < HEAD.size + HEAD.unpack_from(data)[1]:
                more = self._channel.recv(2**20)
                if not more:
                    raise ConnectionError
                data += more
        except OSError:
            raise SuiteError("the process that answers has ended") from None
        kind = data[0]
        content = data[HEAD.size :]
        if kind == ANSWERED:
            return content
        if kind == SPENT:
            raise OutOfBudget("the budget is spent")
        refusal = json.loads(content)
        raise getattr(errors, refusal["error"], SuiteError)(refusal["message"])


def _whole(epochs: object) -> int:
    try:
        return operator.index(epochs)  # type: ignore[arg-type]
    except TypeError:
        raise QuestionError(f"{epochs!r} epochs: expected a whole number") from None


def _plain(evaluation: Evaluation) -> list[object]:
    try:
        options, epochs, accuracy, cost, origin, paid, more = evaluation
        return [[int(option) for option in options], epochs, accuracy, cost, origin, paid, list(more)]
    except (TypeError, ValueError):
        raise QuestionError(
            f"{evaluation!r} is no evaluation of this problem; pass on what evaluate() or resume() returned"
        ) from None


class Searching:
    """A process that waits for runs and forks for each.

    Args:
        control: this side of the socket to the process that answers.
        mark: what messages begin with.
        setting: as :class:`~nasbench_suite.harness.isolation.Searcher` wrote it.
    """

    def __init__(self, control: socket.socket, mark: bytes, setting: dict[str, Any]) -> None:
        self._control, self._mark = control, mark
        self._told: dict[str, Searchable] = {}
        own = setting["own"]
        os.chdir(own)
        os.environ.update(HOME=own, TMPDIR=own)
        tempfile.tempdir = own
        limit_files()
        held = confine(Rules(*map(tuple, setting["rules"]))) if setting["rules"] else None
        self._guard = Guard(setting["hidden"], kills=held is None or not held.signals)
        self._registry = load_registry(
            Path(setting["plugins_dir"]) if setting["plugins_dir"] else None,
            only=frozenset(setting["only"]),
            command=setting["command"],
            tables=False,
        )
        self._integrity = Integrity()
        self._guard.install()
        self._memory: int = 0
        self._say(
            b"r", packed_json([held.words if held else "not confined (files, network)", threading.active_count()])
        )

    def until_end(self) -> None:
        """Do what is asked until the other side ends."""
        while True:
            data, passed, _, _ = self._control.recvmsg(1, socket.CMSG_SPACE(4))
            if not data:
                return
            frame = read_frame(_rest(data, partial(read_exactly, self._control)), self._mark)
            if frame is None:
                return
            kind, content = frame
            if kind == b"b":
                told = pickle.loads(content)  # from the suite's own process
                self._told[told.name] = told
            else:
                ((_, _, descriptors),) = passed
                (descriptor,) = array.array("i", descriptors[:4])
                self._fork(descriptor, unpacked_json(content))

    def _fork(self, descriptor: int, order: dict[str, Any]) -> None:
        pid = os.fork()
        if pid == 0:
            _run_and_leave(self._registry, self._told, self._guard, self._integrity, self._control, descriptor, order)
        os.close(descriptor)
        self._say(b"p", str(pid).encode())
        _, status = os.waitpid(pid, 0)
        self._say(b"s", str(os.waitstatus_to_exitcode(status)).encode())

    def _say(self, kind: bytes, content: bytes) -> None:
        self._control.sendall(framed(self._mark, kind, content))


def _rest(first: bytes, read: Any) -> Any:
    """A reader of a stream whose first byte was read already."""
    waiting = [first]

    def reading(count: int) -> bytes:
        begun = waiting.pop() if waiting else b""
        return begun + (read(count - len(begun)) or b"")

    return reading


def _run_and_leave(
    registry: Registry,
    told: dict[str, Searchable],
    guard: Guard,
    integrity: Integrity,
    control: socket.socket,
    descriptor: int,
    order: dict[str, Any],
) -> NoReturn:
    """The whole life of the process of one run."""
    status = 1
    try:
        os.setsid()
        die_with_parent()
        control.close()
        confine_further(os.getcwd())
        with socket.socket(fileno=descriptor) as channel:
            _run(registry, told[order["benchmark"]], guard, integrity, channel, order)
        status = 0
    except (OSError, SuiteError):  # the process that answers has ended
        pass
    finally:
        os._exit(status)


def _run(
    registry: Registry,
    told: Searchable,
    guard: Guard,
    integrity: Integrity,
    channel: socket.socket,
    order: dict[str, Any],
) -> None:
    run = Run.from_recipe(order["recipe"])
    try:
        offered = registry.strategy(run.strategy)
    except SuiteError as error:
        _end(channel, outcome="failed", reason=why_missing(error, registry), version=run.version)
        return
    seed_global_generators(order["globals"])
    problem = AskingProblem(told, channel)
    _tell(channel, {"ready": True})  # the clock of the first question starts now
    channel.recv(1)
    with limited_memory(order["memory"], for_good=offered.plugin.origin != "command"), guard.watching():
        outcome, reason = searched(offered, problem, run, order["memory"])
    changed = integrity.changes()
    _end(
        channel,
        outcome=outcome,
        reason=reason,
        version=offered.version,
        seen=guard.seen,
        changed=changed[0] if changed else "",
    )


def _end(channel: socket.socket, **how: str) -> None:
    """Tell how it ended, and stay until that was heard."""
    channel.setblocking(True)
    _tell(channel, {"end": {key: text.encode(errors="replace").decode() for key, text in how.items()}})
    with contextlib.suppress(OSError):
        channel.recv(2**16)


def _tell(channel: socket.socket, message: dict[str, object]) -> None:
    content = json.dumps(message, separators=(",", ":")).encode()
    channel.sendall(HEAD.pack(OTHER, len(content)) + content)


def main(descriptor: int, show_output: bool) -> None:
    """Search for the process at the other end of a socket until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    if show_output:
        sys.stdout = sys.stderr = LimitedOutput(os.dup(2))
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nowhere, standard)
    with socket.socket(fileno=descriptor) as control:
        mark = read_exactly(control, 8)
        frame = read_frame(partial(read_exactly, control), mark)
        if frame is None:
            return
        Searching(control, mark, unpacked_json(frame[1])).until_end()


__all__ = ["AskingProblem", "main"]
