"""NATS-Bench's official files: a directory with one pickle per architecture, or the single file with all of them.

``NATS-tss-v1_0-3ffb9-simple`` has 15,625 files and ``NATS-sss-v1_0-50262-simple`` 32,768, each a bz2-compressed
pickle, with ``meta.pickle.pbz2`` for the order. They are read one after the other as plain data; what was read is
kept on disk, so that memory does not grow with their number and an interrupted import goes on where it was.
"""

from __future__ import annotations

import bz2
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nasbench_suite.errors import TableError
from nasbench_suite.tables.manifest import Entry, list_in_manifest
from nasbench_suite.tables.official import SIZE, TOPOLOGY, OfficialFormat, rows_of_meta, trials
from nasbench_suite.tables.plain_pickle import OFFICIAL_NAMES, load_plain
from nasbench_suite.tables.schema import write_table
from nasbench_suite.tables.staging import Progress, Staging
from nasbench_suite.tables.table import file_sha256

ENDING = ".pickle.pbz2"
META = "meta" + ENDING
LARGEST_RECORD = 2**26
"""Bytes that one architecture's record may have after decompression; official ones have a third of a million."""
CHECKPOINT = 500


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
    staging = Staging(target / f".{name}.import", form, identity, rows[list(files)], double=double)
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


def import_mapping(
    source: Any, where: Path, digest: bytes, target: Path, form: OfficialFormat, *, name: str, double: bool,
    progress: Progress | None, command: str, rename: dict[str, str] | None = None,
) -> Imported:  # fmt: skip
    """Make a table of the dict in a single official file.

    Args:
        source: ``meta_archs``, ``arch2infos`` and ``evaluated_indexes``. Records are taken out of it as they are read.
        where: the file, for messages.
        digest: sha256 of it.
        target, name, double, progress: as of :func:`import_directory`.
        form: of the benchmark.
        command: how to make the table again.
        rename: official names of trainings in this file -> the usual ones.

    Raises:
        TableError: anything in it that is not as it must be.
    """
    if not isinstance(source, dict) or not {"meta_archs", "arch2infos", "evaluated_indexes"} <= set(source):
        raise TableError(f"{where} does not hold meta_archs, arch2infos and evaluated_indexes")
    texts, rows = rows_of_meta(source["meta_archs"], form.space(), str(where))
    records = source["arch2infos"]
    if not isinstance(records, dict) or not records:
        raise TableError(f"{where}: arch2infos is no dict of records")
    if not all(type(index) is int and 0 <= index < len(texts) for index in records):
        raise TableError(f"{where}: arch2infos has an architecture number outside 0 to {len(texts) - 1}")
    name = name or form.name
    order = sorted(records)
    staging = Staging(target / f".{name}.import", form, digest.hex(), rows[order], double=double)
    for position, index in enumerate(order):
        cell = records.pop(index)
        if rename and isinstance(cell, dict):
            cell = {rename.get(key, key): value for key, value in cell.items()}
        staging.put(int(rows[index]), trials(cell, index, texts[index], form, f"{where}, architecture {index}"), digest)
        if progress is not None:
            progress(position + 1, len(order))
    staging.checkpoint()
    return finish(staging, rows, target, name, f"{where.name} ({len(order):,} official records)", command)


def import_file(
    source: Path, target: Path, *, name: str = "", double: bool = True, progress: Progress | None = None
) -> Imported:
    """Make a table of the single file (``NATS-tss-v1_0-3ffb9.pickle.pbz2``), which is read as a whole.

    Raises:
        TableError: as :func:`import_directory`.
    """
    raw = _compressed(source)
    content = load_plain(_decompressed(source, None, raw), str(source), OFFICIAL_NAMES)
    form = _form(content.get("meta_archs") if isinstance(content, dict) else None, source)
    digest = hashlib.sha256(raw).digest()
    return import_mapping(
        content, source, digest, target, form, name=name, double=double, progress=progress, command="nats-bench FILE"
    )


def finish(
    staging: Staging, rows: np.ndarray[Any, np.dtype[np.int64]], target: Path, name: str, source: str, command: str
) -> Imported:
    """Write the table of a complete staging directory, list it in the manifest, and clear up."""
    from dataclasses import replace

    official = np.empty_like(rows)
    official[rows] = np.arange(len(rows))
    record = replace(staging.record(official, source), name=name)
    path = target / f"{name}.h5"
    write_table(record, path)
    made_by = f"nasbench table import {command}"
    list_in_manifest(Entry(name, path, file_sha256(path), record.source, record.licence, made_by))
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
