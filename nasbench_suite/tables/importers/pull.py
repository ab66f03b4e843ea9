"""Fetching the official files: from a list of mirrors, resumed after a break, checked, kept, and made into a table.

What can be pulled, and from where, is in ``mirrors.toml`` beside this module. A ``mirrors.toml`` in a directory of
tables (see ``manifest.py``) adds mirrors to it, which are tried first, and files of one's own::

    ["nats-bench-tss"]
    mirrors = ["https://mirror.example.org/NATS-tss-v1_0-3ffb9-simple.tar"]
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasbench_suite.errors import TableError, UsageError, unknown
from nasbench_suite.plain.texts import read_toml
from nasbench_suite.tables.importers.from_nas_bench_201 import import_pth
from nasbench_suite.tables.importers.from_nats_bench import ENDING, Imported, import_directory, import_file
from nasbench_suite.tables.importers.staging import Progress
from nasbench_suite.tables.install import check_name, install_file
from nasbench_suite.tables.manifest import Entry, own_directory, table_directories
from nasbench_suite.tables.table import file_sha256, open_table

MIRRORS = "mirrors.toml"
STALL = 30.0
"""Seconds without a byte after which a connection counts as broken."""
LARGEST = 200 * 10**9
"""Bytes that a fetched file, or what an archive holds, may have."""
RECORD = 2**30
"""Bytes that one member of an archive may have."""
PULL_SECONDS = 7 * 86400.0
"""How long one mirror may take altogether."""
ATTEMPTS = 5
"""Connections per mirror; each goes on where the one before broke off."""


@dataclass(frozen=True)
class Source:
    """A file that tables are made of.

    Attributes:
        name: by which it is pulled.
        table: name of the table.
        file: name of the file, which decides how it is read.
        mirrors: where it is, in the order in which they are tried.
        sha256, md5: what the file must have; empty if not known.
    """

    name: str
    table: str
    file: str
    mirrors: tuple[str, ...]
    sha256: str = ""
    md5: str = ""


def sources() -> dict[str, Source]:
    """What can be pulled by name: the known files, with the mirrors and files of the user's directories.

    Raises:
        TableError: a list of mirrors that cannot be read.
    """
    known: dict[str, Source] = {}
    for path in (Path(__file__).with_name(MIRRORS), *(place / MIRRORS for place in reversed(table_directories()))):
        if not path.is_file():
            continue
        try:
            for name, fields in read_toml(path, "list of mirrors", TableError).items():
                before = known.get(name)
                mirrors = [fields["mirrors"]] if isinstance(fields["mirrors"], str) else list(fields["mirrors"])
                known[name] = Source(
                    name,
                    fields.get("table", before.table if before else name),
                    fields.get("file", before.file if before else Path(str(mirrors[0]).partition("?")[0]).name),
                    (*map(str, mirrors), *(before.mirrors if before else ())),
                    fields.get("sha256", before.sha256 if before else ""),
                    fields.get("md5", before.md5 if before else ""),
                )
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise TableError(
                f"{path} is no list of mirrors ({type(error).__name__}: {error}); every table in it needs "
                'mirrors = ["https://…"]'
            ) from None
    return known


def cache_directory() -> Path:
    """Where fetched files are kept."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("nasbench-suite")) / "downloads"


def pull(
    name: str,
    *,
    urls: Sequence[str] = (),
    sha256: str | None = None,
    target: Path | None = None,
    cache: Path | None = None,
    stall: float = STALL,
    fetched: Progress | None = None,
    imported: Progress | None = None,
) -> Imported:
    """Fetch an official file and make its table; what is there already is not fetched again.

    Args:
        name: one of :func:`sources`; with ``urls`` any name for the table.
        urls: mirrors of one's own, tried before the known ones: of the official archive, of a single official file
            (``.pickle.pbz2``, ``.pth``), or of a table (``.h5``).
        sha256: what the file must have.
        target: the directory of the table; by default the user's.
        cache: the directory of fetched files; by default the user's.
        stall: seconds without a byte after which a connection counts as broken.
        fetched: called with bytes fetched and to fetch.
        imported: called with architectures imported and to import.

    Raises:
        UsageError: a name that is not known.
        TableError: no mirror gave the right file (the message says what to put where), or its content is refused.
    """
    known = sources().get(name)
    if known is None and not urls:
        raise unknown("table to pull", name, sources(), "or give --url")
    file = Path(urls[0].partition("?")[0]).name if urls else ""
    if not file.endswith((".tar", ".h5", ".pth", ENDING)):
        file = known.file if known else ""
    if not file:
        raise UsageError(f"{urls[0]}: expected the address of a .tar, .h5, .pth or {ENDING} file")
    official = known if known and file == known.file else None
    check_name(known.table if known else name, target or own_directory(), replace=True)
    path = fetch(
        file,
        [*urls, *(official.mirrors if official else ())],
        _place(cache or cache_directory(), urls, official is not None),
        sha256=sha256 or (official.sha256 if official else None),
        md5=official.md5 if official else "",
        stall=stall,
        progress=fetched,
    )
    return _made(path, known.table if known else name, target or own_directory(), imported)


def _place(cache: Path, urls: Sequence[str], official: bool) -> Path:
    """Where a file is kept: one's own addresses each in a directory of their own, as their files share base names."""
    return cache if official or not urls else cache / hashlib.sha256(urls[0].encode()).hexdigest()[:16]


def fetch(
    file: str,
    urls: Sequence[str],
    cache: Path,
    *,
    sha256: str | None = None,
    md5: str = "",
    stall: float = STALL,
    progress: Progress | None = None,
) -> Path:
    """The path of a file in the cache, fetched from the first mirror that gives it whole and right.

    Args:
        file: its name in the cache.
        urls: the mirrors.
        cache: the directory.
        sha256, md5: what it must have; of the MD5 the beginning is enough.
        stall: as of :func:`pull`.
        progress: called with bytes fetched and to fetch.

    Raises:
        TableError: none did; the message says why, and where to put the file by hand.
        UsageError: the download library is not installed.
    """
    path = cache / file
    failures = []
    if path.is_file():
        wrong = _mismatch(path, sha256, md5)
        if not wrong:
            return path
        os.replace(path, path.with_name(path.name + ".refused"))  # it may have been put there by hand
        failures.append(f"{path}: {wrong}, renamed to {path.name}.refused")
    try:
        import pooch
    except ImportError:
        raise UsageError("fetching needs pooch; pip install 'nasbench-suite[tables]'") from None
    pooch.get_logger().setLevel("ERROR")
    cache.mkdir(parents=True, exist_ok=True)
    for url in urls:
        part = cache / f"{file}.{hashlib.sha256(url.encode()).hexdigest()[:8]}.part"
        try:
            pooch.retrieve(
                url,
                known_hash=f"sha256:{sha256}" if sha256 else None,
                fname=file,
                path=cache,
                downloader=_Resuming(part, stall, progress),
            )
        except ValueError as error:
            failures.append(f"{url}: wrong bytes ({str(error).splitlines()[0]})")
            continue
        except (TableError, OSError) as error:
            failures.append(f"{url}: {error}")
            continue
        wrong = _mismatch(path, None, md5)
        if not wrong:
            return path
        path.unlink()
        failures.append(f"{url}: {wrong}")
    raise TableError(
        f"{file} could not be fetched ({'; '.join(failures) or 'there is no mirror'}). Without a network, put the file "
        f"{file} into {cache} and run the same command again"
    )


def _mismatch(path: Path, sha256: str | None, md5: str) -> str:
    if sha256 and file_sha256(path) != sha256.lower():
        return "wrong bytes (its sha256 differs)"
    if md5:
        digest = hashlib.md5(usedforsecurity=False)
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
        if not digest.hexdigest().startswith(md5):
            return "wrong bytes (its MD5 differs)"
    return ""


class _Resuming:
    """A downloader for pooch that goes on where a connection broke off.

    Args:
        part: where the bytes are until they are all there; it outlives the process.
        stall: seconds without a byte after which a connection counts as broken.
        progress: called with bytes fetched and to fetch.
    """

    def __init__(self, part: Path, stall: float, progress: Progress | None) -> None:
        self._part = part
        self._stall = stall
        self._until = time.monotonic() + PULL_SECONDS
        self._progress = progress

    def __call__(self, url: str, output_file: str, _pooch: Any, **_: Any) -> None:
        import requests

        reason = ""
        for _attempt in range(ATTEMPTS):
            before = self._size()
            try:
                if self._receive(requests, url):
                    shutil.move(self._part, output_file)
                    return
                reason = "the connection ended early"
            except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
                reason = f"{type(error).__name__} after {self._size():,} bytes"
                if self._size() == before and isinstance(error, requests.ConnectionError):
                    break
            except requests.RequestException as error:
                raise TableError(f"{type(error).__name__}: {error}") from None
        raise TableError(reason)

    def _size(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def _receive(self, requests: Any, url: str) -> bool:
        """One connection; whether the file is whole now."""
        have = self._size()
        headers = (
            {"Range": f"bytes={have}-", "Accept-Encoding": "identity"} if have else {"Accept-Encoding": "identity"}
        )
        with requests.get(url, stream=True, timeout=(self._stall, self._stall), headers=headers) as answer:
            if answer.status_code == 416:  # nothing beyond what is there, or another file than before
                self._part.unlink()
                return False
            if answer.status_code not in (200, 206):
                raise TableError(f"the server answers {answer.status_code} {answer.reason}")
            if "text/html" in answer.headers.get("Content-Type", ""):
                raise TableError("a web page instead of the file (a moved file, or a limit on downloads)")
            goes_on = answer.status_code == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
            if answer.status_code == 206 and not goes_on:
                self._part.unlink(missing_ok=True)
                return False
            have = have if goes_on else 0
            if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
                raise TableError("the server compresses the file on its way, so its size cannot be known; use another")
            length = answer.headers.get("Content-Length", "")
            total = have + int(length) if length.isdecimal() else 0
            room = shutil.disk_usage(self._part.parent).free
            if total > LARGEST or total - have > room:
                raise TableError(f"{total:,} bytes are too many (at most {LARGEST:,}, and {room:,} are free)")
            with self._part.open("ab" if goes_on else "wb") as stream:
                for block in answer.iter_content(1 << 18):
                    stream.write(block)
                    have += len(block)
                    if have > (total or LARGEST):
                        raise TableError(f"the server sends more than the {total or LARGEST:,} bytes expected")
                    if time.monotonic() > self._until:
                        raise TableError("the mirror is too slow to go on with")
                    if self._progress is not None:
                        self._progress(have, total)
        return not total or have == total


def _made(path: Path, name: str, target: Path, progress: Progress | None) -> Imported:
    """The table of a fetched file."""
    target.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".h5":
        return _adopt(path, name, target)
    if path.suffix == ".tar":
        directory = target / f".{path.stem}.unpacked"
        _unpack(path, directory)
        made = import_directory(directory, target, name=name, progress=progress)
        shutil.rmtree(directory)
        return made
    reader: Callable[..., Imported] = import_pth if path.suffix == ".pth" else import_file
    return reader(path, target, name=name, progress=progress)


def _unpack(archive: Path, directory: Path) -> None:
    """Take the records out of an archive by their own names, whatever paths it writes before them."""
    directory.mkdir(parents=True, exist_ok=True)
    unpacked = 0
    try:
        with tarfile.open(archive) as members:
            for member in members:
                place = directory / Path(member.name).name
                if not (member.isreg() and not member.issparse() and member.name.endswith(ENDING)):
                    continue
                unpacked += member.size
                if member.size > RECORD or unpacked > LARGEST:
                    raise TableError(f"{archive}: {member.name!r} makes more bytes than official records have")
                if place.exists() and place.stat().st_size == member.size:
                    continue
                stream = members.extractfile(member)
                assert stream is not None
                partial = place.with_name(place.name + ".partial")
                with partial.open("wb") as out:
                    shutil.copyfileobj(stream, out)
                os.utime(partial, (member.mtime, member.mtime))
                os.replace(partial, place)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise TableError(f"{archive} cannot be unpacked ({error}); remove it and fetch it again") from None


def _adopt(path: Path, name: str, target: Path) -> Imported:
    """List a fetched table under a name."""
    table = open_table(path)
    table.verify()
    made_by = f"nasbench table pull {name} --url URL"
    entry = Entry(name, target / f"{name}.h5", "", table.source, table.licence, made_by)

    def write(partial: Path) -> None:
        shutil.copyfile(path, partial)

    copy = install_file(write, entry, replace=True)
    return Imported(copy, name, table.architectures, measured_rows(table))


def measured_rows(table: Any) -> int:
    """How many architectures of a table have anything measured at the end of a training."""
    import numpy as np

    measured = np.zeros(table.architectures, dtype=bool)
    for dataset, outline in table.datasets.items():
        for training, inner in outline.trainings.items():
            for metric, held in inner.metrics.items():
                if metric.endswith("-accuracy"):
                    measured |= ~np.isnan(table.column(dataset, training, metric, held[-1])).all(axis=1)
    return int(measured.sum())
