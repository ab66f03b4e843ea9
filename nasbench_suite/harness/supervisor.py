"""Worker processes, seen from the process that starts them: whatever one of them does, this one goes on.

A worker has a session of its own, so that no signal to its group reaches anybody else. It speaks through one socket;
what comes through it is checked before it is believed. It has a time for its start and for each run, after which it
is ended with all that it started, and it is replaced after any loss.
"""

from __future__ import annotations

import math
import os
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from array import array
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from nasbench_suite.errors import StoreError, SuiteError
from nasbench_suite.harness.engine import Batch
from nasbench_suite.harness.executing import WENT_ON, WENT_ON_STATUS
from nasbench_suite.harness.frames import Garbled, framed, new_mark, packed_json, read_frame, unpacked_json
from nasbench_suite.harness.guard import children, descendants
from nasbench_suite.harness.runs import MACHINE, OUTCOMES, Outcome, Packed, Run
from nasbench_suite.search.journal import decode_event, encode_event, encode_journal

START_SECONDS = 60.0
"""So long a worker may take to start and to import its plugins, whatever the time limit of a run is."""

GRACE_SECONDS = 15.0
"""So much longer than a run may take is waited for a worker that ends late runs by itself."""

TOKEN = "NASBENCH_WORKER"
"""Names the worker in the environment of all that it starts."""

MOST_JOURNAL_BYTES = 2**30
_LENGTHS = struct.Struct("<II")
_WORK = "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from nasbench_suite.harness.worker import main; main(int(sys.argv[2]))"
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


@dataclass(frozen=True)
class Setting:
    """What a worker is started with.

    Attributes:
        plugins_dir: loose plugins, too.
        show_output: whether what strategies print goes to stderr.
        only: keys of the plugins to load besides the suite's own.
        trust: names of plugins or packages to load, too.
        isolated: whether strategies run in a confined process of their own.
        home: key of the plugin that the benchmark comes from; empty if it comes with the suite.
        command: a program that is a strategy.
    """

    plugins_dir: Path | None
    show_output: bool
    only: frozenset[str]
    trust: frozenset[str]
    isolated: bool
    home: str = ""
    command: str | None = None


class Worker:
    """One worker process.

    Args:
        setting: what it is started with.

    Attributes:
        setting: likewise.
        batch: what it is at; ``None`` if it waits.
        results: of the first runs of the batch.
        done: how many batches it has done.
        fault: why it is lost, once it is.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.batch: Batch | None = None
        self.results: list[Packed] = []
        self.done = 0
        self.fault: tuple[Outcome, str] | None = None
        self._ready = False
        self._token = secrets.token_hex(8)
        self._mark = new_mark()
        self._buffer = bytearray()
        self._own = tempfile.mkdtemp(prefix="nasbench-")
        self._channel, theirs = socket.socketpair()
        environment = {**os.environ, **dict.fromkeys(_THREADS, "1"), TOKEN: self._token}
        path = packed_json([os.path.abspath(entry) for entry in sys.path if entry]).decode()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _WORK, path, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                env=environment,
            )
        told = {
            "parent": os.getpid(),
            "own": self._own,
            "plugins_dir": str(setting.plugins_dir.absolute()) if setting.plugins_dir else "",
            "show": setting.show_output,
            "only": sorted(setting.only),
            "trust": sorted(setting.trust),
            "isolated": setting.isolated,
            "home": setting.home,
            "command": setting.command,
        }
        self._channel.settimeout(5.0)
        self._send(self._mark + framed(self._mark, b"c", packed_json(told)))
        self._channel.setblocking(False)

    @property
    def fresh(self) -> bool:
        """Whether it has done nothing before the run that it is at."""
        return not self.done and not self.results

    def fileno(self) -> int:
        """Of the socket, for a selector."""
        return self._channel.fileno()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def give(self, batch: Batch) -> None:
        """Have a batch done; it must be waiting."""
        self.batch, self.results = batch, []
        told = {
            "runs": [run.recipe for run in batch.runs],
            "journals": str(batch.journals.absolute()) if batch.journals else "",
            "memory_limit": batch.memory_limit,
            "time_limit": batch.time_limit,
            "curves": str(batch.curves.absolute()) if batch.curves else "",
            "home": batch.home,
        }
        self._channel.setblocking(True)
        self._channel.settimeout(5.0)
        self._send(framed(self._mark, b"b", packed_json(told)))
        self._channel.setblocking(False)
        self._deadline = time.monotonic() + (self._run_seconds if self._ready else self._start_seconds)

    def _send(self, data: bytes) -> None:
        with suppress(OSError):  # it is gone, or will be found late
            self._channel.sendall(data)

    @property
    def _run_seconds(self) -> float:
        assert self.batch is not None
        if not self.setting.isolated:
            return self.batch.time_limit
        first = 0.0 if self.results or self.done else max(START_SECONDS, self.batch.time_limit)
        return self.batch.time_limit + GRACE_SECONDS + first

    @property
    def _start_seconds(self) -> float:
        assert self.batch is not None
        return max(START_SECONDS, self.batch.time_limit)

    @property
    def deadline(self) -> float:
        """When it is late, by the monotonic clock; never while it waits."""
        return math.inf if self.batch is None else self._deadline

    def hear(self) -> bool:
        """Take in what it has said; whether its batch is at an end. ``fault`` tells if it is lost."""
        try:
            data = self._channel.recv(2**20)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            return self._lose("died", f"its process {self._how_it_ended()}")
        self._buffer += data
        try:
            while (frame := self._next()) is not None:
                if self._take(*frame):
                    return True
        except (Garbled, StoreError) as error:
            return self._lose("died", f"its worker is not to be believed: {error}")
        return False

    def _next(self) -> tuple[bytes, bytes] | None:
        """The next whole message in the buffer."""
        view = bytes(self._buffer[:13])
        if len(view) < 13:
            if not self._mark.startswith(view[:8]):
                raise Garbled("something wrote into the pipe that the suite's processes speak through")
            return None
        length = int.from_bytes(view[9:13], "little")
        if view[:8] == self._mark and len(self._buffer) < 13 + length:
            if length > 2**28:
                raise Garbled("a message is too long")
            return None
        waiting = memoryview(bytes(self._buffer))
        position = 0

        def read(count: int) -> bytes:
            nonlocal position
            position += count
            return bytes(waiting[position - count : position])

        frame = read_frame(read, self._mark)
        del self._buffer[:position]
        return frame

    def _take(self, kind: bytes, content: bytes) -> bool:
        if self.batch is None:
            if kind == b"r":
                self._ready = True
                return False
            raise Garbled("a result came that nobody waits for")
        if kind == b"r" and not self._ready:
            self._ready = True
        elif kind == b"d" and len(self.results) < len(self.batch.runs):
            self.results.append(checked_result(content, self.batch.runs[len(self.results)]))
        elif kind == b"e" and self.results:
            self.done += 1
            return True
        else:
            raise Garbled("a message came out of turn")
        self._deadline = time.monotonic() + self._run_seconds
        return False

    def late(self) -> bool:
        """End it if it is late; whether it was."""
        if time.monotonic() < self.deadline:
            return False
        assert self.batch is not None
        if not self._ready:
            return self._lose("timeout", f"its plugins were not imported within {self._start_seconds:g} s")
        return self._lose("timeout", f"did not end within the time limit of {self.batch.time_limit:g} s")

    def _lose(self, outcome: Outcome, reason: str) -> bool:
        self.fault = outcome, reason
        if outcome == "died" and self._process.returncode == WENT_ON_STATUS:
            self.fault = "invalid", WENT_ON
        self.end()
        return True

    def _how_it_ended(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        status = self._process.poll()
        if status is None:
            return "closed the pipe that it speaks through"
        return f"was killed by signal {-status}" if status < 0 else f"exited with status {status}"

    def end(self) -> None:
        """End it, and all that it started."""
        with suppress(OSError):
            self._channel.close()
        strays = [self._process.pid, *descendants(self._process.pid)] if self._process.poll() is None else []
        for pid in strays:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        with suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        end_marked(self._token)
        shutil.rmtree(self._own, ignore_errors=True)


def end_marked(token: str) -> None:
    """End what carries a worker's token in its environment, and what that started (Linux)."""
    wanted = f"{TOKEN}={token}".encode()
    for _ in range(20):
        found = [pid for pid in _processes() if wanted in _environment(pid)]
        if not found:
            return
        for pid in [*found, *(each for parent in found for each in descendants(parent))]:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        for pid in children():
            if pid in found:
                with suppress(OSError):
                    os.waitpid(pid, os.WNOHANG)
        time.sleep(0.005)


def _processes() -> list[int]:
    with suppress(OSError):
        return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
    return []


def _environment(pid: int) -> list[bytes]:
    with suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return []


def packed_bytes(packed: Packed) -> bytes:
    """A result as a worker sends it."""
    fields: Mapping[str, object] = {
        "id": packed.id,
        "outcome": packed.outcome,
        "reason": packed.reason,
        "seconds": [packed.wall_seconds, packed.cpu_seconds],
        "marks": packed.marks,
    }
    plain = packed_json(fields)
    return _LENGTHS.pack(len(plain), len(packed.journal)) + plain + packed.journal + packed.own


def checked_result(content: bytes, run: Run) -> Packed:
    """A result that a worker sent, as it may be stored.

    Args:
        content: as :func:`packed_bytes` made it, or as whoever had a hand in it.
        run: that it must be of.

    Raises:
        Garbled, StoreError: it is no result of this run: another id, an unknown outcome, a journal that cannot be
            read back to the same bytes, seconds that are no numbers.
    """
    if len(content) < _LENGTHS.size:
        raise Garbled("a result was cut off")
    plain, long = _LENGTHS.unpack_from(content)
    head, journal = content[8 : 8 + plain], content[8 + plain : 8 + plain + long]
    fields = unpacked_json(head)
    try:
        outcome, reason, marks = fields["outcome"], fields["reason"], fields["marks"]
        wall, cpu = map(float, fields["seconds"])
        if fields["id"] != run.id or outcome not in (*OUTCOMES, MACHINE) or not isinstance(reason + marks, str):
            raise StoreError("a worker sent the result of another run")
        lines = _unpacked(journal).decode().split("\n")
        events = [decode_event(line) for line in lines if line]
        own = array("f")
        own.frombytes(_unpacked(content[8 + plain + long :]))
    except (KeyError, TypeError, ValueError, zlib.error, SuiteError) as error:
        raise StoreError(f"a worker sent a result that cannot be read ({error})") from None
    if [encode_event(event) for event in events] != [line for line in lines if line]:
        raise StoreError("a worker sent a journal that is not written as journals are")
    if len(own) != len(events) or not all(map(math.isfinite, [*own, wall, cpu])):
        raise StoreError("a worker sent times that do not fit its journal")
    return Packed(
        run.id,
        run.recipe,
        outcome,
        one_line(reason),
        encode_journal(events),
        zlib.compress(own.tobytes(), 6),
        wall,
        cpu,
        one_line(marks),
    )


def _unpacked(data: bytes) -> bytes:
    unpacking = zlib.decompressobj()
    found = unpacking.decompress(data, MOST_JOURNAL_BYTES)
    if unpacking.unconsumed_tail or not unpacking.eof:
        raise StoreError("a journal is too long, or was cut off")
    return found


def one_line(text: str) -> str:
    """Text from a worker as one line that every output can write."""
    plain = text.encode("utf-8", "replace").decode("utf-8", "replace")
    return " ".join("".join(c if c.isprintable() else " " for c in plain).split())[:500]
