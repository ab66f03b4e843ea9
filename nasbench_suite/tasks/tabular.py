"""Rows of numbers: tabular data, and images flattened into rows.

Scikit-learn's digits, wine and breast cancer come with the suite; MNIST and its like are read from the user's files
(:mod:`nasbench_suite.tasks.images`) and flattened.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.errors import DataError, UsageError
from nasbench_suite.tasks.images import Dataset, digits, hash_order
from nasbench_suite.tasks.task import Arrays, Recipe, Signature, Task

TABULAR_RECIPE = Recipe(epochs=20, batch_size=32, learning_rate=0.05, weight_decay=1e-4, flip=False, padding=0)


def tabular_task(
    name: str,
    rows: NDArray[Any],
    targets: NDArray[Any],
    *,
    classes: int = 0,
    valid: float | int = 0.25,
    test: float | int = 0.25,
    recipe: Recipe = TABULAR_RECIPE,
) -> tuple[Task, Arrays]:
    """A task of rows, and the test rows beside it. Which row is where depends on its own bytes alone.

    Columns are standardised by the training rows; so are the targets of a regression.

    Args:
        name: of the task.
        rows: ``[row, …]`` numbers; what has more dimensions, such as images, is flattened.
        targets: ``[row]`` labels from 0, or ``[row]`` or ``[row, output]`` numbers.
        classes: how many labels; 0 for a regression.
        valid, test: how many, or which fraction, of the rows.
        recipe: how networks are trained.

    Raises:
        DataError: rows or targets that are not finite, labels that do not fit, or not one target per row.
        UsageError: more rows set aside than there are.
    """
    flat = np.ascontiguousarray(rows.reshape(len(rows), -1), dtype=np.float32)
    wanted = targets.astype(np.int64 if classes else np.float32).reshape((-1,) if classes else (len(rows), -1))
    whole = Arrays(flat, wanted)
    if not np.isfinite(flat).all() or not np.isfinite(wanted).all():
        raise DataError(f"task {name!r}: rows and targets must be finite numbers; drop or fill what is missing")
    if classes and not (wanted.min() >= 0 and wanted.max() < classes):
        raise DataError(f"task {name!r}: labels from {wanted.min()} to {wanted.max()}; expected 0 to {classes - 1}")
    training, validation, testing = _split(whole, name, valid, test)
    return _task(name, training, validation, testing, classes, recipe)


def flattened_task(
    dataset: Dataset, valid: float | int = 0.25, test: float | int | None = None, recipe: Recipe = TABULAR_RECIPE
) -> tuple[Task, Arrays]:
    """Images as rows of pixels, split as :meth:`Dataset.splits` does it, and the test rows beside them.

    Raises:
        UsageError: more images set aside than there are, or test images asked for where there are official ones.
    """
    parts = dataset.splits(valid, test)
    rows = [Arrays(part.inputs.reshape(len(part), -1).astype(np.float32), part.targets) for part in parts]
    return _task(f"{dataset.name}-rows", rows[0], rows[1], rows[2], parts[0].classes, recipe)


@cache
def digits_rows(recipe: Recipe = TABULAR_RECIPE) -> tuple[Task, Arrays]:
    """The 1,797 handwritten digits of scikit-learn as rows of 64 pixels: half to learn, a quarter each to choose and test."""
    return flattened_task(digits(), 0.25, 0.25, recipe)


def wine(recipe: Recipe = TABULAR_RECIPE) -> tuple[Task, Arrays]:
    """178 wines of three cultivars, 13 measurements each (UCI, Forina et al.)."""
    from sklearn.datasets import load_wine

    found = load_wine()
    return tabular_task("wine", found.data, found.target, classes=3, recipe=recipe)


def breast_cancer(recipe: Recipe = TABULAR_RECIPE) -> tuple[Task, Arrays]:
    """569 tumours, malignant or benign, 30 measurements each (UCI, Wolberg et al. 1995)."""
    from sklearn.datasets import load_breast_cancer

    found = load_breast_cancer()
    return tabular_task("breast-cancer", found.data, found.target, classes=2, recipe=recipe)


def _split(whole: Arrays, salt: str, valid: float | int, test: float | int) -> tuple[Arrays, Arrays, Arrays]:
    total = len(whole)
    aside, chosen = (round(total * part) if isinstance(part, float) else part for part in (test, valid))
    if min(aside, chosen) < 1 or aside + chosen >= total:
        raise UsageError(f"task {salt!r} has {total} rows; cannot set {chosen} and {aside} aside")
    order = hash_order(whole.inputs, salt)
    testing, validation, training = (np.sort(part) for part in np.split(order, [aside, aside + chosen]))
    return whole.take(training), whole.take(validation), whole.take(testing)


def _task(
    name: str, training: Arrays, validation: Arrays, testing: Arrays, classes: int, recipe: Recipe
) -> tuple[Task, Arrays]:
    scale = _scale(training.inputs)
    goal = "classification" if classes else "regression"
    wanted = None if classes else _scale(training.targets)
    made = [
        Arrays(_scaled(part.inputs, scale), part.targets if wanted is None else _scaled(part.targets, wanted))
        for part in (training, validation, testing)
    ]
    signature = Signature((training.inputs.shape[1],), classes or training.targets.shape[1])
    return Task(name, made[0], made[1], signature, goal, recipe), made[2]


Scale = tuple[NDArray[np.float32], NDArray[np.float32]]


def _scale(values: NDArray[Any]) -> Scale:
    """Mean and standard deviation per column; a constant column keeps its unit."""
    mean, deviation = values.astype(np.float64).mean(0), values.astype(np.float64).std(0)
    return mean.astype(np.float32), np.where(deviation > 0, deviation, 1.0).astype(np.float32)


def _scaled(values: NDArray[Any], scale: Scale) -> NDArray[np.float32]:
    scaled: NDArray[np.float32] = (values.astype(np.float32) - scale[0]) / scale[1]
    return scaled
