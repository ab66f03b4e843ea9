"""Tables trained by ourselves: built, interrupted, resumed, verified and audited; a sample of cells, for real."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nasbench_suite.benchmarks import Measure, TabularBenchmark
from nasbench_suite.errors import UsageError
from nasbench_suite.spaces import nas_bench_201
from nasbench_suite.tables import open_table
from nasbench_suite.training import Recipe, digits_cells, digits_task

pytest.importorskip("torch", reason="needs PyTorch (the extra 'live')")

from nasbench_suite.building.build import (
    Build,
    assemble,
    audit_table,
    estimate,
    run_build,
    write_build,
)
from nasbench_suite.building.costs import FEATURES, CostModel, fit_costs

SPACE = nas_bench_201()
CELLS = digits_cells()
COSTS = CostModel((1.0, 0.5, 2.0, 0.5, 0.1, 0.1), (0.5, 0.1, 0.2, 0.1, 0.0, 0.0), (0.1, 0.1), 6, "a made-up machine")


@pytest.fixture(scope="module")
def build() -> Build:
    recipe = Recipe(epochs=2, batch_size=50, learning_rate=0.1, flip=False, padding=0)
    task, test = digits_task(recipe, training=200)
    task = replace(task, valid=task.valid.take(slice(0, 200)))
    return Build("made", "digits", SPACE, CELLS, task, test.take(slice(0, 200)), (0, 1), sample=10)


@pytest.fixture(scope="module")
def finished(build: Build, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("build")
    (directory / "costs.json").write_text(json.dumps(COSTS.as_json()))
    told: list[tuple[str, int, int]] = []
    assert run_build(build, directory, report=lambda *what: told.append(what)) == 10
    assert told[0] == ("training cells", 0, 10) and told[-1] == ("training cells", 10, 10)
    return directory


def test_isomorphic_cells_are_one_class(build: Build) -> None:
    classes = replace(build, sample=None).classes()
    assert len(classes) == 6466 and sum(map(len, classes.values())) == SPACE.size
    assert len(replace(build, sample=None).to_train()) == 6466
    assert build.to_train() == replace(build, sample=None).to_train()[:10]


def test_a_sample_becomes_a_table_that_can_be_searched(build: Build, finished: Path, tmp_path: Path) -> None:
    path = write_build(build, finished, tmp_path, {"darts-first-order": 3.5})
    table = open_table(path)
    accuracy = table.column("digits", "2-epochs", "valid-accuracy", 2)
    classes = {cells[0]: cells for cells in build.classes().values()}
    rows = sorted(index for first in build.to_train() for index in classes[first])
    assert np.flatnonzero(~np.isnan(accuracy[:, 0])).tolist() == rows
    assert 0.05 < np.nanmean(accuracy) < 0.9
    seconds = table.column("digits", "2-epochs", "train-seconds", 2)
    for first in build.to_train():
        assert len(np.unique(accuracy[classes[first]], axis=0)) == len(np.unique(seconds[classes[first]])) == 1
    assert table.dataset("digits").supernet_seconds == {"darts-first-order": 3.5}
    assert table.constant("digits", "parameters")[SPACE.index((3,) * 6)] == CELLS.macro.parameters(SPACE, (3,) * 6)
    benchmark = TabularBenchmark(
        "made/digits",
        SPACE,
        table,
        signal=[Measure("digits", "2-epochs", "valid-accuracy")],
        scores={"test": Measure("digits", "2-epochs", "test-accuracy")},
    )
    assert benchmark.fidelities == (1, 2) and "resume" in benchmark.capabilities
    cell = SPACE.architecture(rows[0])
    _, answered, cost = benchmark.answers(0).ask(cell, 2, 2, 0)
    assert answered in accuracy[rows[0]].astype(float)
    train, valid = COSTS.seconds(CELLS, cell, build.task)
    assert cost == pytest.approx(2 * train + valid, rel=1e-6)


def test_an_interrupted_build_goes_on_and_ends_the_same(build: Build, finished: Path, tmp_path: Path) -> None:
    lines = (finished / "results.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "costs.json").write_text((finished / "costs.json").read_text())
    run_build(replace(build, sample=2), tmp_path)
    assert (tmp_path / "results.jsonl").read_text() == "".join(lines[:2])
    with (tmp_path / "results.jsonl").open("a") as file:
        file.write("".join(lines[2:8]) + lines[8][:40])  # killed while it wrote the ninth
    assert run_build(build, tmp_path) == 2
    assert (tmp_path / "results.jsonl").read_text() == "".join(lines)
    assert run_build(build, tmp_path) == 0
    one, other = assemble(build, tmp_path), assemble(build, finished)
    for name, (_, values) in one.datasets["digits"].trainings["2-epochs"].metrics.items():
        np.testing.assert_array_equal(values, other.datasets["digits"].trainings["2-epochs"].metrics[name][1])


def test_several_processes_find_the_same(build: Build, finished: Path, tmp_path: Path) -> None:
    run_build(replace(build, sample=3), tmp_path, devices=("cpu", "cpu"))
    ours = sorted((tmp_path / "results.jsonl").read_text().splitlines())
    assert ours == sorted((finished / "results.jsonl").read_text().splitlines()[:3])


def test_a_directory_belongs_to_one_build(build: Build, finished: Path) -> None:
    task = replace(build.task, recipe=replace(build.task.recipe, learning_rate=0.3))
    with pytest.raises(UsageError, match="another build"):
        run_build(replace(build, task=task), finished)


def test_a_build_goes_on_with_more_seeds(build: Build, finished: Path, tmp_path: Path) -> None:
    few = replace(build, sample=2)
    (tmp_path / "costs.json").write_text((finished / "costs.json").read_text())
    run_build(replace(few, seeds=(0,)), tmp_path)
    assert estimate(few, tmp_path).left == 2
    assert run_build(few, tmp_path) == 2 and run_build(few, tmp_path) == 0
    written = [json.loads(line)["seeds"] for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert written == [[0], [0], [1], [1]]
    apart, together = (assemble(few, path).datasets["digits"].trainings["2-epochs"] for path in (tmp_path, finished))
    for first in few.to_train():
        one, other = (t.metrics["valid-accuracy"][1][first] for t in (apart, together))
        np.testing.assert_allclose(one, other, atol=0.03)  # who trains beside a seed changes only the rounding


def test_costs_are_fitted_and_the_rest_is_estimated(build: Build, tmp_path: Path) -> None:
    costs = fit_costs(CELLS, SPACE, build.task, cells=7, repeats=2)
    assert len(costs.train) == len(FEATURES) and min(costs.train + costs.valid) >= 0
    dear, cheap = (costs.seconds(CELLS, cell, build.task) for cell in ((3,) * 6, (0, 0, 0, 1, 0, 0)))
    assert dear[0] > cheap[0] > 0 and dear[1] > cheap[1] > 0
    assert CostModel.from_json(json.loads(json.dumps(costs.as_json()))) == costs
    (tmp_path / "costs.json").write_text(json.dumps(COSTS.as_json()))
    before = estimate(build, tmp_path)
    assert (before.cells, before.left, before.costs) == (10, 10, COSTS)
    each = [COSTS.seconds(CELLS, SPACE.architecture(index), build.task) for index in build.to_train()]
    assert before.seconds == pytest.approx(sum(one + 2 * passed for one, passed in each) * 2 * 2)
    with pytest.raises(UsageError, match="time more"):
        fit_costs(CELLS, SPACE, build.task, cells=3)


def test_an_audit_trains_again_and_agrees(build: Build, finished: Path, tmp_path: Path) -> None:
    table = open_table(write_build(build, finished, tmp_path))
    audit = audit_table(table, build, cells=8)
    assert audit.agrees, audit
    assert len(audit.cells) == len(audit.again) == len(audit.seconds) == 8
    assert len(set(audit.seeds)) == 8 and min(audit.seeds) > max(build.seeds)
    with pytest.raises(UsageError, match="another task"):
        audit_table(table, replace(build, seeds=(0, 2)), cells=8)


def test_an_audit_notices_a_table_that_was_improved(build: Build, finished: Path, tmp_path: Path) -> None:
    improved = []
    for line in (finished / "results.jsonl").read_text().splitlines():
        values = json.loads(line)
        values["test-accuracy"] = [[min(1.0, value + 0.3) for value in row] for row in values["test-accuracy"]]
        improved.append(json.dumps(values))
    for name in ("costs.json", "build.json"):
        (tmp_path / name).write_text((finished / name).read_text())
    (tmp_path / "results.jsonl").write_text("\n".join(improved) + "\n")
    assert not audit_table(open_table(write_build(build, tmp_path, tmp_path)), build, cells=8).agrees
