"""What a table file looks like (schema versions 1 and 2), and the one function that writes it.

::

    /                                   attributes: schema_version, name, space, architectures, title, licence,
                                        source, source_sha256, citation; decisions (JSON, only for a space that
                                        the suite does not know: decision -> options); described (JSON: a space with
                                        conditions, values or cells, only in version 2); outline (JSON, only of
                                        large tables: all that follows but the values, to open the file at once)
    /architectures                      uint16 [row, decision], only in version 2: the option numbers of the rows of a
                                        sample; without it the rows are the whole space in the order of its index
    /<numbering>                        int64 [architecture]: the row's number in another order, "official-index"
    /<dataset>/                         attributes: title, splits (JSON: metric -> what it was measured on),
                                        supernet_seconds (JSON: kind of step -> seconds of one epoch; may be absent),
                                        objectives (JSON: metric -> unit, maximize, low, high; may be absent)
    /<dataset>/<constant>               float64 [architecture]: parameters, flops, latency (seconds)
    /<dataset>/<training>/              one way of training, e.g. "200-epochs"; attributes: epochs, seeds, title
    /<dataset>/<training>/<metric>      float32 or float64 [architecture, training seed, epoch]; attributes: epochs,
                                        along, divisor

Rows are in the order of the space's own index, unless the file lists them. ``epochs`` of a metric names the epochs that its last axis holds
(often only the last one). A metric that does not depend on the training seed has a seed axis of length 1. ``along``
says how the last axis is stored: ``each`` epoch has its value (where the attribute is absent as well); a
``constant`` has one value that holds at every one of the epochs; ``linear`` has one value per epoch, so that the
metric at epoch e is e times it (the seconds of a training whose epochs all take the same time). ``divisor`` (1 where
the attribute is absent) is what the stored numbers are to be divided by: official accuracies are kept in percent, bit
for bit as they were recorded, since a percentage cannot always be had back from its fraction.
Metrics whose names end in ``-accuracy`` are fractions in [0, 1]; those ending in ``-seconds`` are seconds:
``train-seconds`` is cumulative from the start of the training to the end of the epoch; ``valid-seconds`` and the
like are of one pass over the split. NaN means never measured.

Tables of more than 16 MiB carry a Fletcher checksum per chunk: they are hashed as a whole when first opened, and
the checksums guard every later reading.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.errors import TableError

SCHEMA_VERSION = 1
"""Of a table of a whole space."""
SAMPLE_VERSION = 2
"""Of a table of some architectures of a space: releases that know version 1 alone refuse it."""
SAMPLE = "architectures"
"""Where a table of a sample lists its rows."""
CUMULATIVE = "train-seconds"
VALIDATION = "valid-seconds"
OFFICIAL_INDEX = "official-index"
LARGE = 16 * 2**20
"""Bytes from which a table carries checksums per chunk and is not hashed whole at every opening."""
WORDS = 10_000
"""Characters that a title, a licence, a source or a citation may have."""
ROWS = 2048
"""Architectures per chunk of a large table; chunks in which nothing was measured are not stored."""

Along = Literal["each", "constant", "linear"]
ALONG: tuple[Along, ...] = get_args(Along)


@runtime_checkable
class SomeRows(Protocol):
    """Values of which most architectures have none; ``numpy.asarray`` makes the whole array of them.

    Attributes:
        rows: the architectures that have values, rising.
    """

    rows: NDArray[np.int64]

    def compact(self) -> NDArray[np.floating]:
        """``[place in rows, training seed, epoch]``."""


@dataclass(frozen=True)
class TrainingRecord:
    """One way of training every architecture of a data set.

    Attributes:
        epochs: length of the full training.
        seeds: the training seeds, one per place on the seed axis.
        metrics: name -> ``(epochs held, values [architecture, training seed, epoch])``. The values may be anything
            that ``numpy.asarray`` reads, so that a large table never needs to be in memory as a whole.
        title: the recipe in words.
        along: metric -> ``"constant"`` or ``"linear"`` where the last axis holds one value for all epochs.
        divisors: metric -> what its values are to be divided by, where that is not 1.
    """

    epochs: int
    seeds: tuple[int, ...]
    metrics: Mapping[str, tuple[tuple[int, ...], NDArray[np.floating]]]
    title: str = ""
    along: Mapping[str, Along] = field(default_factory=dict)
    divisors: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ObjectiveRecord:
    """What is to be had of a metric.

    Attributes:
        unit: in words.
        maximize: whether more is better.
        low, high: bounds of what can come out; ``None`` where they are not known.
    """

    unit: str = ""
    maximize: bool = True
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class DatasetRecord:
    """All that was measured on one data set.

    Attributes:
        trainings: name -> record.
        splits: metric name -> what it was measured on, in words.
        constants: name -> ``[architecture]``, for what does not depend on a training (parameters, flops, latency).
        title: the data set in words.
        supernet_seconds: kind of supernet step -> seconds that one epoch of it costs; empty if never measured.
        objectives: metric -> what is to be had of it, where its name does not say it.
    """

    trainings: Mapping[str, TrainingRecord]
    splits: Mapping[str, str]
    constants: Mapping[str, NDArray[np.floating]] = field(default_factory=dict)
    title: str = ""
    supernet_seconds: Mapping[str, float] = field(default_factory=dict)
    objectives: Mapping[str, ObjectiveRecord] = field(default_factory=dict)


@dataclass(frozen=True)
class TableRecord:
    """A whole table, as an importer or a builder makes it.

    Attributes:
        name, space, architectures, title, licence, source, source_sha256, citation: as in the file.
        datasets: name -> record.
        decisions: decision -> options, for a space that the suite does not know by name.
        numberings: name -> the number of each row in another order.
        double: whether metrics are kept as float64 instead of float32 (twice the size).
        sample: ``[row, decision]`` option numbers where the rows are a sample of the space; ``None`` where they are
            all of it in the order of its index.
        described: the space as :func:`~nasbench_suite.spaces.space_from` reads it, where decisions alone do not say it.
    """

    name: str
    space: str
    architectures: int
    datasets: Mapping[str, DatasetRecord]
    title: str = ""
    licence: str = ""
    source: str = ""
    source_sha256: str = ""
    citation: str = ""
    decisions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    numberings: Mapping[str, NDArray[np.integer]] = field(default_factory=dict)
    double: bool = False
    sample: NDArray[np.integer] | None = None
    described: Mapping[str, Any] | None = None


def problems_of_metric(
    name: str,
    values: NDArray[np.floating],
    architectures: int,
    seeds: int,
    epochs: tuple[int, ...],
    length: int,
    along: str = "each",
    divisor: float = 1.0,
) -> list[str]:
    """All that is wrong with one metric, as texts; an empty list if nothing is.

    Args:
        name: of the metric; its ending decides the allowed range.
        values: ``[architecture, training seed, epoch]``.
        architectures: expected first axis.
        seeds: expected second axis (or 1).
        epochs: the epochs on the last axis, rising.
        length: epochs of the whole training.
        along: how the last axis is stored.
        divisor: what the values are to be divided by.
    """
    if along not in ALONG:
        return [f"{name}: along is {along!r}, expected one of {', '.join(ALONG)}"]
    if not 0.0 < divisor < np.inf:
        return [f"{name}: divisor is {divisor!r}, expected a positive number"]
    held = len(epochs) if along == "each" else 1
    if (
        values.ndim != 3
        or values.shape[0] != architectures
        or values.shape[1] not in (1, seeds)
        or values.shape[2] != held
    ):
        return [f"{name}: shape {values.shape}, expected ({architectures}, {seeds} or 1, {held})"]
    wrong = []
    if list(epochs) != sorted(set(epochs)) or not epochs or epochs[0] < 1 or epochs[-1] > length:
        wrong.append(f"{name}: epochs {epochs} do not rise from 1 to at most {length}")
    if np.isinf(values).any():
        wrong.append(f"{name}: infinite values")
    if name.endswith("-accuracy") and (
        np.nanmin(values, initial=0.0) < 0.0 or np.nanmax(values, initial=0.0) > divisor
    ):
        wrong.append(f"{name}: values outside [0, 1]; accuracies are fractions, not percent")
    if name.endswith("-seconds"):
        if np.nanmin(values, initial=0.0) < 0.0:
            wrong.append(f"{name}: negative seconds")
        if name == CUMULATIVE and values.shape[2] > 1 and np.nanmin(np.diff(values, axis=2), initial=0.0) < 0.0:
            wrong.append(f"{name}: the cost falls from one epoch to a later one; it must be cumulative")
    return wrong


def problems_of_record(record: TableRecord) -> list[str]:
    """All that is wrong with a table, as texts with the place in front; an empty list if nothing is."""
    wrong = list(_problems_of_outline(record))
    for dataset_name, dataset in record.datasets.items():
        for training_name, training in dataset.trainings.items():
            for *_, problems in _checked_values(record.architectures, training):
                wrong += [f"{dataset_name}/{training_name}/{problem}" for problem in problems]
    return wrong


def _problems_of_outline(record: TableRecord) -> Iterator[str]:
    yield from problems_of_words(record)
    if record.sample is not None and record.sample.shape[0] != record.architectures:
        yield f"{SAMPLE}: {record.sample.shape[0]} rows, expected {record.architectures}"
    for name, numbers in record.numberings.items():
        if sorted(numbers.tolist()) != list(range(record.architectures)):
            yield f"{name}: not a numbering of {record.architectures} rows"
    for dataset_name, dataset in record.datasets.items():
        for name, constant in dataset.constants.items():
            if constant.shape != (record.architectures,):
                yield f"{dataset_name}/{name}: shape {constant.shape}, expected ({record.architectures},)"
            elif np.nanmin(constant, initial=0.0) < 0.0 or np.isinf(constant).any():
                yield f"{dataset_name}/{name}: negative or infinite values"
        for training_name, training in dataset.trainings.items():
            place = f"{dataset_name}/{training_name}"
            if not training.seeds or len(set(training.seeds)) != len(training.seeds):
                yield f"{place}: training seeds {training.seeds}, expected at least one, each once"
            for name in training.metrics:
                if (
                    not name.endswith("-seconds")
                    and name not in dataset.constants
                    and name not in dataset.splits
                    and f"{training_name}/{name}" not in dataset.splits
                ):
                    yield f"{place}/{name}: no words in splits for what it was measured on"


def problems_of_words(record: TableRecord) -> Iterator[str]:
    """Names that could not be told apart, found again or shown as they are."""
    if fault := fault_of_name(record.name):
        yield f"name {record.name!r}: {fault}"
    for dataset_name, dataset in record.datasets.items():
        names = [dataset_name, *dataset.constants, *dataset.trainings]
        names += [metric for training in dataset.trainings.values() for metric in training.metrics]
        for name in dict.fromkeys(names):
            if fault := fault_of_name(name):
                yield f"name {name!r} in {dataset_name!r}: {fault}"
        for name in sorted(set(dataset.constants) & set(dataset.trainings)):
            yield f"{dataset_name}: {name!r} is a constant and a training"
        if dataset_name == SAMPLE or dataset_name in record.numberings:
            yield f"data set {dataset_name!r} has the name of a list of rows"
    for key in ("title", "licence", "source", "citation"):
        if not isinstance(text := getattr(record, key), str) or len(text) > WORDS or not is_shown(text):
            yield f"{key}: expected one line of at most {WORDS:,} characters that can be shown"


def fault_of_name(name: str) -> str:
    """Why something cannot bear a name; empty text if it can."""
    if not name or name != name.strip() or name in (".", "..") or name.startswith("."):
        return "expected a name that is not empty, without blanks around it and without a dot in front"
    if len(name) > 200:
        return "expected at most 200 characters"
    if any(character in name for character in '/\\:*?"<>|') or not is_shown(name):
        return 'expected a name without / \\ : * ? " < > | and without characters that cannot be shown'
    return ""


def is_shown(text: str) -> bool:
    """Whether every character of a line can be shown (no control characters, escapes or lone surrogates)."""
    return text.isprintable()


def _checked_values(
    architectures: int, training: TrainingRecord
) -> Iterator[tuple[str, NDArray[np.int64], NDArray[np.floating], list[str]]]:
    """Every metric of a training, read once: its name, the rows it has, their values, and what is wrong with them."""
    for name, (epochs, lazy) in sorted(training.metrics.items()):
        rows, values = np.arange(architectures), None
        if isinstance(lazy, SomeRows):
            rows, values = lazy.rows, lazy.compact()
        values = np.asarray(lazy) if values is None else values
        stored = (training.along.get(name, "each"), training.divisors.get(name, 1.0))
        seeds = len(training.seeds)
        yield name, rows, values, problems_of_metric(name, values, len(rows), seeds, epochs, training.epochs, *stored)


def write_table(record: TableRecord, path: Path) -> None:
    """Check a table and write it in one step: a reader sees the old file or the whole new one.

    The bytes depend on the record and the HDF5 version alone (no time stamps).

    Raises:
        TableError: the record breaks a rule of the schema; all breaches are named.
    """
    import h5py

    wrong = list(_problems_of_outline(record))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    filters: dict[str, Any] = {"compression": "gzip", "shuffle": True, "fletcher32": _is_large(record)}
    try:
        with h5py.File(partial, "w", libver="v110", track_order=False) as file:
            file.attrs["schema_version"] = (
                SCHEMA_VERSION if record.sample is None and record.described is None else SAMPLE_VERSION
            )
            if record.sample is not None:
                file.create_dataset(SAMPLE, data=np.asarray(record.sample, dtype=np.uint16), **filters)
            for name in ("name", "space", "architectures", "title", "licence", "source", "source_sha256", "citation"):
                file.attrs[name] = getattr(record, name)
            if record.decisions:
                file.attrs["decisions"] = json.dumps({name: list(names) for name, names in record.decisions.items()})
            if record.described is not None:
                file.attrs["described"] = json.dumps(record.described)
            if _is_large(record):
                file.attrs["outline"] = json.dumps(outline_of(record), sort_keys=True)
            for name, numbers in sorted(record.numberings.items()):
                file.create_dataset(name, data=np.asarray(numbers, dtype=np.int64), **filters)
            for dataset_name, dataset in sorted(record.datasets.items()):
                group = file.create_group(dataset_name)
                group.attrs["title"] = dataset.title
                group.attrs["splits"] = json.dumps(dict(sorted(dataset.splits.items())), sort_keys=True)
                if dataset.supernet_seconds:
                    group.attrs["supernet_seconds"] = json.dumps(dict(dataset.supernet_seconds), sort_keys=True)
                if dataset.objectives:
                    stated = {name: asdict(objective) for name, objective in dataset.objectives.items()}
                    group.attrs["objectives"] = json.dumps(stated, sort_keys=True)
                for name, constant in sorted(dataset.constants.items()):
                    group.create_dataset(name, data=constant.astype(np.float64), **filters)
                for training_name, training in sorted(dataset.trainings.items()):
                    inner = group.create_group(training_name)
                    inner.attrs["epochs"] = training.epochs
                    inner.attrs["seeds"] = np.asarray(training.seeds, dtype=np.int64)
                    inner.attrs["title"] = training.title
                    for name, rows, values, problems in _checked_values(record.architectures, training):
                        wrong += [f"{dataset_name}/{training_name}/{problem}" for problem in problems]
                        if problems:
                            continue
                        along = training.along.get(name, "each")
                        kind = np.float64 if record.double or along != "each" else np.float32
                        values = values.astype(kind, copy=False)
                        if filters["fletcher32"]:
                            stored = _create_sparse(inner, name, record.architectures, rows, values, filters)
                        else:
                            if len(rows) < record.architectures:
                                some, shape = values, (record.architectures, *values.shape[1:])
                                values = np.full(shape, np.nan, some.dtype)
                                values[rows] = some
                            chunks = (*values.shape[:2], 1)  # a search at one fidelity reads one chunk
                            stored = inner.create_dataset(name, data=values, chunks=chunks, **filters)
                        stored.attrs["epochs"] = np.asarray(training.metrics[name][0], dtype=np.int64)
                        if along != "each":
                            stored.attrs["along"] = along
                        if name in training.divisors:
                            stored.attrs["divisor"] = training.divisors[name]
        if wrong:
            raise TableError(f"table {record.name!r} is not valid: " + "; ".join(wrong))
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _create_sparse(
    group: Any,
    name: str,
    architectures: int,
    rows: NDArray[np.int64],
    values: NDArray[np.floating],
    filters: Mapping[str, Any],
) -> Any:
    """Store the chunks in which something was measured."""
    shape = (architectures, *values.shape[1:])
    chunks = (min(ROWS, architectures), shape[1], 1)
    stored = group.create_dataset(name, shape, values.dtype, chunks=chunks, fillvalue=np.nan, **filters)
    for start in range(0, architectures, ROWS):
        first, last = np.searchsorted(rows, (start, start + ROWS))
        some = values[first:last]
        if not np.isnan(some).all():
            block = np.full((min(ROWS, architectures - start), *shape[1:]), np.nan, values.dtype)
            block[rows[first:last] - start] = some
            stored[start : start + ROWS] = block
    return stored


def outline_of(record: TableRecord) -> dict[str, Any]:
    """Everything of a table but its values, as JSON can hold it."""
    return {
        "numberings": sorted(record.numberings),
        "datasets": {
            name: {
                "title": dataset.title,
                "splits": dict(dataset.splits),
                "constants": sorted(dataset.constants),
                **({"supernet_seconds": dict(dataset.supernet_seconds)} if dataset.supernet_seconds else {}),
                **(
                    {"objectives": {name: asdict(objective) for name, objective in dataset.objectives.items()}}
                    if dataset.objectives
                    else {}
                ),
                "trainings": {
                    training_name: {
                        "epochs": training.epochs,
                        "seeds": list(training.seeds),
                        "title": training.title,
                        "metrics": {
                            metric: [
                                _shortly(epochs),
                                training.along.get(metric, "each"),
                                *([training.divisors[metric]] if metric in training.divisors else []),
                            ]
                            for metric, (epochs, _) in training.metrics.items()
                        },
                    }
                    for training_name, training in dataset.trainings.items()
                },
            }
            for name, dataset in record.datasets.items()
        },
    }


def _shortly(epochs: tuple[int, ...]) -> list[int] | str:
    """Consecutive epochs as ``"1-200"``."""
    whole = len(epochs) > 2 and epochs == tuple(range(epochs[0], epochs[-1] + 1))
    return f"{epochs[0]}-{epochs[-1]}" if whole else list(epochs)


def _is_large(record: TableRecord) -> bool:
    """Whether the values may fill a file that is not hashed at every opening."""
    values = sum(
        record.architectures * len(training.seeds) * len(epochs)
        for dataset in record.datasets.values()
        for training in dataset.trainings.values()
        for epochs, _ in training.metrics.values()
    )
    return 4 * values >= LARGE
