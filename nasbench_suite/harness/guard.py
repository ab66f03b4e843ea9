"""Watching a search that does not come with the suite: what it opens, starts and signals.

Python tells an audit hook of every file and process. A hook cannot be removed, but code in the same process can work
around it (by C code of its own, above all): this names what was tried; the wall is the confinement (see
:mod:`nasbench_suite.harness.confinement` and docs/isolation.md).
"""

from __future__ import annotations

import hashlib
import io
import os
import signal
import sys
import time
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

MAX_PROCESSES = 16
"""So many processes a search may have at once."""

MAX_FILE_BYTES = 2**28
"""The largest file that a search may write (256 MiB)."""

MAX_OUTPUT_BYTES = 2**16
"""What a worker may print where output is shown; the rest is dropped."""

_STARTS = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "pty.spawn"}
_BENCHMARKS = {
    "nasbench_suite.benchmark": "opened the benchmark",
    "nasbench_suite.scores": "asked for the scores of the benchmark",
}
"""The suite's own events, and what they say of a search."""


class Guard:
    """The hook of this process; there is one, and it cannot be taken off.

    An accusation needs a thing that belongs to the suite: a path is compared as a whole, by the hash of where it leads
    (the process that searches knows none of them), a signal by the process that it would hit.

    Args:
        hidden: hash of a path (see :func:`hash_of_path`) -> what a search must not do, in words.
        kills: whether signals to others are refused here, because the system does not.

    Attributes:
        seen: the first forbidden thing that a search did, in words.
    """

    def __init__(self, hidden: Mapping[str, str], kills: bool) -> None:
        self._hidden = dict(hidden)
        self._kills = kills
        self.active = False
        self.seen = ""

    def install(self) -> None:
        """Watch from now on whatever happens within :meth:`watching`."""
        sys.addaudithook(self._hook)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note the first forbidden thing that happens in here in ``seen``."""
        self.seen = ""
        self._suite = ancestors()
        self.active = True
        try:
            yield
        finally:
            self.active = False

    def _note(self, what: str) -> None:
        self.seen = self.seen or what

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.active:
            return
        if event in _BENCHMARKS:
            self._note(f"{_BENCHMARKS[event]} {arguments[0]} while searching")
        elif event in ("open", "sqlite3.connect", "os.symlink", "os.link") and isinstance(arguments[0], (str, bytes)):
            self._note_path(os.fsdecode(arguments[0]))
        elif event in _STARTS:
            if len(children()) >= MAX_PROCESSES:
                self._note(f"started more than {MAX_PROCESSES} processes at once")
                raise RuntimeError(f"a search may have {MAX_PROCESSES} processes at once")
        elif event in ("os.kill", "os.killpg"):
            self._note_signal(event, *arguments)

    def _note_path(self, path: str) -> None:
        place = os.path.realpath(path)
        while place != os.path.dirname(place):
            if (what := self._hidden.get(hash_of_path(place))) is not None:
                self._note(what.replace("NAME", os.path.basename(os.path.realpath(path))))
                return
            place = os.path.dirname(place)

    def _note_signal(self, event: str, target: int, number: int) -> None:
        """A signal to the suite's own processes is the search's doing; one to its children, or to nobody, is not."""
        hits = target == -1 or abs(target) in self._suite
        if hits and number != 0:
            self._note("sent a signal to a process that is not its own")
        if hits or (self._kills and target > 0 and event == "os.kill" and not _is_own(target)):
            raise PermissionError("a search may send signals to its own processes only")


def hash_of_path(path: str) -> str:
    """What a path is known by to a process that may not know it."""
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:32]


def ancestors() -> frozenset[int]:
    """The processes above this one: those of the suite, and what started it."""
    found, pid = set(), os.getppid()
    while pid > 0 and pid not in found:
        found.add(pid)
        pid = _parent(pid)
    return frozenset(found)


def _parent(pid: int) -> int:
    with suppress(OSError, IndexError, ValueError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def _is_own(pid: int) -> bool:
    """Whether a process is this one, one of its session, or gone."""
    try:
        return pid == os.getpid() or os.getsid(pid) == os.getsid(0) or pid in descendants(os.getpid())
    except ProcessLookupError:
        return True


def children(pid: int | None = None) -> list[int]:
    """The processes that one started (by default this one) and that still run (Linux; elsewhere none is known)."""
    found: list[int] = []
    for task in Path(f"/proc/{pid or os.getpid()}/task").glob("*/children"):
        with suppress(OSError):
            found += [int(child) for child in task.read_text().split()]
    return found


def descendants(pid: int) -> list[int]:
    """The children of a process, and theirs."""
    found = children(pid)
    for child in found:
        found += [each for each in children(child) if each not in found]
    return found


def end_children(but: Container[int] = (), seconds: float = 5.0) -> bool:
    """End what this process and its children left running, but for these; says whether all are gone.

    Those that start others while they are ended are looked for again and again, for so many seconds.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        left = [pid for pid in descendants(os.getpid()) if pid not in but]
        if not left:
            return True
        for pid in left:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        for pid in left:
            with suppress(OSError):
                os.waitpid(pid, os.WNOHANG)
        time.sleep(0.002)
    return False


def limit_files() -> None:
    """Bound the files that this process may write, for good (not on Windows)."""
    if sys.platform == "win32":
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    wanted = MAX_FILE_BYTES if hard == resource.RLIM_INFINITY else min(MAX_FILE_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_FSIZE, (wanted, wanted))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class LimitedOutput(io.TextIOWrapper):
    """A text stream that lets so much through and drops the rest, so that no search can flood the terminal.

    It has all that a stream has (``buffer``, ``encoding``, …), so that showing output changes no search.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__(_Limited(descriptor), encoding="utf-8", errors="replace", write_through=True)  # type: ignore[arg-type]


class _Limited(io.RawIOBase):
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._left = MAX_OUTPUT_BYTES

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        shown = bytes(data)[: max(0, self._left)]
        with suppress(OSError):
            if shown:
                os.write(self._descriptor, shown)
                self._left -= len(shown)
                if self._left <= 0:
                    os.write(self._descriptor, b"\n(further output is dropped)\n")
        return len(data)
