"""Strategies in any language: a program that speaks JSON lines over stdin and stdout (see docs/protocol.md)."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from nasbench_suite.errors import OutOfBudget, PluginError, SuiteError, UsageError
from nasbench_suite.search.journal import Evaluation
from nasbench_suite.search.problem import Problem
from nasbench_suite.search.strategies import Strategy

PROTOCOL = 1
"""The version of the protocol; a program is told it in the first line."""

MAX_LINE = 2**20
"""Longest line that a program may write, in bytes."""

GRACE_SECONDS = 2.0
"""So long a program may take to end after the budget has."""


def command_strategy(
    name: str,
    command: Sequence[str],
    *,
    family: str = "other",
    paper: str = "",
    parameters: Mapping[str, Any] | None = None,
) -> Strategy:
    """A strategy that is a program.

    Args:
        name: lower-case words joined by hyphens.
        command: the program and its arguments.
        family: as for ``@strategy``.
        paper: where it comes from, a URL.
        parameters: names and defaults; the program is told the values.
    """
    program = tuple(map(str, command))

    def search(problem: Problem, rng: np.random.Generator, **chosen: Any) -> None:
        _converse(program, problem, int(rng.integers(2**53)), chosen)

    search.__doc__ = f"Ask the program {shlex.join(program)}."
    return Strategy(name, family, search, paper, frozenset(), "", dict(parameters or {}))


def parse_command(text: str) -> tuple[str, tuple[str, ...], str]:
    """A command line as name, program with arguments, and a hash of the files that it names.

    Raises:
        UsageError: an empty command, or a program that is not there.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"command {text!r} cannot be read: {error}") from None
    if not words or shutil.which(words[0]) is None:
        raise UsageError(
            f"command {text!r}: expected a program that can be run, such as './my-searcher' or 'node search.js'"
        )
    words[0] = str(Path(shutil.which(words[0]) or words[0]).absolute())
    files = [Path(word) for word in words if _is_file(word)]
    words = [str(Path(word).absolute()) if _is_file(word) else word for word in words]
    digest = hashlib.sha256(json.dumps([Path(word).name for word in words]).encode())
    for file in files:
        digest.update(file.read_bytes())
    name = (
        "-".join("".join(c if c.isalnum() else " " for c in files[-1].stem.lower() if c.isascii()).split()) or "command"
    )
    return name, tuple(words), digest.hexdigest()[:12]


def _is_file(word: str) -> bool:
    """Whether a word of a command names a file; no name can be too long or too strange to ask."""
    try:
        return Path(word).is_file()
    except (OSError, ValueError):
        return False


def _converse(program: tuple[str, ...], problem: Problem, seed: int, parameters: Mapping[str, Any]) -> None:
    """Start the program, answer its questions, and end it with the budget."""
    try:
        process = subprocess.Popen(
            program,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=os.name == "posix",
            preexec_fn=_in_child if sys.platform == "linux" else None,
        )
    except OSError as error:
        raise PluginError(f"{program[0]} cannot be started: {error.strerror or error}") from None
    said: deque[bytes] = deque(maxlen=20)
    assert process.stdin and process.stdout and process.stderr
    reader = threading.Thread(target=_remember, args=(process.stderr, said), daemon=True)
    reader.start()
    ended = False
    try:
        tell = _teller(process.stdin)
        tell(_hello(problem, seed, parameters))
        given: dict[int, Evaluation] = {}
        while line := process.stdout.readline(MAX_LINE):
            if not line.endswith(b"\n"):
                raise PluginError(f"a line of more than {MAX_LINE} bytes; expected one JSON object per line")
            try:
                tell(_answer(problem, _parsed(line), given))
            except OutOfBudget:
                ended = True
                tell({"end": "the budget is spent"})
                raise
            except SuiteError as error:
                tell({"error": str(error)})
                raise
    except BrokenPipeError:  # it ended without reading on, which its exit status tells
        pass
    finally:
        with suppress(OSError):
            process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
        _end(process)
        process.stdout.close()
        reader.join(GRACE_SECONDS)
        process.stderr.close()
    if process.returncode and not ended:
        last = b" ".join(said).decode(errors="replace").strip()[-160:]
        raise PluginError(
            f"{Path(program[0]).name} exited with status {process.returncode}" + (f": {last}" if last else "")
        )


def _hello(problem: Problem, seed: int, parameters: Mapping[str, Any]) -> dict[str, Any]:
    decisions = [{"name": d.name, "options": list(d.options)} for d in problem.space.decisions]
    return {
        "protocol": PROTOCOL,
        "space": problem.space.name,
        "decisions": decisions,
        "fidelities": list(problem.fidelities),
        "seed": seed,
        "parameters": dict(parameters),
    }


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        question = json.loads(line)
    except ValueError:
        question = None
    if not isinstance(question, dict):
        raise PluginError(f"wrote {line[:80]!r}; expected a JSON object on one line")
    return question


def _answer(problem: Problem, question: dict[str, Any], given: dict[int, Evaluation]) -> dict[str, Any]:
    """Answer one line of the program."""
    kinds = sorted({"evaluate", "evaluate_many", "resume", "recommend"} & set(question))
    if len(kinds) != 1:
        raise PluginError(
            f"wrote {json.dumps(question)[:80]}; expected one of evaluate, evaluate_many, resume, recommend"
        )
    (kind,) = kinds
    what, epochs = question[kind], question.get("epochs")
    try:
        if kind == "evaluate":
            return _told(problem.evaluate(what, epochs), given)
        if kind == "evaluate_many":
            return {"answers": [_told(answer, given) for answer in problem.evaluate_many(what, epochs)]}
        if kind == "recommend":
            problem.recommend(what)
            return {"recommended": what}
        return _told(problem.resume(given[what], question["epochs"]), given)
    except (KeyError, TypeError) as error:
        raise PluginError(f"wrote {json.dumps(question)[:80]}, which cannot be answered ({error})") from None


def _told(evaluation: Evaluation, given: dict[int, Evaluation]) -> dict[str, Any]:
    number = len(given)
    given[number] = evaluation
    return {
        "evaluation": number,
        "architecture": list(evaluation.architecture),
        "epochs": evaluation.epochs,
        "accuracy": evaluation.accuracy,
        "cost": evaluation.cost,
    }


def _teller(stream: IO[bytes]) -> Callable[[dict[str, Any]], None]:
    def tell(message: dict[str, Any]) -> None:
        stream.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")
        stream.flush()

    return tell


def _remember(stream: IO[bytes], said: deque[bytes]) -> None:
    """Read what the program says on stderr, and keep the end of it."""
    with suppress(OSError, ValueError):
        while line := stream.readline(1000):
            said.append(line.strip())


def _in_child() -> None:
    """Die with the worker, and have the memory limit on data: runtimes such as V8 reserve far more than they use."""
    import ctypes
    import resource

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, most))


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the program and all that it started."""
    with suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


__all__ = ["PROTOCOL", "command_strategy", "parse_command"]
