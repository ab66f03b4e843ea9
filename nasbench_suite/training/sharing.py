"""Search by weight sharing: the loop over epochs of a supernet, once; what differs between methods is a small piece.

A :class:`Relaxation` says how a cell is drawn or mixed and how its own parameters learn; the methods of the papers are
relaxations in their strategies' files. The loop trains the shared weights on training images, lets the relaxation
learn on validation images, pays for each epoch, and recommends.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from nasbench_suite.errors import QuestionError
from nasbench_suite.networks.cells.builder import CellBuilder
from nasbench_suite.networks.cells.supernet import Mixture, Supernet, single
from nasbench_suite.networks.machine import cpu_threads, keep_freed_memory
from nasbench_suite.search.workshop import Batches, Epoch, Workshop
from nasbench_suite.spaces import Architecture, CellSpace
from nasbench_suite.tasks.task import Task
from nasbench_suite.training import log as curves
from nasbench_suite.training.steps import Precision, in_precision

if TYPE_CHECKING:
    from nasbench_suite.spaces import Space

Batch = tuple[Tensor, Tensor]
"""Arrays ``[image, channel, height, width]`` and labels ``[image]``."""


class Relaxation(Protocol):
    """What one method of weight sharing adds to the loop."""

    kind: str
    """The name under which its epochs are charged."""

    def training_mixture(self, search: SupernetSearch) -> Mixture:
        """The mixture under which the shared weights take their next step."""

    def learn(self, search: SupernetSearch, training: Batch, validation: Batch) -> None:
        """Called before every step of the shared weights."""

    def end_epoch(self, search: SupernetSearch) -> Architecture:
        """Called after every epoch; returns the cell to recommend."""


@dataclass(frozen=True)
class SharingRecipe:
    """How the shared weights learn. The defaults are those of NAS-Bench-201's weight-sharing baselines.

    Attributes:
        epochs: of the supernet, at most.
        seconds: what the schedule is laid out for, where the price of an epoch is recorded: it has as many epochs as
            these pay for, if that is less than ``epochs``; 0 asks no price.
        batch_size: images per step; 0 takes the task's.
        learning_rate, least_learning_rate: cosine from the one to the other over the epochs.
        momentum, weight_decay: of SGD with Nesterov momentum.
        clip: largest norm of a gradient.
    """

    epochs: int = 50
    seconds: float = 0.0
    batch_size: int = 0
    learning_rate: float = 0.025
    least_learning_rate: float = 0.001
    momentum: float = 0.9
    weight_decay: float = 5e-4
    clip: float = 5.0


class SupernetSearch:
    """A supernet under training.

    Args:
        cells: the space that is searched, and the network around a cell.
        task: the images.
        recipe: how the shared weights learn.
        rng: all randomness.
        device: of the shared weights and the images; what the relaxation learns stays on the CPU.
        precision: as for :class:`~nasbench_suite.training.trainer.Trainer`.

    Attributes:
        network: the shared weights.
        optimizer: of the shared weights.
        progress: from 0 to 1 over the search.
        generator: PyTorch's randomness, drawn from ``rng``.
    """

    def __init__(
        self,
        cells: CellBuilder,
        task: Task,
        recipe: SharingRecipe,
        rng: np.random.Generator,
        *,
        device: str = "cpu",
        precision: Precision = "float32",
    ) -> None:
        self.space, self.task, self.recipe, self.rng = cells.cells, task, recipe, rng
        self.device, self.precision = device, precision
        seeds = rng.integers(2**62, size=2).tolist()
        self.network = Supernet(cells.cells, cells.macro, seeds[0]).to(device)
        self.generator = torch.Generator().manual_seed(seeds[1])
        self.optimizer = torch.optim.SGD(
            self.network.parameters(),
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
            nesterov=True,
        )
        self.progress = 0.0
        self.epoch = 0
        self._losses: list[Tensor] = []
        self.batch_size = recipe.batch_size or task.recipe.batch_size
        self.batches: Batches | Epoch = Batches(task)
        self.examples = len(task.train)

    @property
    def steps(self) -> int:
        """Steps in an epoch."""
        return math.ceil(self.examples / self.batch_size)

    def run_epoch(self, relaxation: Relaxation, steps: int | None = None) -> Architecture:
        """One epoch (or only its first steps); returns the cell that the relaxation recommends."""
        self.network.train()
        self._losses = []
        total = self.steps
        for step, batch in enumerate(self.batches.training(self.batch_size, self.rng)):
            if step == steps:
                break
            training = self._tensors(batch)
            self.progress = min(1.0, (self.epoch + step / total) / self.recipe.epochs)
            self._set_learning_rate()
            relaxation.learn(self, training, self.next_validation())
            self.weight_step(training, relaxation.training_mixture(self))
        self.epoch += 1
        self.progress = min(1.0, self.epoch / self.recipe.epochs)
        return relaxation.end_epoch(self)

    def weight_step(self, batch: Batch, mixture: Mixture) -> None:
        """One step of the shared weights; the mixture stays as it is."""
        self.optimizer.zero_grad(set_to_none=True)
        fixed = Mixture(mixture.weights.detach(), mixture.active)
        loss = self.loss(batch, fixed)
        self._losses.append(loss.detach())
        torch.autograd.backward(loss)
        parameters = [p for p in self.network.parameters() if p.grad is not None]
        torch.nn.utils.clip_grad_norm_(parameters, self.recipe.clip)
        self.optimizer.step()

    def loss(self, batch: Batch, mixture: Mixture) -> Tensor:
        """Cross-entropy of a batch under a mixture."""
        return F.cross_entropy(self.scores(batch[0], mixture), batch[1])

    def scores(self, images: Tensor, mixture: Mixture) -> Tensor:
        """Class scores under a mixture that may lie on another device."""
        there = Mixture(mixture.weights.to(self.device), mixture.active)
        with in_precision(self.device, self.precision):
            found = self.network.mixed(images, there)
        return found.to(torch.get_default_dtype())

    def mean_loss(self) -> float:
        """Training loss of the last epoch, mean over its steps."""
        return float(torch.stack(self._losses).mean()) if self._losses else math.nan

    def accuracy(self, batch: Batch, cell: Architecture) -> float:
        """Of one cell with the shared weights, normalised by the batch."""
        with torch.no_grad():
            scores = self.scores(batch[0], single(self.space, cell))
        return float((scores.argmax(1) == batch[1]).double().mean())

    def next_validation(self) -> Batch:
        """The next batch of validation images, around and around in random order."""
        return self._tensors(self.batches.validation(self.batch_size, self.rng))

    def learning_rate(self) -> float:
        """Of the shared weights, now."""
        span = self.recipe.learning_rate - self.recipe.least_learning_rate
        return self.recipe.least_learning_rate + span * (1 + math.cos(math.pi * self.progress)) / 2

    def _set_learning_rate(self) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()

    def _tensors(self, batch: tuple[NDArray[Any], NDArray[Any]]) -> Batch:
        inputs, targets = map(torch.from_numpy, batch)
        return inputs.to(self.device, torch.get_default_dtype()), targets.to(self.device)


class Trainable(Protocol):
    """What :func:`search_supernet` needs of a :class:`~nasbench_suite.search.problem.Problem`."""

    @property
    def space(self) -> Space:
        """What is searched."""

    def workshop(self) -> Workshop:
        """Where epochs of the supernet are bought."""

    def recommend(self, architecture: Sequence[int]) -> None:
        """Name the answer so far."""


def search_supernet(
    problem: Trainable,
    make: Callable[[SupernetSearch], Relaxation],
    recipe: SharingRecipe,
    rng: np.random.Generator,
) -> None:
    """Train a supernet epoch by epoch, pay for each, and recommend after each.

    An epoch whose price is recorded is paid before it is trained; otherwise its measured seconds are paid after it.

    Args:
        problem: what is searched; it is charged and given the recommendations.
        make: makes the relaxation.
        recipe: how the shared weights learn.
        rng: all randomness.

    Raises:
        QuestionError: nothing can be trained on this benchmark, or it is no cell space.
    """
    space = problem.space
    if not isinstance(space, CellSpace):
        raise QuestionError("weight sharing needs a benchmark that offers 'training' and a cell space")
    keep_freed_memory()
    with cpu_threads(1), problem.workshop() as shop:
        if not isinstance(shop.builder, CellBuilder):
            raise QuestionError("weight sharing needs a benchmark that offers 'training' and a cell space")
        search = SupernetSearch(shop.builder, shop.task, recipe, rng)
        search.examples = shop.examples["training"]
        relaxation = make(search)
        price = shop.price(relaxation.kind)
        if price is not None and recipe.seconds:
            search.recipe = replace(recipe, epochs=max(1, min(recipe.epochs, int(recipe.seconds / price))))
        for number in range(search.recipe.epochs):
            what = f"supernet epoch, {relaxation.kind}, {number + 1} of {search.recipe.epochs}"
            with shop.epoch(relaxation.kind, what) as search.batches:
                started = time.perf_counter()
                cell = search.run_epoch(relaxation)
            curves.note(
                "supernet",
                kind=relaxation.kind,
                epoch=search.epoch,
                train_loss=search.mean_loss(),
                cell=space.format(cell),
                seconds=time.perf_counter() - started,
            )
            problem.recommend(cell)


def best_of(search: SupernetSearch, cells: Sequence[Architecture]) -> Architecture:
    """The cell with the best accuracy on one validation batch under the shared weights; the first of equals."""
    batch = search.next_validation()
    return max(cells, key=lambda cell: search.accuracy(batch, cell))
