"""The monolithic file as PyTorch writes it: imported, every number is the one that the package nas-bench-201 returns."""

from __future__ import annotations

import bz2
import math
import pickle
import random
from pathlib import Path
from typing import Any

import pytest

from nasbench_suite.tables.from_nas_bench_201 import import_pth
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


@pytest.fixture(scope="module", params=["zip", "row"])
def ours(
    request: pytest.FixtureRequest, saved: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> OfficialApi:
    made = import_pth(saved[request.param], tmp_path_factory.mktemp("imported"))
    assert (made.measured, made.missing) == (3, 15_622)
    return create(made.path, "tss")


def same(theirs: Any, ours: Any) -> bool:
    if theirs is None or ours is None:
        return theirs is ours
    return math.isclose(theirs, ours, rel_tol=1e-12)


@pytest.mark.parametrize("hp", ["12", "200"])
def test_every_number_is_the_packages(hp: str, theirs: Any, ours: OfficialApi) -> None:
    assert ours.meta_archs == theirs.meta_archs
    assert ours.evaluated_indexes == set(theirs.evaluated_indexes)
    compared = 0
    for index in CELLS:
        for key in KEYS:
            costs, our_costs = theirs.get_cost_info(index, key, hp), ours.get_cost_info(index, key, hp)
            assert set(costs) == set(our_costs)
            assert all(same(costs[name], our_costs[name]) for name in costs), (index, key, hp, costs, our_costs)
            for seed in (False, *theirs.arch2infos_dict[index][hp].get_dataset_seeds(key)):
                for iepoch in (None, *range(int(hp))):
                    where = (index, key, iepoch, hp, seed)
                    info = theirs.get_more_info(*where)
                    ours_info = {k: v for k, v in ours.get_more_info(*where).items() if k != "comment"}
                    assert set(info) == set(ours_info), where
                    for name, value in info.items():
                        if name.endswith(("-accuracy", "-loss")) and seed is not False:
                            assert value == ours_info[name], (where, name)  # the recorded number, bit for bit
                        else:
                            assert same(value, ours_info[name]), (where, name, value, ours_info[name])
                        compared += 1
    assert compared > {"12": 1_500, "200": 50_000}[hp]


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
