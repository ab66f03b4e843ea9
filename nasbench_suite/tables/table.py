"""Opening and reading a table: lazily, and only after its hash and its outline have been checked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.errors import NotMeasured, QuestionError, TableError, unknown
from nasbench_suite.tables.manifest import expected_sha256, find_table
from nasbench_suite.tables.schema import SCHEMA_VERSION, DatasetRecord, TableRecord, TrainingRecord, problems_of_record

if TYPE_CHECKING:
    import h5py


@dataclass(frozen=True)
class TrainingOutline:
    """What a table holds of one way of training: lengths and names, no values."""

    epochs: int
    seeds: tuple[int, ...]
    title: str
    metrics: dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class DatasetOutline:
    """What a table holds of one data set: names and words, no values."""

    title: str
    splits: dict[str, str]
    constants: tuple[str, ...]
    trainings: dict[str, TrainingOutline]
    supernet_seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """A checked table file. Values are read when asked for; nothing stays open in between.

    Attributes:
        path: of the file.
        sha256: of the whole file.
        listed: whether a manifest beside the file vouches for this hash.
        name, space, architectures, title, licence, source, source_sha256, citation: as in the file.
        datasets: name -> outline.
    """

    path: Path
    sha256: str
    listed: bool
    name: str
    space: str
    architectures: int
    title: str
    licence: str
    source: str
    source_sha256: str
    citation: str
    datasets: dict[str, DatasetOutline]

    def dataset(self, name: str) -> DatasetOutline:
        """The outline of a data set; raises ``UsageError`` with near names for an unknown one."""
        if name not in self.datasets:
            raise unknown(f"data set of table {self.name!r}", name, self.datasets)
        return self.datasets[name]

    def training(self, dataset: str, training: str) -> TrainingOutline:
        """The outline of a training; raises ``UsageError`` with near names for an unknown one."""
        trainings = self.dataset(dataset).trainings
        if training not in trainings:
            raise unknown(f"training of {self.name}/{dataset}", training, trainings)
        return trainings[training]

    def column(self, dataset: str, training: str, metric: str, epochs: int) -> NDArray[np.float32]:
        """One metric at one epoch: ``[architecture, training seed]`` float32, NaN where never measured.

        Raises:
            NotMeasured: the table does not hold this metric at this epoch.
        """
        metrics = self.training(dataset, training).metrics
        if metric not in metrics:
            raise NotMeasured(
                f"table {self.name}/{dataset}/{training} has no {metric!r}; it has {', '.join(sorted(metrics)) or 'nothing'}"
            )
        held = metrics[metric]
        if epochs not in held:
            raise NotMeasured(
                f"table {self.name}/{dataset}/{training}: {metric} was measured at epochs {_ranges(held)}, not {epochs}"
            )
        with _opened(self.path) as file:
            values: NDArray[np.float32] = file[dataset][training][metric][:, :, held.index(epochs)]
        return values

    def curves(self, dataset: str, training: str, metric: str, architecture: int) -> NDArray[np.float32]:
        """One architecture's values of a metric at all epochs held: ``[training seed, epoch]`` float32."""
        if metric not in self.training(dataset, training).metrics:
            raise QuestionError(f"table {self.name}/{dataset}/{training} has no metric {metric!r}")
        with _opened(self.path) as file:
            values: NDArray[np.float32] = file[dataset][training][metric][architecture]
        return values

    def constant(self, dataset: str, name: str) -> NDArray[np.float64]:
        """What does not depend on a training, such as ``parameters``: ``[architecture]`` float64."""
        constants = self.dataset(dataset).constants
        if name not in constants:
            raise NotMeasured(
                f"table {self.name}/{dataset} has no {name!r}; it has {', '.join(constants) or 'no constants'}"
            )
        with _opened(self.path) as file:
            values: NDArray[np.float64] = file[dataset][name][:]
        return values

    def read(self) -> TableRecord:
        """Everything, in memory; for exporting and verifying."""
        datasets = {}
        with _opened(self.path) as file:
            for name, outline in self.datasets.items():
                trainings = {
                    training_name: TrainingRecord(
                        training.epochs,
                        training.seeds,
                        {
                            metric: (held, file[name][training_name][metric][:])
                            for metric, held in training.metrics.items()
                        },
                        training.title,
                    )
                    for training_name, training in outline.trainings.items()
                }
                constants = {constant: file[name][constant][:] for constant in outline.constants}
                datasets[name] = DatasetRecord(
                    trainings, outline.splits, constants, outline.title, outline.supernet_seconds
                )
        return TableRecord(
            self.name,
            self.space,
            self.architectures,
            datasets,
            self.title,
            self.licence,
            self.source,
            self.source_sha256,
            self.citation,
        )

    def verify(self) -> None:
        """Read everything and check every rule of the schema; raises :class:`TableError` naming all breaches."""
        wrong = problems_of_record(self.read())
        if wrong:
            raise TableError(f"table {self.path} breaks its schema: " + "; ".join(wrong))


def open_table(name_or_path: str | Path) -> Table:
    """Open a table by name (from the known directories) or by path, and check it.

    Checked are: that the file is there, that its hash is the one in the manifest beside it (if it is listed),
    that it is HDF5 of this schema version, and that the outline is complete and of the right shapes. Ranges and
    monotone costs were checked when the file was written, which the hash vouches for; files that no manifest
    lists are read and checked whole.

    Raises:
        TableError: one line naming the file and what is wrong.
        UsageError: no table of this name.
    """
    path = find_table(name_or_path)
    digest = file_sha256(path)
    expected = expected_sha256(path)
    if expected is not None and digest != expected:
        raise TableError(
            f"table {path} is damaged or was changed: its sha256 is {digest[:16]}…, the manifest says {expected[:16]}…; "
            "restore the file or make it again"
        )
    with _opened(path) as file:
        table = _outline(file, path, digest, listed=expected is not None)
    if expected is None:
        table.verify()
    return table


def file_sha256(path: Path) -> str:
    """The sha256 of a file as hexadecimal digits; raises :class:`TableError` if it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise TableError(f"table {path} cannot be read: {error.strerror or error}") from None
    return digest.hexdigest()


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    import h5py

    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise TableError(f"table {path} is not a readable HDF5 file ({error}); restore it or make it again") from None
    with file:
        try:
            yield file
        except (KeyError, OSError, RuntimeError, TypeError, AttributeError, IndexError) as error:
            raise TableError(f"table {path} cannot be read to its end ({error}); restore it or make it again") from None


def _outline(file: h5py.File, path: Path, digest: str, *, listed: bool) -> Table:
    import h5py

    version = file.attrs.get("schema_version")
    if version is None:
        raise TableError(f"{path} is an HDF5 file but no nasbench-suite table: it has no schema_version")
    if version != SCHEMA_VERSION:
        raise TableError(
            f"table {path} has schema version {version}; this release reads version {SCHEMA_VERSION}: "
            "make it again or use a release that fits"
        )
    architectures = int(file.attrs["architectures"])
    datasets = {}
    for dataset_name, group in file.items():
        constants: list[str] = []
        trainings = {}
        for name, member in group.items():
            if isinstance(member, h5py.Dataset):
                constants.append(name)
                if member.shape != (architectures,):
                    raise TableError(
                        f"table {path}: {dataset_name}/{name} has shape {member.shape}, expected ({architectures},)"
                    )
            else:
                trainings[name] = _training(member, path, architectures)
        splits: dict[str, Any] = json.loads(group.attrs["splits"])
        datasets[dataset_name] = DatasetOutline(
            str(group.attrs["title"]),
            splits,
            tuple(constants),
            trainings,
            json.loads(group.attrs.get("supernet_seconds", "{}")),
        )
    words = {
        key: str(file.attrs[key])
        for key in ("name", "space", "title", "licence", "source", "source_sha256", "citation")
    }
    return Table(path=path, sha256=digest, listed=listed, architectures=architectures, datasets=datasets, **words)


def _training(group: h5py.Group, path: Path, architectures: int) -> TrainingOutline:
    seeds = tuple(int(seed) for seed in group.attrs["seeds"])
    metrics = {}
    for name, member in group.items():
        held = tuple(int(epoch) for epoch in member.attrs["epochs"])
        allowed = [(architectures, count, len(held)) for count in {1, len(seeds)}]
        if member.shape not in allowed or member.dtype != np.float32:
            raise TableError(
                f"table {path}: {group.name}/{name} is {member.dtype} of shape {member.shape}, "
                f"expected float32 of {' or '.join(map(str, allowed))}"
            )
        metrics[name] = held
    return TrainingOutline(int(group.attrs["epochs"]), seeds, str(group.attrs["title"]), metrics)


def _ranges(epochs: tuple[int, ...]) -> str:
    """``(1, 2, 3, 12)`` as ``1-3, 12``."""
    parts: list[str] = []
    start = previous = epochs[0]
    for epoch in (*epochs[1:], None):
        if epoch is not None and epoch == previous + 1:
            previous = epoch
            continue
        parts.append(str(start) if start == previous else f"{start}-{previous}")
        if epoch is not None:
            start = previous = epoch
    return ", ".join(parts)
