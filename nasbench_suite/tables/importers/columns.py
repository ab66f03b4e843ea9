"""Rows of foreign files as columns: numbers as arrays, texts as codes, read fast with pyarrow where it is installed.

A CSV may come from pandas (with an index that has no name), or from a spreadsheet (semicolons or tabs, decimal commas,
another encoding). What is unclear is refused with its cause.
"""

from __future__ import annotations

import codecs
import csv
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.errors import TableError, UsageError
from nasbench_suite.plain.files import expect_regular
from nasbench_suite.tables.importers.staging import Progress

SHOWN = 50
MOST_COLUMNS = 10_000
"""Columns that a file of rows may have."""
FIELD = 100_000
"""Characters that one field may have."""


@dataclass(frozen=True)
class Texts:
    """A column of texts: ``values[codes[place]]``."""

    codes: NDArray[np.int64]
    values: list[str]

    def first_places(self) -> list[int]:
        """The first row of each value."""
        first = np.full(len(self.values), -1, dtype=np.int64)
        first[self.codes[::-1]] = np.arange(len(self.codes))[::-1]
        return first.tolist()


@dataclass(frozen=True)
class Numbers:
    """A column of numbers, NaN where the field is empty; ``bad`` has the places and texts of what is none."""

    values: NDArray[np.float64]
    bad: Sequence[tuple[int, str]] = ()


@dataclass(frozen=True)
class Columns:
    """The rows of a file.

    Attributes:
        held: name -> column.
        lines: the line of each row; ``None`` if they follow each other from ``first``.
        first: the line of the first row.
    """

    held: Mapping[str, Texts | Numbers]
    lines: Sequence[int] | None = None
    first: int = 2

    @property
    def names(self) -> list[str]:
        """Of the columns, in order."""
        return list(self.held)

    def line(self, place: int) -> int:
        """The line of a row in the file."""
        return self.first + place if self.lines is None else self.lines[place]

    def texts(self, name: str) -> Texts:
        """A column as texts."""
        column = self.held[name]
        if isinstance(column, Texts):
            return column
        shown = ["" if v != v else str(int(v)) if v == int(v) else repr(v) for v in column.values.tolist()]
        return _coded(shown)

    def numbers(self, name: str) -> Numbers:
        """A column as numbers."""
        column = self.held[name]
        if isinstance(column, Numbers):
            return column
        found = [_float(value, False) for value in column.values]
        values = np.array([np.nan if number is None else number for number in found])[column.codes]
        wrong = {code for code, number in enumerate(found) if number is None}
        bad = [(place, column.values[code]) for place, code in enumerate(column.codes.tolist()) if code in wrong]
        return Numbers(values, bad)


def read_columns(source: Path, is_text: Callable[[str], bool], progress: Progress | None = None) -> Columns:
    """Read a ``.csv``, ``.parquet`` or ``.npz`` file of rows.

    Args:
        source: the file.
        is_text: whether a column of this name holds texts.
        progress: called with the bytes that were read and their number.

    Raises:
        UsageError: another ending, or Parquet without pyarrow.
        TableError: the file cannot be read.
    """
    readers = {".csv": _read_csv, ".tsv": _read_csv, ".parquet": _read_parquet, ".npz": _read_npz}
    if source.suffix.lower() not in readers:
        raise UsageError(f"{source}: expected a file ending in {', '.join(readers)}")
    expect_regular(source)
    columns = readers[source.suffix.lower()](source, is_text, progress)
    if not any(len(c.codes if isinstance(c, Texts) else c.values) for c in columns.held.values()):
        raise TableError(f"{source} has no rows")
    return columns


@dataclass(frozen=True)
class _Dialect:
    encoding: str
    delimiter: str
    decimal_comma: bool
    header: list[str]


def _dialect(source: Path) -> _Dialect:
    """What the beginning of a file says of the rest.

    Raises:
        TableError: no encoding fits, or the header has no names.
    """
    try:
        with source.open("rb") as stream:
            start = stream.read(1 << 20)
    except OSError as error:
        raise TableError(f"{source} cannot be read: {error.strerror or error}") from None
    encoding = "utf-8-sig"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    else:
        try:
            codecs.getincrementaldecoder("utf-8-sig")().decode(start)
        except UnicodeDecodeError:
            encoding = "cp1252"
    if encoding != "utf-16" and b"\0" in start:
        raise TableError(f"{source} is no text: it has zero bytes; save it as CSV in UTF-8")
    text = start.decode(encoding, errors="replace")
    first, _, rest = text.partition("\n")
    delimiter = max(",;\t", key=first.count)
    if not first.count(delimiter):
        raise TableError(
            f"{source} line 1: {first.strip()[:80]!r} is no header; expected names with , ; or tabs between"
        )
    decimal_comma = False
    if delimiter != ",":
        second = rest.partition("\n")[0].split(delimiter)
        decimal_comma = any(_float(field.strip(), True) is not None and "," in field for field in second)
    try:
        header = next(csv.reader([first.rstrip("\r")], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        raise TableError(f"{source} line 1 cannot be read as CSV: {error}") from None
    if len(header) > MOST_COLUMNS:
        raise TableError(f"{source} has {len(header):,} columns; expected at most {MOST_COLUMNS:,}")
    names = [name.strip() for name in header]
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise TableError(f"{source} line 1: expected column names, each once, got {', '.join(twice)} more than once")
    if not all(name.isprintable() for name in names):
        raise TableError(f"{source} line 1: a column name has characters that cannot be shown: {names!r}")
    return _Dialect(encoding, delimiter, decimal_comma, names)


def _read_csv(source: Path, is_text: Callable[[str], bool], progress: Progress | None) -> Columns:
    dialect = _dialect(source)
    quick = _quickly(source, dialect, is_text, progress)
    return quick or _slowly(source, dialect, is_text, progress)


def _quickly(
    source: Path, dialect: _Dialect, is_text: Callable[[str], bool], progress: Progress | None
) -> Columns | None:
    """The columns by pyarrow; ``None`` without it, and where it finds anything that the other reader should explain."""
    if dialect.encoding == "utf-16":
        return None
    try:
        import pyarrow
        from pyarrow import csv as arrow
    except ImportError:
        return None
    kinds = {
        n: pyarrow.dictionary(pyarrow.int32(), pyarrow.string()) if is_text(n) else pyarrow.float64()
        for n in dialect.header
    }
    size = source.stat().st_size
    done = 0
    batches: list[Any] = []
    try:
        reader = arrow.open_csv(
            source,
            arrow.ReadOptions(
                column_names=dialect.header,
                skip_rows=1,
                block_size=1 << 24,
                encoding=dialect.encoding.removesuffix("-sig"),
            ),
            arrow.ParseOptions(delimiter=dialect.delimiter, newlines_in_values=True),
            arrow.ConvertOptions(
                column_types=kinds,
                decimal_point="," if dialect.decimal_comma else ".",
                null_values=["", "NaN", "nan"],
                strings_can_be_null=False,
            ),
        )
        for batch in reader:
            batches.append(batch)
            done += batch.nbytes
            if progress is not None:
                progress(min(done, size), size)
        table = pyarrow.Table.from_batches(batches).unify_dictionaries()
    except (pyarrow.ArrowException, ValueError, OSError):
        return None
    held: dict[str, Texts | Numbers] = {}
    for name in dialect.header:
        column = table.column(name)
        if is_text(name):
            chunks = column.chunks
            values = chunks[0].dictionary.to_pylist() if chunks else []
            codes = (
                np.concatenate([c.indices.to_numpy(zero_copy_only=False) for c in chunks]) if chunks else np.empty(0)
            )
            held[name] = _stripped(codes.astype(np.int64), values)
        else:
            held[name] = Numbers(column.to_numpy().astype(np.float64))
    return Columns(held)


def _stripped(codes: NDArray[np.int64], values: list[str]) -> Texts:
    """Without blanks around texts, each once."""
    stripped = [value.strip() for value in values]
    different = list(dict.fromkeys(stripped))
    place = {value: number for number, value in enumerate(different)}
    return Texts(np.array([place[value] for value in stripped], dtype=np.int64)[codes], different)


def _slowly(source: Path, dialect: _Dialect, is_text: Callable[[str], bool], progress: Progress | None) -> Columns:
    """The columns by the standard library, row by row, so that every mistake has its line."""
    header = dialect.header
    texts: dict[int, tuple[array[int], dict[str, int]]] = {}
    numbers: dict[int, tuple[array[float], list[tuple[int, str]]]] = {}
    for place, name in enumerate(header):
        if is_text(name):
            texts[place] = (array("q"), {})
        else:
            numbers[place] = (array("d"), [])
    lines: array[int] = array("q")
    mistakes: list[str] = []
    size = source.stat().st_size
    csv.field_size_limit(FIELD)
    try:
        with source.open("rb") as raw, TextIOWrapper(raw, dialect.encoding, newline="") as stream:
            reader = csv.reader(_watched(stream, raw, size, progress), delimiter=dialect.delimiter, strict=True)
            next(reader, None)
            for row in reader:
                if not row or (len(row) == 1 and not row[0].strip()):
                    continue
                if len(row) != len(header):
                    mistakes.append(f"line {reader.line_num}: {len(row)} fields, expected {len(header)}")
                    if len(mistakes) > SHOWN:
                        break
                    continue
                lines.append(reader.line_num)
                for place, (codes, known) in texts.items():
                    codes.append(known.setdefault(row[place].strip(), len(known)))
                for place, (values, bad) in numbers.items():
                    number = _float(row[place].strip(), dialect.decimal_comma)
                    if number is None:
                        bad.append((len(lines) - 1, row[place]))
                        number = float("nan")
                    values.append(number)
    except (OSError, UnicodeError, csv.Error) as error:
        raise TableError(f"{source} cannot be read as CSV in {dialect.encoding}: {error}") from None
    if mistakes:
        raise TableError("\n  ".join([f"{source} has rows of the wrong length:", *mistakes[:SHOWN]]))
    held: dict[str, Texts | Numbers] = {}
    for place, name in enumerate(header):
        if place in texts:
            codes, known = texts[place]
            held[name] = Texts(np.array(codes, dtype=np.int64), list(known))
        else:
            values, bad = numbers[place]
            held[name] = Numbers(np.array(values, dtype=np.float64), bad)
    return Columns(held, lines)


def _watched(stream: TextIOWrapper, raw: Any, size: int, progress: Progress | None) -> Iterator[str]:
    for number, line in enumerate(stream):
        if progress is not None and number % 10_000 == 0:
            progress(raw.tell(), size)
        yield line


def _float(text: str, decimal_comma: bool) -> float | None:
    if not text:
        return float("nan")
    if decimal_comma:
        text = text.replace(".", "").replace(",", ".") if "," in text else text
    try:
        return float(text) if "_" not in text else None
    except ValueError:
        return None


def _read_parquet(source: Path, is_text: Callable[[str], bool], progress: Progress | None) -> Columns:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise UsageError("reading Parquet needs pyarrow; pip install 'nasbench-suite[parquet]'") from None
    try:
        table = parquet.read_table(source)
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        raise TableError(f"{source} cannot be read as Parquet: {error}") from None
    if len(set(table.column_names)) != len(table.column_names):
        raise TableError(f"{source}: expected column names, each once, got {', '.join(table.column_names)}")
    held = {
        name.strip(): _column(f"{source}: column {name!r}", table.column(name).to_pylist(), is_text(name))
        for name in table.column_names
        if not name.startswith("__index_level_")
    }
    return Columns(held, None, 1)


def _read_npz(source: Path, is_text: Callable[[str], bool], progress: Progress | None) -> Columns:
    from nasbench_suite.tables.importers.from_files import _arrays

    arrays = {name: values for name, values in _arrays(source).items() if values.ndim == 1}
    lengths = {name: len(values) for name, values in arrays.items()}
    if len(set(lengths.values())) != 1:
        raise TableError(
            f"{source}: expected arrays of one length as columns, got {lengths}; with one row per architecture give "
            "--mapping"
        )
    held = {
        name: Numbers(values.astype(np.float64))
        if values.dtype.kind in "iufb" and not is_text(name)
        else _column(f"{source}: array {name!r}", values.tolist(), is_text(name))
        for name, values in arrays.items()
    }
    return Columns(held, None, 1)


def _column(what: str, values: list[Any], text: bool) -> Texts | Numbers:
    if any(isinstance(value, (list, dict, bytes, tuple)) for value in values):
        raise TableError(f"{what} holds lists or bytes; expected a text or a number in each row")
    if text:
        return _coded(["" if value is None else _shown(value).strip() for value in values])
    numbers, bad = array("d"), []
    for place, value in enumerate(values):
        number = float("nan") if value is None else _float(str(value).strip(), False)
        if number is None:
            bad.append((place, str(value)))
        numbers.append(float("nan") if number is None else number)
    return Numbers(np.array(numbers, dtype=np.float64), bad)


def _shown(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _coded(texts: Sequence[str]) -> Texts:
    known: dict[str, int] = {}
    codes = [known.setdefault(text, len(known)) for text in texts]
    return Texts(np.array(codes, dtype=np.int64), list(known))
