"""Looking at tables and giving them away: what one holds, its rows as CSV or Parquet, and how two differ."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from nasbench_suite.errors import UsageError
from nasbench_suite.tables.install import whole_file
from nasbench_suite.tables.schema import CUMULATIVE
from nasbench_suite.tables.table import Table, ranges

KEYS = ("architecture", "dataset", "training", "seed", "epochs")


def describe(table: Table) -> dict[str, Any]:
    """What a table holds, as plain data: where it comes from, and every metric with seeds, epochs and split."""
    return {
        "name": table.name,
        "path": str(table.path),
        "bytes": table.path.stat().st_size,
        "sha256": table.sha256,
        "listed": table.listed,
        "title": table.title,
        "space": table.space,
        "architectures": table.architectures,
        "source": table.source,
        "source_sha256": table.source_sha256,
        "licence": table.licence,
        "citation": table.citation,
        "datasets": {
            name: {
                "title": dataset.title,
                "constants": list(dataset.constants),
                "trainings": {
                    training_name: {
                        "epochs": training.epochs,
                        "seeds": list(training.seeds),
                        "metrics": {
                            metric: {"epochs": ranges(held), "split": dataset.splits.get(metric, "")}
                            for metric, held in sorted(training.metrics.items())
                        },
                    }
                    for training_name, training in dataset.trainings.items()
                },
            }
            for name, dataset in table.datasets.items()
        },
    }


def export(table: Table, target: Path) -> int:
    """Write a table's measurements in the form that ``from_files.py`` reads; returns the number of rows.

    Args:
        table: opened.
        target: a ``.csv`` or ``.parquet`` file.

    Raises:
        UsageError: another ending, or Parquet without pyarrow.
        TableError: the file cannot be written.
    """
    writers = {".csv": _export_csv, ".parquet": _export_parquet}
    if target.suffix not in writers:
        raise UsageError(f"{target}: expected a file ending in {' or '.join(writers)}")
    with whole_file(target) as partial:
        count = writers[target.suffix](table, _columns(table), partial)
        os.replace(partial, target)
    return count


def _export_csv(table: Table, columns: list[str], target: Path) -> int:
    with target.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        return sum(1 for row in _rows(table, columns) if writer.writerow(row) is not None)


def difference(first: Table, second: Table, tolerance: float = 0.0) -> dict[str, Any]:
    """Which values of two tables of one space differ, and by how much, as plain data.

    Args:
        first, second: the tables.
        tolerance: differences up to this are none.

    Returns:
        ``only_first`` and ``only_second``: ``data set/training/metric`` that the other lacks; ``metrics``: for each
        that both have, ``values`` (how many differ), ``architectures`` (how many, and the first ten as texts),
        ``largest`` and ``missing`` (measured in one table only). Metrics without differences are left out.

    Raises:
        UsageError: tables of two spaces.
    """
    if first.space != second.space or first.architectures != second.architectures:
        raise UsageError(
            f"{first.name} is of space {first.space} with {first.architectures:,} architectures, {second.name} of "
            f"{second.space} with {second.architectures:,}; only tables of one space can be compared"
        )
    space = first.make_space()
    if space != second.make_space():
        raise UsageError(f"{first.name} and {second.name} are samples of other architectures of {first.space}")
    found: dict[str, Any] = {}
    both = [name for name in _metrics(first) if name in _metrics(second)]
    for dataset, training, metric in both:
        one, other = first.training(dataset, training), second.training(dataset, training)
        epochs = [epoch for epoch in one.metrics[metric] if epoch in other.metrics[metric]]
        seeds = [seed for seed in one.seeds if seed in other.seeds]
        changed = np.zeros(first.architectures, dtype=bool)
        values, missing, largest = 0, 0, 0.0
        for epoch in epochs:
            a, b = (_at_seeds(table, dataset, training, metric, epoch, seeds) for table in (first, second))
            gap = np.isnan(a) != np.isnan(b)
            if not metric.endswith(
                ("-accuracy", "-loss")
            ):  # stored once for all training seeds, or for those there are
                gap = np.broadcast_to((gap & (np.isnan(a).all(axis=1) != np.isnan(b).all(axis=1))[:, None]), gap.shape)
            with np.errstate(invalid="ignore"):
                apart = np.abs(a - b)
                differ = (apart > tolerance) | gap
            changed |= differ.any(axis=1)
            values += int(differ.sum())
            missing += int(gap.sum())
            largest = max(largest, float(np.nanmax(apart, initial=0.0)))
        if values:
            rows = np.flatnonzero(changed)
            found[f"{dataset}/{training}/{metric}"] = {
                "values": values,
                "missing": missing,
                "largest": largest,
                "architectures": len(rows),
                "first": [space.format(space.architecture(int(row))) for row in rows[:10]],
            }
    return {
        "only_first": ["/".join(name) for name in _metrics(first) if name not in both],
        "only_second": ["/".join(name) for name in _metrics(second) if name not in both],
        "metrics": found,
    }


def _at_seeds(table: Table, dataset: str, training: str, metric: str, epoch: int, seeds: list[int]) -> Any:
    values = table.column(dataset, training, metric, epoch).astype(np.float64)
    every = table.training(dataset, training).seeds
    return np.broadcast_to(values, (len(values), len(every)))[:, [every.index(seed) for seed in seeds]]


def _metrics(table: Table) -> list[tuple[str, str, str]]:
    return [
        (dataset, training, metric)
        for dataset, outline in table.datasets.items()
        for training, inner in outline.trainings.items()
        for metric in sorted(inner.metrics)
    ]


def _columns(table: Table) -> list[str]:
    metrics = sorted({metric for _, _, metric in _metrics(table)})
    constants = sorted({name for outline in table.datasets.values() for name in outline.constants} - set(metrics))
    return [*KEYS, CUMULATIVE, *(metric for metric in metrics if metric != CUMULATIVE), *constants]


def _rows(table: Table, columns: list[str]) -> Iterator[list[Any]]:
    """One row per architecture, data set, training, training seed and epoch of which anything was measured."""
    space = table.make_space()
    texts = [space.format(architecture) for architecture in space.architectures()]
    for dataset, outline in table.datasets.items():
        constants = {name: table.constant(dataset, name) for name in outline.constants}
        for training, inner in outline.trainings.items():
            for epoch in sorted({epoch for held in inner.metrics.values() for epoch in held}):
                present = {
                    metric: _at_seeds(table, dataset, training, metric, epoch, list(inner.seeds))
                    for metric, held in inner.metrics.items()
                    if epoch in held
                }
                curves = [v for m, v in present.items() if not m.endswith("-seconds") and m not in outline.constants]
                if not curves:
                    continue
                measured = np.any([~np.isnan(values) for values in curves], axis=0)
                for row, place in zip(*np.nonzero(measured), strict=True):
                    cells = {metric: values[row, place] for metric, values in present.items()}
                    cells |= {name: values[row] for name, values in constants.items()}
                    numbers = [cells.get(column, np.nan) for column in columns[len(KEYS) :]]
                    yield [
                        texts[row],
                        dataset,
                        training,
                        inner.seeds[place],
                        epoch,
                        *(None if value != value else float(value) for value in numbers),
                    ]


def _export_parquet(table: Table, columns: list[str], target: Path) -> int:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise UsageError("writing Parquet needs pyarrow; pip install 'nasbench-suite[parquet]'") from None
    kinds = [pyarrow.string()] * 3 + [pyarrow.int64()] * 2 + [pyarrow.float64()] * (len(columns) - len(KEYS))
    schema = pyarrow.schema(list(zip(columns, kinds, strict=True)))
    count = 0
    with parquet.ParquetWriter(target, schema) as writer:
        block: list[list[Any]] = []
        for row in _rows(table, columns):
            block.append(row)
            if len(block) == 100_000:
                writer.write_table(pyarrow.table(dict(zip(columns, zip(*block, strict=True), strict=True)), schema))
                count, block = count + len(block), []
        if block:
            writer.write_table(pyarrow.table(dict(zip(columns, zip(*block, strict=True), strict=True)), schema))
    return count + len(block)
