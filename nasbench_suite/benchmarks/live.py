"""Benchmarks that answer by training for real: cost is measured seconds, and the test images stay with the scores."""

from __future__ import annotations

import hashlib
import math
import os
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nasbench_suite.benchmarks.tabular import Measure, TabularBenchmark
from nasbench_suite.errors import QuestionError
from nasbench_suite.search.answers import Currency, Scores
from nasbench_suite.sources import TRAINING_ROOMS, code_hash, record_hash
from nasbench_suite.spaces import Architecture, CellSpace, space_identity
from nasbench_suite.tables import known_tables, open_table

if TYPE_CHECKING:
    from nasbench_suite.tasks.images import Images
    from nasbench_suite.tasks.task import Offer, Task
    from nasbench_suite.training.trainer import Trainer

DIGITS = "digits-201"
"""The table of the same task."""

DATA_VARIABLE = "NASBENCH_DATA"
"""Names the directory with the user's images."""

PUBLISHED_EPOCH_SECONDS = {
    "darts-first-order": 10_890 / 50,
    "darts-second-order": 35_782 / 50,
    "gdas": 31_610 / 250,
}
"""Seconds of one supernet epoch on CIFAR-10 (Dong & Yang 2020, table 5: seconds of the search over its epochs)."""

SCORE_SEEDS = (1_000_001, 1_000_002, 1_000_003)
"""Training seeds of the scores; no search ever trains with them."""

KEPT_STATES = 64
"""How many trainings stay in memory, so that they can be resumed without training their beginning again."""


class LiveBenchmark:
    """A task on which every answer is a training.

    Args:
        name: ``live/data set``.
        space: of the cells.
        task: images, network and recipe.
        test: the images that score.
        fidelities: epochs that may be asked for; the last is the recipe's. A shorter training is the beginning of the
            full one.
        source: of the images, in words.
        recorded: the score of an architecture as a table of the same task holds it, NaN where it does not; those are
            not trained again.
    """

    currency: Currency = "measured"

    def __init__(
        self,
        name: str,
        space: CellSpace,
        task: Task,
        test: Images,
        *,
        fidelities: Sequence[int],
        source: str,
        recorded: Callable[[Architecture], float] | None = None,
    ) -> None:
        from nasbench_suite.training import check_torch

        check_torch()
        self.name = name
        self.space = space
        self.fidelities = tuple(sorted(fidelities))
        if not self.fidelities or self.fidelities[0] < 1 or self.fidelities[-1] != task.recipe.epochs:
            raise QuestionError(
                f"{name}: fidelities {self.fidelities} must rise to the recipe's {task.recipe.epochs} epochs"
            )
        several = {"fidelities", "resume"} if len(self.fidelities) > 1 else set()
        self.capabilities = frozenset({"training"} | several) | space.capabilities
        self._task, self._test, self._source = task, test, source
        self._recorded = recorded
        self._scored: dict[Architecture, float] = {}

    @cached_property
    def identity(self) -> str:
        """A hash of everything that decides the answers, the clock excepted."""
        from nasbench_suite.training.trainer import Trainer

        code = code_hash(Trainer, rooms=TRAINING_ROOMS)
        return record_hash(self.name, space_identity(self.space), self.fidelities, self._task.identity, code)

    @cached_property
    def provenance(self) -> Mapping[str, str]:
        """What is trained on what, in words."""
        from importlib.metadata import version

        return {
            "source": f"trained live on {self._source}",
            "software": f"PyTorch {version('torch')}",
            "signal": f"accuracy on {len(self._task.valid)} validation images, one training seed",
            "score test": f"accuracy on {len(self._test)} test images, mean over {len(SCORE_SEEDS)} training seeds",
        }

    def training(self) -> Offer:
        """The images and the network for strategies that train for themselves; their epochs cost what the clock says."""
        from nasbench_suite.tasks.task import Offer

        return Offer(self._task)

    def answers(self, seed: int) -> LiveAnswers:
        """The answers for one run seed (see :class:`LiveAnswers`)."""
        return LiveAnswers(self.name, self.space, self._task, self.fidelities, seed)

    def scores(self) -> Mapping[str, Scores]:
        """Test accuracy after the full training, mean over training seeds that no search uses.

        Trained when first asked for, unless a table of the task has it.
        """
        sys.audit("nasbench_suite.scores", self.name)
        split = f"{len(self._test)} test images after {self.fidelities[-1]} epochs, mean over {len(SCORE_SEEDS)} seeds"
        if self._recorded is not None:
            split += ", or over those of the table where it has the cell"
        return {"test": Scores(split, self._score, None)}

    def _score(self, architecture: Architecture) -> float:
        from nasbench_suite.training.trainer import train

        if architecture not in self._scored and self._recorded is not None:
            found = self._recorded(architecture)
            if not math.isnan(found):
                self._scored[architecture] = found
        if architecture not in self._scored:
            trainings = train(self.space, architecture, self._task, SCORE_SEEDS, held_out={"test": self._test})
            accuracies = [training.epochs[-1].splits["test"].accuracy for training in trainings]
            self._scored[architecture] = sum(accuracies) / len(accuracies)
        return self._scored[architecture]


class LiveAnswers:
    """Trainings for one run seed.

    The training seed is a function of (benchmark, run seed, architecture, epochs at which the training began): every
    strategy sees the same accuracies in run k, in whatever order it asks. The cost is the wall-clock time of training
    and validation.

    Args:
        name: of the benchmark.
        space, task, fidelities: see :class:`LiveBenchmark`.
        seed: of the run.
    """

    def __init__(self, name: str, space: CellSpace, task: Task, fidelities: Sequence[int], seed: int) -> None:
        self._name, self._space, self._task = name, space, task
        self._fidelities = tuple(fidelities)
        self._seed = seed
        self._states: OrderedDict[tuple[Architecture, int, int], dict[str, Any]] = OrderedDict()

    def ask(
        self, architecture: Sequence[int], epochs: int, origin: int, paid: int
    ) -> tuple[Architecture, float, float]:
        """Train (see :class:`~nasbench_suite.benchmarks.Answers`)."""
        from nasbench_suite.training.trainer import Trainer, cpu_threads, keep_freed_memory

        keep_freed_memory()
        cell = self._space.check(architecture)
        for asked in {epochs, origin, *([paid] if paid else [])}:
            if asked not in self._fidelities:
                held = ", ".join(map(str, self._fidelities))
                raise QuestionError(f"{self._name}: {asked!r} epochs cannot be asked for; it has {held}")
        if paid >= epochs:
            raise QuestionError(f"{self._name}: cannot resume from {paid} to {epochs} epochs")
        with cpu_threads(1):
            started = time.perf_counter()
            trainer = Trainer(self._space, cell, self._task, [self._training_seed(cell, origin)])
            if paid:
                state = self._states.get((cell, origin, paid))
                if state is not None:
                    trainer.restore(state)
                else:  # an interrupted run lost it; its beginning was paid for, so it costs nothing now
                    while trainer.done < paid:
                        trainer.run_epoch()
                    started = time.perf_counter()
            while trainer.done < epochs:
                trainer.run_epoch()
                self._note(cell, trainer)
            cost = time.perf_counter() - started
        if epochs < self._fidelities[-1]:
            self._states[cell, origin, epochs] = trainer.state()
            if len(self._states) > KEPT_STATES:
                self._states.popitem(last=False)
        return cell, trainer.history[0][-1].splits["valid"].accuracy, cost

    def _note(self, cell: Architecture, trainer: Trainer) -> None:
        """Put the last epoch into the curves, if anybody follows them."""
        from nasbench_suite.training import log as curves

        if not curves.wanted():
            return
        (*_, last) = trainer.history[0]
        valid = last.splits["valid"]
        curves.note(
            "training",
            cell=self._space.format(cell),
            seed=trainer.seeds[0],
            epoch=trainer.done,
            train_loss=last.train_loss,
            train_accuracy=last.train_accuracy,
            valid_loss=valid.loss,
            valid_accuracy=valid.accuracy,
            valid_top5=valid.top5,
            seconds=last.train_seconds + last.valid_seconds,
        )

    def resumes(self, origin: int, paid: int, epochs: int) -> bool:
        """Whether a training can go on from there: always, if both are fidelities."""
        return {origin, paid, epochs} <= set(self._fidelities) and paid < epochs

    def _training_seed(self, cell: Architecture, origin: int) -> int:
        text = f"{self._name}\0{self._seed}\0{cell}\0{origin}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little") % 1_000_000


def cifar10_training() -> Callable[[Mapping[str, float]], Offer] | None:
    """NAS-Bench-201's own search task: supernets train on CIFAR-10 at the published prices, look-ups score them.

    ``None`` without PyTorch, or where the user does not keep CIFAR-10 in the directory that ``NASBENCH_DATA`` names,
    unpacked as published.
    """
    root = os.environ.get(DATA_VARIABLE)
    if not root or find_spec("torch") is None:
        return None
    for name in ("cifar-10-batches-bin", "cifar-10-batches-py"):
        if (Path(root).expanduser() / name).is_dir():
            return partial(_cifar10_offer, Path(root).expanduser() / name)
    return None


def _cifar10_offer(images: Path, recorded: Mapping[str, float]) -> Offer:
    """The task with the published prices; the tables of this space record none.

    The images are halved by hash (the benchmark's list of its halves is only in its official files); batches have 64
    images, as in its searches.
    """
    from nasbench_suite.tasks.images import cifar
    from nasbench_suite.tasks.task import Offer, Recipe, nas_bench_201_task

    task, _ = nas_bench_201_task(cifar(images), recipe=Recipe(batch_size=64))
    return Offer(task, PUBLISHED_EPOCH_SECONDS)


def live_digits() -> LiveBenchmark:
    """NAS-Bench-201's cells on cluttered digits, the task of the table ``digits-201``, trained for real."""
    from nasbench_suite.spaces import nas_bench_201
    from nasbench_suite.tasks.task import digits_task

    task, test = digits_task()
    epochs = task.recipe.epochs
    fidelities = sorted({max(1, epochs // 4), max(1, epochs // 2), epochs})
    return LiveBenchmark(
        "live/digits",
        nas_bench_201(),
        task,
        test,
        fidelities=fidelities,
        source="the digits of scikit-learn",
        recorded=_recorded_scores(),
    )


def _recorded_scores() -> Callable[[Architecture], float] | None:
    """The scores of the digits table, if there is one and it was made from this very task."""
    from nasbench_suite.building.digits_table import digits_build

    if DIGITS not in known_tables():
        return None
    table = open_table(DIGITS)
    (training,) = table.dataset("digits").trainings.values()
    if not digits_build(training.seeds).made(table):
        return None
    return digits_table().scores()["test"].of


def digits_table() -> TabularBenchmark:
    """The table of digits with its task, so that weight sharing trains for real and pays what the table records."""
    from nasbench_suite.spaces import nas_bench_201

    table = open_table(DIGITS)
    (name,) = table.dataset("digits").trainings
    benchmark = TabularBenchmark(
        f"{DIGITS}/digits",
        nas_bench_201(),
        table,
        signal=[Measure("digits", name, "valid-accuracy")],
        scores={"test": Measure("digits", name, "test-accuracy")},
        training=_digits_offer if find_spec("torch") and table.dataset("digits").supernet_seconds else None,
    )
    if not find_spec("torch"):
        benchmark.missing = {"training": "PyTorch is not installed; pip install 'nasbench-suite[live]'"}
    return benchmark


def _digits_offer(prices: Mapping[str, float]) -> Offer:
    """The task at counted prices: what a supernet epoch computes, at what the table says its parts cost.

    The seconds that the table recorded by timing are not used: they were taken from a few cells drawn at random.
    """
    from nasbench_suite.building.supernet_costs import part_prices, supernet_prices
    from nasbench_suite.spaces import nas_bench_201
    from nasbench_suite.tasks.task import Offer, digits_task

    table, space, task = open_table(DIGITS), nas_bench_201(), digits_task()[0]
    (name,) = table.dataset("digits").trainings
    seconds = table.column("digits", name, "train-seconds", 1)[:, 0]
    if not np.isfinite(seconds).all():  # a table of a few cells has no price of every part
        return Offer(task, prices)
    steps = math.ceil(len(task.train) / task.recipe.batch_size)
    return Offer(task, supernet_prices(space, part_prices(space, seconds), steps))
