"""Where results are kept: one SQLite file that several processes may use at once and that survives being killed.

A process first *claims* runs, so that two of them share the work instead of doing it twice, then writes each result
in one transaction. The claims of a process that is gone are void.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from nasbench_suite.errors import StoreError
from nasbench_suite.harness.runs import Packed, Result

SCHEMA_VERSION = 1
APPLICATION_ID = 0x6E617362  # "nasb"
LEASE_SECONDS = 120.0

_SCHEMA = """
CREATE TABLE runs (
    id TEXT PRIMARY KEY, recipe TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL,
    journal BLOB NOT NULL, own BLOB NOT NULL, wall_seconds REAL NOT NULL, cpu_seconds REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE claims (id TEXT PRIMARY KEY, owner TEXT NOT NULL, expires REAL NOT NULL) WITHOUT ROWID;
"""


_MARKS = "CREATE TABLE IF NOT EXISTS marks (id TEXT PRIMARY KEY, marks TEXT NOT NULL) WITHOUT ROWID"


class Store:
    """The results of runs by their ids.

    Args:
        path: of the SQLite file; it and its directory are made if they are not there.

    Raises:
        StoreError: a file that is no store, is damaged, or has another schema version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.owner = process_identity(os.getpid())
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"store {path} cannot be made: {error.strerror or error}") from None
        with self._translated():
            self._connection = sqlite3.connect(path, timeout=60.0, isolation_level=None)
        try:
            with self._translated():
                self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        execute = self._connection.execute
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA synchronous = NORMAL")
        with self._transaction():
            (version,) = execute("PRAGMA user_version").fetchone()
            (application,) = execute("PRAGMA application_id").fetchone()
            if version == 0 and execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
                for statement in _SCHEMA.split(";"):
                    execute(statement)
                execute(f"PRAGMA application_id = {APPLICATION_ID}")
                execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            elif application != APPLICATION_ID:
                raise StoreError(f"{self.path} is an SQLite file but no nasbench-suite store; choose another --store")
            elif version != SCHEMA_VERSION:
                raise StoreError(
                    f"store {self.path} has schema version {version}, this release uses {SCHEMA_VERSION}; "
                    "choose another --store or use a release that fits"
                )
            execute(_MARKS)  # stores of earlier releases have none

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the store cannot be used afterwards."""
        self._connection.close()

    @property
    def journals(self) -> Path:
        """The directory of the journals of runs that are under way."""
        return self.path.with_name(self.path.name + "-journals")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(
                f"store {self.path} cannot be used: {error}; move it away or choose another --store"
            ) from None

    @contextmanager
    def _transaction(self) -> Iterator[Callable[..., sqlite3.Cursor]]:
        with self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection.execute
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def outcomes(self, ids: Iterable[str]) -> dict[str, str]:
        """Id -> outcome of those runs that are in the store."""
        wanted = set(ids)
        with self._translated():
            rows = self._connection.execute("SELECT id, outcome FROM runs").fetchall()
        return {run: outcome for run, outcome in rows if run in wanted}

    def results(self, ids: Iterable[str]) -> dict[str, Result]:
        """Id -> result of those runs that are in the store.

        Raises:
            StoreError: a damaged result.
        """
        found = {}
        with self._translated():
            for run in ids:
                row = self._connection.execute("SELECT * FROM runs WHERE id = ?", (run,)).fetchone()
                if row is not None:
                    marks = self._connection.execute("SELECT marks FROM marks WHERE id = ?", (run,)).fetchone()
                    found[run] = Packed(*row, *(marks or ())).unpacked()
        return found

    def put(self, results: Iterable[Packed]) -> None:
        """Write results and drop their claims, in one transaction. A result that is there already stays."""
        with self._transaction() as execute:
            for packed in results:
                execute("INSERT OR IGNORE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?)", packed[:8])
                if packed.marks:
                    execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (packed.id, packed.marks))
                execute("DELETE FROM claims WHERE id = ? AND owner = ?", (packed.id, self.owner))
        for packed in results:
            self.journal_path(packed.id).unlink(missing_ok=True)

    def forget(self, ids: Iterable[str]) -> None:
        """Remove results and unfinished journals, so that the runs are done again."""
        ids = list(ids)
        with self._transaction() as execute:
            for run in ids:
                execute("DELETE FROM runs WHERE id = ?", (run,))
                execute("DELETE FROM marks WHERE id = ?", (run,))
        for run in ids:
            self.journal_path(run).unlink(missing_ok=True)

    def journal_path(self, run: str) -> Path:
        """Where the journal of a run under way is kept."""
        return self.journals / f"{run}.jsonl"

    def claim(self, ids: Sequence[str]) -> list[str]:
        """Take those runs that are neither done nor claimed by a living process; renew those claimed by this one."""
        now = time.time()
        taken = []
        with self._transaction() as execute:
            for run in ids:
                if execute("SELECT 1 FROM runs WHERE id = ?", (run,)).fetchone():
                    continue
                held = execute("SELECT owner, expires FROM claims WHERE id = ?", (run,)).fetchone()
                if held and held[0] != self.owner and held[1] > now and not is_gone(held[0]):
                    continue
                execute("INSERT OR REPLACE INTO claims VALUES (?, ?, ?)", (run, self.owner, now + LEASE_SECONDS))
                taken.append(run)
        return taken

    def renew(self) -> None:
        """Extend the lease of all claims of this process; to be called well within :data:`LEASE_SECONDS`."""
        with self._transaction() as execute:
            execute("UPDATE claims SET expires = ? WHERE owner = ?", (time.time() + LEASE_SECONDS, self.owner))

    def release(self) -> None:
        """Give up all claims of this process."""
        with self._transaction() as execute:
            execute("DELETE FROM claims WHERE owner = ?", (self.owner,))


def process_identity(pid: int) -> str:
    """Host, process number and start time: no other process ever has the same."""
    return f"{socket.gethostname()}/{pid}/{_start_time(pid)}"


def is_gone(owner: str) -> bool:
    """Whether a process of this host no longer runs. Of other hosts nothing is known, so they count as running."""
    host, pid, start = owner.rsplit("/", 2)
    return host == socket.gethostname() and _start_time(int(pid)) != start


def _start_time(pid: int) -> str:
    """When a process started, in the system's own words; ``"gone"`` if there is none, ``"?"`` where unknown."""
    try:
        # The name in parentheses may contain anything; the start time is the 20th field after it.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (FileNotFoundError, ProcessLookupError):
        if Path("/proc/self/stat").exists():
            return "gone"
    except (OSError, IndexError):
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return "gone"
    except OSError:
        pass
    return "?"
