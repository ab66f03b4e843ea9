"""Watching a search that does not come with the suite: what it opens, starts and looks through.

Python tells an audit hook of every file, process and look into the interpreter's memory. A hook cannot be removed,
but code in the same process can work around it (by C code of its own, above all): this finds cheats and accidents;
it is no wall. See docs/isolation.md.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

MAX_PROCESSES = 16
"""So many processes a search may have at once."""

MAX_FILE_BYTES = 2**28
"""The largest file that a search may write (256 MiB)."""

MAX_OUTPUT_BYTES = 2**16
"""What a worker may print where output is shown; the rest is dropped."""

_MEMORY = {"gc.get_objects", "gc.get_referrers", "gc.get_referents"}
_STARTS = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "pty.spawn"}
_BENCHMARKS = {
    "nasbench_suite.benchmark": "opened the benchmark",
    "nasbench_suite.scores": "asked for the scores of the benchmark",
}
"""The suite's own events, and what they say of a search."""

_TABLES = (".h5", ".hdf5")


class Guard:
    """The hook of this process; there is one, and it cannot be taken off.

    Attributes:
        seen: the first forbidden thing that a search did, in words.
        helpers: processes that the suite itself started here; they are none of the search's.
    """

    def __init__(self) -> None:
        self.active = False
        self.seen = ""
        self.store = ""
        self.journal = ""
        self.helpers: set[int] = set()

    def install(self) -> None:
        """Watch from now on whatever happens within :meth:`watching`."""
        sys.addaudithook(self._hook)
        _watch_tables(self._note_table)
        _limit_files()

    @contextmanager
    def watching(self, journal: Path | None) -> Iterator[None]:
        """Note the first forbidden thing that happens in here in ``seen``; the run's own journal may be written."""
        self.seen = ""
        self.journal = str(journal)
        self.store = "" if journal is None else str(journal.parent.parent).removesuffix("-journals")
        self.active = True
        try:
            yield
        finally:
            self.active = False

    def _note(self, what: str) -> None:
        self.seen = self.seen or what

    def _note_table(self, path: object) -> None:
        if self.active:
            self._note(f"opened the table {Path(os.fsdecode(str(path))).name} while searching")

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.active:
            return
        if event in _BENCHMARKS:
            self._note(f"{_BENCHMARKS[event]} {arguments[0]} while searching")
        elif event in _MEMORY:
            self._note(f"looked through the memory of its process ({event})")
        elif event == "open" and isinstance(arguments[0], (str, bytes)):
            path = os.fsdecode(arguments[0])
            if path.endswith(_TABLES):
                self._note_table(path)
            elif self.store and path.startswith(self.store) and path != self.journal:
                self._note("opened the store of results while searching")
        elif event == "sqlite3.connect" and self.store and os.fsdecode(arguments[0]).startswith(self.store):
            self._note("opened the store of results while searching")
        elif event in _STARTS:
            if len(set(children()) - self.helpers) >= MAX_PROCESSES:
                self._note(f"started more than {MAX_PROCESSES} processes at once")
                raise RuntimeError(f"a search may have {MAX_PROCESSES} processes at once")
        elif event == "os.kill" and arguments[0] not in set(children()) - self.helpers:
            self._note("sent a signal to a process that is not its own")
            raise PermissionError("a search may send signals to its own processes only")


def children() -> list[int]:
    """The processes that this one started and that still run (Linux; elsewhere none is known)."""
    found: list[int] = []
    for task in Path(f"/proc/{os.getpid()}/task").glob("*/children"):
        with suppress(OSError):
            found += [int(pid) for pid in task.read_text().split()]
    return found


def end_children(but: Container[int] = ()) -> None:
    """End what a search left running, but for these."""
    for pid in [pid for pid in children() if pid not in but]:
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)
        with suppress(OSError):
            os.waitpid(pid, 0)


def _watch_tables(note: Callable[[object], None]) -> None:
    """Have HDF5 files noted, too: their library opens them without telling Python."""
    import h5py

    original = h5py.File.__init__

    def opened(self: Any, name: Any, *arguments: Any, **keywords: Any) -> None:
        note(name)
        original(self, name, *arguments, **keywords)

    h5py.File.__init__ = opened


def _limit_files() -> None:
    if sys.platform == "win32":
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    wanted = MAX_FILE_BYTES if hard == resource.RLIM_INFINITY else min(MAX_FILE_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_FSIZE, (wanted, hard))


class LimitedOutput:
    """A text stream that lets so much through and drops the rest, so that no search can flood the terminal."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._left = MAX_OUTPUT_BYTES

    def write(self, text: str) -> int:
        """Pass the text on as far as it fits."""
        data = text.encode(errors="replace")[: max(0, self._left)]
        if data:
            os.write(self._descriptor, data)
            self._left -= len(data)
            if self._left <= 0:
                os.write(self._descriptor, b"\n(further output is dropped)\n")
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    def isatty(self) -> bool:
        """It is none."""
        return False
