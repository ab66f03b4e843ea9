"""Training a whole space, or a sample of it, into a table.

Isomorphic cells are trained once. Results are written down cell by cell, so that a build that was stopped or killed
goes on where it was; the same command does both. The seconds in the table come from a cost model (``costs.py``), not
from the clock of a busy machine.
"""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.building.costs import CostModel, fit_costs, time_network
from nasbench_suite.errors import TableError, UsageError
from nasbench_suite.networks.builder import Builder, Network
from nasbench_suite.networks.cells.builder import CellBuilder
from nasbench_suite.networks.counting import count
from nasbench_suite.networks.machine import keep_freed_memory
from nasbench_suite.sources import record_hash
from nasbench_suite.spaces import Architecture, Space
from nasbench_suite.tables import Table
from nasbench_suite.tables.schema import DatasetRecord, TableRecord, TrainingRecord, write_table
from nasbench_suite.tasks.task import Arrays, Task
from nasbench_suite.training.trainer import Training, train

METRICS = ("train-loss", "train-accuracy", "valid-loss", "valid-accuracy", "test-loss", "test-accuracy")
SAME_DIGITS = {
    "fdfd9a631390aa736dc7c51a7793320237002272b981fb8d8e240a3c0e459ce1": "fa21211288c17ad9f40bdd0bb702ef5b0db546c684824e38e2f37f632b177270"
}
"""Tables of older releases: what they say they were made from -> the build of today that gives the same digits.

``tests/training/test_digits_table.py`` trains eight cells of each again. Where a task is described in another way and
gives the same digits, the identity on the right is replaced by today's.
"""

Report = Callable[[str, int, int], None]
"""``(what, done, total)``"""


@dataclass(frozen=True)
class Build:
    """A table to be made.

    Attributes:
        name: of the table.
        dataset: the name of its data set.
        space: every architecture of it gets a row.
        builder: makes the networks.
        task: what is learned.
        test: the examples that score.
        seeds: the training seeds.
        sample: train only so many random classes of isomorphic cells; ``None`` trains all.
        words: title, licence, source, citation and the data set's title of the table.
    """

    name: str
    dataset: str
    space: Space
    builder: Builder
    task: Task
    test: Arrays
    seeds: tuple[int, ...] = (0, 1, 2)
    sample: int | None = None
    words: Mapping[str, str] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """A hash of everything that decides the table's numbers (not of which cells are trained)."""
        return record_hash(self.training_identity, self.seeds)

    @property
    def training_identity(self) -> str:
        """A hash of everything that decides the numbers of one training, its seed and cell apart."""
        return record_hash(self.task.identity, self.builder.record, self.space.decisions, self.test)

    def made(self, table: Table) -> bool:
        """Whether a table holds the numbers of this build: made from it, or by older code that gives the same digits.

        The code that trained is not part of it: a table stays valid for as long as training again gives its digits.
        """
        return table.source_sha256 == self.identity or SAME_DIGITS.get(table.source_sha256) == self.identity

    def classes(self) -> dict[str, list[int]]:
        """Canonical text -> the indices of its cells, rising; the first of them is the one that is trained."""
        found: dict[str, list[int]] = {}
        for index, cell in enumerate(self.space.architectures()):
            found.setdefault(self.space.canonical(cell), []).append(index)
        return found

    def to_train(self) -> list[int]:
        """The index of one cell per class, in the order of training: at random, so that any part is a fair sample."""
        firsts = [cells[0] for cells in self.classes().values()]
        order = np.random.default_rng(0).permutation(len(firsts))
        return [firsts[place] for place in order[: self.sample]]


@dataclass(frozen=True)
class Estimate:
    """What a build will take.

    Attributes:
        cells: how many are to be trained.
        left: how many of them are not yet, or not with every seed.
        seconds: of one core for those that are left.
        costs: the fitted prices.
    """

    cells: int
    left: int
    seconds: float
    costs: CostModel


def estimate(build: Build, directory: Path, *, report: Report = lambda *_: None, timed: int = 40) -> Estimate:
    """Time some cells and tell how long the rest will take; the prices are kept in the directory.

    Raises:
        UsageError: the directory holds the results of another build.
    """
    path = _claimed(build, directory) / "costs.json"
    if path.exists():
        costs = CostModel.from_json(json.loads(path.read_text()))
    else:
        costs = fit_costs(
            build.builder,
            build.space,
            build.task,
            cells=timed,
            report=lambda done, total: report("timing cells", done, total),
        )
        _write(path, json.dumps(costs.as_json(), indent=1))
    left = _left(build, directory)
    # The test images are passed through as well, about as long as the validation images.
    tests = len(build.test) / len(build.task.valid)
    seconds = 0.0
    for index, seeds in left:
        one, passed = costs.seconds(build.builder, build.space.architecture(index), build.task)
        seconds += (one + (1 + tests) * passed) * build.task.recipe.epochs * len(seeds)
    return Estimate(len(build.to_train()), len(left), seconds, costs)


def run_build(
    build: Build, directory: Path, *, devices: Sequence[str] = ("cpu",), report: Report = lambda *_: None
) -> int:
    """Train what is left of a build; returns how many cells were trained now.

    A directory with fewer seeds is gone on from: each cell is trained with those it lacks.

    Args:
        build: what to make.
        directory: where results are kept while the build is under way.
        devices: one process for each; ``("cpu", "cpu")`` takes two cores, ``("cuda:0", "cuda:0", "cuda:1")`` has two
            processes share the first GPU.
        report: told of every cell.

    Raises:
        UsageError: the directory holds the results of another build.
        TableError: a worker process was lost; what was done is kept.
    """
    _claimed(build, directory)
    left = _left(build, directory)
    wanted = len(build.to_train())
    finished = wanted - len(left)
    report("training cells", finished, wanted)
    with (directory / "results.jsonl").open("a", encoding="utf-8") as file:
        for values in _trained(build, left, devices):
            file.write(json.dumps(values, separators=(",", ":")) + "\n")
            file.flush()
            finished += 1
            report("training cells", finished, wanted)
    return len(left)


Missing = tuple[int, tuple[int, ...]]
"""``(index of a cell, the training seeds it lacks)``"""


def _left(build: Build, directory: Path) -> list[Missing]:
    """What is not trained yet, in the order of training."""
    done = _results(directory)
    missing = [(index, tuple(s for s in build.seeds if s not in done.get(index, ()))) for index in build.to_train()]
    return [(index, seeds) for index, seeds in missing if seeds]


def _trained(build: Build, left: Sequence[Missing], devices: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Results as they come, from this process or from several."""
    if len(devices) == 1:
        for missing in left:
            yield _train_one(build, missing, devices[0])
        return
    context = multiprocessing.get_context("spawn")
    waiting = iter(left)
    free = context.SimpleQueue()
    for device in devices:
        free.put(device)
    with ProcessPoolExecutor(len(devices), context, _start_worker, (build, free)) as pool:
        running: set[Future[dict[str, Any]]] = set()
        try:
            while True:
                for missing in waiting:
                    running.add(pool.submit(_train_in_worker, missing))
                    if len(running) >= 2 * len(devices):
                        break
                if not running:
                    return
                ready, running = wait(running, return_when=FIRST_COMPLETED)
                for future in ready:
                    yield future.result()
        except BrokenProcessPool:
            raise TableError(
                "a worker process was lost (out of memory, or killed); what was done is kept, the same command goes on"
            ) from None
        finally:
            for future in running:
                future.cancel()


_build: Build | None = None
_device = "cpu"


def _start_worker(build: Build, free: SimpleQueue[str]) -> None:
    global _build, _device
    _build, _device = build, free.get()
    keep_freed_memory()


def _train_in_worker(missing: Missing) -> dict[str, Any]:
    assert _build is not None
    return _train_one(_build, missing, _device)


def _train_one(build: Build, missing: Missing, device: str) -> dict[str, Any]:
    index, seeds = missing
    network = Network(build.builder, build.space.architecture(index))
    trainings = train(network, build.task, seeds, held_out={"test": build.test}, device=device)
    return {"index": index, "seeds": list(seeds), **_as_json(trainings)}


def _as_json(trainings: Sequence[Training]) -> dict[str, Any]:
    """Metric -> ``[seed][epoch]`` with ``null`` where a network had diverged, and the epochs of divergence."""

    def rows(value: Callable[[Any], float]) -> list[list[float | None]]:
        return [[None if np.isnan(v := value(e)) else round(v, 6) for e in t.epochs] for t in trainings]

    return {
        "train-loss": rows(lambda e: e.train_loss),
        "train-accuracy": rows(lambda e: e.train.accuracy),
        "valid-loss": rows(lambda e: e.splits["valid"].loss),
        "valid-accuracy": rows(lambda e: e.splits["valid"].accuracy),
        "test-loss": rows(lambda e: e.splits["test"].loss),
        "test-accuracy": rows(lambda e: e.splits["test"].accuracy),
        "diverged": [t.diverged for t in trainings],
    }


def assemble(build: Build, directory: Path, supernet_seconds: Mapping[str, float] | None = None) -> TableRecord:
    """The table of all that was trained so far; cells that were not stay NaN.

    Args:
        build, directory: as for :func:`run_build`.
        supernet_seconds: kind of supernet step -> seconds of one epoch, from :func:`supernet.time_supernets`.

    Raises:
        UsageError: the directory is not of this build, or :func:`estimate` was never called for it.
    """
    costs_path = _claimed(build, directory) / "costs.json"
    if not costs_path.exists():
        raise UsageError(f"{directory} has no costs yet; estimate the build first")
    costs = CostModel.from_json(json.loads(costs_path.read_text()))
    done = _results(directory)
    space, epochs = build.space, build.task.recipe.epochs
    values = {name: np.full((space.size, len(build.seeds), epochs), np.nan) for name in METRICS}
    train_seconds, valid_seconds = np.full((2, space.size, 1, epochs), np.nan)
    for cells in build.classes().values():
        if cells[0] not in done:
            continue
        result = done[cells[0]]
        for place, seed in enumerate(build.seeds):
            for name in METRICS if seed in result else ():
                values[name][cells, place] = np.array(result[seed][name], dtype=np.float64)  # null becomes NaN
        seconds = costs.seconds(build.builder, space.architecture(cells[0]), build.task)
        train_seconds[cells] = seconds[0] * np.arange(1, epochs + 1)
        valid_seconds[cells] = seconds[1]
    every = tuple(range(1, epochs + 1))
    metrics: dict[str, tuple[tuple[int, ...], NDArray[np.floating]]] = {
        name: (every, array) for name, array in values.items()
    }
    metrics |= {"train-seconds": (every, train_seconds), "valid-seconds": (every, valid_seconds)}
    sizes = np.array([_sizes(build, architecture) for architecture in space.architectures()], dtype=np.float64)
    constants = {"parameters": sizes[:, 0], "flops": sizes[:, 1]}
    task, words = build.task, build.words
    splits = {
        "train-loss": f"the {len(task.train)} training images, as the steps of the epoch saw them",
        "train-accuracy": f"the {len(task.train)} training images, as the steps of the epoch saw them",
        "valid-loss": f"{len(task.valid)} images apart from training and test",
        "valid-accuracy": f"{len(task.valid)} images apart from training and test",
        "test-loss": f"{len(build.test)} images that no search sees",
        "test-accuracy": f"{len(build.test)} images that no search sees",
    }
    recipe = task.recipe
    title = (
        f"{epochs} epochs, SGD with Nesterov momentum {recipe.momentum}, cosine learning rate from "
        f"{recipe.learning_rate}, weight decay {recipe.weight_decay}, batch {recipe.batch_size}; {costs.words}"
    )
    training = TrainingRecord(epochs, build.seeds, metrics, title)
    dataset = DatasetRecord(
        {f"{epochs}-epochs": training}, splits, constants, words.get("dataset", ""), dict(supernet_seconds or {})
    )
    return TableRecord(
        name=build.name,
        space=space.name,
        architectures=space.size,
        datasets={build.dataset: dataset},
        title=words.get("title", ""),
        licence=words.get("licence", ""),
        source=words.get("source", "trained by nasbench-suite"),
        source_sha256=build.identity,
        citation=words.get("citation", ""),
    )


def _sizes(build: Build, architecture: Architecture) -> tuple[int, int]:
    """Parameters and multiply-adds; of cells by their closed form, which is quicker and gives the same."""
    if isinstance(build.builder, CellBuilder):
        cells, macro = build.builder.cells, build.builder.macro
        return macro.parameters(cells, architecture), macro.flops(cells, architecture)
    counts = count(build.builder, architecture, build.task.signature)
    return counts.parameters, counts.flops


def write_build(
    build: Build, directory: Path, target: Path, supernet_seconds: Mapping[str, float] | None = None
) -> Path:
    """Assemble and write ``<target>/<name>.h5``, and check what was written against what was trained.

    Raises:
        TableError: the table breaks a rule of the schema, or reads back differently.
    """
    from nasbench_suite.tables import open_table

    record = assemble(build, directory, supernet_seconds)
    path = target / f"{build.name}.h5"
    write_table(record, path)
    table = open_table(path)
    table.verify()
    training = record.datasets[build.dataset].trainings[f"{build.task.recipe.epochs}-epochs"]
    for name, (epochs, expected) in training.metrics.items():
        read = table.column(build.dataset, f"{build.task.recipe.epochs}-epochs", name, epochs[-1])
        if not np.array_equal(read, expected[:, :, -1].astype(np.float32), equal_nan=True):
            raise TableError(f"{path}: {name} reads back differently; write it again")
    return path


@dataclass(frozen=True)
class Audit:
    """Trained again against the table.

    Attributes:
        cells: the architectures that were trained again.
        seeds: the training seed of each, another one for every cell: what a seed does to one cell, it does to its
            relatives, so that a single seed would say little more about many cells than about one.
        table: their mean test accuracy over the table's training seeds.
        again: their test accuracy now.
        noise: standard deviation of the difference of the two that training seeds give, over these cells.
        error: standard error of the mean difference: noise, and what the table's seeds do to all cells alike.
        seconds: relative difference of the timed to the recorded seconds of an epoch, per cell.
    """

    cells: tuple[Architecture, ...]
    seeds: tuple[int, ...]
    table: tuple[float, ...]
    again: tuple[float, ...]
    noise: float
    error: float
    seconds: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """Root mean square of the differences, in units of what seed noise alone would give; about 1 is expected."""
        return float(np.sqrt(np.mean((np.array(self.again) - np.array(self.table)) ** 2)) / self.noise)

    @property
    def shift(self) -> float:
        """Mean difference in units of its own standard error; beyond 3 the table and the training disagree."""
        return float(np.mean(np.array(self.again) - np.array(self.table)) / self.error)

    @property
    def agrees(self) -> bool:
        """Whether the differences are those of training seeds: neither larger nor to one side."""
        return self.ratio < 1 + 5 / np.sqrt(len(self.cells)) and abs(self.shift) < 3.0


def audit_table(
    table: Table, build: Build, *, cells: int = 30, seed: int = 0, report: Report = lambda *_: None
) -> Audit:
    """Train random cells of a table again, each with a training seed of its own.

    Args:
        table: as :func:`write_build` wrote it.
        build: what it was made from.
        cells: how many.
        seed: decides which cells, and their training seeds.
        report: told of every cell.

    Raises:
        UsageError: the table is of another build, or has too few cells or seeds.
    """
    if not build.made(table):
        raise UsageError(f"table {table.name!r} was made from another task or other seeds; it cannot be audited so")
    epochs = build.task.recipe.epochs
    held = table.column(build.dataset, f"{epochs}-epochs", "test-accuracy", epochs).astype(np.float64)
    recorded = table.column(build.dataset, f"{epochs}-epochs", "train-seconds", 1).astype(np.float64)[:, 0]
    measured = np.flatnonzero(~np.isnan(held).any(axis=1))
    held_seeds = held.shape[1]
    if len(measured) < cells or held_seeds < 2:
        raise UsageError(f"table {table.name!r} has {len(measured)} cells with all seeds; cannot audit {cells}")
    rng = np.random.default_rng(seed)
    chosen = rng.choice(measured, cells, replace=False)
    fresh = rng.integers(max(build.seeds) + 1, 2**31, size=cells)
    again, seconds = [], []
    for number, (index, own) in enumerate(zip(chosen, fresh, strict=True), start=1):
        network = Network(build.builder, build.space.architecture(int(index)))
        (training,) = train(network, build.task, [int(own)], held_out={"test": build.test})
        again.append(training.epochs[-1].splits["test"].accuracy)
        seconds.append(time_network(network, build.task, repeats=3)[0] / recorded[index] - 1)
        report("training again", number, cells)
    rows = held[chosen]
    # One new seed against the mean of n: their difference has the variance of a seed times 1 + 1/n.
    noise = float(np.sqrt(rows.var(axis=1, ddof=1).mean() * (1 + 1 / held_seeds)))
    in_common = held[measured].mean(axis=0).var(ddof=1) / held_seeds
    return Audit(
        tuple(build.space.architecture(int(index)) for index in chosen),
        tuple(fresh.tolist()),
        tuple(rows.mean(axis=1).tolist()),
        tuple(again),
        noise,
        float(np.sqrt(noise**2 / cells + in_common)),
        tuple(float(value) for value in seconds),
    )


def _claimed(build: Build, directory: Path) -> Path:
    """The directory, marked as this build's."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "build.json"
    mine = {"name": build.name, "identity": build.training_identity}
    if not path.exists():
        _write(path, json.dumps(mine, indent=1))
    elif json.loads(path.read_text()) != mine:
        raise UsageError(f"{directory} holds the results of another build; name another directory or remove it")
    return directory


def _results(directory: Path) -> dict[int, dict[int, dict[str, Any]]]:
    """What was trained so far: index -> seed -> metric -> one value per epoch.

    A last line that was cut off is dropped from the file, too.
    """
    path = directory / "results.jsonl"
    if not path.exists():
        return {}
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if whole != data:
        partial = path.with_name(path.name + ".partial")
        partial.write_bytes(whole)
        os.replace(partial, path)
    found: dict[int, dict[int, dict[str, Any]]] = {}
    for text in whole.decode().splitlines():
        line = json.loads(text)
        for place, seed in enumerate(line["seeds"]):
            found.setdefault(line["index"], {})[seed] = {name: line[name][place] for name in METRICS}
    return found


def _write(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)
