"""Where results are kept: one SQLite file that several processes may use at once and that survives being killed.

A process first *claims* runs, so that two of them share the work instead of doing it twice, then writes each result
in one transaction. A claim belongs to a random token, never to a host, a process number or a time of day, since
containers, clones and nodes share those or disagree on them. It is void when its owner's heartbeat has not moved for
:data:`LEASE_SECONDS` of the *reader's* own clock, or at once where the system itself shows that the owner ended: it held
a lock that this very kernel has let go.

Each owner writes the journals of its runs into a directory of its own, so that two processes that do one run in spite
of all lose nothing: each goes on in its own journal, and the first result stays.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO

from nasbench_suite.errors import StoreError
from nasbench_suite.harness.runs import Packed, Result

SCHEMA_VERSION = 2
READABLE_VERSIONS = (1, 2)
"""A store of version 1 has the same runs; its claims are dropped when it is first written to."""

APPLICATION_ID = 0x6E617362  # "nasb"

LEASE_SECONDS = 60.0
"""A claim whose owner's heart has not beaten for so long is void."""

HEARTBEAT_SECONDS = 5.0
"""How often an owner is to call :meth:`Store.renew`."""

_RUNS = """
CREATE TABLE runs (
    id TEXT PRIMARY KEY, recipe TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL,
    journal BLOB NOT NULL, own BLOB NOT NULL, wall_seconds REAL NOT NULL, cpu_seconds REAL NOT NULL
) WITHOUT ROWID;
"""
_REST = """
CREATE TABLE owners (owner TEXT PRIMARY KEY, beats INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE claims (id TEXT PRIMARY KEY, owner TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE loaded (id TEXT PRIMARY KEY, source TEXT NOT NULL) WITHOUT ROWID;
"""
_MAGIC = b"SQLite format 3\0"
_LOCK = "owner.lock"

_ADVICE = (
    ("locked", "another process has held it for a minute; wait for it, or end it"),
    ("busy", "another process has held it for a minute; wait for it, or end it"),
    ("full", "there is no room left; make room and give the same command again, nothing that was stored is lost"),
    ("readonly", "it can be read and not written; make it and its directory writable, or choose another --store"),
    ("i/o", "the disk failed or is full; see to it and give the same command again, nothing that was stored is lost"),
    ("unable to open", "see that it is a file and that its directory may be read and written"),
    ("malformed", "it is damaged; move it away or choose another --store"),
    ("not a database", "choose another --store"),
)
"""What to do about SQLite's errors, by a word of them."""


_MARKS = "CREATE TABLE IF NOT EXISTS marks (id TEXT PRIMARY KEY, marks TEXT NOT NULL) WITHOUT ROWID"


class Store:
    """The results of runs by their ids.

    Args:
        path: of the SQLite file; it and its directory are made if they are not there.
        read_only: only look; nothing is made or changed, and a store that is not there is an empty one.

    Raises:
        StoreError: a file that is no store, is damaged, cannot be opened, or has another schema version.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self.read_only = read_only
        self.owner = secrets.token_hex(16)
        self._seen: dict[str, tuple[int, float]] = {}
        self._alive: IO[str] | None = None
        if _is_foreign(path):
            raise StoreError(f"{path} is an SQLite file but no nasbench-suite store; choose another --store")
        with self._translated():
            self._connection = self._looking() if read_only else self._writing()
        try:
            with self._translated():
                self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def _writing(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"store {self.path} cannot be made: {error.strerror or error}") from None
        return sqlite3.connect(self.path, timeout=60.0, isolation_level=None)

    def _looking(self) -> sqlite3.Connection:
        if not self.path.exists():
            return sqlite3.connect(":memory:", isolation_level=None)
        address = self.path.absolute().as_uri()
        connection = sqlite3.connect(f"{address}?mode=ro", uri=True, timeout=60.0, isolation_level=None)
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:
            connection.close()
            if _beside(self.path, "-wal").exists():
                raise
            # A store of an earlier release in a directory that cannot be written: its log is empty, the file is all.
            connection = sqlite3.connect(f"{address}?mode=ro&immutable=1", uri=True, isolation_level=None)
        return connection

    def _prepare(self) -> None:
        execute = self._connection.execute
        (version,) = execute("PRAGMA user_version").fetchone()
        empty = version == 0 and execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
        if self.read_only:
            if version not in READABLE_VERSIONS and not empty:
                raise self._of_another_version(version)
            if empty:
                self._connection.close()
                self._connection = sqlite3.connect(":memory:", isolation_level=None)
                self._create(_RUNS + _REST)
            return
        # Nothing but locks on the file itself, which is all that network file systems have; releases before this one used
        # a log in shared memory, and one of them may still be at work on it.
        with suppress(sqlite3.OperationalError):
            execute("PRAGMA journal_mode = DELETE")
        if version == SCHEMA_VERSION:
            return
        with self._transaction():
            (version,) = execute("PRAGMA user_version").fetchone()
            if version == 0 and execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
                self._create(_RUNS + _REST)
            elif version == 1:
                execute("DROP TABLE claims")
                self._create(_REST)
            elif version != SCHEMA_VERSION:
                raise self._of_another_version(version)

    def _create(self, schema: str) -> None:
        for statement in schema.split(";"):
            self._connection.execute(statement)
        self._connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        self._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _of_another_version(self, version: int) -> StoreError:
        return StoreError(
            f"store {self.path} has schema version {version}, this release uses {SCHEMA_VERSION}; "
            "choose another --store or use a release that fits"
        )

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the store cannot be used afterwards."""
        self._connection.close()
        self._end_owner()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            words = str(error)
            advice = next((todo for word, todo in _ADVICE if word in words.lower()), "choose another --store")
            raise StoreError(f"store {self.path} cannot be used ({words}): {advice}") from None

    @contextmanager
    def _transaction(self) -> Iterator[Callable[..., sqlite3.Cursor]]:
        with self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection.execute
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # a full disk has rolled it back already
                    self._connection.execute("ROLLBACK")
                raise

    # Results

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
            marks = self._marks()
            for run in ids:
                row = self._connection.execute("SELECT * FROM runs WHERE id = ?", (run,)).fetchone()
                if row is not None:
                    found[run] = Packed(*row, *marks.get(run, ())).unpacked()
        return found

    def _marks(self) -> dict[str, tuple[str]]:
        """Id -> marks, of those runs that have any."""
        if not self._connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'marks'").fetchone():
            return {}
        return {run: (marks,) for run, marks in self._connection.execute("SELECT id, marks FROM marks")}

    def put(self, results: Iterable[Packed], source: str = "") -> None:
        """Write results and drop their claims, in one transaction. A result that is there already stays.

        Args:
            results: of runs.
            source: where they were loaded from, if they were not computed here.
        """
        results = list(results)
        with self._transaction() as execute:
            for packed in results:
                new = execute("INSERT OR IGNORE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?)", packed[:8]).rowcount
                if source and new:
                    execute("INSERT OR REPLACE INTO loaded VALUES (?, ?)", (packed.id, source))
                if packed.marks:
                    execute(_MARKS)
                    execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (packed.id, packed.marks))
                execute("DELETE FROM claims WHERE id = ? AND owner = ?", (packed.id, self.owner))
        self._clear_journals(packed.id for packed in results)

    def loaded(self, ids: Iterable[str]) -> dict[str, str]:
        """Id -> where it was loaded from, of those runs that were not computed with this store."""
        wanted = set(ids)
        with self._translated():
            if not self._connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'loaded'").fetchone():
                return {}  # a store of version 1
            rows = self._connection.execute("SELECT id, source FROM loaded").fetchall()
        return {run: source for run, source in rows if run in wanted}

    def recipes(self) -> list[str]:
        """The recipes of all runs of the store."""
        with self._translated():
            return [recipe for (recipe,) in self._connection.execute("SELECT recipe FROM runs ORDER BY id")]

    def forget(self, ids: Iterable[str]) -> None:
        """Remove results and unfinished journals, so that the runs are done again."""
        ids = list(ids)
        with self._transaction() as execute:
            for run in ids:
                execute("DELETE FROM runs WHERE id = ?", (run,))
                execute("DELETE FROM loaded WHERE id = ?", (run,))
        self._clear_journals(ids)

    # Claims

    def claim(self, ids: Sequence[str]) -> list[str]:
        """Take those runs that are neither done nor claimed by a living owner, and their journals with them."""
        self._begin_owner()
        taken = []
        with self._transaction() as execute:
            execute("INSERT OR IGNORE INTO owners VALUES (?, 0)", (self.owner,))
            beats: Mapping[str, int] = dict(execute("SELECT owner, beats FROM owners").fetchall())
            void = {owner for owner, beat in beats.items() if owner != self.owner and self._is_void(owner, beat)}
            for run in ids:
                if execute("SELECT 1 FROM runs WHERE id = ?", (run,)).fetchone():
                    continue
                held = execute("SELECT owner FROM claims WHERE id = ?", (run,)).fetchone()
                if held and held[0] != self.owner and held[0] in beats and held[0] not in void:
                    continue
                execute("INSERT OR REPLACE INTO claims VALUES (?, ?)", (run, self.owner))
                taken.append(run)
        for run in taken:
            self._adopt(run)
        return taken

    def renew(self) -> None:
        """Let this owner's heart beat; to be called every :data:`HEARTBEAT_SECONDS`."""
        with self._transaction() as execute:
            # The row is made again where another process took this owner for dead, as after a long sleep.
            execute("INSERT OR IGNORE INTO owners VALUES (?, 0)", (self.owner,))
            execute("UPDATE owners SET beats = beats + 1 WHERE owner = ?", (self.owner,))

    def release(self) -> None:
        """Give up all claims of this owner."""
        with self._transaction() as execute:
            execute("DELETE FROM claims WHERE owner = ?", (self.owner,))
            execute("DELETE FROM owners WHERE owner = ?", (self.owner,))
            execute("DELETE FROM owners WHERE owner NOT IN (SELECT owner FROM claims)")

    def _is_void(self, owner: str, beats: int) -> bool:
        """Whether an owner is gone: for certain by its lock, or by a heart that stood still while this process looked."""
        now = time.monotonic()
        before, since = self._seen.get(owner, (-1, now))
        if before != beats:
            self._seen[owner] = (beats, now)
            since = now
        return now - since > LEASE_SECONDS or _let_go(self.root / owner / _LOCK)

    # Journals of runs under way

    @property
    def root(self) -> Path:
        """The directory of the journals of runs under way, of all owners."""
        return _beside(self.path.absolute(), "-journals")  # workers are in directories of their own

    @property
    def journals(self) -> Path:
        """The directory of the journals of the runs that this owner has under way."""
        return self.root / self.owner

    def journal_path(self, run: str) -> Path:
        """Where this owner keeps the journal of a run under way."""
        return self.journals / f"{run}.jsonl"

    def _begin_owner(self) -> None:
        """Make this owner's directory, and hold a lock in it for as long as the process lives."""
        if self._alive is not None:
            return
        try:
            self.journals.mkdir(parents=True, exist_ok=True)
            self._alive = (self.journals / _LOCK).open("w", encoding="utf-8")
            if _lock(self._alive):
                self._alive.write(_kernel())
                self._alive.flush()
        except OSError as error:
            raise StoreError(
                f"the journals of runs under way cannot be kept in {self.journals}: {error.strerror or error}; "
                "make room or make it writable"
            ) from None

    def _end_owner(self) -> None:
        if self._alive is None:
            return
        with suppress(OSError):
            self._alive.close()
        self._alive = None
        with suppress(OSError):
            (self.journals / _LOCK).unlink()
            self.journals.rmdir()  # unless runs were interrupted: their journals stay
        with suppress(OSError):
            self.root.rmdir()

    def _everywhere(self, run: str) -> list[Path]:
        """The journals of a run, of all owners, and those of releases that had one directory for all."""
        name = f"{run}.jsonl"
        with suppress(OSError):
            return [self.root / name, *(folder / name for folder in self.root.iterdir() if folder.is_dir())]
        return []

    def _adopt(self, run: str) -> None:
        """Go on from the longest journal that somebody left behind; the others' files stay theirs until the result is in."""
        mine = self.journal_path(run)
        if mine.exists():
            return
        left = [path for path in self._everywhere(run) if path.is_file()]
        if not left:
            return
        with suppress(OSError):  # without it, the run begins anew
            longest = max(left, key=lambda path: path.stat().st_size)
            partial = mine.with_suffix(".partial")
            shutil.copyfile(longest, partial)
            os.replace(partial, mine)

    def _clear_journals(self, runs: Iterable[str]) -> None:
        try:
            folders = [self.root, *(folder for folder in self.root.iterdir() if folder.is_dir())]
        except OSError:
            return
        for run in runs:
            for folder in folders:
                with suppress(OSError):
                    (folder / f"{run}.jsonl").unlink()
        for folder in folders[1:]:
            if folder != self.journals and _let_go(folder / _LOCK) and not any(folder.glob("*.jsonl")):
                shutil.rmtree(folder, ignore_errors=True)


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _is_foreign(path: Path) -> bool:
    """Whether a file is somebody else's database. Only its bytes are read: SQLite itself might change it."""
    try:
        with path.open("rb") as file:
            head = file.read(100)
    except OSError:
        return False
    if not head.startswith(_MAGIC) or len(head) < 100:
        return False
    application = int.from_bytes(head[68:72], "big")
    if application != 0:
        return application != APPLICATION_ID
    with tempfile.TemporaryDirectory(prefix="nasbench-") as folder:
        # Its head may still be in its log, and SQLite would merge the two where they lie.
        copy = Path(folder) / "copy"
        try:
            for ending in ("", "-wal"):
                if _beside(path, ending).exists():
                    shutil.copyfile(_beside(path, ending), _beside(copy, ending))
            with closing(sqlite3.connect(copy)) as connection:
                (application,) = connection.execute("PRAGMA application_id").fetchone()
                (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except (OSError, sqlite3.Error):
            return False  # opening it says what is wrong
        return bool(tables) and application != APPLICATION_ID


def _kernel() -> str:
    """What tells this start of this kernel from all others; empty where it is unknown."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _lock(file: IO[str]) -> bool:
    """Take the lock of a file that goes when the process ends; whether it could be had."""
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _let_go(path: Path) -> bool:
    """Whether the owner of a lock is known to have ended: it was held under this kernel, and nobody holds it."""
    try:
        with path.open("r+", encoding="utf-8") as file:
            written = file.read()
            return bool(written) and written == _kernel() and _lock(file)
    except OSError:
        return False
