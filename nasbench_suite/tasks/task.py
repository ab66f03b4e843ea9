"""What is trained on what: images, the network around the cell, and the recipe, without the test images.

A :class:`Task` is all that a search may see. The images that score it are handed to the engine separately.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.errors import UsageError
from nasbench_suite.networks.cells.macro import Macro
from nasbench_suite.sources import record_hash
from nasbench_suite.tasks.images import Dataset, Images, digits


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


@dataclass(frozen=True)
class Task:
    """Everything a search may see of a data set.

    Attributes:
        name: of the task.
        train, valid: images as float32, standardised.
        macro: the network around a cell.
        recipe: how it is trained.
    """

    name: str
    train: Images
    valid: Images
    macro: Macro
    recipe: Recipe

    @cached_property
    def identity(self) -> str:
        """A hash of all of it: images, labels, network and recipe."""
        return record_hash(self)


def standardised(images: Images, mean: NDArray[np.float32], deviation: NDArray[np.float32]) -> Images:
    """Pixels as float32 with the given mean and deviation per channel taken out."""
    pixels = (images.pixels.astype(np.float32) - mean[:, None, None]) / deviation[:, None, None]
    return Images(np.ascontiguousarray(pixels, dtype=np.float32), images.labels, images.classes)


def nas_bench_201_task(dataset: Dataset, valid: float | int = 0.5, recipe: Recipe | None = None) -> tuple[Task, Images]:
    """NAS-Bench-201's network and recipe on a data set, with the test images beside it.

    Crops have a padding of 4, at 16×16 pixels of 2. The validation images are chosen by hash, not by the benchmark's
    own lists, which only its official files contain.

    Args:
        dataset: images of equal size.
        valid: how many, or which fraction, of the training images are for validation; the benchmark takes half of
            CIFAR-10.
        recipe: another recipe than the benchmark's.
    """
    training, validation, test = dataset.splits(valid, None if dataset.test is not None else valid)
    shape = training.pixels.shape[1:]
    channels = training.pixels.astype(np.float64).transpose(1, 0, 2, 3).reshape(shape[0], -1)
    mean, deviation = channels.mean(1).astype(np.float32), channels.std(1).astype(np.float32)
    macro = Macro((shape[0], shape[1], shape[2]), training.classes)
    chosen = recipe or Recipe(padding=2 if shape[1] <= 16 else 4)
    parts = [standardised(part, mean, np.maximum(deviation, 1e-6)) for part in (training, validation, test)]
    return Task(f"{dataset.name}-nas-bench-201", parts[0], parts[1], macro, chosen), parts[2]


@dataclass(frozen=True)
class Scattering:
    """How digits are made hard: clutter and noise, and a random place where the canvas is larger than the digit.

    Attributes:
        canvas: height and width in pixels; the digit has 8.
        clutter: patches of other digits of the same split per image.
        patch: height and width of a patch.
        noise: standard deviation of the pixel noise; ink is 1.
        placed: how often each digit appears, by split: training, validation, test.
    """

    canvas: int = 8
    clutter: int = 1
    patch: int = 4
    noise: float = 0.25
    placed: tuple[int, int, int] = (1, 1, 3)

    def scatter(self, images: Images, times: int, rng: np.random.Generator) -> Images:
        """Every digit so often, each time somewhere else: ``[times * image, 1, canvas, canvas]`` float32."""
        ink = images.pixels[:, 0].astype(np.float32) / 16
        side = ink.shape[1]
        total = times * len(ink)
        canvases = rng.normal(0.0, self.noise, (total, self.canvas, self.canvas)).astype(np.float32)
        for place, canvas in enumerate(canvases):
            drawn = np.zeros_like(canvas)
            for _ in range(self.clutter):
                other = ink[rng.integers(len(ink))]
                (a, b), (c, d) = (
                    rng.integers(side - self.patch + 1, size=2),
                    rng.integers(self.canvas - self.patch + 1, size=2),
                )
                drawn[c : c + self.patch, d : d + self.patch] = other[a : a + self.patch, b : b + self.patch]
            top, left = rng.integers(self.canvas - side + 1, size=2)
            window = drawn[top : top + side, left : left + side]
            np.maximum(window, ink[place % len(ink)], out=window)
            canvas += drawn
        return Images(canvases[:, None], np.tile(images.labels, times), images.classes)


DIGITS_RECIPE = Recipe(epochs=8, batch_size=50, learning_rate=0.1, flip=False, padding=0)


@cache
def digits_task(
    recipe: Recipe = DIGITS_RECIPE,
    scattering: Scattering = Scattering(),
    *,
    channels: int = 8,
    cells: int = 1,
    training: int = 800,
) -> tuple[Task, Images]:
    """Digits under clutter and noise, small enough to train a cell in a second or two on one core, and test images.

    Between the two stages stand only a pooling and a 1×1 convolution, so that what a network can learn depends on
    its cells. The digits are split by hash before they are placed: no digit appears in two splits.
    """
    dataset = digits()
    rest = len(dataset.train) - training
    parts = dataset.splits(rest // 2, rest - rest // 2)
    names = ("train", "valid", "test")
    made = []
    for number, (part, times) in enumerate(zip(parts, scattering.placed, strict=True)):
        made.append(scattering.scatter(part, times, np.random.default_rng([2024, number])))
    mean, deviation = (np.array([value], dtype=np.float32) for value in (made[0].pixels.mean(), made[0].pixels.std()))
    finished = dict(zip(names, (standardised(part, mean, deviation) for part in made), strict=True))
    side = scattering.canvas
    macro = Macro((1, side, side), 10, channels, cells, 2, "pool", shift_of_nothing=False)
    return Task("digits", finished["train"], finished["valid"], macro, recipe), finished["test"]


@dataclass(frozen=True)
class Offer:
    """What a benchmark that offers ``"training"`` gives to strategies that train for themselves.

    Attributes:
        task: images for training and validation, the network around a cell, the recipe. No test images.
        supernet_seconds: kind of supernet step -> recorded seconds of one epoch; ``None``: the clock decides.
    """

    task: Task
    supernet_seconds: Mapping[str, float] | None = None
