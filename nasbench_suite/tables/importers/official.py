"""What the official records of NAS-Bench-201 and NATS-Bench say: one architecture's trials, checked and named.

A record of an architecture is a mapping from training (``"12"``, ``"200"``) to a dict with ``arch_str``,
``arch_index`` and ``all_results``, which holds one dict per ``(data set key, training seed)``. The sets that a trial
was evaluated on are named there ``x-valid``, ``x-test`` and ``ori-test``; what the last one is depends on the data
set key, and it is the place where validation and test get mixed up. Here each gets a name that says what it is:

=========================  ===============  ==============  =======================
data set key               x-valid          x-test          ori-test
=========================  ===============  ==============  =======================
cifar10-valid              ``valid-``       –               ``test-``
cifar10                    –                –               ``test-``
cifar100, ImageNet16-120   ``valid-``       ``test-``       ``valid-and-test-``
=========================  ===============  ==============  =======================
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.errors import SpaceError, TableError
from nasbench_suite.spaces import Space, nas_bench_201, nats_bench_sss

LICENCE = "MIT (D-X-Y/NATS-Bench)"
PERCENT = 100.0
"""What official accuracies are to be divided by."""


@dataclass(frozen=True)
class OfficialDataset:
    """A data set key of the official files.

    Attributes:
        title: in words.
        evaluated: the official name of an evaluated set -> the prefix of its metrics.
        splits: prefix -> what the set is, in words.
    """

    title: str
    evaluated: Mapping[str, str]
    splits: Mapping[str, str]


def _with_parts(title: str, train: str, valid: str, test: str) -> OfficialDataset:
    return OfficialDataset(
        title,
        {"x-valid": "valid", "x-test": "test", "ori-test": "valid-and-test"},
        {"train": train, "valid": valid, "test": test, "valid-and-test": f"the mixture of both: {valid}; {test}"},
    )


DATASETS: Mapping[str, OfficialDataset] = {
    "cifar10-valid": OfficialDataset(
        "CIFAR-10, 10 classes, 32x32, trained on half of the training images",
        {"x-valid": "valid", "ori-test": "test"},
        {
            "train": "the 25,000 training images it is trained on",
            "valid": "the other 25,000 training images",
            "test": "the 10,000 test images, after training on half of the training images",
        },
    ),
    "cifar10": OfficialDataset(
        "CIFAR-10, 10 classes, 32x32, trained on all training images",
        {"ori-test": "test"},
        {"train": "all 50,000 training images it is trained on", "test": "the 10,000 test images"},
    ),
    "cifar100": _with_parts(
        "CIFAR-100, 100 classes, 32x32",
        "all 50,000 training images it is trained on",
        "5,000 of the official test images",
        "the other 5,000 of the official test images",
    ),
    "ImageNet16-120": _with_parts(
        "ImageNet16-120, 120 classes, 16x16",
        "all 151,700 training images it is trained on",
        "3,000 of the official validation images",
        "the other 3,000 of the official validation images",
    ),
}


@dataclass(frozen=True)
class OfficialFormat:
    """One of the official benchmarks.

    Attributes:
        name: of the table that is made of it.
        space: makes its space.
        trainings: official name -> ``(name in the table, epochs)``, shortest first.
        title, citation: in words.
    """

    name: str
    space: Callable[[], Space]
    trainings: Mapping[str, tuple[str, int]]
    title: str
    citation: str

    @property
    def seed_of_doubt(self) -> int:
        """The training seed whose parameters and FLOPs count where the seeds disagree (as in nats_bench 1.8)."""
        return 888


TOPOLOGY = OfficialFormat(
    "nats-bench-tss",
    nas_bench_201,
    {"12": ("12-epochs", 12), "200": ("200-epochs", 200)},
    "NATS-Bench topology space (NAS-Bench-201): 15,625 cells on three data sets, every epoch and training seed",
    "Dong et al.: NATS-Bench, TPAMI 2021, https://arxiv.org/abs/2009.00437; "
    "Dong & Yang: NAS-Bench-201, ICLR 2020, https://arxiv.org/abs/2001.00326",
)
SIZE = OfficialFormat(
    "nats-bench-sss",
    nats_bench_sss,
    {"01": ("1-epoch", 1), "12": ("12-epochs", 12), "90": ("90-epochs", 90)},
    "NATS-Bench size space: 32,768 channel configurations on three data sets, every epoch and training seed",
    "Dong et al.: NATS-Bench, TPAMI 2021, https://arxiv.org/abs/2009.00437",
)
RECIPE = "{} epochs, SGD with Nesterov momentum, cosine learning rate from 0.1, batch 256"


@dataclass(frozen=True)
class Trial:
    """One training of one architecture, with the suite's names and units.

    Attributes:
        dataset, training: names in the table.
        seed: the training seed.
        epochs: of the whole training.
        curves: metric -> ``[epochs]``, NaN where not measured; accuracies in percent, as recorded.
        seconds: metric -> seconds of each single epoch or pass, ``[epochs]``, NaN where not measured.
        constants: name -> number: ``parameters``, ``flops`` (multiply-adds), ``latency`` (seconds).
    """

    dataset: str
    training: str
    seed: int
    epochs: int
    curves: Mapping[str, NDArray[np.float64]]
    seconds: Mapping[str, NDArray[np.float64]]
    constants: Mapping[str, float]


def rows_of_meta(meta: object, space: Space, where: str) -> tuple[list[str], NDArray[np.int64]]:
    """The architectures of an official file in their order, as texts and as rows of the space.

    Raises:
        TableError: not a list of all architectures of the space, each once.
    """
    if not isinstance(meta, list) or len(meta) != space.size:
        count = f"{len(meta)} architectures" if isinstance(meta, list) else f"a {type(meta).__name__}"
        raise TableError(f"{where}: meta_archs is {count}, expected a list of {space.size:,} of {space.name}")
    try:
        rows = np.fromiter((space.index(space.parse(text)) for text in meta), np.int64, len(meta))
    except (SpaceError, AttributeError) as error:
        raise TableError(f"{where}: meta_archs: {error}") from None
    if len(np.unique(rows)) != len(rows):
        raise TableError(f"{where}: meta_archs lists an architecture twice")
    return meta, rows


def trials(cell: object, index: int, text: str, form: OfficialFormat, where: str) -> Iterator[Trial]:
    """The trials in the record of one architecture.

    Args:
        cell: training -> record, as unpickled.
        index: the official number that the record must have.
        text: the architecture that the record must be of.
        form: of the benchmark.
        where: the file, for messages.

    Raises:
        TableError: the record is of another architecture, or anything in it is not as it must be.
    """
    for official, record in _mapping(cell, where, "the record").items():
        if official not in form.trainings:
            raise TableError(f"{where}: training {official!r}, expected {', '.join(form.trainings)}")
        training, epochs = form.trainings[official]
        fields = _mapping(record, where, f"training {official}")
        if fields.get("arch_str") != text or fields.get("arch_index") != index:
            raise TableError(
                f"{where}: training {official} is of architecture {fields.get('arch_index')!r} "
                f"{fields.get('arch_str')!r}, expected {index} {text!r}"
            )
        results = _mapping(fields.get("all_results"), where, f"all_results of training {official}")
        listed = _mapping(fields.get("dataset_seed"), where, f"dataset_seed of training {official}")
        if {(name, seed) for name, seeds in listed.items() for seed in _list(seeds, where)} != set(results):
            raise TableError(f"{where}: training {official} lists other training seeds than it has results of")
        for key, result in results.items():
            if not (isinstance(key, tuple) and len(key) == 2 and key[0] in DATASETS and type(key[1]) is int):
                raise TableError(f"{where}: result {key!r}, expected one of {', '.join(DATASETS)} and a training seed")
            place = f"{where}: training {official} of {key[0]}, training seed {key[1]}"
            yield _trial(_mapping(result, place, "the result"), key[0], training, key[1], epochs, place)


def _trial(result: Mapping[Any, Any], dataset: str, training: str, seed: int, epochs: int, place: str) -> Trial:
    if result.get("name") != dataset or result.get("epochs") != epochs or _seed(result.get("seed")) != seed:
        raise TableError(
            f"{place}: the result says data set {result.get('name')!r}, {result.get('epochs')!r} epochs, "
            f"seed {result.get('seed')!r}; expected {epochs} epochs"
        )
    official = DATASETS[dataset].evaluated
    curves: dict[str, NDArray[np.float64]] = {}
    seconds: dict[str, NDArray[np.float64]] = {}
    numbers = range(epochs)
    for field, metric in (
        ("train_acc1es", "train-accuracy"),
        ("train_acc5es", "train-top5-accuracy"),
        ("train_losses", "train-loss"),
    ):
        if result.get(field) is not None:
            curves[metric] = _curve(result[field], numbers, metric, f"{place}: {field}")
    if result.get("train_times") is not None:
        seconds["train-seconds"] = _curve(result["train_times"], numbers, "train-seconds", f"{place}: train_times")
    sets = _list(result.get("eval_names"), place)
    if not set(sets) <= set(official) or len(set(sets)) != len(sets):
        raise TableError(f"{place}: evaluated on {sets!r}, expected some of {', '.join(official)}, each once")
    for field, ending in (("eval_acc1es", "accuracy"), ("eval_losses", "loss"), ("eval_times", "seconds")):
        values = _mapping(result.get(field) or {}, place, field)
        used = 0
        for name in sets:
            metric = f"{official[name]}-{ending}"
            keys = _keys(name, epochs)
            found = [key for key in keys if key in values] if len(values) < epochs else keys
            if not found or (found is keys and not any(key in values for key in keys)):
                continue
            curve = _numbers([values.get(key) for key in keys], metric, f"{place}: {field}")
            used += sum(key in values for key in keys)
            (seconds if ending == "seconds" else curves)[metric] = curve
        if used != len(values):
            raise TableError(f"{place}: {field} holds {len(values) - used} entries of no epoch or no evaluated set")
    return Trial(dataset, training, seed, epochs, curves, seconds, _constants(result, place))


def _constants(result: Mapping[Any, Any], place: str) -> dict[str, float]:
    constants = {}
    for field, name in (("params", "parameters"), ("flop", "flops")):
        if result.get(field) is not None:
            (value,) = _numbers([result[field]], name, f"{place}: {field}")
            exact = round(float(value) * 1e6)  # recorded in millions
            constants[name] = float(exact) if exact / 1e6 == value else float(value) * 1e6
    if result.get("latency"):
        constants["latency"] = float(np.mean(_numbers(_list(result["latency"], place), "latency", f"{place}: latency")))
    return constants


def _curve(values: object, keys: range, metric: str, place: str) -> NDArray[np.float64]:
    if isinstance(values, list):
        values = dict(enumerate(values))
    mapping = _mapping(values, place, "the curve")
    if not mapping.keys() <= set(keys):
        raise TableError(f"{place}: an epoch outside 0 to {keys[-1]}")
    return _numbers([mapping.get(key) for key in keys], metric, place)


def _numbers(values: Sequence[object], metric: str, place: str) -> NDArray[np.float64]:
    """Plain numbers as an array, NaN for ``None``; accuracies stay in percent."""
    if not set(map(type, values)) <= {float, int, type(None)}:
        kinds = {type(value).__name__ for value in values} - {"float", "int", "NoneType"}
        raise TableError(f"{place}: {', '.join(sorted(kinds))} instead of numbers")
    array = np.array(values, dtype=np.float64)
    if metric.endswith("-accuracy"):
        if np.nanmin(array, initial=0.0) < 0.0 or np.nanmax(array, initial=0.0) > 100.0 + 1e-9:
            raise TableError(f"{place}: an accuracy outside 0 to 100 percent")
        array = np.minimum(array, PERCENT)
    elif np.nanmin(array, initial=0.0) < 0.0:
        raise TableError(f"{place}: a negative number")
    if np.isinf(array).any():
        raise TableError(f"{place}: an infinite number")
    return array


@lru_cache(maxsize=64)
def _keys(name: str, epochs: int) -> tuple[str, ...]:
    return tuple(f"{name}@{epoch}" for epoch in range(epochs))


def _seed(seed: object) -> int | None:
    """Seeds are written as text, ``"0777"``."""
    if isinstance(seed, str) and seed.isdecimal():
        return int(seed)
    return seed if type(seed) is int else None


def _mapping(value: object, where: str, what: str) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise TableError(f"{where}: {what} is a {type(value).__name__}, expected a dict")
    return value


def _list(value: object, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise TableError(f"{where}: a {type(value).__name__} where a list was expected")
    return value
