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

from nasbench_suite.errors import NotMeasured, QuestionError, SuiteError, TableError, unknown
from nasbench_suite.plain.files import expect_regular
from nasbench_suite.spaces import KNOWN_SPACES, CategoricalSpace, Decision, MeasuredSpace, Space, space_from
from nasbench_suite.tables import verified
from nasbench_suite.tables.column import Column, mean_over_seeds
from nasbench_suite.tables.manifest import expected_sha256, find_table
from nasbench_suite.tables.probe import probe
from nasbench_suite.tables.schema import (
    ALONG,
    LARGE,
    SAMPLE,
    SAMPLE_VERSION,
    SCHEMA_VERSION,
    Along,
    DatasetRecord,
    ObjectiveRecord,
    TableRecord,
    TrainingRecord,
    problems_of_record,
)

if TYPE_CHECKING:
    import h5py


@dataclass(frozen=True)
class TrainingOutline:
    """What a table holds of one way of training: lengths and names, no values."""

    epochs: int
    seeds: tuple[int, ...]
    title: str
    metrics: dict[str, tuple[int, ...]]
    along: dict[str, Along] = field(default_factory=dict)
    divisors: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class DatasetOutline:
    """What a table holds of one data set: names and words, no values."""

    title: str
    splits: dict[str, str]
    constants: tuple[str, ...]
    trainings: dict[str, TrainingOutline]
    supernet_seconds: dict[str, float] = field(default_factory=dict)
    objectives: dict[str, ObjectiveRecord] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """A checked table file. Values are read when asked for; nothing stays open in between.

    Attributes:
        path: of the file.
        sha256: of the whole file.
        listed: whether a manifest beside the file vouches for this hash.
        name, space, architectures, title, licence, source, source_sha256, citation: as in the file.
        datasets: name -> outline.
        decisions: decision -> options, where the suite does not know the space by name.
        numberings: the other orders in which rows have numbers, such as ``"official-index"``.
        sampled: whether the rows are a sample of the space, which the file lists.
        described: the space, where decisions alone do not say it.
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
    decisions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    numberings: tuple[str, ...] = ()
    sampled: bool = False
    described: dict[str, Any] | None = None

    def make_space(self) -> Space:
        """The space of the rows, whose index is their order: the whole one, or the listed part of it.

        Raises:
            TableError: the space is none that the suite knows, and the file does not describe it.
        """
        whole = self.whole_space()
        return MeasuredSpace(whole, self.sample()) if self.sampled else whole

    def sample(self) -> NDArray[np.integer]:
        """The option numbers of the rows of a sampled table: ``[row, decision]``."""
        with _opened(self.path) as file:
            options: NDArray[np.integer] = file[SAMPLE][:]
        return options

    def whole_space(self) -> Space:
        """The space that the rows are of: one that the suite knows, or the one that the file describes.

        Raises:
            TableError: neither of them.
        """
        if self.described is not None:
            try:
                return space_from(self.described, f"table {self.path}")
            except SuiteError as error:
                raise TableError(str(error)) from None
        if self.decisions:
            return CategoricalSpace(self.space, [Decision(name, options) for name, options in self.decisions.items()])
        if self.space not in KNOWN_SPACES:
            raise TableError(f"table {self.path}: space {self.space!r} is unknown and the file does not describe it")
        return KNOWN_SPACES[self.space]()

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

    def column(self, dataset: str, training: str, metric: str, epochs: int) -> NDArray[np.floating]:
        """One metric at one epoch: ``[architecture, training seed]``, NaN where never measured.

        Raises:
            NotMeasured: the table does not hold this metric at this epoch.
        """
        values = self._recorded(dataset, training, metric, epochs)
        divisor = self.training(dataset, training).divisors.get(metric, 1.0)
        return values if divisor == 1.0 else values / values.dtype.type(divisor)

    def percent(self, dataset: str, training: str, metric: str, epochs: int) -> NDArray[np.floating]:
        """An accuracy in percent: ``[architecture, training seed]``; bit for bit the recorded one of official tables.

        Raises:
            NotMeasured: the table does not hold this metric at this epoch.
        """
        values = self._recorded(dataset, training, metric, epochs)
        divisor = self.training(dataset, training).divisors.get(metric, 1.0)
        return values if divisor == 100.0 else values * values.dtype.type(100.0 / divisor)

    def _recorded(self, dataset: str, training: str, metric: str, epochs: int) -> NDArray[np.floating]:
        outline = self.training(dataset, training)
        held = self._held(dataset, training, metric)
        if epochs not in held:
            raise NotMeasured(
                f"table {self.name}/{dataset}/{training}: {metric} was measured at epochs {ranges(held)}, not {epochs}"
            )
        along = outline.along.get(metric, "each")
        with _opened(self.path) as file:
            place = held.index(epochs) if along == "each" else 0
            values: NDArray[np.floating] = file[dataset][training][metric][:, :, place]
        return values * epochs if along == "linear" else values

    def curves(self, dataset: str, training: str, metric: str, architecture: int) -> NDArray[np.floating]:
        """One architecture's values of a metric at all epochs held: ``[training seed, epoch]``.

        Raises:
            NotMeasured: the table does not hold this metric.
            QuestionError: no such row.
        """
        held = self._held(dataset, training, metric)
        if not 0 <= architecture < self.architectures:
            raise QuestionError(f"table {self.name} has rows 0 to {self.architectures - 1}, not {architecture}")
        with _opened(self.path) as file:
            values: NDArray[np.floating] = file[dataset][training][metric][architecture]
        outline = self.training(dataset, training)
        values = _spread(values, held, outline.along.get(metric, "each"))
        return values / values.dtype.type(outline.divisors[metric]) if metric in outline.divisors else values

    def metric(
        self, dataset: str, training: str, metric: str, epochs: int | None = None, seed: int | None = None
    ) -> Column:
        """One metric of every architecture, for fast questions (see :class:`~nasbench_suite.tables.Column`).

        Args:
            dataset, training, metric: what was measured.
            epochs: by default the last one held.
            seed: a training seed; by default the mean over those measured.

        Raises:
            NotMeasured: the table does not hold this metric, epoch or training seed.
        """
        seeds = self.training(dataset, training).seeds
        epochs = self._held(dataset, training, metric)[-1] if epochs is None else epochs
        values = self.column(dataset, training, metric, epochs)
        what = f"{self.name}/{dataset}/{training}/{metric} after {epochs} epochs"
        if seed is None:
            return Column(f"{what}, mean over training seeds", self.make_space(), mean_over_seeds(values))
        if seed not in seeds:
            raise NotMeasured(f"{what}: training seeds are {', '.join(map(str, seeds))}, not {seed}")
        place = seeds.index(seed) if values.shape[1] > 1 else 0
        return Column(f"{what}, training seed {seed}", self.make_space(), values[:, place])

    def numbering(self, name: str) -> NDArray[np.int64]:
        """The number of every row in another order: ``[architecture]``; raises ``NotMeasured`` if there is none."""
        if name not in self.numberings:
            raise NotMeasured(f"table {self.name} has no {name!r}; it has {', '.join(self.numberings) or 'none'}")
        with _opened(self.path) as file:
            numbers: NDArray[np.int64] = file[name][:]
        return numbers

    def _held(self, dataset: str, training: str, metric: str) -> tuple[int, ...]:
        metrics = self.training(dataset, training).metrics
        if metric not in metrics:
            raise NotMeasured(
                f"table {self.name}/{dataset}/{training} has no {metric!r}; it has {', '.join(sorted(metrics)) or 'nothing'}"
            )
        return metrics[metric]

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
        """Everything; the values of metrics are read when ``numpy.asarray`` asks for them, one metric at a time."""
        datasets = {}
        with _opened(self.path) as file:
            numberings = {name: file[name][:] for name in self.numberings}
            double = False
            for name, outline in self.datasets.items():
                trainings = {}
                for training_name, training in outline.trainings.items():
                    metrics: dict[str, tuple[tuple[int, ...], Any]] = {}
                    for metric, held in training.metrics.items():
                        stored = file[name][training_name][metric]
                        double = double or (stored.dtype == np.float64 and metric not in training.along)
                        metrics[metric] = (held, _Stored(self.path, stored.name, stored.shape))
                    trainings[training_name] = TrainingRecord(
                        training.epochs, training.seeds, metrics, training.title, training.along, training.divisors
                    )
                constants = {constant: file[name][constant][:] for constant in outline.constants}
                datasets[name] = DatasetRecord(
                    trainings,
                    outline.splits,
                    constants,
                    outline.title,
                    outline.supernet_seconds,
                    outline.objectives,
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
            self.decisions,
            numberings,
            double,
            self.sample() if self.sampled else None,
            self.described,
        )

    def verify(self) -> None:
        """Read everything and check every rule of the schema; raises :class:`TableError` naming all breaches."""
        wrong = problems_of_record(self.read())
        with _opened(self.path) as file:
            datasets, _ = _found_outline(file, self.path, self.architectures)
        if datasets != self.datasets:
            wrong.append("the outline differs from what the file holds")
        space = self.make_space()
        if space.size != self.architectures:
            wrong.append(f"{self.architectures} rows, but {self.space} has {space.size} architectures")
        if wrong:
            raise TableError(f"table {self.path} breaks its schema: " + "; ".join(wrong))


@dataclass(frozen=True)
class _Stored:
    """The values of one metric in a file, read by ``numpy.asarray``."""

    path: Path
    name: str
    shape: tuple[int, ...]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[np.floating]:
        with _opened(self.path) as file:
            values: NDArray[np.floating] = file[self.name][:]
        return values if dtype is None else values.astype(dtype)


def open_table(name_or_path: str | Path) -> Table:
    """Open a table by name (from the known directories) or by path, and check it.

    Checked are: that the file is there, that its hash is the one in the manifest beside it (if it is listed),
    that it is HDF5 of this schema version, and that the outline is complete and of the right shapes. Ranges and
    monotone costs were checked when the file was written, which the hash vouches for; files that no manifest
    lists are read and checked whole, in a process of their own, and remembered until they are touched.

    A file of up to 16 MiB is hashed at every opening. A larger one is hashed at its first opening and whenever it
    was touched since (see ``verified.py``); what is read from it has a checksum per chunk.

    Raises:
        TableError: one line naming the file and what is wrong.
        UsageError: no table of this name.
    """
    path = find_table(name_or_path)
    try:
        stamp = verified.stamp(path)
        large = path.stat().st_size > LARGE
        expected = expected_sha256(path)
        note = verified.recall(path) if large or expected is None else None
    except OSError as error:
        raise TableError(f"table {path} cannot be read: {error.strerror or error}") from None
    digest = file_sha256(path) if note is None else note.sha256
    if expected is not None and digest != expected:
        raise TableError(
            f"table {path} is damaged or was changed: its sha256 is {digest[:16]}…, the manifest says {expected[:16]}…; "
            "restore the file or make it again"
        )
    checked = expected is not None or (note is not None and note.checked)
    if not checked:
        probe(path)
    with _opened(path) as file:
        expect_own_numbers(file, path)
        table = _outline(file, path, digest, listed=expected is not None)
    if (large and note is None) or not checked:
        verified.remember(path, verified.Note(stamp, digest, expected is None))
    return table


def dataset_names(path: Path) -> list[str]:
    """The data sets of a table file that have a training, read without checking anything else.

    Raises:
        TableError: the file is not there or no table.
    """
    import h5py

    expect_regular(path)
    with _opened(path) as file:
        groups = [name for name in file if isinstance(file.get(name, getlink=True), h5py.HardLink)]
        return [
            name
            for name in groups
            if isinstance(file[name], h5py.Group) and any(isinstance(file[name][m], h5py.Group) for m in file[name])
        ]


def read_whole(path: Path) -> Table:
    """Open a file and check every value, whatever is known of it; for a process of its own (see ``probe.py``).

    Raises:
        TableError: one line naming the file and what is wrong.
    """
    with _opened(path) as file:
        expect_own_numbers(file, path)
        table = _outline(file, path, file_sha256(path), listed=False)
    table.verify()
    return table


def verify_table(name_or_path: str | Path) -> Table:
    """Hash the whole file, whatever is remembered of it, read every value and check every rule.

    Raises:
        TableError: one line naming the file and what is wrong.
        UsageError: no table of this name.
    """
    path = find_table(name_or_path)
    digest = file_sha256(path)
    table = open_table(path)
    if table.sha256 != digest:
        raise TableError(f"table {path} was changed: its sha256 is {digest[:16]}…, it was {table.sha256[:16]}…")
    table.verify()
    return table


def file_sha256(path: Path) -> str:
    """The sha256 of a file as hexadecimal digits; raises :class:`TableError` if it cannot be read."""
    expect_regular(path)
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
        except (KeyError, OSError, RuntimeError, TypeError, AttributeError, IndexError, ValueError) as error:
            if isinstance(error, SuiteError):
                raise
            raise TableError(f"table {path} cannot be read to its end ({error}); restore it or make it again") from None


MEMBERS = 100_000
"""Groups and arrays that a table may have."""


def expect_own_numbers(file: h5py.Group, path: Path) -> None:
    """Refuse a file whose numbers lie elsewhere, so that its hash vouches for them.

    Raises:
        TableError: a link, an array in another file (external storage, a virtual data set), or too many members.
    """
    import h5py

    waiting, count, seen = [file], 0, set()
    while waiting:
        group = waiting.pop()
        for name in group:
            count += 1
            if count > MEMBERS:
                raise TableError(f"table {path} has more than {MEMBERS:,} groups and arrays")
            where = f"{group.name.rstrip('/')}/{name}"
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise TableError(f"table {path}: {where} is a link to somewhere else; a table holds its numbers itself")
            member = group[name]
            if isinstance(member, h5py.Dataset) and (member.is_virtual or member.external):
                raise TableError(f"table {path}: the numbers of {where} lie in another file; a table holds them itself")
            address = h5py.h5o.get_info(member.id).addr
            if address in seen:
                raise TableError(f"table {path}: {where} is another name of something else in the file")
            seen.add(address)
            if isinstance(member, h5py.Group):
                waiting.append(member)


def _outline(file: h5py.File, path: Path, digest: str, *, listed: bool) -> Table:
    version = file.attrs.get("schema_version")
    if version is None:
        raise TableError(f"{path} is an HDF5 file but no nasbench-suite table: it has no schema_version")
    if version not in (SCHEMA_VERSION, SAMPLE_VERSION):
        raise TableError(
            f"table {path} has schema version {version}; this release reads versions {SCHEMA_VERSION} and {SAMPLE_VERSION}: "
            "make it again or use a release that fits"
        )
    architectures = int(file.attrs["architectures"])
    words = {
        key: str(file.attrs[key])
        for key in ("name", "space", "title", "licence", "source", "source_sha256", "citation")
    }
    described = _json(file, "decisions", path) if "decisions" in file.attrs else {}
    datasets, numberings = _written_outline(file, path) or _found_outline(file, path, architectures)
    return Table(
        path=path,
        sha256=digest,
        listed=listed,
        architectures=architectures,
        datasets=datasets,
        decisions={name: tuple(options) for name, options in described.items()},
        numberings=tuple(numberings),
        sampled=SAMPLE in file,
        described=_json(file, "described", path) if "described" in file.attrs else None,
        **words,
    )


def _written_outline(file: h5py.Group, path: Path) -> tuple[dict[str, DatasetOutline], list[str]] | None:
    """The outline that a large table carries in one attribute."""
    if "outline" not in file.attrs:
        return None
    outline = _json(file, "outline", path)
    datasets = {}
    for name, dataset in outline["datasets"].items():
        trainings = {}
        for training_name, training in dataset["trainings"].items():
            metrics = {metric: _epochs(stored[0]) for metric, stored in training["metrics"].items()}
            along = {metric: stored[1] for metric, stored in training["metrics"].items() if stored[1] != "each"}
            divisors = {metric: stored[2] for metric, stored in training["metrics"].items() if len(stored) > 2}
            trainings[training_name] = TrainingOutline(
                training["epochs"], tuple(training["seeds"]), training["title"], metrics, along, divisors
            )
        datasets[name] = DatasetOutline(
            dataset["title"],
            dataset["splits"],
            tuple(dataset["constants"]),
            trainings,
            dataset.get("supernet_seconds", {}),
            _objectives(dataset.get("objectives", {}), path),
        )
    return datasets, outline["numberings"]


LONGEST = 1_000_000
"""Epochs that a training may have."""


def _epochs(held: list[int] | str) -> tuple[int, ...]:
    if isinstance(held, str):
        first, last = map(int, held.split("-"))
        if not 1 <= first <= last <= LONGEST:
            raise ValueError(f"epochs {held}; expected 1 to at most {LONGEST}")
        return tuple(range(first, last + 1))
    return tuple(int(epoch) for epoch in held)


def _found_outline(file: h5py.Group, path: Path, architectures: int) -> tuple[dict[str, DatasetOutline], list[str]]:
    """The outline as the members of the file show it, shapes checked."""
    import h5py

    datasets: dict[str, DatasetOutline] = {}
    numberings: list[str] = []
    for dataset_name, group in file.items():
        if dataset_name == SAMPLE:
            continue
        if isinstance(group, h5py.Dataset):
            _expect_shape(group, (architectures,), path)
            numberings.append(dataset_name)
            continue
        constants: list[str] = []
        trainings = {}
        for name, member in group.items():
            if isinstance(member, h5py.Dataset):
                _expect_shape(member, (architectures,), path)
                constants.append(name)
            else:
                trainings[name] = _training(member, path, architectures)
        splits: dict[str, Any] = _json(group, "splits", path)
        datasets[dataset_name] = DatasetOutline(
            str(group.attrs["title"]),
            splits,
            tuple(constants),
            trainings,
            _json(group, "supernet_seconds", path) if "supernet_seconds" in group.attrs else {},
            _objectives(_json(group, "objectives", path) if "objectives" in group.attrs else {}, path),
        )
    return datasets, numberings


def _objectives(stated: dict[str, Any], path: Path) -> dict[str, ObjectiveRecord]:
    try:
        return {
            name: ObjectiveRecord(
                str(fields["unit"]),
                bool(fields["maximize"]),
                *(None if fields[bound] is None else float(fields[bound]) for bound in ("low", "high")),
            )
            for name, fields in stated.items()
        }
    except (KeyError, TypeError, ValueError) as error:
        raise TableError(f"table {path}: objectives cannot be read ({type(error).__name__}: {error})") from None


def _json(holder: h5py.Group, name: str, path: Path) -> dict[str, Any]:
    try:
        value = json.loads(holder.attrs[name])
    except ValueError as error:
        raise TableError(f"table {path}: {name} of {holder.name} is no JSON ({error})") from None
    if not isinstance(value, dict):
        raise TableError(f"table {path}: {name} of {holder.name} is no mapping")
    return value


def _expect_shape(member: h5py.Dataset, shape: tuple[int, ...], path: Path) -> None:
    if member.shape != shape:
        raise TableError(f"table {path}: {member.name.strip('/')} has shape {member.shape}, expected {shape}")


def _training(group: h5py.Group, path: Path, architectures: int) -> TrainingOutline:
    seeds = tuple(int(seed) for seed in group.attrs["seeds"])
    metrics: dict[str, tuple[int, ...]] = {}
    along: dict[str, Along] = {}
    divisors: dict[str, float] = {}
    for name, member in group.items():
        attributes = member.attrs
        held = tuple(attributes["epochs"].tolist())
        way = attributes.get("along", "each")
        if way not in ALONG:
            raise TableError(f"table {path}: {group.name}/{name} is stored along {way!r}, expected {', '.join(ALONG)}")
        if way != "each":
            along[name] = way
        if "divisor" in attributes:
            divisors[name] = float(attributes["divisor"])
        length = len(held) if way == "each" else 1
        allowed = [(architectures, count, length) for count in sorted({1, len(seeds)})]
        if member.shape not in allowed or member.dtype not in (np.float32, np.float64):
            raise TableError(
                f"table {path}: {group.name}/{name} is {member.dtype} of shape {member.shape}, "
                f"expected floating-point numbers of {' or '.join(map(str, allowed))}"
            )
        metrics[name] = held
    return TrainingOutline(int(group.attrs["epochs"]), seeds, str(group.attrs["title"]), metrics, along, divisors)


def _spread(values: NDArray[np.floating], epochs: tuple[int, ...], along: Along) -> NDArray[np.floating]:
    """``[…, epoch as stored] -> […, epoch]``."""
    if along == "each":
        return values
    factors = np.ones(len(epochs)) if along == "constant" else np.asarray(epochs, dtype=np.float64)
    spread: NDArray[np.floating] = values * factors
    return spread


def ranges(epochs: tuple[int, ...]) -> str:
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
