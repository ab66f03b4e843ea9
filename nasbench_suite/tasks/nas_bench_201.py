"""NAS-Bench-201's recipe on anybody's images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.tasks.images import Dataset, Images
from nasbench_suite.tasks.task import Recipe, Signature, Task


def nas_bench_201_task(dataset: Dataset, valid: float | int = 0.5, recipe: Recipe | None = None) -> tuple[Task, Images]:
    """NAS-Bench-201's recipe on a data set, with the test images beside it.

    Crops have a padding of 4, at 16×16 pixels of 2. The validation images are chosen by hash, not by the benchmark's
    own lists, which only its official files contain.

    Args:
        dataset: images of equal size.
        valid: how many, or which fraction, of the training images are for validation; the benchmark takes half of
            CIFAR-10.
        recipe: another recipe than the benchmark's.
    """
    training, validation, test = dataset.splits(valid, None if dataset.test is not None else valid)
    shape = training.inputs.shape[1:]
    channels = training.inputs.astype(np.float64).transpose(1, 0, 2, 3).reshape(shape[0], -1)
    mean, deviation = channels.mean(1).astype(np.float32), channels.std(1).astype(np.float32)
    chosen = recipe or Recipe(padding=2 if shape[1] <= 16 else 4)
    parts = [standardised(part, mean, np.maximum(deviation, 1e-6)) for part in (training, validation, test)]
    signature = Signature(shape, training.classes)
    task = Task(f"{dataset.name}-nas-bench-201", parts[0], parts[1], signature, "classification", chosen)
    return task, parts[2]


def standardised(images: Images, mean: NDArray[np.float32], deviation: NDArray[np.float32]) -> Images:
    """Pixels as float32 with the given mean and deviation per channel taken out."""
    pixels = (images.inputs.astype(np.float32) - mean[:, None, None]) / deviation[:, None, None]
    return Images(np.ascontiguousarray(pixels, dtype=np.float32), images.targets, images.classes)
