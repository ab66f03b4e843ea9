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

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.errors import SpaceError, TableError, UsageError
from nasbench_suite.plain.files import expect_regular
from nasbench_suite.plain.texts import read_toml
from nasbench_suite.spaces import KNOWN_SPACES, Architecture, Space, describe_space
from nasbench_suite.spaces.space import ENUMERABLE
from nasbench_suite.tables.importers.columns import Columns, Numbers, read_columns
from nasbench_suite.tables.importers.from_nats_bench import Imported
from nasbench_suite.tables.importers.staging import Progress
from nasbench_suite.tables.install import check_name, install_record
from nasbench_suite.tables.ranges import whole_numbers
from nasbench_suite.tables.schema import CUMULATIVE, DatasetRecord, TableRecord, TrainingRecord
from nasbench_suite.tables.table import Table, file_sha256

CONSTANTS = ("parameters", "flops", "latency")
ALIASES = {"seconds": CUMULATIVE, "training-seed": "seed", "data-set": "dataset"}
PER_EPOCH = ("seconds-per-epoch", "epoch-seconds", "train-seconds-per-epoch")
"""Names of a column with the seconds of one epoch, which all epochs of a training take."""
KEYS = ("architecture", "dataset", "training", "seed", "epochs")
SHOWN = 50
"""Mistakes that a message lists; the rest is counted."""
LARGEST_TABLE = 2_000_000_000
"""Numbers that one metric of an imported table may have."""

Mistake = Callable[[int, str, str], None]
"""Called with the place of a row, the column, and what is wrong."""


@dataclass(frozen=True)
class Words:
    """What a file of rows cannot say of itself.

    Attributes:
        title, licence, citation: of the table.
        replace: whether a table of the same name may be replaced.
        into: the table that is joined.
    """

    title: str = ""
    licence: str = ""
    citation: str = ""
    replace: bool = False
    into: Table | None = None


def import_rows(
    source: Path,
    space: Space,
    target: Path,
    name: str,
    *,
    words: Words | None = None,
    progress: Progress | None = None,
) -> Imported:
    """Make a table of a ``.csv``, ``.parquet`` or ``.npz`` file of rows.

    Args:
        source: the file; see the module for its columns.
        space: of the architectures.
        target: the directory of the table; it is listed in the manifest there.
        name: of the table.
        words: what the file does not say.
        progress: called with the bytes that were read and their number.

    Raises:
        TableError: the file cannot be read, or there are mistakes in it; all are told, each with line and column.
        UsageError: another kind of file, or a name that is taken.
    """
    words = words or Words()
    if words.into is None:
        check_name(name, target, replace=words.replace)
    texts = {*KEYS[:3], "data-set", *(decision.name for decision in space.decisions)}
    columns = read_columns(source, lambda column: column in texts or _clean(column) in texts, progress)
    return _finish(_record(columns, space, source, name, words), target, words, space)


def _clean(column: str) -> str:
    return column.strip().replace("_", "-").replace(" ", "-")


_MAPPING = ("architectures", "title", "licence", "citation", "array")
_ARRAY = ("name", "dataset", "training", "metric", "epochs", "seeds", "factor", "split", "per_epoch")


def import_arrays(
    source: Path, mapping: Path, space: Space, target: Path, name: str, *, words: Words | None = None
) -> Imported:
    """Make a table of an ``.npz`` file with one row per architecture.

    Args:
        source: the file.
        mapping: the TOML file that says what its arrays are; see the module.
        space, target, name, words: as of :func:`import_rows`.

    Raises:
        TableError: the file cannot be read.
        UsageError: a mapping with mistakes or one that does not fit the file; all are told.
    """
    words = words or Words()
    if words.into is None:
        check_name(name, target, replace=words.replace)
    document = read_toml(mapping, "mapping", UsageError)
    arrays = _arrays(source)
    mistakes = _faults_of_mapping(document)
    if mistakes:
        raise UsageError(_listed(f"{mapping} has mistakes", mistakes))
    where = document.get("architectures")
    if not isinstance(where, str) or where not in arrays:
        raise UsageError(f"{mapping}: architectures = {where!r}, expected one of {', '.join(sorted(arrays))}")
    found = _parsed([str(text) for text in arrays[where].tolist()], space, mistakes, where)
    order, sample, size = _rows(found, space)
    if len(set(order.tolist())) != len(order) and not mistakes:
        mistakes.append(f"{where}: an architecture is there twice")
    described: list[dict[str, Any]] = document.get("array", [])
    seeds: dict[tuple[str, str], tuple[int, ...]] = {}
    for entry in described:
        if "seeds" in entry and "training" in entry:
            key = (str(entry.get("dataset")), str(entry["training"]))
            given = _listed_seeds(entry)
            if seeds.setdefault(key, given) != given:
                mistakes.append(f"array {entry.get('name')!r}: other seeds than another array of {'/'.join(key)}")
    trainings: dict[tuple[str, str], dict[str, tuple[tuple[int, ...], NDArray[np.floating]]]] = defaultdict(dict)
    constants: dict[str, dict[str, NDArray[np.float64]]] = defaultdict(dict)
    splits: dict[str, dict[str, str]] = defaultdict(dict)
    for entry in described:
        if entry["name"] not in arrays:
            mistakes.append(f"array {entry['name']!r}: is not in {source.name}")
            continue
        try:
            values = np.asarray(arrays[entry["name"]], dtype=np.float64) * entry.get("factor", 1)
        except (TypeError, ValueError):
            mistakes.append(f"array {entry['name']!r}: holds no numbers")
            continue
        dataset, metric = entry["dataset"], entry["metric"]
        if "training" not in entry:
            if values.shape != order.shape:
                mistakes.append(f"array {entry['name']!r}: shape {values.shape}, expected {order.shape}")
            elif metric in constants[dataset]:
                mistakes.append(f"array {entry['name']!r}: {dataset}/{metric} is there twice")
            else:
                constants[dataset][metric] = _scatter(values, order, size)
            continue
        key = (dataset, entry["training"])
        epochs = whole_numbers(entry["epochs"], "epochs")
        expected = (len(order), len(_listed_seeds(entry)), len(epochs))
        if values.size != np.prod(expected) or len(values) != len(order):
            mistakes.append(f"array {entry['name']!r}: shape {values.shape}, expected {expected} by the mapping")
        elif metric in trainings[key]:
            mistakes.append(f"array {entry['name']!r}: {'/'.join(key)}/{metric} is there twice")
        else:
            shaped = values.reshape(expected)
            if entry.get("per_epoch", False):
                shaped = shaped * np.array(epochs, dtype=np.float64)
            trainings[key][metric] = (epochs, _scatter(shaped, order, size))
            split = entry.get("split", f"array {entry['name']} of {source.name}")
            splits[dataset][f"{key[1]}/{metric}"] = split
            splits[dataset].setdefault(metric, split)
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
    stated = {key: getattr(words, key) or document.get(key, "") for key in ("title", "licence", "citation")}
    return _finish(_table(name, space, datasets, source, sample, size, **stated), target, words, space)


def _listed_seeds(entry: Mapping[str, Any]) -> tuple[int, ...]:
    seeds = entry.get("seeds", [0])
    return tuple(seeds) if isinstance(seeds, list) else whole_numbers(seeds, "seeds", least=0)


def _faults_of_mapping(document: Mapping[str, Any]) -> list[str]:
    """Unknown keys and wrong types of a mapping, in words."""
    wrong = [f"unknown key {key!r}; known are {', '.join(_MAPPING)}" for key in document if key not in _MAPPING]
    for key in ("title", "licence", "citation"):
        if not isinstance(document.get(key, ""), str):
            wrong.append(f"{key} is {document[key]!r}, expected a text")
    described = document.get("array", [])
    if not isinstance(described, list) or not described or not all(isinstance(entry, dict) for entry in described):
        return [*wrong, "expected tables [[array]] with name, dataset and metric"]
    for entry in described:
        who = f"array {entry.get('name')!r}"
        wrong += [f"{who}: unknown key {key!r}; known are {', '.join(_ARRAY)}" for key in entry if key not in _ARRAY]
        wrong += [f"{who}: lacks {key}" for key in ("name", "dataset", "metric") if key not in entry]
        for key in ("name", "dataset", "training", "metric", "split"):
            if not isinstance(entry.get(key, ""), str) or entry.get(key) == "":
                wrong.append(f"{who}: {key} is {entry[key]!r}, expected a text")
        factor = entry.get("factor", 1)
        if type(factor) not in (int, float) or not np.isfinite(factor) or factor == 0:
            wrong.append(f"{who}: factor is {factor!r}, expected a number other than 0")
        if type(entry.get("per_epoch", False)) is not bool:
            wrong.append(f"{who}: per_epoch is {entry['per_epoch']!r}, expected true or false")
        if "training" in entry and "epochs" not in entry:
            wrong.append(f'{who}: lacks epochs, such as [200] or "1..200"')
        try:
            if "epochs" in entry:
                whole_numbers(entry["epochs"], f"{who}: epochs")
            if "seeds" in entry:
                whole_numbers(entry["seeds"], f"{who}: seeds", least=0)
        except UsageError as error:
            wrong.append(str(error))
    return wrong


def _record(columns: Columns, space: Space, source: Path, name: str, words: Words) -> TableRecord:
    """The table of checked rows; raises :class:`TableError` with every mistake."""
    decisions = [decision.name for decision in space.decisions]
    cleaned = [_clean(column) for column in columns.names]
    by_decision = "architecture" not in cleaned and all(decision in columns.names for decision in decisions)
    named: dict[str, str] = {}
    mistakes: list[str] = []
    for column, clean in zip(columns.names, cleaned, strict=True):
        if by_decision and column in decisions:
            continue
        key = ALIASES.get(clean, CUMULATIVE if clean in PER_EPOCH else clean)
        if not clean:
            continue  # the index that pandas writes
        if key in named:
            mistakes.append(f"columns {named[key]!r} and {column!r} are both {key}")
        named.setdefault(key, column)
    absent = [] if "epochs" in named else ["epochs"]
    if "architecture" not in named and not by_decision:
        absent.append(f"architecture (or one column each for {', '.join(decisions)})")
    metrics = [key for key in named if key not in (*KEYS, *CONSTANTS)]
    if not [metric for metric in metrics if not metric.endswith("-seconds")]:
        absent.append("a metric such as valid-accuracy")
    if absent:
        raise TableError(
            f"{source} line 1: missing column{'s' if len(absent) > 1 else ''} {'; '.join(absent)}; "
            f"it has {', '.join(columns.names)}"
        )

    def mistake(place: int, column: str, problem: str) -> None:
        mistakes.append(f"line {columns.line(place)}, column {column}: {problem}")

    if by_decision:
        found, codes = _by_decision(columns, space, mistake)
    else:
        texts = columns.texts(named["architecture"])
        first = texts.first_places()
        found = []
        for place, text in zip(first, texts.values, strict=True):
            try:
                found.append(space.check(space.parse(text)))
            except SpaceError as error:
                mistake(place, "architecture", str(error))
                found.append(None)
        codes = texts.codes
    for key in (*metrics, *(c for c in CONSTANTS if c in named), "epochs", *(["seed"] if "seed" in named else [])):
        for place, text in columns.numbers(named[key]).bad:
            what = "is no whole number of at least 1" if key == "epochs" else "is no number"
            mistake(place, named[key].strip(), f"{text!r} {what}")
    epochs = _whole(columns.numbers(named["epochs"]), "epochs", 1, mistake)
    count = len(epochs)
    seeds = _whole(columns.numbers(named["seed"]), "seed", 0, mistake) if "seed" in named else np.zeros(count, np.int64)
    owner_names, owners = _labels(columns, named.get("dataset"), "data", count)
    if "training" in named:
        way_names, ways = _labels(columns, named["training"], "", count)
    else:
        longest = [int(epochs[owners == number].max()) for number in range(len(owner_names))]
        way_names, ways = [f"{length}-epochs" for length in longest], owners
        way_names = list(dict.fromkeys(way_names))
        ways = np.array([way_names.index(f"{length}-epochs") for length in longest])[owners]
    numbers = {key: _checked(columns.numbers(named[key]), key, mistake) for key in metrics}
    if CUMULATIVE in named and _clean(named[CUMULATIVE]) in PER_EPOCH:
        numbers[CUMULATIVE] = numbers[CUMULATIVE] * epochs
    order, sample, size = _rows([architecture for architecture in found if architecture is not None], space)
    row_of = np.full(len(found), -1, dtype=np.int64)
    row_of[[place for place, architecture in enumerate(found) if architecture is not None]] = order
    rows = row_of[codes]
    told = {place for key in ("epochs", "seed") if key in named for place, _ in columns.numbers(named[key]).bad}
    sound = rows >= 0
    sound[list(told)] = False
    keys = _combined(owners, ways, rows, seeds, epochs)
    kept = np.flatnonzero(sound)
    sorted_ = kept[np.argsort(keys[kept], kind="stable")]
    again = keys[sorted_][1:] == keys[sorted_][:-1]
    first = sorted_[np.concatenate([[True], ~again])[: len(sorted_)]]
    for number in np.flatnonzero(again)[: SHOWN + 1].tolist():
        one, other = int(sorted_[number]), int(sorted_[number + 1])
        mistake(other, "architecture", f"the same measurement as line {columns.line(one)}")
    if CUMULATIVE in numbers:
        series = _combined(owners, ways, rows, seeds)
        _check_costs(series[first], epochs[first], numbers[CUMULATIVE][first], first, mistake)
    constants: dict[str, dict[str, NDArray[np.float64]]] = defaultdict(dict)
    for constant in CONSTANTS:
        if constant in named:
            values = _checked(columns.numbers(named[constant]), constant, mistake)
            for number, label in enumerate(owner_names):
                mine = np.flatnonzero((owners == number) & sound & ~np.isnan(values))
                held = np.full(size, np.nan)
                held[rows[mine][::-1]] = values[mine][::-1]
                for place in mine[values[mine] != held[rows[mine]]][: SHOWN + 1].tolist():
                    before = f"another row of this architecture has {held[rows[place]]:g}"
                    mistake(place, constant, f"{values[place]:g}, but {before}")
                constants[label][constant] = held
    if mistakes:
        raise TableError(_told(source, mistakes))
    datasets = {}
    for number, label in sorted(enumerate(owner_names), key=lambda pair: pair[1]):
        trainings, used = {}, set()
        for way in sorted(set(ways[owners == number].tolist()), key=way_names.__getitem__):
            mine = np.flatnonzero((owners == number) & (ways == way))
            trainings[way_names[way]] = _training(mine, rows, seeds, epochs, numbers, size)
            used |= set(trainings[way_names[way]].metrics)
        splits = {metric: f"column {metric} of {source.name}" for metric in sorted(used)}
        datasets[label] = DatasetRecord(trainings, splits, constants[label], label)
    stated = {key: getattr(words, key) for key in ("title", "licence", "citation")}
    return _table(name, space, datasets, source, sample, size, **stated)


def _training(
    mine: NDArray[np.intp],
    rows: NDArray[np.int64],
    seeds: NDArray[np.int64],
    epochs: NDArray[np.int64],
    numbers: Mapping[str, NDArray[np.float64]],
    size: int,
) -> TrainingRecord:
    held_seeds, seed_at = np.unique(seeds[mine], return_inverse=True)
    metrics = {}
    for metric, values in numbers.items():
        some = ~np.isnan(values[mine])
        if not some.any():
            continue
        held, epoch_at = np.unique(epochs[mine][some], return_inverse=True)
        if size * len(held_seeds) * len(held) > LARGEST_TABLE:
            raise TableError(
                f"{metric}: {size:,} architectures, {len(held_seeds):,} seeds and {len(held):,} epochs are too many"
            )
        array = np.full((size, len(held_seeds), len(held)), np.nan)
        array[rows[mine][some], seed_at[some], epoch_at] = values[mine][some]
        metrics[metric] = (tuple(held.tolist()), array)
    return TrainingRecord(int(epochs[mine].max()), tuple(held_seeds.tolist()), metrics)


def _check_costs(
    series: NDArray[np.int64],
    epochs: NDArray[np.int64],
    seconds: NDArray[np.float64],
    places: NDArray[np.intp],
    mistake: Mistake,
) -> None:
    """Seconds are cumulative: within one training they rise from one epoch to a later one."""
    known = np.flatnonzero(~np.isnan(seconds))
    series, epochs, seconds, places = series[known], epochs[known], seconds[known], places[known]
    same = series[1:] == series[:-1]
    rise = np.diff(seconds)
    for before in np.flatnonzero(same & (rise < 0))[: SHOWN + 1].tolist():
        now, earlier = seconds[before + 1], seconds[before]
        told = f"{now:g} at epoch {epochs[before + 1]} is less than {earlier:g} at an earlier one"
        mistake(int(places[before + 1]), "seconds", told)
    if same.any() and not rise[same].any():
        mistake(
            int(places[np.flatnonzero(same)[0] + 1]),
            "seconds",
            "the same at all epochs of every training; seconds count from the start of the training. If these are of "
            "one epoch, call the column seconds-per-epoch",
        )


def _combined(*parts: NDArray[np.integer]) -> NDArray[np.int64]:
    """One number per row that orders rows by several columns, the first counting most."""
    combined = np.zeros(len(parts[0]), dtype=np.int64)
    for part in parts:
        values, places = np.unique(part, return_inverse=True)
        _, combined = np.unique(combined, return_inverse=True)
        combined = combined.astype(np.int64) * len(values) + places
    return combined


def _labels(columns: Columns, column: str | None, default: str, count: int) -> tuple[list[str], NDArray[np.int64]]:
    if column is None:
        return [default], np.zeros(count, dtype=np.int64)
    texts = columns.texts(column)
    return texts.values, texts.codes.astype(np.int64)


def _by_decision(
    columns: Columns, space: Space, mistake: Mistake
) -> tuple[list[Architecture | None], NDArray[np.int64]]:
    """The different combinations of options, and which one each row has."""
    places: list[NDArray[np.int64]] = []
    for decision in space.decisions:
        texts = columns.texts(decision.name)
        by_number = {_number(option): place for place, option in enumerate(decision.options)}
        options = []
        for first, text in zip(texts.first_places(), texts.values, strict=True):
            if text in decision.options:
                options.append(decision.options.index(text))
            elif _number(text) is not None and _number(text) in by_number:
                options.append(by_number[_number(text)])
            elif not text and decision.when is not None:
                options.append(0)
            else:
                expected = ", ".join(decision.options[:20])
                mistake(first, decision.name, f"unknown option {text!r}; expected one of {expected}")
                options.append(-1)
        places.append(np.array(options, dtype=np.int64)[texts.codes])
    different, codes = np.unique(np.stack(places, axis=1), axis=0, return_inverse=True)
    found: list[Architecture | None] = []
    for number, options in enumerate(different.tolist()):
        if min(options) < 0:
            found.append(None)
            continue
        try:
            found.append(space.check(options))
        except SpaceError as error:
            mistake(int(np.flatnonzero(codes.ravel() == number)[0]), "architecture", str(error))
            found.append(None)
    return found, codes.ravel()


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _parsed(texts: list[str], space: Space, mistakes: list[str], where: str) -> list[Architecture]:
    found = []
    for place, text in enumerate(texts):
        try:
            found.append(space.check(space.parse(text)))
        except SpaceError as error:
            mistakes.append(f"{where}[{place}]: {error}")
    return found


def _rows(found: list[Architecture], space: Space) -> tuple[NDArray[np.int64], NDArray[np.integer] | None, int]:
    """The row of each architecture, the list of rows where they are a sample, and how many rows there are."""
    if space.size <= ENUMERABLE:
        return np.array([space.index(architecture) for architecture in found], dtype=np.int64), None, space.size
    different = sorted(set(found))
    places = {architecture: row for row, architecture in enumerate(different)}
    sample = np.array(different, dtype=np.uint16).reshape(len(different), len(space.decisions))
    return np.array([places[architecture] for architecture in found], dtype=np.int64), sample, len(different)


def _whole(numbers: Numbers, column: str, least: int, mistake: Mistake) -> NDArray[np.int64]:
    values = numbers.values
    told = {place for place, _ in numbers.bad}
    wrong = ~((values >= least) & (values == np.floor(values)) & (values < 2**53))
    for place in np.flatnonzero(wrong)[: SHOWN + 1].tolist():
        if place not in told:
            shown = "an empty field" if np.isnan(values[place]) else f"{values[place]:g}"
            mistake(place, column, f"{shown} is no whole number of at least {least}")
    whole: NDArray[np.int64] = np.where(wrong, least, values).astype(np.int64)
    return whole


def _checked(numbers: Numbers, column: str, mistake: Mistake) -> NDArray[np.float64]:
    """The numbers of a column; what is out of its range is told."""
    values = numbers.values
    known = ~np.isnan(values)
    if column.endswith("-accuracy"):
        for place in np.flatnonzero(known & ~((values >= 0.0) & (values <= 1.0)))[: SHOWN + 1].tolist():
            number = values[place]
            hint = f"; give {number / 100:g}" if 1.0 < number <= 100.0 else ""
            mistake(place, column, f"{number:g} is outside [0, 1]: accuracies are fractions{hint}")
        return values
    low = -np.inf
    expected = "a finite number"
    wrong = known & np.isinf(values)
    if column == CUMULATIVE:
        wrong |= known & (values <= 0)
        expected = "a finite number above 0 (leave the field empty where nothing was measured)"
    elif column.endswith("-seconds") or column in CONSTANTS:
        low = 0.0
        expected = "a finite number of at least 0"
    for place in np.flatnonzero(wrong | (known & (values < low)))[: SHOWN + 1].tolist():
        mistake(place, "seconds" if column == CUMULATIVE else column, f"{values[place]:g} is not {expected}")
    return values


def _arrays(source: Path) -> dict[str, NDArray[Any]]:
    import zipfile
    import zlib

    expect_regular(source)
    try:
        with np.load(source, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (
        OSError,
        ValueError,
        AttributeError,
        EOFError,
        KeyError,
        TypeError,
        SyntaxError,
        OverflowError,
        MemoryError,
        NotImplementedError,
        RuntimeError,
        RecursionError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise TableError(f"{source} cannot be read as NumPy arrays without pickles: {error}") from None


def _scatter(values: NDArray[np.float64], rows: NDArray[np.int64], size: int) -> NDArray[np.float64]:
    whole = np.full((size, *values.shape[1:]), np.nan)
    whole[rows] = values
    return whole


def _table(
    name: str,
    space: Space,
    datasets: Mapping[str, DatasetRecord],
    source: Path,
    sample: NDArray[np.integer] | None,
    size: int,
    **words: Any,
) -> TableRecord:
    known = space.name in KNOWN_SPACES
    described = None if known else describe_space(space)
    if not known and described is None:
        raise UsageError(
            f"space {space.name!r} comes from a plugin and cannot be described in a table; use a .toml file"
        )
    choices = (described or {}).get("decisions", {}) if "refuse" not in (described or {}) else {}
    plain = bool(choices) and all(isinstance(options, list) for options in choices.values())
    return TableRecord(
        name=name,
        space=space.name,
        architectures=size,
        datasets=datasets,
        source=source.name,
        source_sha256=file_sha256(source),
        decisions={decision.name: decision.options for decision in space.decisions} if plain else {},
        described=None if plain else described,
        double=True,
        sample=sample,
        **words,
    )


def _finish(record: TableRecord, target: Path, words: Words, space: Space) -> Imported:
    kind = record.source.rpartition(".")[2]
    replace_ = words.replace
    if words.into is not None:
        record = _joined(words.into, record, space)
        target, replace_ = words.into.path.parent, True
    path = install_record(record, target, f"nasbench table import {kind} {record.source}", replace=replace_)
    measured = measured_of(record)
    return Imported(path, record.name, record.architectures, int(measured.sum()))


def measured_of(record: TableRecord) -> NDArray[np.bool_]:
    """``[row]``: whether anything was measured of it."""
    measured = np.zeros(record.architectures, dtype=bool)
    for dataset in record.datasets.values():
        for training in dataset.trainings.values():
            for _, values in training.metrics.values():
                measured |= ~np.isnan(np.asarray(values)).all(axis=(1, 2))
        for constant in dataset.constants.values():
            measured |= ~np.isnan(constant)
    return measured


def _joined(table: Table, new: TableRecord, space: Space) -> TableRecord:
    """A table with the data sets, trainings, metrics and constants of another file of the same architectures."""
    old = table.read()
    if table.whole_space() != space:
        raise UsageError(
            f"table {table.name!r} is of space {table.space!r}, the file of {space.name!r}, or of other decisions"
        )
    if (old.sample is None) != (new.sample is None) or (
        old.sample is not None and new.sample is not None and not np.array_equal(old.sample, new.sample)
    ):
        raise UsageError(
            f"the file is not of the {table.architectures:,} architectures of table {table.name!r}; nothing was joined"
        )
    foreign = int((measured_of(new) & ~measured_of(old)).sum())
    if foreign:
        raise UsageError(f"{foreign:,} architectures of the file are not in table {table.name!r}; nothing was joined")
    datasets = dict(old.datasets)
    for name, added in new.datasets.items():
        held = datasets.get(name)
        if held is None:
            datasets[name] = added
            continue
        trainings = dict(held.trainings)
        for way, training in added.trainings.items():
            if way in trainings:
                raise UsageError(f"table {table.name!r} has {name}/{way} already; nothing was joined")
            trainings[way] = training
        if twice := sorted(set(held.constants) & set(added.constants)):
            raise UsageError(f"table {table.name!r} has {name}/{twice[0]} already; nothing was joined")
        datasets[name] = replace(
            held,
            trainings=trainings,
            splits={**added.splits, **held.splits},
            constants={**held.constants, **added.constants},
        )
    return replace(old, datasets=datasets, source=f"{old.source}; {new.source}", double=True)


def _told(source: Path, mistakes: list[str]) -> str:
    return _listed(f"{source} has {len(mistakes)} mistake{'s' if len(mistakes) > 1 else ''}", mistakes)


def _listed(what: str, mistakes: Iterable[str]) -> str:
    every = list(mistakes)
    more = [f"… and {len(every) - SHOWN} more"] if len(every) > SHOWN else []
    return "\n  ".join([f"{what}:", *every[:SHOWN], *more])
