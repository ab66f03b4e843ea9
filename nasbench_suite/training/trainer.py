"""Training networks: one trainer for live evaluations, tables and tests, for any builder and any goal.

All examples of a task lie in one tensor, batches are taken by index, and several training seeds of an architecture run
as one network. On the CPU the same seed gives the same numbers, and a training resumed from a checkpoint ends in the
same numbers as one that was never interrupted: nothing random is carried from one epoch to the next.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nasbench_suite.errors import DataError
from nasbench_suite.networks.builder import Network
from nasbench_suite.networks.machine import cpu_threads, telling_of_memory
from nasbench_suite.sources import TRAINING_ROOMS, code_hash, record_hash
from nasbench_suite.tasks.task import Arrays, Change, Task
from nasbench_suite.training.goals import goal_of
from nasbench_suite.training.steps import CapturedStep, Descent, Precision, algorithms, in_precision

EVALUATION_BATCH = 500


@dataclass(frozen=True)
class Measured:
    """What a pass over examples showed.

    Attributes:
        loss: mean over the examples; NaN if the network diverged.
        metrics: of the goal, by name. If the network diverged, the first is the goal's lowest, the others are NaN.
    """

    loss: float
    metrics: Mapping[str, float]

    @property
    def signal(self) -> float:
        """The first metric."""
        return next(iter(self.metrics.values()))

    @property
    def accuracy(self) -> float:
        """Fraction of right first guesses, where the goal has that metric."""
        return self.metrics["accuracy"]


@dataclass(frozen=True)
class Epoch:
    """What was measured after one epoch of one training.

    Attributes:
        train: over the epoch's steps, as the steps saw them.
        train_seconds: of this epoch's steps alone, all members together.
        valid_seconds: of the pass over the validation examples, all members together.
        splits: split -> measurement; ``"valid"`` and whatever else was asked for.
    """

    train: Measured
    train_seconds: float
    valid_seconds: float
    splits: Mapping[str, Measured]

    @property
    def train_loss(self) -> float:
        """Mean loss of the epoch's steps."""
        return self.train.loss


@dataclass(frozen=True)
class Training:
    """One training of one architecture with one seed.

    Attributes:
        seed: of the initial weights and the order of images.
        epochs: one entry per epoch so far.
        diverged: the first epoch (from 1) whose loss was not a number, or ``None``.
    """

    seed: int
    epochs: tuple[Epoch, ...]
    diverged: int | None


@cache
def code_identity() -> str:
    """A hash of the code that decides the digits of a training, as it was when the first one began."""
    return code_hash(Trainer, rooms=TRAINING_ROOMS)


class Trainer:
    """A network under training, epoch by epoch.

    Args:
        network: a builder with the architecture that it shall build.
        task: what is learned.
        seeds: one training per seed, all side by side.
        held_out: further splits to measure after each epoch, by name.
        device: where to train; examples and their changes are there, too.
        precision: ``"bfloat16"`` computes convolutions and products in it and keeps weights, statistics and losses in
            float32.
        deterministic: on a GPU, take only algorithms that give the same numbers every time (the CPU always does).
        capture: on a GPU, record a step once as a CUDA graph and replay it; where that fails, steps are launched one
            kernel at a time.

    Attributes:
        done: epochs so far.
        captured: whether steps are replayed from a graph.
        history: per member, what was measured after each epoch.
        diverged: per member, the epoch (from 1) at which the loss was no number, or ``None``.
    """

    def __init__(
        self,
        network: Network,
        task: Task,
        seeds: Sequence[int],
        *,
        held_out: Mapping[str, Arrays] | None = None,
        device: str = "cpu",
        precision: Precision = "float32",
        deterministic: bool = False,
        capture: bool = True,
    ) -> None:
        self.task = task
        self.goal = goal_of(task)
        self.seeds = tuple(int(seed) for seed in seeds)
        self.network = network.members(task.signature, self.seeds).to(device)
        self.descent = Descent(self.network, task.recipe, device)
        self.done = 0
        self.history: list[list[Epoch]] = [[] for _ in self.seeds]
        self.diverged: list[int | None] = [None for _ in self.seeds]
        self._device, self._precision, self._deterministic = device, precision, deterministic
        self._may_capture = self._capture = capture and self.network.capturable and torch.device(device).type == "cuda"
        self._graph: CapturedStep | None = None
        self._train = _on(task.train, device)
        self._splits = {name: _on(part, device) for name, part in {"valid": task.valid, **(held_out or {})}.items()}
        self._made_of = network

    @cached_property
    def identity(self) -> str:
        """A hash of all that decides its numbers."""
        splits = sorted(self._splits)
        return record_hash(
            self.task.identity, self._made_of.identity, self.seeds, splits, self._precision, code_identity()
        )

    @property
    def captured(self) -> bool:
        return self._graph is not None

    def run_epoch(self) -> None:
        """Train for one epoch and measure.

        Raises:
            MemoryError: the network does not fit the memory.
        """
        with telling_of_memory(), algorithms(self._deterministic):
            started = time.perf_counter()
            seen = self.run_steps()
            trained = time.perf_counter()  # the losses are here, so the device is done
            splits = {"valid": self.measure("valid")}
            validated = time.perf_counter()
            splits |= {name: self.measure(name) for name in self._splits if name != "valid"}
        self.done += 1
        for member, steps in enumerate(seen):
            if self.diverged[member] is None and math.isnan(steps.loss):
                self.diverged[member] = self.done
            here = {name: measured[member] for name, measured in splits.items()}
            self.history[member].append(Epoch(steps, trained - started, validated - trained, here))

    def run_steps(self) -> list[Measured]:
        """One epoch of steps; per member what the steps saw."""
        recipe, network = self.task.recipe, self.network
        inputs, targets = self._train
        total = len(targets)
        orders = [np.random.default_rng([seed, self.done]).permutation(total) for seed in self.seeds]
        order = torch.from_numpy(np.stack(orders)).to(self._device)
        steps = math.ceil(total / recipe.batch_size)
        changes = self._changes(total)
        loss_sum = torch.zeros(len(self.seeds), device=self._device)
        outputs, wanted = [], []
        network.train()
        network.begin_epoch(self.done)
        for step in range(steps):
            places = order[:, step * recipe.batch_size : (step + 1) * recipe.batch_size]
            batch, asked = inputs[places], targets[places]
            if changes is not None:
                batch, asked = changes[step](batch, asked)
            self.descent.set_progress((self.done + step / steps) / recipe.epochs)
            given, losses = self._step(batch, asked)
            loss_sum += losses * asked.shape[1]
            outputs.append(given.clone() if self._graph is not None else given)
            wanted.append(asked)
        return self._measured((loss_sum / total).tolist(), torch.cat(outputs, 1), torch.cat(wanted, 1))

    def _changes(self, total: int) -> Sequence[Change] | None:
        """What changes the examples of each batch of the epoch to come."""
        if self.goal.augment is None:
            return None
        generators = [np.random.default_rng([seed, self.done, 1]) for seed in self.seeds]
        return self.goal.augment(self.task.recipe, generators, total, self._device)

    def _measured(self, losses: Sequence[float], outputs: Tensor, wanted: Tensor) -> list[Measured]:
        """Loss and metrics, one measurement per member."""
        with torch.no_grad():
            metrics = {name: values.tolist() for name, values in self.goal.metrics(outputs, wanted).items()}
        found = []
        for member, loss in enumerate(losses):
            own = {name: values[member] for name, values in metrics.items()}
            if not math.isfinite(loss):
                first, *others = own
                loss, own = math.nan, {first: self.goal.low, **dict.fromkeys(others, math.nan)}
            found.append(Measured(loss, own))
        return found

    def _step(self, batch: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """One step on a batch ``[members, examples, …]``: outputs and losses as it saw them."""
        if self._graph is not None and self._graph.fits(batch):
            return self._graph.replay(batch, wanted)
        if not self._capture or wanted.shape[1] != self.task.recipe.batch_size:
            return self._eager_step(batch, wanted)
        self._capture = False
        # The step before the recording makes the momentum and chooses algorithms; both are on a stream of their own.
        side = torch.cuda.Stream(batch.device)  # type: ignore[no-untyped-call]
        here = torch.cuda.current_stream(batch.device)
        side.wait_stream(here)
        with torch.cuda.stream(side):
            found = self._eager_step(batch, wanted)
        here.wait_stream(side)
        self._graph = CapturedStep.of(self._eager_step, batch, wanted, side)
        return found

    def _eager_step(self, batch: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        with in_precision(self._device, self._precision):
            outputs = self.network.apart(batch)
        outputs = outputs.to(torch.get_default_dtype())
        losses = self.goal.loss(outputs, wanted)
        self.descent.step(losses.sum())
        return outputs.detach(), losses.detach()

    def outputs(self, split: str) -> tuple[Tensor, Tensor]:
        """What comes out for every example of a split, and the targets: ``[members, examples, …]``, ``[examples, …]``."""
        inputs, targets = self._splits[split]
        members = len(self.seeds)
        self.network.eval()
        with torch.inference_mode(), telling_of_memory(), in_precision(self._device, self._precision):
            parts = [
                self.network.apart(part.expand(members, *part.shape)) for part in torch.split(inputs, EVALUATION_BATCH)
            ]
        return torch.cat(parts, 1).to(torch.get_default_dtype()), targets

    def measure(self, split: str) -> list[Measured]:
        """One pass over a split, one measurement per member."""
        outputs, targets = self.outputs(split)
        wanted = targets.expand(len(self.seeds), *targets.shape)
        return self._measured(self.goal.loss(outputs, wanted).tolist(), outputs, wanted)

    def trainings(self) -> list[Training]:
        """What was measured so far, one per seed."""
        return [
            Training(seed, tuple(epochs), diverged)
            for seed, epochs, diverged in zip(self.seeds, self.history, self.diverged, strict=True)
        ]

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that the rest of the training depends on, as plain arrays by name."""
        arrays = {f"network/{name}": _array(value) for name, value in self.network.state_dict().items()}
        for number, momentum in enumerate(self.descent.momenta):
            if momentum is not None:
                arrays[f"momentum/{number}"] = _array(momentum)
        story = {
            "identity": self.identity,
            "done": self.done,
            "diverged": self.diverged,
            "history": [[asdict(epoch) for epoch in member] for member in self.history],
        }
        arrays["story"] = np.frombuffer(json.dumps(story).encode(), dtype=np.uint8)
        return arrays

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go back to a state; the inverse of :meth:`state`.

        Raises:
            DataError: the state of another training.
        """
        story = json.loads(arrays["story"].tobytes())
        if story["identity"] != self.identity:
            raise DataError(
                "the checkpoint belongs to another architecture, task or seed; remove it or name another file"
            )
        held = {
            name.removeprefix("network/"): torch.from_numpy(np.array(value))
            for name, value in arrays.items()
            if name.startswith("network/")
        }
        try:
            self.network.load_state_dict(held)
        except RuntimeError:
            raise DataError("the checkpoint was written by another version; remove it or name another file") from None
        for number, parameter in enumerate(self.descent.parameters):
            if f"momentum/{number}" in arrays:
                momentum = torch.empty_like(parameter)
                momentum.copy_(torch.from_numpy(np.array(arrays[f"momentum/{number}"])))
                self.descent.momenta[number] = momentum
        self._graph = None  # it would go on with the buffers of before
        self._capture = self._may_capture
        self.done, self.diverged = story["done"], story["diverged"]
        self.history = [
            [
                Epoch(
                    **{
                        **epoch,
                        "train": Measured(**epoch["train"]),
                        "splits": {name: Measured(**values) for name, values in epoch["splits"].items()},
                    }
                )
                for epoch in member
            ]
            for member in story["history"]
        ]

    def save(self, path: Path) -> None:
        """Write the state in one step: a reader sees the old file or the whole new one."""
        partial = path.with_name(path.name + ".partial")
        with partial.open("wb") as file:
            np.savez(file, allow_pickle=False, **self.state())
        os.replace(partial, path)

    def load(self, path: Path) -> None:
        """Read a state that :meth:`save` wrote.

        Raises:
            DataError: a damaged file, or the state of another training.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                held = {name: arrays[name] for name in arrays.files}
        except Exception as error:  # a damaged archive can raise almost anything
            raise DataError(f"checkpoint {path} cannot be read ({error}); remove it to start again") from None
        self.restore(held)


def train(
    network: Network,
    task: Task,
    seeds: Sequence[int],
    *,
    epochs: int | None = None,
    held_out: Mapping[str, Arrays] | None = None,
    checkpoint: Path | None = None,
    on_epoch: Callable[[Trainer], None] | None = None,
    device: str = "cpu",
    precision: Precision = "float32",
    deterministic: bool = False,
    threads: int | None = 1,
) -> list[Training]:
    """Train a network with one or several seeds, side by side; one :class:`Training` per seed.

    Args:
        space, cell, task, seeds, held_out, device, precision, deterministic: see :class:`Trainer`.
        epochs: stop after so many; by default after the whole recipe.
        checkpoint: written after every epoch, and gone on from if it is there.
        on_epoch: called after every epoch.
        threads: of the CPU; ``None`` leaves PyTorch's own number. Small networks are quickest with one.

    Raises:
        DataError: a checkpoint of another training.
        MemoryError: the network does not fit the memory.
    """
    with cpu_threads(threads):
        trainer = Trainer(
            network,
            task,
            seeds,
            held_out=held_out,
            device=device,
            precision=precision,
            deterministic=deterministic,
        )
        if checkpoint is not None and checkpoint.exists():
            trainer.load(checkpoint)
        while trainer.done < (task.recipe.epochs if epochs is None else epochs):
            trainer.run_epoch()
            if checkpoint is not None:
                trainer.save(checkpoint)
            if on_epoch is not None:
                on_epoch(trainer)
        return trainer.trainings()


def _on(arrays: Arrays, device: str) -> tuple[Tensor, Tensor]:
    inputs, targets = _on_device(arrays.inputs, device), _on_device(arrays.targets, device)
    # Pixels come as bytes, too; only 64-bit integers are the numbers of words or classes.
    return (inputs if arrays.inputs.dtype == np.int64 else inputs.to(torch.get_default_dtype())), targets


def _on_device(array: NDArray[Any], device: str) -> Tensor:
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    return tensor.to(device, torch.get_default_dtype()) if tensor.is_floating_point() else tensor.to(device)


def _array(tensor: Tensor) -> NDArray[Any]:
    array: NDArray[Any] = tensor.detach().cpu().contiguous().numpy()
    return array
