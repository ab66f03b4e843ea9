"""Training networks of cells: one engine for live evaluations, tables and tests.

All images of a task lie in one tensor, batches are taken by index, and several training seeds of a cell run as one
network. On the CPU the same seed gives the same numbers, and a training resumed from a checkpoint ends in the same
numbers as one that was never interrupted: nothing random is carried from one epoch to the next.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.sgd import sgd

from nasbench_suite.errors import DataError, UsageError
from nasbench_suite.networks.cells.cell_network import CellNetwork, Skeleton
from nasbench_suite.sources import TRAINING_ROOMS, code_hash, record_hash
from nasbench_suite.spaces import CellSpace
from nasbench_suite.tasks.images import Images
from nasbench_suite.tasks.task import Recipe, Task

EVALUATION_BATCH = 500
Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class Measured:
    """One pass over a split.

    Attributes:
        loss: mean cross-entropy; NaN if the network diverged.
        accuracy: fraction of right first guesses; 0 if the network diverged.
        top5: fraction of images whose label is among the five first guesses.
    """

    loss: float
    accuracy: float
    top5: float


@dataclass(frozen=True)
class Epoch:
    """What was measured after one epoch of one training.

    Attributes:
        train_loss, train_accuracy: means over the epoch's steps, as the steps saw them.
        train_seconds: of this epoch's steps alone, all members together.
        valid_seconds: of the pass over the validation images, all members together.
        splits: split -> measurement; ``"valid"`` and whatever else was asked for.
    """

    train_loss: float
    train_accuracy: float
    train_seconds: float
    valid_seconds: float
    splits: Mapping[str, Measured]


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


@dataclass(frozen=True)
class Report:
    """How the guesses of a network are spread over the classes, each class counting the same.

    A class that is never guessed has precision 0.
    """

    precision: float
    recall: float
    f1: float


@cache
def _code_identity() -> str:
    """A hash of the code that decides the digits of a training, as it was when the first one began."""
    return code_hash(Trainer, rooms=TRAINING_ROOMS)


class Trainer:
    """A network under training, epoch by epoch.

    Args:
        space: of the cell.
        cell: one operation per edge.
        task: images, network and recipe.
        seeds: one training per seed, all side by side.
        held_out: further splits to measure after each epoch, by name.
        device: where to train; images, crops and flips are there, too.
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
        space: CellSpace,
        cell: Sequence[int],
        task: Task,
        seeds: Sequence[int],
        *,
        held_out: Mapping[str, Images] | None = None,
        device: str = "cpu",
        precision: Precision = "float32",
        deterministic: bool = False,
        capture: bool = True,
    ) -> None:
        self.task = task
        self.seeds = tuple(int(seed) for seed in seeds)
        self.network = CellNetwork(space, cell, task.macro, self.seeds).to(device)
        self.descent = Descent(self.network, task.recipe, device)
        self.done = 0
        self.history: list[list[Epoch]] = [[] for _ in self.seeds]
        self.diverged: list[int | None] = [None for _ in self.seeds]
        self._device, self._precision, self._deterministic = device, precision, deterministic
        self._may_capture = self._capture = capture and torch.device(device).type == "cuda"
        self._graph: CapturedStep | None = None
        self._train = _on(task.train, device)
        self._splits = {name: _on(part, device) for name, part in {"valid": task.valid, **(held_out or {})}.items()}
        self.identity = record_hash(
            task.identity, space.name, space.check(cell), self.seeds, sorted(self._splits), precision, _code_identity()
        )

    @property
    def captured(self) -> bool:
        return self._graph is not None

    def run_epoch(self) -> None:
        """Train for one epoch and measure.

        Raises:
            MemoryError: the network does not fit the memory.
        """
        with _telling_of_memory(), algorithms(self._deterministic):
            started = time.perf_counter()
            losses, right = self.run_steps()
            trained = time.perf_counter()  # the losses are here, so the device is done
            splits = {"valid": self.measure("valid")}
            validated = time.perf_counter()
            splits |= {name: self.measure(name) for name in self._splits if name != "valid"}
        self.done += 1
        for member in range(len(self.seeds)):
            if self.diverged[member] is None and not math.isfinite(losses[member]):
                self.diverged[member] = self.done
            self.history[member].append(
                Epoch(
                    losses[member] if math.isfinite(losses[member]) else math.nan,
                    right[member],
                    trained - started,
                    validated - trained,
                    {name: measured[member] for name, measured in splits.items()},
                )
            )

    def run_steps(self) -> tuple[list[float], list[float]]:
        """One epoch of steps; per member the mean loss and the accuracy that the steps saw."""
        recipe, network = self.task.recipe, self.network
        images, labels = self._train
        members, total = len(self.seeds), len(labels)
        orders = [np.random.default_rng([seed, self.done]).permutation(total) for seed in self.seeds]
        order = torch.from_numpy(np.stack(orders)).to(self._device)
        augment = [np.random.default_rng([seed, self.done, 1]) for seed in self.seeds]
        steps = math.ceil(total / recipe.batch_size)
        changes = draw_changes(recipe, augment, total, self._device)
        loss_sum = torch.zeros(members, device=self._device)
        right = torch.zeros(members, device=self._device)
        network.train()
        for step in range(steps):
            places = order[:, step * recipe.batch_size : (step + 1) * recipe.batch_size]
            batch = changed(images[places], recipe, changes[step]).transpose(0, 1).flatten(1, 2)
            wanted = labels[places]
            self.descent.set_progress((self.done + step / steps) / recipe.epochs)
            scores, losses = self._step(batch, wanted)
            with torch.no_grad():
                loss_sum += losses * wanted.shape[1]
                right += (scores.argmax(2) == wanted).sum(1)
        return (loss_sum / total).tolist(), (right / total).tolist()

    def _step(self, batch: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """One step on a batch ``[images, members * channels, height, width]``: scores and losses as it saw them."""
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
            scores = self.network(batch)
        scores = scores.to(torch.get_default_dtype())
        losses = member_losses(scores, wanted)
        self.descent.step(losses.sum())
        return scores.detach(), losses.detach()

    def guesses(self, split: str) -> tuple[Tensor, Tensor]:
        """Class scores of every image of a split and the labels: ``[members, images, classes]`` and ``[images]``."""
        images, labels = self._splits[split]
        self.network.eval()
        with torch.inference_mode(), _telling_of_memory(), in_precision(self._device, self._precision):
            parts = [
                self.network(part.repeat(1, len(self.seeds), 1, 1)) for part in torch.split(images, EVALUATION_BATCH)
            ]
        return torch.cat(parts, 1).to(torch.get_default_dtype()), labels

    def measure(self, split: str) -> list[Measured]:
        """One pass over a split, one measurement per member."""
        scores, labels = self.guesses(split)
        wanted = labels.expand(len(self.seeds), -1)
        losses = member_losses(scores, wanted).tolist()
        first = (scores.argmax(2) == wanted).double().mean(1).tolist()
        best = scores.topk(min(5, scores.shape[2]), dim=2).indices
        top = (best == wanted[:, :, None]).any(2).double().mean(1).tolist()
        return [
            Measured(loss, accuracy, five) if math.isfinite(loss) else Measured(math.nan, 0.0, 0.0)
            for loss, accuracy, five in zip(losses, first, top, strict=True)
        ]

    def reports(self, split: str) -> list[Report]:
        """Macro precision, recall and F1 on a split as the network is now, one per member."""
        scores, labels = self.guesses(split)
        wanted = labels.cpu().numpy()
        return [macro_report(row, wanted, scores.shape[2]) for row in scores.argmax(2).cpu().numpy()]

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
            raise DataError("the checkpoint belongs to another cell, task or seed; remove it or name another file")
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
                Epoch(**{**epoch, "splits": {name: Measured(**values) for name, values in epoch["splits"].items()}})
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
    space: CellSpace,
    cell: Sequence[int],
    task: Task,
    seeds: Sequence[int],
    *,
    epochs: int | None = None,
    held_out: Mapping[str, Images] | None = None,
    checkpoint: Path | None = None,
    on_epoch: Callable[[Trainer], None] | None = None,
    device: str = "cpu",
    precision: Precision = "float32",
    deterministic: bool = False,
    threads: int | None = 1,
) -> list[Training]:
    """Train a cell with one or several seeds, side by side; one :class:`Training` per seed.

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
            space,
            cell,
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


class CapturedStep:
    """A training step as a CUDA graph: its inputs are copied to where it was recorded, and its kernels replayed.

    Args:
        graph: that was recorded.
        batch, wanted: the inputs that it reads.
        scores, losses: the outputs that it writes.
    """

    def __init__(
        self, graph: torch.cuda.CUDAGraph, batch: Tensor, wanted: Tensor, scores: Tensor, losses: Tensor
    ) -> None:
        self._graph, self._batch, self._wanted = graph, batch, wanted
        self._scores, self._losses = scores, losses

    @classmethod
    def of(
        cls,
        step: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
        batch: Tensor,
        wanted: Tensor,
        stream: torch.cuda.Stream,
    ) -> CapturedStep | None:
        """Record a step (nothing is computed yet); ``None`` where it cannot be recorded."""
        batch, wanted = batch.clone(), wanted.clone()
        graph = torch.cuda.CUDAGraph()
        try:
            torch.cuda.synchronize()
            with torch.cuda.graph(graph, stream=stream):
                scores, losses = step(batch, wanted)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError:  # an operation that cannot be captured; steps go on one kernel at a time
            torch.cuda.synchronize()
            return None
        return cls(graph, batch, wanted, scores, losses)

    def fits(self, batch: Tensor) -> bool:
        """Whether a batch has the recorded size; the last one of an epoch may be smaller."""
        return batch.shape == self._batch.shape

    def replay(self, batch: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """One step; what it returns is overwritten by the next."""
        self._batch.copy_(batch)
        self._wanted.copy_(wanted)
        self._graph.replay()
        return self._scores, self._losses


@contextmanager
def in_precision(device: str, precision: Precision) -> Iterator[None]:
    """Compute what is inside in this precision where that is safe (PyTorch's autocast)."""
    if precision == "float32":
        yield
        return
    with torch.autocast(torch.device(device).type, torch.bfloat16, cache_enabled=False):
        yield


@contextmanager
def algorithms(deterministic: bool) -> Iterator[None]:
    """Choose a GPU's algorithms: those that always give the same numbers, or the quickest for the sizes at hand."""
    if not torch.cuda.is_available():
        yield
        return
    before = torch.are_deterministic_algorithms_enabled()
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=not deterministic, deterministic=deterministic):
            yield
    finally:
        torch.use_deterministic_algorithms(before)


class Descent:
    """SGD with Nesterov momentum as a recipe says, by PyTorch's own function of it.

    ``torch.optim.SGD`` collects parameters, gradients and momenta anew at every step, which takes small networks longer
    than the step itself. On a GPU the learning rate is a tensor there, so that a captured step reads it.

    Args:
        network: whose parameters descend.
        recipe: learning rate, momentum, weight decay.
        device: of the network.

    Attributes:
        parameters: of the network, in its order.
        momenta: one per parameter; ``None`` before the first step.
    """

    def __init__(self, network: Skeleton, recipe: Recipe, device: str = "cpu") -> None:
        gpu = torch.device(device).type == "cuda"
        self.parameters: list[Tensor] = list(network.parameters())
        self.momenta: list[Tensor | None] = [None for _ in self.parameters]
        self._recipe = recipe
        self._rate: float | Tensor = torch.tensor(recipe.learning_rate, device=device) if gpu else recipe.learning_rate
        # One kernel for everything; on the CPU several members are fewer, larger tensors, and are looped over.
        self._fused = network.members == 1 or gpu

    def set_progress(self, progress: float) -> None:
        """Set the learning rate: a cosine from the recipe's to 0 while the progress goes from 0 to 1."""
        rate = 0.5 * self._recipe.learning_rate * (1 + math.cos(math.pi * progress))
        if isinstance(self._rate, Tensor):
            self._rate.fill_(rate)
        else:
            self._rate = rate

    def step(self, loss: Tensor) -> None:
        """Go down the gradient of a loss by one step."""
        gradients = torch.autograd.grad(loss, self.parameters, allow_unused=True, materialize_grads=True)
        pairs = zip(gradients, self.parameters, strict=True)
        with torch.no_grad():
            sgd(
                self.parameters,
                [_laid_out(gradient, parameter) for gradient, parameter in pairs],
                self.momenta,
                lr=self._rate,  # type: ignore[arg-type]
                momentum=self._recipe.momentum,
                weight_decay=self._recipe.weight_decay,
                dampening=0.0,
                nesterov=True,
                maximize=False,
                fused=self._fused,
                foreach=not self._fused,
            )


def _laid_out(gradient: Tensor, parameter: Tensor) -> Tensor:
    """A gradient with its numbers in the order in which the parameter's lie, as a fused step needs it."""
    if gradient.stride() == parameter.stride():
        return gradient
    return torch.empty_like(parameter).copy_(gradient)


def member_losses(scores: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy per member: ``[members, images, classes]``, ``[members, images] -> [members]``."""
    if scores.is_cuda:  # its kernel for three dimensions is not deterministic
        losses = F.cross_entropy(scores.flatten(0, 1), labels.flatten(), reduction="none")
        return losses.view(labels.shape).mean(1)
    if len(scores) == 1:
        return F.cross_entropy(scores[0], labels[0])[None]
    return F.cross_entropy(scores.transpose(1, 2), labels, reduction="none").mean(1)


class Changes(NamedTuple):
    """How the images of a batch are changed, on the device where they are.

    Attributes:
        offsets: of the crops, rows and columns: ``[members, 2, images]``, or ``None``.
        mirrored: ``[members, images]``, or ``None``.
    """

    offsets: Tensor | None
    mirrored: Tensor | None


def draw_changes(recipe: Recipe, generators: Sequence[np.random.Generator], images: int, device: str) -> list[Changes]:
    """Draw an epoch's crops and flips, batch by batch, and bring them to the device at once.

    Args:
        recipe: what to do.
        generators: one per member, so that a member's images do not depend on who trains beside it.
        images: of the epoch.
        device: where the images are.
    """
    counts = [min(recipe.batch_size, images - start) for start in range(0, images, recipe.batch_size)]
    offsets, mirrored = [], []
    for count in counts:
        if recipe.padding:
            offsets.append(np.stack([g.integers(2 * recipe.padding + 1, size=(2, count)) for g in generators]))
        if recipe.flip:
            mirrored.append(np.stack([g.random(count) < 0.5 for g in generators]))
    ends: list[Tensor] | list[None] = [None] * len(counts)
    flips: list[Tensor] | list[None] = [None] * len(counts)
    if offsets:
        ends = list(torch.split(torch.from_numpy(np.concatenate(offsets, 2)).to(device), counts, 2))
    if mirrored:
        flips = list(torch.split(torch.from_numpy(np.concatenate(mirrored, 1)).to(device), counts, 1))
    return [Changes(*pair) for pair in zip(ends, flips, strict=True)]


def changed(images: Tensor, recipe: Recipe, changes: Changes) -> Tensor:
    """Crop and flip ``[members, images, channels, height, width]`` on the device where the images are."""
    members, count, _, height, width = images.shape
    if changes.offsets is not None:
        offsets = changes.offsets
        padded = F.pad(images, (recipe.padding,) * 4)
        rows = offsets[:, 0, :, None] + torch.arange(height, device=images.device)
        columns = offsets[:, 1, :, None] + torch.arange(width, device=images.device)
        member = torch.arange(members, device=images.device)[:, None, None, None]
        image = torch.arange(count, device=images.device)[None, :, None, None]
        cropped = padded.permute(0, 1, 3, 4, 2)[member, image, rows[..., :, None], columns[..., None, :]]
        images = cropped.permute(0, 1, 4, 2, 3)
    if changes.mirrored is not None:
        images = torch.where(changes.mirrored[:, :, None, None, None], images.flip(-1), images)
    return images


def macro_report(guesses: NDArray[np.integer], labels: NDArray[np.integer], classes: int) -> Report:
    """Precision, recall and F1 of each class, averaged over the classes that occur among labels or guesses."""
    confusion = np.zeros((classes, classes))
    np.add.at(confusion, (labels, guesses), 1)
    right, guessed, there = np.diag(confusion), confusion.sum(0), confusion.sum(1)
    occurs = guessed + there > 0
    precision = right / np.maximum(guessed, 1)
    recall = right / np.maximum(there, 1)
    f1 = 2 * right / np.maximum(guessed + there, 1)
    return Report(*(float(values[occurs].mean()) for values in (precision, recall, f1)))


@dataclass(frozen=True)
class Profile:
    """What a network costs, whatever it learns.

    Attributes:
        parameters, flops: counted (see :class:`~nasbench_suite.networks.cells.macro.Macro`).
        latency: seconds for one image, the least of repeated passes on this machine.
        memory: bytes that one training step keeps for its backward pass: weights and activations, counted.
    """

    parameters: int
    flops: int
    latency: float
    memory: int


def profile(space: CellSpace, cell: Sequence[int], task: Task, *, repeats: int = 20) -> Profile:
    """Count and time the network of a cell on one thread of the CPU."""
    network = CellNetwork(space, cell, task.macro, [0])
    with cpu_threads(1):
        network.eval()
        image = torch.zeros(1, *task.macro.image)
        passes = []
        with torch.inference_mode():
            for _ in range(repeats):
                started = time.perf_counter()
                network(image)
                passes.append(time.perf_counter() - started)
        return Profile(
            task.macro.parameters(space, cell),
            task.macro.flops(space, cell),
            min(passes),
            _kept_bytes(network, task.recipe.batch_size),
        )


def _kept_bytes(network: Skeleton, batch_size: int) -> int:
    """Bytes of all tensors that the backward pass of one step needs, each counted once."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        alive.append(tensor)
        return tensor

    alive: list[Tensor] = []
    network.train()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        network(torch.zeros(batch_size, *network.macro.image)).sum()
    for parameter in network.parameters():
        storage = parameter.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
    return sum(kept.values())


@contextmanager
def cpu_threads(threads: int | None) -> Iterator[None]:
    """Use so many CPU threads inside, and as many as before afterwards."""
    before = torch.get_num_threads()
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def check_devices(names: Sequence[str]) -> None:
    """Raise :class:`UsageError` for a device that PyTorch does not have here."""
    for name in names:
        try:
            torch.empty(0, device=name)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).partition("\n")[0]
            raise UsageError(
                f"device {name!r} cannot be used ({reason}); name another, such as cpu or cuda:0"
            ) from None


@cache
def keep_freed_memory() -> bool:
    """Let this process keep the memory of freed activations for the next ones, for as long as it lives.

    By default glibc gives large blocks back to the system when they are freed, so that every step of a training faults
    its activations in anew, page by page. Does nothing where the C library is not glibc.

    Returns:
        Whether it was done.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    top_pad, trim_threshold, mmap_threshold = -2, -1, -3  # names and numbers of malloc.h
    # Before glibc 2.35 the first may be 32 MiB at most.
    return (
        any(mallopt(mmap_threshold, size) == 1 for size in (1 << 30, 1 << 25))
        and mallopt(trim_threshold, (1 << 31) - 1) == 1
        and mallopt(top_pad, 1 << 28) == 1
    )


@contextmanager
def _telling_of_memory() -> Iterator[None]:
    """Turn PyTorch's ways of saying that memory ran out into the one that Python has for it."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise MemoryError(
            f"the network does not fit the accelerator's memory: {str(error).partition('.')[0]}"
        ) from None
    except RuntimeError as error:
        if "can't allocate memory" not in str(error):
            raise
        raise MemoryError("the network does not fit the memory; use smaller batches") from None


def _on(images: Images, device: str) -> tuple[Tensor, Tensor]:
    pixels = torch.from_numpy(np.ascontiguousarray(images.pixels))
    return pixels.to(device, torch.get_default_dtype()), torch.from_numpy(images.labels).to(device)


def _array(tensor: Tensor) -> NDArray[Any]:
    array: NDArray[Any] = tensor.detach().cpu().contiguous().numpy()
    return array
