"""Benchmarks that answer by training for real: cost is measured seconds, and what is tested on stays with the scores."""

from __future__ import annotations

import hashlib
import math
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nasbench_suite.errors import QuestionError, UsageError
from nasbench_suite.networks.builder import Builder, Network, builder_identity
from nasbench_suite.search.answers import Currency, Scores
from nasbench_suite.sources import record_hash
from nasbench_suite.spaces import Architecture, Space, space_identity
from nasbench_suite.tasks.task import Arrays, Offer, Task
from nasbench_suite.training import check_torch

if TYPE_CHECKING:
    from nasbench_suite.training.trainer import Trainer

SCORE_SEEDS = (1_000_001, 1_000_002, 1_000_003)
"""Training seeds of the scores; no search ever trains with them."""

KEPT_STATES = 64
"""How many trainings stay in memory, so that they can be resumed without training their beginning again."""


def usual_fidelities(epochs: int) -> tuple[int, ...]:
    """A quarter, a half and the whole of a training."""
    return tuple(sorted({max(1, epochs // 4), max(1, epochs // 2), epochs}))


class LiveBenchmark:
    """A task on which every answer is a training.

    Args:
        name: ``live/data set``.
        space: what is searched.
        builder: makes the network of an architecture of the space.
        task: what is learned.
        test: the examples that score.
        fidelities: epochs that may be asked for; the last is the recipe's. A shorter training is the beginning of the
            full one.
        source: of the data, in words.
        recorded: the score of an architecture as a table of the same task holds it, NaN where it does not; those are
            not trained again.

    Raises:
        UsageError: PyTorch is not installed, a builder of another space, test examples of another shape, or a goal
            whose first metric is better where it is lower.
        QuestionError: fidelities that do not rise to the recipe's epochs.
    """

    currency: Currency = "measured"

    def __init__(
        self,
        name: str,
        space: Space,
        builder: Builder,
        task: Task,
        test: Arrays,
        *,
        fidelities: Sequence[int],
        source: str,
        recorded: Callable[[Architecture], float] | None = None,
    ) -> None:
        check_torch()
        from nasbench_suite.training.goals import goal_of

        self.name = name
        self.space = space
        self.fidelities = tuple(sorted(fidelities))
        if not self.fidelities or self.fidelities[0] < 1 or self.fidelities[-1] != task.recipe.epochs:
            raise QuestionError(
                f"{name}: fidelities {self.fidelities} must rise to the recipe's {task.recipe.epochs} epochs"
            )
        if builder.space != space.name:
            raise UsageError(f"{name}: builder {builder.name!r} is for space {builder.space!r}, not {space.name!r}")
        if test.inputs.shape[1:] != task.signature.inputs:
            raise UsageError(
                f"{name}: test inputs of shape {test.inputs.shape[1:]}; the task's have {task.signature.inputs}"
            )
        self._goal = goal_of(task)
        if not self._goal.maximize:
            raise UsageError(
                f"{name}: the first metric of goal {self._goal.name!r} is better where it is lower; a search needs one "
                "that is better where it is higher, such as r2"
            )
        several = {"fidelities", "resume"} if len(self.fidelities) > 1 else set()
        self.capabilities = frozenset({"training"} | several) | space.capabilities
        self._task, self._test, self._source = task, test, source
        self._builder = builder
        self._recorded = recorded
        self._scored: dict[Architecture, float] = {}

    @cached_property
    def identity(self) -> str:
        """A hash of everything that decides the answers, the clock excepted."""
        from nasbench_suite.training.trainer import code_identity

        networks = builder_identity(self._builder)
        return record_hash(
            self.name, space_identity(self.space), self.fidelities, self._task.identity, networks, code_identity()
        )

    @cached_property
    def provenance(self) -> Mapping[str, str]:
        """What is trained on what, in words."""
        from importlib.metadata import version

        metric, what = self._metric, self._examples
        return {
            "source": f"trained live on {self._source}",
            "software": f"PyTorch {version('torch')}",
            "signal": f"{metric} on {len(self._task.valid)} validation {what}, one training seed",
            "score test": f"{metric} on {len(self._test)} test {what}, mean over {len(SCORE_SEEDS)} training seeds",
        }

    def training(self) -> Offer:
        """The task and the builder for strategies that train for themselves; their epochs cost what the clock says."""
        return Offer(self._task, None, self._builder)

    def answers(self, seed: int) -> LiveAnswers:
        """The answers for one run seed (see :class:`LiveAnswers`)."""
        return LiveAnswers(self.name, self.space, self._builder, self._task, self.fidelities, seed)

    def scores(self) -> Mapping[str, Scores]:
        """The first metric on the test examples after the full training, mean over training seeds that no search uses.

        A look-up where a table of the task has it; otherwise the number of a :class:`ScoreJob`, which whoever keeps
        scores runs once and stores. Asked directly, it is trained in this process.
        """
        sys.audit("nasbench_suite.scores", self.name)
        split = f"{len(self._test)} test {self._examples} after {self.fidelities[-1]} epochs, mean over {len(SCORE_SEEDS)} seeds"
        if self._recorded is not None:
            split += ", or over those of the table where it has the architecture"
        return {"test": Scores(split, self._score, None, job=self.score_job)}

    def score_job(self, architecture: Architecture) -> ScoreJob:
        """How an architecture is scored, as a job that any process can do; raises :class:`SpaceError` for none."""
        known = math.nan if self._recorded is None else self._recorded(architecture)
        network = Network(self._builder, self.space.check(architecture))
        return ScoreJob(network, self._task, self._test, known=None if math.isnan(known) else known)

    def _score(self, architecture: Architecture) -> float:
        if architecture not in self._scored:
            self._scored[architecture] = self.score_job(architecture)()
        return self._scored[architecture]

    @property
    def _metric(self) -> str:
        return {"classification": "accuracy", "regression": "R²"}.get(self._goal.name, "the first metric")

    @property
    def _examples(self) -> str:
        return "images" if len(self._task.signature.inputs) == 3 else "examples"


@dataclass(frozen=True)
class ScoreJob:
    """One architecture with its training seeds -> one number; pure, and can be pickled.

    Attributes:
        network: what is trained.
        task: what is learned, by the whole recipe.
        test: the examples that score.
        seeds: of the trainings; the score is their mean.
        known: the number, where a table of the task recorded it and nothing is trained.
    """

    network: Network
    task: Task
    test: Arrays = field(repr=False)
    seeds: tuple[int, ...] = SCORE_SEEDS
    known: float | None = None

    @cached_property
    def identity(self) -> str:
        """A hash of all that decides the number, the code included: under it the number can be kept for ever."""
        from nasbench_suite.training.trainer import code_identity

        return record_hash(
            self.network.identity, self.task.identity, self.test, self.seeds, self.known, code_identity()
        )

    def __call__(self) -> float:
        """The first metric on the test examples after the full training, mean over the seeds."""
        if self.known is not None:
            return self.known
        from nasbench_suite.networks.machine import keep_freed_memory
        from nasbench_suite.training.trainer import train

        keep_freed_memory()
        trainings = train(self.network, self.task, self.seeds, held_out={"test": self.test})
        return sum(training.epochs[-1].splits["test"].signal for training in trainings) / len(trainings)


class LiveAnswers:
    """Trainings for one run seed.

    The training seed is a function of (benchmark, run seed, architecture, epochs at which the training began): every
    strategy sees the same accuracies in run k, in whatever order it asks. The cost is the wall-clock time of training
    and validation.

    Args:
        name: of the benchmark.
        space, builder, task, fidelities: see :class:`LiveBenchmark`.
        seed: of the run.
    """

    def __init__(
        self, name: str, space: Space, builder: Builder, task: Task, fidelities: Sequence[int], seed: int
    ) -> None:
        self._name, self._space, self._builder, self._task = name, space, builder, task
        self._fidelities = tuple(fidelities)
        self._seed = seed
        self._states: OrderedDict[tuple[Architecture, int, int], dict[str, Any]] = OrderedDict()

    def ask(
        self, architecture: Sequence[int], epochs: int, origin: int, paid: int
    ) -> tuple[Architecture, float, float]:
        """Train (see :class:`~nasbench_suite.benchmarks.Answers`)."""
        from nasbench_suite.networks.machine import cpu_threads, keep_freed_memory
        from nasbench_suite.training.trainer import Trainer

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
            trainer = Trainer(Network(self._builder, cell), self._task, [self._training_seed(cell, origin)])
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
        low, high = trainer.goal.low, trainer.goal.high
        return cell, min(max(trainer.history[0][-1].splits["valid"].signal, low), high), cost

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
            train_loss=last.train.loss,
            **{f"train_{name}": value for name, value in last.train.metrics.items()},
            valid_loss=valid.loss,
            **{f"valid_{name}": value for name, value in valid.metrics.items()},
            seconds=last.train_seconds + last.valid_seconds,
        )

    def resumes(self, origin: int, paid: int, epochs: int) -> bool:
        """Whether a training can go on from there: always, if both are fidelities."""
        return {origin, paid, epochs} <= set(self._fidelities) and paid < epochs

    def _training_seed(self, cell: Architecture, origin: int) -> int:
        text = f"{self._name}\0{self._seed}\0{cell}\0{origin}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little") % 1_000_000
