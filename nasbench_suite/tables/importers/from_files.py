"""Anybody's own results, from CSV, Parquet or NumPy files, as a table of a known space or of one described in TOML.

The files have one row per measurement, with these columns::

    architecture      the space's text; or, instead, one column per decision with the option's name
    epochs            of training so far
    seconds           of training so far (``train-seconds``)
    seed              training seed; 0 where the column is absent
    dataset, training names; "data" and "<longest>-epochs" where the columns are absent
    parameters, flops, latency   of the architecture, the same in all its rows
    anything else     a metric; ``…-accuracy`` is a fraction in [0, 1], an empty field was not measured

An ``.npz`` file has the columns as arrays of one length. With ``--mapping FILE`` it may instead hold arrays with one
row per architecture; the TOML file says what they are::

    architectures = "arch_str"                  # the array of texts

    [[array]]
    name = "valid_accuracy"                     # [n], [n, seeds] or [n, seeds, epochs]
    dataset = "cifar10"
    training = "200-epochs"                     # absent: a constant of the architecture, such as parameters
    metric = "valid-accuracy"
    epochs = [200]
    seeds = [777, 888, 999]                     # absent: the same for all training seeds
    factor = 0.01                               # from percent
    split = "25,000 of the training images"

A space is one that the suite or a plugin knows by name, or one that a TOML file describes (docs/spaces.md).
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.errors import SpaceError, TableError, UsageError
from nasbench_suite.plain.texts import read_toml
from nasbench_suite.spaces import KNOWN_SPACES, Space
from nasbench_suite.tables.importers.from_nats_bench import Imported
from nasbench_suite.tables.manifest import Entry, list_in_manifest
from nasbench_suite.tables.schema import CUMULATIVE, DatasetRecord, TableRecord, TrainingRecord, write_table
from nasbench_suite.tables.table import file_sha256

CONSTANTS = ("parameters", "flops", "latency")
ALIASES = {"seconds": CUMULATIVE, "training-seed": "seed", "data-set": "dataset"}
KEYS = ("architecture", "dataset", "training", "seed", "epochs")
SHOWN = 50
"""Mistakes that a message lists; the rest is counted."""


@dataclass(frozen=True)
class Rows:
    """The rows of a file as columns.

    Attributes:
        columns: name -> values, all of one length; ``""`` and ``None`` are empty fields.
        lines: the line of each row in the file.
    """

    columns: Mapping[str, Sequence[Any]]
    lines: Sequence[int]


def import_rows(source: Path, space: Space, target: Path, name: str) -> Imported:
    """Make a table of a ``.csv``, ``.parquet`` or ``.npz`` file of rows.

    Args:
        source: the file; see the module for its columns.
        space: of the architectures.
        target: the directory of the table; it is listed in the manifest there.
        name: of the table.

    Raises:
        TableError: the file cannot be read, or there are mistakes in it; all are told, each with line and column.
    """
    readers: dict[str, Callable[[Path], Rows]] = {".csv": _read_csv, ".parquet": _read_parquet, ".npz": _read_npz}
    if source.suffix not in readers:
        raise UsageError(f"{source}: expected a file ending in {', '.join(readers)}")
    if not source.is_file():
        raise TableError(f"{source} does not exist")
    return _finish(_record(readers[source.suffix](source), space, source, name), target)


def import_arrays(source: Path, mapping: Path, space: Space, target: Path, name: str) -> Imported:
    """Make a table of an ``.npz`` file with one row per architecture.

    Args:
        source: the file.
        mapping: the TOML file that says what its arrays are; see the module.
        space, target, name: as of :func:`import_rows`.

    Raises:
        TableError: the file cannot be read or does not fit the mapping.
        UsageError: a mapping with mistakes; all are told.
    """
    document = read_toml(mapping, "mapping", UsageError)
    arrays = _arrays(source)
    mistakes: list[str] = []
    where = document.get("architectures")
    if where not in arrays:
        raise UsageError(f"{mapping}: architectures = {where!r}, expected one of {', '.join(sorted(arrays))}")
    rows = np.zeros(len(arrays[where]), dtype=np.int64)
    for place, text in enumerate(arrays[where].tolist()):
        try:
            rows[place] = space.index(space.parse(str(text)))
        except SpaceError as error:
            mistakes.append(f"{where}[{place}]: {error}")
    if len(np.unique(rows)) != len(rows) and not mistakes:
        mistakes.append(f"{where}: an architecture is there twice")
    described: list[dict[str, Any]] = document.get("array", [])
    seeds: dict[tuple[str, str], tuple[int, ...]] = {}
    for entry in described:
        if entry.get("seeds") and entry.get("training"):
            key = (str(entry.get("dataset")), str(entry["training"]))
            if seeds.setdefault(key, tuple(entry["seeds"])) != tuple(entry["seeds"]):
                mistakes.append(f"array {entry.get('name')!r}: other seeds than another array of {'/'.join(key)}")
    trainings: dict[tuple[str, str], dict[str, tuple[tuple[int, ...], NDArray[np.floating]]]] = defaultdict(dict)
    constants: dict[str, dict[str, NDArray[np.float64]]] = defaultdict(dict)
    splits: dict[str, dict[str, str]] = defaultdict(dict)
    for entry in described:
        missing = {"name", "dataset", "metric"} - set(entry)
        if missing or entry["name"] not in arrays:
            problem = f"lacks {', '.join(sorted(missing))}" if missing else f"is not in {source.name}"
            mistakes.append(f"array {entry.get('name')!r}: {problem}")
            continue
        values = np.asarray(arrays[entry["name"]], dtype=np.float64) * entry.get("factor", 1)
        dataset, metric = str(entry["dataset"]), str(entry["metric"])
        if "training" not in entry:
            if values.shape != rows.shape:
                mistakes.append(f"array {entry['name']!r}: shape {values.shape}, expected {rows.shape}")
                continue
            constants[dataset][metric] = _scatter(values, rows, space.size)
            continue
        key = (dataset, str(entry["training"]))
        epochs = tuple(entry.get("epochs", ()))
        expected = (len(rows), len(entry.get("seeds", [0])), len(epochs))
        if values.size != np.prod(expected) or len(values) != len(rows):
            mistakes.append(f"array {entry['name']!r}: shape {values.shape}, expected {expected} by the mapping")
            continue
        trainings[key][metric] = (epochs, _scatter(values.reshape(expected), rows, space.size))
        splits[dataset][metric] = str(entry.get("split", f"array {entry['name']} of {source.name}"))
    if mistakes:
        raise UsageError(_listed(f"{mapping} does not fit {source}", mistakes))
    datasets = {}
    for dataset in sorted({key[0] for key in trainings} | set(constants)):
        made = {
            training: TrainingRecord(
                max(epochs[-1] for epochs, _ in metrics.values()), seeds.get((dataset, training), (0,)), metrics
            )
            for (owner, training), metrics in trainings.items()
            if owner == dataset
        }
        datasets[dataset] = DatasetRecord(made, splits[dataset], constants[dataset], dataset)
    words = {key: str(document.get(key, "")) for key in ("title", "licence", "citation")}
    return _finish(_table(name, space, datasets, source, **words), target)


def _record(rows: Rows, space: Space, source: Path, name: str) -> TableRecord:
    """The table of checked rows; raises :class:`TableError` with every mistake."""
    names = {column: column.strip().replace("_", "-") for column in rows.columns}
    columns = {ALIASES.get(clean, clean): rows.columns[column] for column, clean in names.items()}
    decisions = [decision.name for decision in space.decisions]
    by_decision = "architecture" not in columns and all(d in rows.columns for d in decisions)
    absent = [key for key in ("epochs", CUMULATIVE) if key not in columns]
    if "architecture" not in columns and not by_decision:
        absent.append(f"architecture (or one column each for {', '.join(decisions)})")
    skipped = {*KEYS, *CONSTANTS, *((d.replace("_", "-") for d in decisions) if by_decision else ())}
    metrics = [column for column in columns if column not in skipped]
    if not any(metric.endswith("-accuracy") for metric in metrics):
        absent.append("a metric whose name ends in -accuracy")
    if absent:
        raise TableError(f"{source} line 1: missing column{'s' if len(absent) > 1 else ''} {'; '.join(absent)}")
    mistakes: list[str] = []

    def mistake(place: int, column: str, problem: str) -> None:
        mistakes.append(f"line {rows.lines[place]}, column {column}: {problem}")

    index = _architectures(rows, columns, space, by_decision, mistake)
    epochs = _whole(columns["epochs"], "epochs", 1, mistake)
    seeds = _whole(columns["seed"], "seed", 0, mistake) if "seed" in columns else [0] * len(rows.lines)
    owners = [str(value) for value in columns["dataset"]] if "dataset" in columns else ["data"] * len(rows.lines)
    longest: dict[str, int] = defaultdict(int)
    for owner, epoch in zip(owners, epochs, strict=True):
        longest[owner] = max(longest[owner], epoch)
    ways = [str(v) for v in columns["training"]] if "training" in columns else [f"{longest[o]}-epochs" for o in owners]
    numbers = {metric: _floats(columns[metric], metric, mistake) for metric in metrics}
    seen: dict[tuple[Any, ...], int] = {}
    for place, key in enumerate(zip(owners, ways, index, seeds, epochs, strict=True)):
        if key in seen:
            mistake(place, "architecture", f"the same measurement as line {rows.lines[seen[key]]}")
        seen.setdefault(key, place)
    _check_costs(seen, numbers[CUMULATIVE], rows, mistake)
    constants: dict[str, dict[str, NDArray[np.float64]]] = defaultdict(dict)
    for constant in CONSTANTS:
        if constant in columns:
            values = _floats(columns[constant], constant, mistake)
            for place, (owner, row) in enumerate(zip(owners, index, strict=True)):
                held = constants[owner].setdefault(constant, np.full(space.size, np.nan))
                if row >= 0 and held[row] == held[row] and held[row] != values[place]:
                    mistake(
                        place, constant, f"{values[place]:g}, but another row of this architecture has {held[row]:g}"
                    )
                elif row >= 0:
                    held[row] = values[place]
    if mistakes:
        raise TableError(_listed(f"{source} has {len(mistakes)} mistake{'s' if len(mistakes) > 1 else ''}", mistakes))
    datasets = {
        owner: _dataset(owner, seen, numbers, constants[owner], space.size, source)
        for owner in sorted(set(owners))
    }  # fmt: skip
    return _table(name, space, datasets, source)


def _dataset(
    owner: str,
    places: Mapping[tuple[Any, ...], int],
    numbers: Mapping[str, list[float]],
    constants: Mapping[str, NDArray[np.float64]],
    size: int,
    source: Path,
) -> DatasetRecord:
    trainings = {}
    used: set[str] = set()
    for way in sorted({key[1] for key in places if key[0] == owner}):
        mine = {key[2:]: place for key, place in places.items() if key[:2] == (owner, way)}
        seeds = tuple(sorted({seed for _, seed, _ in mine}))
        metrics = {}
        for metric, values in numbers.items():
            held = tuple(sorted({epoch for (_, _, epoch), place in mine.items() if not np.isnan(values[place])}))
            if not held:
                continue
            array = np.full((size, len(seeds), len(held)), np.nan)
            seed_at, epoch_at = {s: i for i, s in enumerate(seeds)}, {e: i for i, e in enumerate(held)}
            for (row, seed, epoch), place in mine.items():
                if epoch in epoch_at:
                    array[row, seed_at[seed], epoch_at[epoch]] = values[place]
            metrics[metric] = (held, array)
            used.add(metric)
        trainings[way] = TrainingRecord(max(epoch for _, _, epoch in mine), seeds, metrics)
    splits = {metric: f"column {metric} of {source.name}" for metric in sorted(used)}
    return DatasetRecord(trainings, splits, constants, owner)


def _check_costs(
    seen: Mapping[tuple[Any, ...], int],
    seconds: list[float],
    rows: Rows,
    mistake: Callable[[int, str, str], None],
) -> None:
    """Seconds are cumulative: within one training they never fall from one epoch to a later one."""
    previous: tuple[Any, ...] = ()
    before = 0.0
    for key in sorted(seen, key=lambda k: (k[0], k[1], k[2], k[3], k[4])):
        now = seconds[seen[key]]
        if key[:4] == previous and now < before:
            mistake(seen[key], "seconds", f"{now:g} at epoch {key[4]} is less than {before:g} at an earlier one")
        if now == now:
            before = now if key[:4] != previous else max(now, before)
            previous = key[:4]


def _architectures(
    rows: Rows,
    columns: Mapping[str, Sequence[Any]],
    space: Space,
    by_decision: bool,
    mistake: Callable[[int, str, str], None],
) -> list[int]:
    """The row of each architecture, -1 after a mistake."""
    known: dict[Any, int] = {}
    index = []
    if by_decision:
        choices = zip(*(rows.columns[decision.name] for decision in space.decisions), strict=True)
        for place, options in enumerate(choices):
            texts = tuple(str(option).strip() for option in options)
            if texts not in known:
                wrong = [(d, t) for d, t in zip(space.decisions, texts, strict=True) if t not in d.options]
                for decision, text in wrong:
                    expected = ", ".join(decision.options)
                    mistake(place, decision.name, f"unknown option {text!r}; expected one of {expected}")
                if wrong:
                    index.append(-1 - place)
                    continue
                known[texts] = space.index([d.options.index(t) for d, t in zip(space.decisions, texts, strict=True)])
            index.append(known[texts])
        return index
    for place, text in enumerate(columns["architecture"]):
        try:
            if text not in known:
                known[text] = space.index(space.parse(str(text)))
            index.append(known[text])
        except SpaceError as error:
            mistake(place, "architecture", str(error))
            index.append(-1 - place)
    return index


def _whole(
    values: Sequence[Any], column: str, least: int, mistake: Callable[[int, str, str], None]
) -> list[int]:  # fmt: skip
    numbers = []
    for place, value in enumerate(values):
        try:
            number = int(value)
            if number < least or float(value) != number:
                raise ValueError
        except (TypeError, ValueError):
            mistake(place, column, f"{value!r} is no whole number of at least {least}")
            number = least
        numbers.append(number)
    return numbers


def _floats(values: Sequence[Any], column: str, mistake: Callable[[int, str, str], None]) -> list[float]:
    numbers = []
    for place, value in enumerate(values):
        try:
            number = float("nan") if value is None or (isinstance(value, str) and not value.strip()) else float(value)
        except (TypeError, ValueError):
            mistake(place, column, f"{value!r} is no number")
            number = float("nan")
        if column.endswith("-accuracy") and not (number != number or 0.0 <= number <= 1.0):
            hint = f"; give {number / 100:g}" if 1.0 < number <= 100.0 else ""
            mistake(place, column, f"{number:g} is outside [0, 1]: accuracies are fractions{hint}")
        elif np.isinf(number) or (number < 0 and (column.endswith("-seconds") or column in CONSTANTS)):
            mistake(place, column, f"{number:g} is not a finite number of at least 0")
        numbers.append(number)
    return numbers


def _read_csv(source: Path) -> Rows:
    try:
        with source.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            header = next(reader, [])
            if len(set(header)) != len(header) or not header:
                raise TableError(f"{source} line 1: expected column names, each once, got {header}")
            rows, lines, mistakes = [], [], []
            for row in reader:
                if row and len(row) != len(header):
                    mistakes.append(f"line {reader.line_num}: {len(row)} fields, expected {len(header)}")
                elif row:
                    rows.append(row)
                    lines.append(reader.line_num)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TableError(f"{source} cannot be read as CSV: {error}") from None
    if mistakes:
        raise TableError(_listed(f"{source} has rows of the wrong length", mistakes))
    return _with_rows({name: [row[place] for row in rows] for place, name in enumerate(header)}, lines, source)


def _read_parquet(source: Path) -> Rows:
    try:
        from pyarrow import parquet
    except ImportError:
        raise UsageError("reading Parquet needs pyarrow; pip install 'nasbench-suite[parquet]'") from None
    try:
        columns = parquet.read_table(source).to_pydict()
    except (OSError, ValueError) as error:
        raise TableError(f"{source} cannot be read as Parquet: {error}") from None
    return _with_rows(columns, range(1, 1 + len(next(iter(columns.values()), []))), source)


def _read_npz(source: Path) -> Rows:
    columns = {name: values.tolist() for name, values in _arrays(source).items() if values.ndim == 1}
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) != 1:
        raise TableError(
            f"{source}: expected arrays of one length as columns, got {lengths}; with one row per architecture give "
            "--mapping"
        )
    return _with_rows(columns, range(1, 1 + len(next(iter(columns.values())))), source)


def _with_rows(columns: Mapping[str, Sequence[Any]], lines: Sequence[int], source: Path) -> Rows:
    if not lines:
        raise TableError(f"{source} has no rows")
    return Rows(columns, lines)


def _arrays(source: Path) -> dict[str, NDArray[Any]]:
    import zipfile

    try:
        with np.load(source, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, AttributeError, zipfile.BadZipFile) as error:
        raise TableError(f"{source} cannot be read as NumPy arrays without pickles: {error}") from None


def _scatter(values: NDArray[np.float64], rows: NDArray[np.int64], size: int) -> NDArray[np.float64]:
    whole = np.full((size, *values.shape[1:]), np.nan)
    whole[rows] = values
    return whole


def _table(name: str, space: Space, datasets: Mapping[str, DatasetRecord], source: Path, **words: Any) -> TableRecord:
    known = space.name in KNOWN_SPACES
    return TableRecord(
        name=name,
        space=space.name,
        architectures=space.size,
        datasets=datasets,
        source=source.name,
        source_sha256=file_sha256(source),
        decisions={} if known else {decision.name: decision.options for decision in space.decisions},
        **words,
    )


def _finish(record: TableRecord, target: Path) -> Imported:
    path = target / f"{record.name}.h5"
    write_table(record, path)
    kind = record.source.rpartition(".")[2]
    made_by = f"nasbench table import {kind} {record.source}"
    list_in_manifest(Entry(record.name, path, file_sha256(path), record.source, record.licence, made_by))
    measured = np.zeros(record.architectures, dtype=bool)
    for dataset in record.datasets.values():
        for training in dataset.trainings.values():
            for _, values in training.metrics.values():
                measured |= ~np.isnan(values).all(axis=(1, 2))
    return Imported(path, record.name, record.architectures, int(measured.sum()))


def _listed(what: str, mistakes: Iterable[str]) -> str:
    every = list(mistakes)
    more = [f"… and {len(every) - SHOWN} more"] if len(every) > SHOWN else []
    return "\n  ".join([f"{what}:", *every[:SHOWN], *more])
