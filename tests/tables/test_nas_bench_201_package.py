"""The monolithic file as PyTorch writes it: imported, every number is the one that the package nas-bench-201 returns."""

from __future__ import annotations

import bz2
import itertools
import math
import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nasbench_suite.tables import open_table
from nasbench_suite.tables.importers.from_nas_bench_201 import import_pth
from nasbench_suite.tables.importers.official import DATASETS
from nasbench_suite.tables.nats_bench_api import OfficialApi, create

CELLS = (0, 11, 284)
KEYS = ("cifar10-valid", "cifar10", "cifar100", "ImageNet16-120")


@pytest.fixture(scope="module")
def saved(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The real records of three cells in both formats of ``torch.save``."""
    torch = pytest.importorskip("torch")
    directory = data / "NATS-tss-v1_0-3ffb9-simple"

    def unpacked(name: str) -> Any:
        return pickle.loads(bz2.decompress((directory / f"{name}.pickle.pbz2").read_bytes()))

    cells = {index: unpacked(f"{index:06d}") for index in CELLS}
    content = {
        "meta_archs": unpacked("meta")["meta_archs"],
        "arch2infos": {index: {"less": cell["12"], "full": cell["200"]} for index, cell in cells.items()},
        "evaluated_indexes": set(CELLS),
    }
    target = tmp_path_factory.mktemp("saved")
    files = {}
    for form in ("zip", "row"):
        files[form] = target / form / "NAS-Bench-201-v1_1-096897.pth"
        files[form].parent.mkdir()
        torch.save(content, files[form], _use_new_zipfile_serialization=form == "zip")
    return files


@pytest.fixture(scope="module")
def theirs(saved: dict[str, Path]) -> Any:
    package = pytest.importorskip("nas_201_api", reason="the package nas-bench-201 is not installed")
    torch = pytest.importorskip("torch")
    # The package opens files by torch.load, which since PyTorch 2.6 refuses what this file holds; it also takes a dict.
    return package.NASBench201API(torch.load(saved["zip"], weights_only=False), verbose=False)


@pytest.fixture(scope="module")
def ours(saved: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> OfficialApi:
    made = import_pth(saved["zip"], tmp_path_factory.mktemp("imported"))
    assert (made.measured, made.missing) == (3, 15_622)
    return create(made.path, "tss")


def same(theirs: Any, ours: Any) -> bool:
    if theirs is None or ours is None:
        return theirs is ours
    return math.isclose(theirs, ours, rel_tol=1e-12)


def test_every_recorded_number_is_the_packages_bit_for_bit(theirs: Any, ours: OfficialApi) -> None:
    """All data set keys, trainings, training seeds, epochs; losses and accuracies of all evaluated sets."""
    record = ours.table.read()
    official = ours.table.numbering("official-index").tolist()
    compared = 0
    for key in KEYS:
        for hp in ("12", "200"):
            training = record.datasets[key].trainings[f"{hp}-epochs"]
            for metric, (epochs, stored) in training.metrics.items():
                prefix, _, ending = metric.rpartition("-")
                if ending not in ("accuracy", "loss") or prefix == "train-top5":
                    continue
                values = np.asarray(stored)
                for index in CELLS:
                    results = theirs.arch2infos_dict[index][hp].all_results
                    for place, seed in enumerate(training.seeds):
                        if (key, seed) not in results:
                            assert np.isnan(values[official.index(index), place]).all()
                            continue
                        result = results[key, seed]
                        if prefix == "train":
                            numbers = result.train_acc1es if ending == "accuracy" else result.train_losses
                            wanted = [numbers.get(epoch - 1) for epoch in epochs]
                        else:
                            (name,) = (n for n, p in DATASETS[key].evaluated.items() if p == prefix)
                            numbers = result.eval_acc1es if ending == "accuracy" else result.eval_losses
                            wanted = [numbers.get(f"{name}@{epoch - 1}") for epoch in epochs]
                        found = values[official.index(index), place]
                        np.testing.assert_array_equal(found, np.array(wanted, dtype=np.float64))  # NaN for None
                        compared += len(found)
    assert compared > 30_000


@pytest.mark.parametrize("hp", ["12", "200"])
def test_the_stand_in_answers_as_the_package(hp: str, theirs: Any, ours: OfficialApi) -> None:
    assert ours.meta_archs == theirs.meta_archs
    assert ours.evaluated_indexes == set(theirs.evaluated_indexes)
    for key, index in itertools.product(KEYS, CELLS):
        costs, our_costs = theirs.get_cost_info(index, key, hp), ours.get_cost_info(index, key, hp)
        assert set(costs) == set(our_costs)
        assert all(same(costs[name], our_costs[name]) for name in costs), (index, key, hp, costs, our_costs)
    epochs = range(12) if hp == "12" else (0, 1, 57, 198)
    for key, iepoch, index in itertools.product(KEYS, (None, *epochs), CELLS):
        for seed in (False, *theirs.arch2infos_dict[index][hp].get_dataset_seeds(key)):
            where = (index, key, iepoch, hp, seed)
            info = theirs.get_more_info(*where)
            found = {name: value for name, value in ours.get_more_info(*where).items() if name != "comment"}
            assert set(info) == set(found), where
            for name, value in info.items():
                assert same(value, found[name]), (where, name, value, found[name])
                if name.endswith(("-accuracy", "-loss")) and seed is not False:
                    assert value == found[name], (where, name)


def test_older_format_gives_the_same_table(saved: dict[str, Path], ours: OfficialApi, tmp_path: Path) -> None:
    table = open_table(import_pth(saved["row"], tmp_path).path)
    assert table.datasets == ours.table.datasets
    for place in (("cifar100", "200-epochs", "test-accuracy", 200), ("cifar10", "12-epochs", "test-loss", 5)):
        np.testing.assert_array_equal(table.column(*place), ours.table.column(*place))


def test_searches_see_the_packages_numbers(theirs: Any, ours: OfficialApi) -> None:
    ours.reset_time()
    theirs.reset_time()
    for index in CELLS:
        for dataset in ("cifar10", "cifar100", "ImageNet16-120"):
            random.seed(3)
            expected = theirs.simulate_train_eval(theirs.arch(index), dataset, hp="12")
            random.seed(3)
            found = ours.simulate_train_eval(ours.arch(index), dataset, hp="12")
            assert found[0] == expected[0]
            assert all(map(same, expected, found)), (index, dataset, expected, found)
    for place in (("cifar10", "test"), ("cifar100", "valid"), ("ImageNet16-120", "test")):
        best, accuracy = theirs.find_best(*place, hp="200")
        our_best, our_accuracy = ours.find_best(*place, hp="200")
        assert our_best == best and our_accuracy == pytest.approx(accuracy, rel=1e-12)
