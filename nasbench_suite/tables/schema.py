"""What a table file looks like (schema version 1), and the one function that writes it.

::

    /                                   attributes: schema_version, name, space, architectures, title, licence,
                                        source, source_sha256, citation
    /<dataset>/                         attributes: title, splits (JSON: metric -> what it was measured on),
                                        supernet_seconds (JSON: kind of step -> seconds of one epoch; may be absent)
    /<dataset>/<constant>               float64 [architecture]: parameters, flops, latency (seconds)
    /<dataset>/<training>/              one way of training, e.g. "200-epochs"; attributes: epochs, seeds, title
    /<dataset>/<training>/<metric>      float32 [architecture, training seed, epoch]; attribute: epochs

Rows are in the order of the space's own index. ``epochs`` of a metric names the epochs that its last axis holds
(often only the last one). A metric that does not depend on the training seed has a seed axis of length 1.
Metrics whose names end in ``-accuracy`` are fractions in [0, 1]; those ending in ``-seconds`` are seconds:
``train-seconds`` is cumulative from the start of the training to the end of the epoch; ``valid-seconds`` and the
like are of one pass over the split. NaN means never measured.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.errors import TableError

SCHEMA_VERSION = 1
CUMULATIVE = "train-seconds"
VALIDATION = "valid-seconds"


@dataclass(frozen=True)
class TrainingRecord:
    """One way of training every architecture of a data set.

    Attributes:
        epochs: length of the full training.
        seeds: the training seeds, one per place on the seed axis.
        metrics: name -> ``(epochs held, values [architecture, training seed, epoch])``.
        title: the recipe in words.
    """

    epochs: int
    seeds: tuple[int, ...]
    metrics: Mapping[str, tuple[tuple[int, ...], NDArray[np.floating]]]
    title: str = ""


@dataclass(frozen=True)
class DatasetRecord:
    """All that was measured on one data set.

    Attributes:
        trainings: name -> record.
        splits: metric name -> what it was measured on, in words.
        constants: name -> ``[architecture]``, for what does not depend on a training (parameters, flops, latency).
        title: the data set in words.
        supernet_seconds: kind of supernet step -> seconds that one epoch of it costs; empty if never measured.
    """

    trainings: Mapping[str, TrainingRecord]
    splits: Mapping[str, str]
    constants: Mapping[str, NDArray[np.floating]] = field(default_factory=dict)
    title: str = ""
    supernet_seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class TableRecord:
    """A whole table in memory, as an importer or a builder makes it."""

    name: str
    space: str
    architectures: int
    datasets: Mapping[str, DatasetRecord]
    title: str = ""
    licence: str = ""
    source: str = ""
    source_sha256: str = ""
    citation: str = ""


def problems_of_metric(
    name: str, values: NDArray[np.floating], architectures: int, seeds: int, epochs: tuple[int, ...], length: int
) -> list[str]:
    """All that is wrong with one metric, as texts; an empty list if nothing is.

    Args:
        name: of the metric; its ending decides the allowed range.
        values: ``[architecture, training seed, epoch]``.
        architectures: expected first axis.
        seeds: expected second axis (or 1).
        epochs: the epochs on the last axis, rising.
        length: epochs of the whole training.
    """
    if (
        values.ndim != 3
        or values.shape[0] != architectures
        or values.shape[1] not in (1, seeds)
        or values.shape[2] != len(epochs)
    ):
        return [f"{name}: shape {values.shape}, expected ({architectures}, {seeds} or 1, {len(epochs)})"]
    wrong = []
    if list(epochs) != sorted(set(epochs)) or not epochs or epochs[0] < 1 or epochs[-1] > length:
        wrong.append(f"{name}: epochs {epochs} do not rise from 1 to at most {length}")
    if np.isinf(values).any():
        wrong.append(f"{name}: infinite values")
    if name.endswith("-accuracy") and (np.nanmin(values, initial=0.0) < 0.0 or np.nanmax(values, initial=0.0) > 1.0):
        wrong.append(f"{name}: values outside [0, 1]; accuracies are fractions, not percent")
    if name.endswith("-seconds"):
        if np.nanmin(values, initial=0.0) < 0.0:
            wrong.append(f"{name}: negative seconds")
        if name == CUMULATIVE and values.shape[2] > 1 and np.nanmin(np.diff(values, axis=2), initial=0.0) < 0.0:
            wrong.append(f"{name}: the cost falls from one epoch to a later one; it must be cumulative")
    return wrong


def problems_of_record(record: TableRecord) -> list[str]:
    """All that is wrong with a table, as texts with the place in front; an empty list if nothing is."""
    wrong = []
    for dataset_name, dataset in record.datasets.items():
        for name, constant in dataset.constants.items():
            if constant.shape != (record.architectures,):
                wrong.append(f"{dataset_name}/{name}: shape {constant.shape}, expected ({record.architectures},)")
            elif np.nanmin(constant, initial=0.0) < 0.0:
                wrong.append(f"{dataset_name}/{name}: negative values")
        for training_name, training in dataset.trainings.items():
            for name, (epochs, values) in training.metrics.items():
                found = problems_of_metric(
                    name, values, record.architectures, len(training.seeds), epochs, training.epochs
                )
                wrong += [f"{dataset_name}/{training_name}/{problem}" for problem in found]
                if not name.endswith("-seconds") and name not in dataset.splits:
                    wrong.append(
                        f"{dataset_name}/{training_name}/{name}: no words in splits for what it was measured on"
                    )
    return wrong


def write_table(record: TableRecord, path: Path) -> None:
    """Check a table and write it in one step: a reader sees the old file or the whole new one.

    The bytes depend on the record and the HDF5 version alone (no time stamps).

    Raises:
        TableError: the record breaks a rule of the schema; all breaches are named.
    """
    import h5py

    wrong = problems_of_record(record)
    if wrong:
        raise TableError(f"table {record.name!r} is not valid: " + "; ".join(wrong))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with h5py.File(partial, "w", libver="v110", track_order=False) as file:
        file.attrs["schema_version"] = SCHEMA_VERSION
        for name in ("name", "space", "architectures", "title", "licence", "source", "source_sha256", "citation"):
            file.attrs[name] = getattr(record, name)
        for dataset_name, dataset in sorted(record.datasets.items()):
            group = file.create_group(dataset_name)
            group.attrs["title"] = dataset.title
            group.attrs["splits"] = json.dumps(dict(sorted(dataset.splits.items())), sort_keys=True)
            if dataset.supernet_seconds:
                group.attrs["supernet_seconds"] = json.dumps(dict(dataset.supernet_seconds), sort_keys=True)
            for name, constant in sorted(dataset.constants.items()):
                group.create_dataset(name, data=constant.astype(np.float64), compression="gzip", shuffle=True)
            for training_name, training in sorted(dataset.trainings.items()):
                inner = group.create_group(training_name)
                inner.attrs["epochs"] = training.epochs
                inner.attrs["seeds"] = np.asarray(training.seeds, dtype=np.int64)
                inner.attrs["title"] = training.title
                for name, (epochs, values) in sorted(training.metrics.items()):
                    # One chunk per epoch: a search at one fidelity reads one chunk.
                    stored = inner.create_dataset(
                        name,
                        data=values.astype(np.float32),
                        chunks=(*values.shape[:2], 1),
                        compression="gzip",
                        shuffle=True,
                    )
                    stored.attrs["epochs"] = np.asarray(epochs, dtype=np.int64)
    os.replace(partial, path)
