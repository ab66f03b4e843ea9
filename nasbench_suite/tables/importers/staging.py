"""An import that never holds the table in memory and goes on after an interruption: arrays on disk, cell by cell.

Each metric of each training seed is one file with a row for every architecture of the space. Rows that were never
put are holes, which take no room on disk; which rows of a file were put is kept apart.
"""

from __future__ import annotations

import json
import mmap
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.errors import TableError
from nasbench_suite.tables.importers.official import DATASETS, LICENCE, PERCENT, RECIPE, OfficialFormat, Trial
from nasbench_suite.tables.schema import (
    CUMULATIVE,
    OFFICIAL_INDEX,
    Along,
    DatasetRecord,
    TableRecord,
    TrainingRecord,
)

STATE = "state.json"
Progress = Callable[[int, int], None]
"""Called with what is done and what there is to do: architectures, or bytes of a single file."""


@dataclass
class _Array:
    """One metric of one training seed on disk.

    Attributes:
        file: name in the staging directory.
        epochs: on the last axis (0-based); one place only unless ``along`` is ``"each"``.
        along: as in the schema.
        values: ``[architecture, place]``.
        held: ``[architecture]``, whether the row was put.
    """

    file: str
    epochs: list[int]
    along: Along
    values: NDArray[np.floating]
    held: NDArray[np.bool_]

    def at(self, rows: NDArray[np.int64]) -> NDArray[np.floating]:
        """``[place in rows, place]``, NaN where nothing was put."""
        values: NDArray[np.floating] = np.asarray(self.values[rows])
        values[~self.held[rows]] = np.nan
        return values


Key = tuple[str, str, int, str]
"""Data set, training, training seed, metric."""


class Staging:
    """A directory that collects trials and gives a table of them.

    Args:
        directory: made if it does not exist; what it holds of the same source is gone on with.
        form: of the benchmark.
        identity: of the source; a directory of another source is emptied.
        double: whether curves are kept as float64.
    """

    def __init__(self, directory: Path, form: OfficialFormat, identity: str, *, double: bool = False) -> None:
        self._directory = directory
        self._form = form
        self._identity = f"{identity}, {'double' if double else 'single'}"
        self._double = double
        self._size = form.space().size
        self._arrays: dict[Key, _Array] = {}
        self._done = np.zeros(self._size, dtype=bool)
        self._digests = np.zeros((self._size, 32), dtype=np.uint8)
        if not self._resume():
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(parents=True)

    def _resume(self) -> bool:
        try:
            state = json.loads((self._directory / STATE).read_text(encoding="utf-8"))
            if state["identity"] != self._identity:
                return False
            self._done = np.load(self._directory / "done.npy")
            self._digests = np.load(self._directory / "digests.npy")
            for fields in state["arrays"]:
                dataset, training, seed, metric = fields["key"]
                values = np.load(self._directory / fields["file"], mmap_mode="r+")
                held = np.unpackbits(np.frombuffer(bytes.fromhex(fields["held"]), np.uint8), count=self._size)
                self._arrays[dataset, training, seed, metric] = _Array(
                    fields["file"], fields["epochs"], fields["along"], values, held.astype(bool)
                )
        except (OSError, ValueError, KeyError, TypeError):
            self._arrays.clear()
            self._done[:] = False
            return False
        return True

    def checkpoint(self) -> None:
        """Make what was put so far survive an interruption, and let go of the memory that it takes."""
        for array in self._arrays.values():
            array.values.flush()  # type: ignore[attr-defined]  # a memory map
            if hasattr(mmap, "MADV_DONTNEED"):
                array.values._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]
        for name, values in (("done", self._done), ("digests", self._digests)):
            partial = self._directory / f"{name}.partial.npy"
            np.save(partial, values)
            os.replace(partial, self._directory / f"{name}.npy")
        arrays = [
            {
                "key": key,
                "file": array.file,
                "epochs": array.epochs,
                "along": array.along,
                "held": np.packbits(array.held).tobytes().hex(),
            }
            for key, array in self._arrays.items()
        ]
        partial = self._directory / f"{STATE}.partial"
        partial.write_text(json.dumps({"identity": self._identity, "arrays": arrays}), encoding="utf-8")
        os.replace(partial, self._directory / STATE)

    def put(self, row: int, trials: Iterable[Trial], digest: bytes = b"") -> None:
        """Keep one architecture's trials.

        Args:
            row: in the space's order.
            trials: all of them are read before anything is kept.
            digest: sha256 of where they came from.
        """
        for trial in list(trials):
            base = (trial.dataset, trial.training, trial.seed)
            for metric, curve in trial.curves.items():
                self._put_each((*base, metric), row, curve)
            for metric, seconds in trial.seconds.items():
                self._put_seconds((*base, metric), row, seconds)
            for name, value in trial.constants.items():
                array = self._array((*base, name), [trial.epochs - 1], "constant")
                array.values[row, 0] = value
                array.held[row] = True
        self._done[row] = True
        if digest:
            self._digests[row] = np.frombuffer(digest, dtype=np.uint8)

    def has(self, row: int) -> bool:
        """Whether this architecture was put, now or before an interruption."""
        return bool(self._done[row])

    @property
    def measured(self) -> int:
        """How many architectures were put."""
        return int(self._done.sum())

    def discard(self) -> None:
        """Remove the directory."""
        self._arrays.clear()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _array(self, key: Key, epochs: list[int], along: Along) -> _Array:
        if key not in self._arrays:
            self._arrays[key] = self._make(epochs, along)
        return self._arrays[key]

    def _make(self, epochs: list[int], along: Along) -> _Array:
        file = f"{sum(1 for _ in self._directory.glob('array-*.npy')):04d}"
        name = f"array-{file}.npy"
        kind = np.float64 if self._double or along != "each" else np.float32
        shape = (self._size, len(epochs) if along == "each" else 1)
        values = np.lib.format.open_memmap(self._directory / name, mode="w+", dtype=kind, shape=shape)
        return _Array(name, epochs, along, values, np.zeros(self._size, dtype=bool))

    def _put_each(self, key: Key, row: int, curve: NDArray[np.float64]) -> None:
        held = np.flatnonzero(~np.isnan(curve)).tolist()
        if not held:
            return
        array = self._array(key, held, "each")
        if array.epochs != held and not set(held) <= set(array.epochs):
            array = self._widen(key, array, sorted({*held, *array.epochs}))
        array.values[row] = curve if len(array.epochs) == len(curve) else curve[array.epochs]
        array.held[row] = True

    def _put_seconds(self, key: Key, row: int, seconds: NDArray[np.float64]) -> None:
        """Seconds of single epochs: one number where all epochs took the same time, as official files say."""
        cumulative = key[3] == CUMULATIVE
        along: Along = "linear" if cumulative else "constant"
        array = self._array(key, list(range(len(seconds))), along)
        if array.along != "each":
            if (seconds == seconds[0]).all():
                array.values[row, 0] = seconds[0]
                array.held[row] = True
                return
            factors = np.arange(1, len(seconds) + 1) if cumulative else np.ones(len(seconds))
            spread = self._make(array.epochs, "each")
            rows = np.flatnonzero(array.held)
            spread.values[rows] = array.values[rows] * factors
            spread.held[:] = array.held
            self._replace(key, spread)
        self._put_each(key, row, np.cumsum(seconds) if cumulative else seconds)

    def _widen(self, key: Key, old: _Array, epochs: list[int]) -> _Array:
        wide = self._make(epochs, "each")
        rows = np.flatnonzero(old.held)
        values = np.full((len(rows), len(epochs)), np.nan)
        values[:, [epochs.index(epoch) for epoch in old.epochs]] = old.values[rows]
        wide.values[rows] = values
        wide.held[:] = old.held
        return self._replace(key, wide)

    def _replace(self, key: Key, array: _Array) -> _Array:
        """The old file stays until the next checkpoint no longer names it; it is removed with the directory."""
        self._arrays[key] = array
        return array

    def record(self, official: NDArray[np.int64], source: str) -> TableRecord:
        """The table of what was put.

        Args:
            official: row -> number in the official order.
            source: in words.
        """
        import hashlib

        if not self._arrays:
            raise TableError(f"{source} holds no result of any architecture")
        datasets = {}
        for name in sorted({key[0] for key in self._arrays}):
            described = DATASETS[name]
            trainings = {
                training: self._training(name, training, epochs)
                for training, epochs in self._form.trainings.values()
                if any(key[:2] == (name, training) for key in self._arrays)
            }
            used = {metric for training in trainings.values() for metric in training.metrics}
            splits = {
                metric: words
                for prefix, words in described.splits.items()
                for metric in sorted(used)
                if metric in {f"{prefix}-{ending}" for ending in ("accuracy", "top5-accuracy", "loss", "seconds")}
            }
            constants = self._constants(name, list(trainings))
            datasets[name] = DatasetRecord(trainings, splits, constants, described.title)
        digest = hashlib.sha256()
        for row in np.argsort(official):
            if self._done[row]:
                digest.update(int(official[row]).to_bytes(4, "big") + self._digests[row].tobytes())
        return TableRecord(
            name=self._form.name,
            space=self._form.space().name,
            architectures=self._size,
            datasets=datasets,
            title=self._form.title,
            licence=LICENCE,
            source=source,
            source_sha256=digest.hexdigest(),
            citation=self._form.citation,
            numberings={OFFICIAL_INDEX: official},
            double=self._double,
        )

    def _training(self, dataset: str, training: str, epochs: int) -> TrainingRecord:
        rows = np.flatnonzero(self._done)
        keys = [key for key in self._arrays if key[:2] == (dataset, training)]
        seeds = tuple(sorted({key[2] for key in keys}))
        metrics: dict[str, tuple[tuple[int, ...], Any]] = {}
        along: dict[str, Along] = {}
        for metric in sorted({key[3] for key in keys}):
            arrays = [self._arrays.get((dataset, training, seed, metric)) for seed in seeds]
            stack = _Stack(arrays, rows, self._size, metric)
            metrics[metric] = (tuple(epoch + 1 for epoch in stack.epochs), stack)
            if stack.along != "each":
                along[metric] = stack.along
        divisors = {metric: PERCENT for metric in metrics if metric.endswith("-accuracy")}
        return TrainingRecord(epochs, seeds, metrics, RECIPE.format(epochs), along, divisors)

    def _constants(self, dataset: str, trainings: list[str]) -> dict[str, NDArray[np.float64]]:
        """Parameters, FLOPs and latency of the longest training that has them, seeds in agreement.

        In a few hundred official cells one training seed trained another network than it says; there the numbers
        of seed 888 count, as they do in nats_bench. Each seed's own numbers stay in the trainings.
        """
        constants: dict[str, NDArray[np.float64]] = {}
        rows = np.flatnonzero(self._done)
        for name in ("parameters", "flops", "latency"):
            merged = np.full(len(rows), np.nan)
            for training in reversed(trainings):
                seeds = {
                    key[2]: np.asarray(array.at(rows)[:, 0], dtype=np.float64)
                    for key, array in self._arrays.items()
                    if (key[0], key[1], key[3]) == (dataset, training, name)
                }
                if seeds:
                    values = agreed(seeds, name, self._form.seed_of_doubt)
                    merged = np.where(np.isnan(merged), values, merged)
            if not np.isnan(merged).all():
                constants[name] = np.full(self._size, np.nan)
                constants[name][rows] = merged
        return constants


def agreed(seeds: Mapping[int, NDArray[np.float64]], name: str, doubt: int) -> NDArray[np.float64]:
    """One number per architecture of what every training seed recorded: latencies are averaged, sizes must agree.

    Args:
        seeds: training seed -> ``[architecture]``.
        name: of the constant.
        doubt: the seed that counts where sizes differ by 10 or more (the fifth decimal of a million).
    """
    values = np.stack(list(seeds.values()), axis=1)
    measured = ~np.isnan(values)
    count = measured.sum(axis=1)
    with np.errstate(invalid="ignore"):
        mean: NDArray[np.float64] = np.where(measured, values, 0.0).sum(axis=1) / count
    if name == "latency":
        return mean
    first = values[np.arange(len(values)), measured.argmax(axis=1)]
    differ = (np.where(measured, np.abs(values - first[:, None]), 0.0) >= 5.0).any(axis=1)
    trusted = seeds.get(doubt, first)
    settled: NDArray[np.float64] = np.where(differ, np.where(np.isnan(trusted), first, trusted), first)
    return settled


class _Stack:
    """The training seeds' arrays of one metric as ``[architecture, training seed, epoch]``, read when asked for."""

    def __init__(self, arrays: list[_Array | None], rows: NDArray[np.int64], size: int, metric: str) -> None:
        present = [array for array in arrays if array is not None]
        ways = {array.along for array in present}
        self.along: Along = present[0].along if len(ways) == 1 else "each"
        self.epochs = sorted({epoch for array in present for epoch in array.epochs})
        self.rows = rows
        self._arrays = arrays
        self._size = size
        self._cumulative = metric == CUMULATIVE
        self._same_for_all = not metric.endswith(("-accuracy", "-loss"))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[np.floating]:
        values = self.compact()
        whole = np.full((self._size, *values.shape[1:]), np.nan, dtype or values.dtype)
        whole[self.rows] = values
        return whole

    def compact(self) -> NDArray[np.floating]:
        """``[place in rows, training seed, epoch]``."""
        kinds = [array.values.dtype for array in self._arrays if array is not None]
        length = len(self.epochs) if self.along == "each" else 1
        stacked: NDArray[np.floating] = np.full(
            (len(self.rows), len(self._arrays), length), np.nan, dtype=np.result_type(*kinds)
        )
        for place, array in enumerate(self._arrays):
            if array is None:
                continue
            if array.along == self.along:
                columns = [self.epochs.index(epoch) for epoch in array.epochs] if self.along == "each" else [0]
                stacked[:, place, columns] = array.at(self.rows)
            else:
                factors = np.arange(1, length + 1) if self._cumulative else np.ones(length)
                stacked[:, place, :] = array.at(self.rows) * factors
        if self._same_for_all and stacked.shape[1] > 1:
            first = np.nanmax(np.where(np.isnan(stacked), -np.inf, stacked), axis=1, keepdims=True)
            if (np.isnan(stacked) | (stacked == first)).all():
                stacked = np.where(np.isinf(first), np.nan, first)
        return stacked
