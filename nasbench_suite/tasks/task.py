"""What is learned: arrays, the shapes that go in and come out, a goal and a recipe; no network is in it.

A :class:`Task` is all that a search may see. The arrays that score it are handed to the trainer separately.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.errors import DataError, UsageError
from nasbench_suite.sources import record_hash

if TYPE_CHECKING:
    from torch import Tensor


Some = TypeVar("Some", bound="Arrays")


@dataclass(frozen=True)
class Arrays:
    """Examples, and what is wanted of each.

    Attributes:
        inputs: ``[example, …]`` numbers; integers are the numbers of words.
        targets: ``[example]`` int64 classes, or ``[example, output]`` numbers.

    Raises:
        DataError: not as many targets as examples.
    """

    inputs: NDArray[Any]
    targets: NDArray[Any]

    def __post_init__(self) -> None:
        if self.inputs.shape[:1] != self.targets.shape[:1] or not self.inputs.ndim:
            raise DataError(
                f"inputs of shape {self.inputs.shape} with targets of shape {self.targets.shape}: expected one target "
                "per example"
            )

    def __len__(self) -> int:
        return len(self.targets)

    def take(self: Some, places: NDArray[np.integer] | slice) -> Some:
        """Some of the examples, in this order."""
        return replace(self, inputs=self.inputs[places], targets=self.targets[places])


@dataclass(frozen=True)
class Signature:
    """What goes into a network and comes out of it, for one example.

    Attributes:
        inputs: the shape of one example: ``(channels, height, width)`` of an image, ``(features,)`` of a row.
        outputs: how many numbers come out: one score per class, or one number per target.
        words: how many different words the inputs are made of; 0 where they are numbers.

    Raises:
        UsageError: a shape or a number below 1.
    """

    inputs: tuple[int, ...]
    outputs: int
    words: int = 0

    def __post_init__(self) -> None:
        if min((*self.inputs, self.outputs)) < 1 or self.words < 0:
            raise UsageError(f"{self}: the sides of the inputs and the outputs must be at least 1, words not negative")


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: SGD with Nesterov momentum, the learning rate falling to 0 by a cosine over all steps.

    The defaults are NAS-Bench-201's (Dong & Yang 2020, section 2.3).

    Attributes:
        epochs: of the full training; a shorter one is its beginning.
        batch_size: images per step; the last batch of an epoch is what is left.
        learning_rate: at the beginning.
        momentum, weight_decay: of SGD; all parameters decay.
        flip: mirror each image with probability one half.
        padding: pixels of zeros around an image before a random crop of its size; 0 crops nothing.

    Raises:
        UsageError: a number that makes no sense.
    """

    epochs: int = 200
    batch_size: int = 256
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    flip: bool = True
    padding: int = 4

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1 or self.learning_rate <= 0 or self.padding < 0:
            raise UsageError(f"{self}: epochs, batch size and learning rate must be positive, the padding not negative")


Change = Callable[["Tensor", "Tensor"], tuple["Tensor", "Tensor"]]
"""``(inputs, targets) -> (inputs, targets)`` of one batch: ``[members, examples, …]``"""

Augment = Callable[[Recipe, Sequence[np.random.Generator], int, str], Sequence[Change]]
"""``(recipe, one generator per member, examples, device) -> one change per batch of the epoch``"""


@dataclass(frozen=True)
class Goal:
    """What learning is for: three pure functions. Several members, networks that train side by side, come first.

    Attributes:
        name: lower-case words joined by hyphens.
        loss: ``(outputs [members, examples, …], targets [members, examples, …]) -> [members]``, to go down.
        metrics: of the same; name -> ``[members]``. The first is what a search sees; all are recorded.
        augment: how the examples of an epoch are changed at random; ``None`` leaves them as they are.
        maximize: whether more of the first metric is better.
        low, high: the worst value of the first metric that is told apart, and the best there can be.
    """

    name: str
    loss: Callable[[Tensor, Tensor], Tensor]
    metrics: Callable[[Tensor, Tensor], Mapping[str, Tensor]]
    augment: Augment | None = None
    maximize: bool = True
    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True)
class Task:
    """Everything a search may see of what is learned.

    Attributes:
        name: of the task.
        train, valid: what is learned from, and what the search is told about.
        signature: the shapes of inputs and outputs.
        goal: a :class:`Goal`, or the name of one that comes with the suite: ``"classification"``, ``"regression"``.
        recipe: how a network is trained.

    Raises:
        UsageError: arrays of another shape than the signature's, nothing to learn or validate on, or a recipe that
            crops or flips what are no images.
    """

    name: str
    train: Arrays
    valid: Arrays
    signature: Signature
    goal: Goal | str
    recipe: Recipe

    def __post_init__(self) -> None:
        for part in (self.train, self.valid):
            if part.inputs.shape[1:] != self.signature.inputs:
                raise UsageError(
                    f"task {self.name!r}: inputs of shape {part.inputs.shape[1:]}, the signature says "
                    f"{self.signature.inputs}"
                )
        if (self.recipe.flip or self.recipe.padding) and len(self.signature.inputs) != 3:
            raise UsageError(
                f"task {self.name!r}: the recipe flips or crops images, but inputs have the shape "
                f"{self.signature.inputs}; give Recipe(flip=False, padding=0, …)"
            )

    @cached_property
    def identity(self) -> str:
        """A hash of all of it: arrays, shapes, goal and recipe."""
        return record_hash(self)


@dataclass(frozen=True)
class Offer:
    """What a benchmark that offers ``"training"`` gives to strategies that train for themselves.

    Attributes:
        task: what to learn and to validate on, and the recipe. Nothing to test on.
        supernet_seconds: kind of supernet step -> recorded seconds of one epoch; ``None``: the clock decides.
        builder: what makes the benchmark's networks (:class:`~nasbench_suite.networks.builder.Builder`); for cells
            :class:`~nasbench_suite.networks.cells.builder.CellBuilder`, with the network around a cell.
    """

    task: Task
    supernet_seconds: Mapping[str, float] | None = None
    builder: Any = None
