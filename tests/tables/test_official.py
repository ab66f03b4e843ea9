"""The real official records, imported: every number as the official package reads it, refused where it is not honest."""

from __future__ import annotations

import math
import random
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from nasbench_suite import Budget, OutOfBudget, Problem
from nasbench_suite.benchmarks import shipped, training_of
from nasbench_suite.errors import NotMeasured, QuestionError, TableError
from nasbench_suite.plugins import load_registry
from nasbench_suite.search.journal import Charge, Recommendation
from nasbench_suite.tables import open_table
from nasbench_suite.tables.nats_bench_api import create

HPS = {"tss": {"12": 12, "200": 200}, "sss": {"01": 1, "12": 12, "90": 90}}
NAMES = {"tss": "NATS-tss-v1_0-3ffb9-simple", "sss": "NATS-sss-v1_0-50262-simple"}
KEYS = ("cifar10-valid", "cifar10", "cifar100", "ImageNet16-120")


def check_same(theirs: dict[str, object], ours: dict[str, object], where: object) -> None:
    assert set(theirs) == set(ours), where
    for name, value in theirs.items():
        if name == "comment":
            continue
        other = ours[name]
        if value is None:
            assert other is None, (where, name)
        else:
            assert math.isclose(value, other, rel_tol=1e-12), (where, name, value, other)  # type: ignore[arg-type]


@pytest.mark.parametrize("space", ["tss", "sss"])
def test_every_number_is_the_official_one(space: str, data: Path, official: dict[str, Path]) -> None:
    nats_bench = pytest.importorskip("nats_bench")
    theirs = nats_bench.create(str(data / NAMES[space]), space, fast_mode=True, verbose=False)
    ours = create(str(official[space]), space)
    assert ours.meta_archs == theirs.meta_archs
    assert ours.evaluated_indexes == {0, 11, 284}
    for hp, epochs in HPS[space].items():
        for key in KEYS:
            for iepoch in [None, *range(0, epochs, 1 if epochs < 20 else 23), epochs - 2]:
                if iepoch is not None and iepoch < 0:
                    continue
                for index in (0, 11, 284):
                    theirs._prepare_info(index)
                    seeds = theirs.arch2infos_dict[index][hp].get_dataset_seeds(key)
                    for seed in (False, *seeds):
                        check_same(
                            theirs.get_more_info(index, key, iepoch, hp, seed),
                            ours.get_more_info(index, key, iepoch, hp, seed),
                            (index, key, iepoch, hp, seed),
                        )
            for index in (0, 11, 284):
                check_same(theirs.get_cost_info(index, key, hp), ours.get_cost_info(index, key, hp), (index, key, hp))
                if key == "cifar10-valid":
                    continue
                for iepoch in (None, 0):
                    random.seed(7)
                    expected = theirs.simulate_train_eval(theirs.arch(index), key, iepoch, hp)
                    random.seed(7)
                    assert ours.simulate_train_eval(ours.arch(index), key, iepoch, hp) == pytest.approx(
                        expected, rel=1e-12
                    )


def test_stand_in_refuses_what_was_never_measured(official: dict[str, Path]) -> None:
    api = create(str(official["tss"]), "tss")
    with pytest.raises(NotMeasured, match="no results of architecture"):
        api.simulate_train_eval(1, "cifar10")
    with pytest.raises(ValueError, match="Invalid dataset"):
        api.simulate_train_eval(0, "cifar10-valid")
    assert api.query_index_by_arch("no architecture") == -1


def test_only_honest_fidelities_are_offered(official: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASBENCH_TABLES", str(official["tss"].parent))
    offered = shipped.benchmarks()
    assert offered["nats-bench-tss/cifar100"]().fidelities == (12, 200)
    assert offered["nats-bench-tss/cifar10-12-epochs"]().fidelities == (12,)
    benchmark = offered["nats-bench-tss/imagenet16-120"]()
    table = open_table("nats-bench-tss")
    row = int((table.numbering("official-index") == 11).nonzero()[0][0])
    whole = benchmark.space.whole  # three of its cells are in this table
    _, accuracy, cost = benchmark.answers(0).ask(whole.architecture(row), 12, 12, 0)
    assert accuracy == table.column("ImageNet16-120", "12-epochs", "valid-accuracy", 12)[row, 0]
    assert cost == pytest.approx(12 * 75.61976063664754 + 0.49815020561218265)
    with pytest.raises(QuestionError, match="50 epochs were not measured"):
        benchmark.answers(0).ask(whole.architecture(row), 50, 50, 0)
    with pytest.raises(NotMeasured):
        benchmark.answers(0).ask(whole.architecture(0), 200, 200, 0)
    with pytest.raises(NotMeasured, match="measured at epochs 200, not 100"):
        table.column("cifar100", "200-epochs", "valid-accuracy", 100)
    signals = {str(measure) for name, open_ in offered.items() if name.startswith("nats") for measure in
               open_()._sources.values()}  # fmt: skip
    assert not any("valid-and-test" in signal or "/test-" in signal for signal in signals)


def test_absent_table_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASBENCH_TABLES", str(tmp_path))
    with pytest.raises(TableError, match="nasbench table pull nats-bench-sss"):
        shipped.benchmarks()["nats-bench-sss/cifar10"]()


def test_supernets_train_on_the_users_cifar(
    official: dict[str, Path], cifar10_images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    monkeypatch.setenv("NASBENCH_TABLES", str(official["tss"].parent))
    registry = load_registry()
    offered = {
        dataset: training_of(registry.benchmark(f"nats-bench-tss/{dataset}"))
        for dataset in ("cifar10", "cifar10-12-epochs", "cifar100", "imagenet16-120")
    }
    assert {dataset for dataset, offer in offered.items() if offer} == {"cifar10"}
    benchmark = registry.benchmark("nats-bench-tss/cifar10")
    offer = training_of(benchmark)
    assert offer is not None and offer.supernet_seconds is not None
    # As published: 10,890 and 35,782 seconds for 50 epochs, 31,610 for 250.
    published = {"darts-first-order": 50, "darts-second-order": 50, "gdas": 250}
    seconds = [round(epochs * offer.supernet_seconds[kind], 1) for kind, epochs in published.items()]
    assert seconds == pytest.approx([10_890, 35_782, 31_610])
    assert len(offer.task.train) + len(offer.task.valid) == 20
    problem = Problem(benchmark.space.whole, benchmark.fidelities, benchmark.answers(0), Budget(400.0), training=offer)
    with suppress(OutOfBudget):
        registry.strategy("darts").strategy.run(problem, np.random.default_rng(0))
    assert [type(event) for event in problem.journal] == [Charge, Recommendation]


def test_changed_large_table_is_hashed_again(official: dict[str, Path], tmp_path: Path) -> None:
    import shutil

    for name in (official["sss"].name, "manifest.toml"):
        shutil.copy(official["sss"].parent / name, tmp_path / name)
    path = tmp_path / official["sss"].name
    open_table(path)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    with pytest.raises(TableError, match="damaged or was changed"):
        open_table(path)
