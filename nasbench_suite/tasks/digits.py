"""Handwritten digits made hard: the task of the table ``digits-201`` and of ``live/digits``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from nasbench_suite.tasks.images import Images, digits
from nasbench_suite.tasks.nas_bench_201 import standardised
from nasbench_suite.tasks.task import Recipe, Signature, Task


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
    training: int = 800,
) -> tuple[Task, Images]:
    """Digits under clutter and noise, small enough to train a cell in a second or two on one core, and test images.

    The digits are split by hash before they are placed: no digit appears in two splits.
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
    signature = Signature((1, side, side), 10)
    task = Task("digits", finished["train"], finished["valid"], signature, "classification", recipe)
    return task, finished["test"]
