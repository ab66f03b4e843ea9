"""Putting a table where it is found: under a name that nobody else has, whole or not at all, whoever else does the same."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nasbench_suite.errors import TableError, UsageError
from nasbench_suite.tables.manifest import (
    Entry,
    list_in_manifest,
    locked,
    read_manifest,
    shipped_directory,
    table_directories,
)
from nasbench_suite.tables.schema import TableRecord, fault_of_name, write_table
from nasbench_suite.tables.table import file_sha256


def check_name(name: str, target: Path, *, replace: bool = False) -> None:
    """Refuse a name that cannot be used, or that another table has.

    Args:
        name: of the table to be made.
        target: the directory that it goes to.
        replace: whether a table of this name in that directory may be replaced.

    Raises:
        UsageError: the name is no name of a file, stands for a shipped table, or is taken.
    """
    if fault := fault_of_name(name):
        raise UsageError(f"table name {name!r}: {fault}; give another --name")
    if name in read_manifest(shipped_directory()) and not _same(target, shipped_directory()):
        raise UsageError(f"table name {name!r} is that of a table that comes with the suite; give another --name")
    for directory in (target, *table_directories()):
        entry = read_manifest(directory).get(name)
        if entry is not None and not (replace and _same(directory, target)):
            raise UsageError(
                f"there is a table {name!r} already: {entry.path}, made of {entry.source}; give another --name"
                + (" or --replace" if _same(directory, target) else "")
            )


def install_record(
    record: TableRecord, target: Path, made_by: str, *, replace: bool = False, beside: str | None = None
) -> Path:
    """Check a table, write it into a directory, and list it in the manifest there.

    Args:
        record: the table.
        target: the directory.
        made_by: the command that makes it.
        replace: whether a table of the same name there may be replaced.
        beside: what to write into the file of declared benchmarks beside the table; ``None`` for none.

    Raises:
        UsageError: the name is taken.
        TableError: the record breaks the schema, or the directory cannot be written to.
    """
    return install_file(
        lambda partial: write_table(record, partial),
        Entry(record.name, target / f"{record.name}.h5", "", record.source, record.licence, made_by),
        replace=replace,
        beside=beside,
    )


def install_file(
    write: Callable[[Path], None], entry: Entry, *, replace: bool = False, beside: str | None = None
) -> Path:
    """Let a function write a table's file, then put it under its name and list it.

    Args:
        write: is given the path to write to.
        entry: of the manifest; its hash is taken from the file.
        replace, beside: as of :func:`install_record`.

    Raises:
        UsageError, TableError: as of :func:`install_record`.
    """
    path = entry.path
    with whole_file(path) as partial:
        check_name(entry.name, path.parent, replace=replace)
        write(partial)
        digest = file_sha256(partial)
        with locked(path.parent):
            check_name(entry.name, path.parent, replace=replace)
            os.replace(partial, path)
            listed = Entry(entry.name, path, digest, entry.source, entry.licence, entry.made_by)
            list_in_manifest(listed, have_lock=True)
            if beside is not None:
                with whole_file(path.with_suffix(".toml")) as text:
                    text.write_text(beside, encoding="utf-8")
                    os.replace(text, path.with_suffix(".toml"))
    return path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path beside a file to write to; what was not moved to its place at the end is removed.

    Raises:
        TableError: the directory cannot be written to, or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:80]}.", suffix=".partial", dir=path.parent)
        os.close(handle)
        os.chmod(name, 0o666 & ~_mask())
    except OSError as error:
        raise TableError(f"{path} cannot be written: {error.strerror or error}") from None
    partial = Path(name)
    try:
        yield partial
    except OSError as error:
        raise TableError(f"{path} cannot be written: {error.strerror or error}; nothing was changed") from None
    finally:
        partial.unlink(missing_ok=True)


def _mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _same(one: Path, other: Path) -> bool:
    return one.expanduser().resolve() == other.expanduser().resolve()
