"""Which tables there are: directories with a ``manifest.toml`` that lists files with hash, source and licence."""

from __future__ import annotations

import fcntl
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasbench_suite.errors import TableError, unknown
from nasbench_suite.plain.files import read_bytes

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MANIFEST = "manifest.toml"
PATH_VARIABLE = "NASBENCH_TABLES"
LARGEST = 16 * 2**20
"""Bytes that a manifest may have."""


@dataclass(frozen=True)
class Entry:
    """One table of a manifest.

    Attributes:
        name: of the table.
        path: of the file.
        sha256: what the file must have.
        source, licence, made_by: where the numbers come from, under which terms, and the command that made the file.
    """

    name: str
    path: Path
    sha256: str
    source: str
    licence: str
    made_by: str


def shipped_directory() -> Path:
    """The directory of the tables that come with the suite (inside the package, or beside it in a checkout)."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "tabular_data"
    return inside if inside.is_dir() else package.parent / "tabular_data"


def table_directories() -> list[Path]:
    """Where tables are looked for: the directories in ``NASBENCH_TABLES``, the user's data directory, the shipped."""
    import platformdirs

    named = [Path(part).expanduser() for part in os.environ.get(PATH_VARIABLE, "").split(os.pathsep) if part]
    return [*named, Path(platformdirs.user_data_dir("nasbench-suite")) / "tables", shipped_directory()]


def own_directory() -> Path:
    """Where new tables go: the first directory in ``NASBENCH_TABLES``, else the user's data directory."""
    return table_directories()[0]


def read_manifest(directory: Path) -> dict[str, Entry]:
    """The entries of a directory's manifest by table name; empty if there is none.

    Raises:
        TableError: a manifest that is not TOML or lacks a field.
    """
    path = directory / MANIFEST
    if not path.is_file():
        return {}
    try:
        document = tomllib.loads(read_bytes(path, LARGEST).decode("utf-8"))
        return {name: _entry(name, fields, directory) for name, fields in document.items()}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise TableError(f"manifest {path} cannot be read: {type(error).__name__}: {error}") from None


def _entry(name: str, fields: Any, directory: Path) -> Entry:
    texts = {key: fields[key] for key in ("file", "sha256", "source", "licence", "made_by")}
    for key, text in texts.items():
        if not isinstance(text, str):
            raise TypeError(f"{key} of {name!r} is {text!r}, expected a text")
    if Path(texts["file"]).name != texts["file"]:
        raise ValueError(f"file of {name!r} is {texts['file']!r}, expected a name in the same directory")
    return Entry(name, directory / texts["file"], texts["sha256"], texts["source"], texts["licence"], texts["made_by"])


def known_tables() -> dict[str, Entry]:
    """Every listed table by name; where two directories list the same name, the earlier directory counts."""
    known: dict[str, Entry] = {}
    for directory in table_directories():
        for name, entry in read_manifest(directory).items():
            known.setdefault(name, entry)
    return known


def find_table(name_or_path: str | Path) -> Path:
    """The file of a table given by name or by path.

    Raises:
        UsageError: an unknown name.
        TableError: the file is not there.
    """
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith((".h5", ".hdf5")) or os.sep in text:
        path = Path(name_or_path).expanduser()
        if not path.is_file():
            raise TableError(f"table file {path} does not exist")
        return path
    known = known_tables()
    if text not in known:
        raise unknown("table", text, known, "put its directory into NASBENCH_TABLES or give the path of a .h5 file")
    path = known[text].path
    if not path.is_file():
        raise TableError(
            f"table {text!r}: {path} is missing, though the manifest lists it; make it again: {known[text].made_by}"
        )
    return path


def expected_sha256(path: Path) -> str | None:
    """The hash that the manifest beside a file demands, or ``None`` if no manifest lists the file."""
    for entry in read_manifest(path.parent).values():
        if entry.path.name == path.name:
            return entry.sha256
    return None


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep other processes from changing a directory's manifest; they wait. The directory itself is what is locked.

    Raises:
        TableError: the directory cannot be written to.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        handle = os.open(directory, os.O_RDONLY)
    except OSError as error:
        raise TableError(f"tables in {directory} cannot be written: {error.strerror or error}") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def list_in_manifest(entry: Entry, *, have_lock: bool = False) -> None:
    """Write or replace a table's entry in the manifest of its directory, in one step.

    Args:
        entry: of the table.
        have_lock: whether the caller holds the directory's lock (see :func:`locked`).

    Raises:
        TableError: the manifest cannot be written.
    """
    directory = entry.path.parent
    if not have_lock:
        with locked(directory):
            list_in_manifest(entry, have_lock=True)
        return
    entries = {**read_manifest(directory), entry.name: entry}
    lines = ["# Written by nasbench-suite. A file whose sha256 differs is refused.\n"]
    for name, listed in sorted(entries.items()):
        fields = {
            "file": listed.path.name,
            "sha256": listed.sha256,
            "source": listed.source,
            "licence": listed.licence,
            "made_by": listed.made_by,
        }
        lines.append(f"\n[{_quoted(name)}]\n" + "".join(f"{key} = {_quoted(text)}\n" for key, text in fields.items()))
    text = "".join(lines)
    partial = None
    try:
        handle, partial = tempfile.mkstemp(prefix=f".{MANIFEST}.", suffix=".partial", dir=directory)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(partial, 0o644)
        os.replace(partial, directory / MANIFEST)
    except OSError as error:
        if partial is not None:
            Path(partial).unlink(missing_ok=True)
        raise TableError(f"manifest {directory / MANIFEST} cannot be written: {error.strerror or error}") from None


def _quoted(text: str) -> str:
    """A text as TOML writes it, whatever characters it has; half of a surrogate pair becomes a question mark."""
    whole = text.encode("utf-8", "replace").decode("utf-8")
    return json.dumps(whole, ensure_ascii=False).replace("\x7f", "\\u007f")
