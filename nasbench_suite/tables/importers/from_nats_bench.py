"""NATS-Bench's official files: a directory with one pickle per architecture, or the single file with all of them.

``NATS-tss-v1_0-3ffb9-simple`` has 15,625 files and ``NATS-sss-v1_0-50262-simple`` 32,768, each a bz2-compressed
pickle, with ``meta.pickle.pbz2`` for the order. They are read one after the other as plain data, and so are the
records in a single file; what was read is kept on disk, so that memory does not grow with their number and an
interrupted import goes on where it was.
"""

from __future__ import annotations

import bz2
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from nasbench_suite.errors import TableError
from nasbench_suite.plain.pickles import OFFICIAL_NAMES, load_plain
from nasbench_suite.plain.streams import PlainStream
from nasbench_suite.tables.importers.official import SIZE, TOPOLOGY, OfficialFormat, rows_of_meta, trials
from nasbench_suite.tables.importers.staging import Progress, Staging
from nasbench_suite.tables.install import install_record
from nasbench_suite.tables.table import file_sha256

ENDING = ".pickle.pbz2"
META = "meta" + ENDING
LARGEST_RECORD = 2**26
"""Bytes that one architecture's record may have after decompression; official ones have a third of a million."""
CHECKPOINT = 250
"""Records after which what was read survives an interruption."""
Opening = Callable[[], AbstractContextManager[tuple[BinaryIO, Callable[[], int]]]]
"""Opens the pickle in a single file: the stream, and a function that says how much of the file was read."""


@dataclass(frozen=True)
class Imported:
    """What an import made.

    Attributes:
        path: of the table.
        name: of the table.
        architectures: of the space.
        measured: how many of them the source had.
    """

    path: Path
    name: str
    architectures: int
    measured: int

    @property
    def missing(self) -> int:
        """Architectures of which the table has nothing."""
        return self.architectures - self.measured


def import_directory(
    source: Path, target: Path, *, name: str = "", double: bool = True, progress: Progress | None = None
) -> Imported:
    """Make a table of an official directory.

    Args:
        source: the directory.
        target: the directory of the table; it is listed in the manifest there.
        name: of the table; by default ``nats-bench-tss`` or ``nats-bench-sss``.
        double: whether to keep curves as float64, exactly as recorded, or as float32 in half the space.
        progress: called now and then with the architectures done and to do.

    Raises:
        TableError: not such a directory, or a file in it that holds anything but the plain record of its
            architecture.
    """
    if not (source / META).is_file():
        raise TableError(
            f"{source} is no NATS-Bench directory: it has no {META} (give the unpacked …-simple directory)"
        )
    meta = load_plain(_decompressed(source / META, LARGEST_RECORD), str(source / META), OFFICIAL_NAMES)
    if not isinstance(meta, dict):
        raise TableError(f"{source / META}: a {type(meta).__name__}, expected a dict")
    form = _form(meta.get("meta_archs"), source / META)
    texts, rows = rows_of_meta(meta["meta_archs"], form.space(), str(source / META))
    files = dict(_records(source, len(texts)))
    if not files:
        raise TableError(f"{source} has no records; expected files such as 000000{ENDING}")
    listing = repr([(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files.values()])
    identity = hashlib.sha256((str(source.resolve()) + listing).encode()).hexdigest()
    name = name or form.name
    staging = Staging(target / f".{name}.import", form, identity, double=double)
    for position, (index, path) in enumerate(files.items()):
        row = int(rows[index])
        if not staging.has(row):
            raw = _compressed(path)
            cell = load_plain(_decompressed(path, LARGEST_RECORD, raw), str(path), OFFICIAL_NAMES)
            staging.put(row, trials(cell, index, texts[index], form, str(path)), hashlib.sha256(raw).digest())
            if (position + 1) % CHECKPOINT == 0:
                staging.checkpoint()
        if progress is not None:
            progress(position + 1, len(files))
    staging.checkpoint()
    return finish(staging, rows, target, name, f"{source.name} ({len(files):,} official records)", "nats-bench DIR")


def import_stream(
    opening: Opening, where: Path, target: Path, *, name: str, double: bool, progress: Progress | None, command: str,
    rename: Mapping[str, str] | None = None,
) -> Imported:  # fmt: skip
    """Make a table of the pickle in a single official file, with one record in memory at a time.

    Args:
        opening: opens the pickle of a dict with ``meta_archs``, ``arch2infos`` and ``evaluated_indexes``. It is read
            twice where the list of architectures comes after their records.
        where: the file.
        target, name, double: as of :func:`import_directory`.
        progress: called with the bytes of the file that were read and their number.
        command: how to make the table again.
        rename: official names of trainings in this file -> the usual ones.

    Raises:
        TableError: anything in it that is not as it must be.
    """
    outer = _outer(opening, where)
    form = _form(outer.get("meta_archs"), where)
    texts, rows = rows_of_meta(outer["meta_archs"], form.space(), str(where))
    digest = bytes.fromhex(file_sha256(where))
    size = where.stat().st_size
    name = name or form.name
    staging = Staging(target / f".{name}.import", form, digest.hex(), double=double)
    seen: set[int] = set()
    with opening() as (stream, read):
        plain = PlainStream(stream, str(where), "arch2infos", OFFICIAL_NAMES)
        for index, cell in plain.records():
            if type(index) is not int or not 0 <= index < len(texts):
                raise TableError(f"{where}: arch2infos has {index!r}, expected numbers from 0 to {len(texts) - 1}")
            if index in seen:
                raise TableError(f"{where}: arch2infos has architecture {index} twice")
            seen.add(index)
            row = int(rows[index])
            if not staging.has(row):
                if rename and isinstance(cell, dict):
                    cell = {rename.get(key, key): value for key, value in cell.items()}
                staging.put(row, trials(cell, index, texts[index], form, f"{where}, architecture {index}"), digest)
                if len(seen) % CHECKPOINT == 0:
                    staging.checkpoint()
            if progress is not None:
                progress(read(), size)
    if not isinstance(plain.root, dict) or not {"meta_archs", "evaluated_indexes"} <= set(plain.root) or not seen:
        raise TableError(f"{where} does not hold meta_archs, arch2infos with records, and evaluated_indexes")
    staging.checkpoint()
    return finish(staging, rows, target, name, f"{where.name} ({len(seen):,} official records)", command)


def _outer(opening: Opening, where: Path) -> Mapping[Any, Any]:
    """The entries of the outer dict, at least the list of architectures."""
    with opening() as (stream, _):
        plain = PlainStream(stream, str(where), "arch2infos", OFFICIAL_NAMES)
        for _record in plain.records():
            if "meta_archs" in plain.before:
                return plain.before
        return plain.root if isinstance(plain.root, dict) else {}


def import_file(
    source: Path, target: Path, *, name: str = "", double: bool = True, progress: Progress | None = None
) -> Imported:
    """Make a table of the single file (``NATS-tss-v1_0-3ffb9.pickle.pbz2``), with one record in memory at a time.

    Raises:
        TableError: as :func:`import_directory`.
    """

    @contextmanager
    def opening() -> Iterator[tuple[BinaryIO, Callable[[], int]]]:
        try:
            with source.open("rb") as packed, bz2.open(packed) as stream:
                yield cast(BinaryIO, stream), packed.tell
        except OSError as error:
            raise TableError(f"{source} cannot be read: {error.strerror or error}") from None

    return import_stream(
        opening, source, target, name=name, double=double, progress=progress, command="nats-bench FILE"
    )


def finish(
    staging: Staging, rows: np.ndarray[Any, np.dtype[np.int64]], target: Path, name: str, source: str, command: str
) -> Imported:
    """Write the table of a complete staging directory, list it in the manifest, and clear up."""
    from dataclasses import replace

    official = np.empty_like(rows)
    official[rows] = np.arange(len(rows))
    record = replace(staging.record(official, source), name=name)
    path = install_record(record, target, f"nasbench table import {command}", replace=True)
    measured = staging.measured
    staging.discard()
    return Imported(path, name, record.architectures, measured)


def _form(texts: object, where: Path) -> OfficialFormat:
    if isinstance(texts, list) and texts and isinstance(texts[0], str):
        return SIZE if ":" in texts[0] else TOPOLOGY
    raise TableError(f"{where}: no list of architectures under meta_archs")


def _records(source: Path, count: int) -> Iterator[tuple[int, Path]]:
    """Official numbers and files in order; both ``000011`` and ``11`` are in use."""
    found = {}
    for path in source.glob(f"*{ENDING}"):
        stem = path.name.removesuffix(ENDING)
        if stem.isdecimal():
            index = int(stem)
            if index >= count or index in found:
                raise TableError(f"{path}: number {index} is there twice or outside 0 to {count - 1}")
            found[index] = path
    yield from sorted(found.items())


def _compressed(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror or error}") from None


def _decompressed(path: Path, limit: int | None, raw: bytes | None = None) -> bytes:
    data = _compressed(path) if raw is None else raw
    unpacked = b""
    try:
        while data:
            decompressor = bz2.BZ2Decompressor()
            unpacked += decompressor.decompress(data, -1 if limit is None else limit + 1 - len(unpacked))
            if limit is not None and len(unpacked) > limit:
                raise TableError(f"{path} unpacks to more than {limit >> 20} MiB; official records are much smaller")
            if not decompressor.eof:
                raise TableError(f"{path} ends in the middle; fetch it again")
            data = decompressor.unused_data
    except (OSError, EOFError) as error:
        raise TableError(f"{path} is no bz2 file or is damaged ({error})") from None
    return unpacked
