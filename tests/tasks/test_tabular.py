"""Rows as tasks: split by their bytes, standardised by what is learned from, and refused where they make no sense."""

from __future__ import annotations

import numpy as np
import pytest

from nasbench_suite.errors import DataError, UsageError
from nasbench_suite.tasks.images import npz
from nasbench_suite.tasks.tabular import breast_cancer, digits_rows, flattened_task, tabular_task, wine
from nasbench_suite.tasks.task import Arrays, Recipe, Signature, Task


@pytest.mark.parametrize(
    ("make", "sizes", "signature"),
    [
        (digits_rows, (899, 449, 449), Signature((64,), 10)),
        (wine, (90, 44, 44), Signature((13,), 3)),
        (breast_cancer, (285, 142, 142), Signature((30,), 2)),
    ],
)
def test_what_ships_with_scikit_learn(make, sizes, signature) -> None:  # type: ignore[no-untyped-def]
    task, test = make()
    assert (len(task.train), len(task.valid), len(test)) == sizes and task.signature == signature
    assert task.identity == make()[0].identity
    assert np.abs(task.train.inputs.mean(0)).max() < 1e-4 and task.train.inputs.std(0).max() < 1.001
    rows = [{row.tobytes() for row in part.inputs} for part in (task.train, task.valid, test)]
    assert not rows[0] & rows[1] and not rows[0] & rows[2] and not rows[1] & rows[2]
    assert len(np.unique(test.targets)) == signature.outputs


def test_which_row_is_where_depends_on_the_row_alone() -> None:
    rng = np.random.default_rng(0)
    rows, labels = rng.standard_normal((80, 3)), np.arange(80) % 2
    mixed = rng.permutation(80)
    one, other = (tabular_task("x", rows[order], labels[order], classes=2)[1] for order in (np.arange(80), mixed))
    assert {row.tobytes() for row in one.inputs.round(4)} == {row.tobytes() for row in other.inputs.round(4)}


def test_users_images_sorted_by_class_are_flattened_and_mixed(tmp_path) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(10), 30)
    pixels = rng.integers(256, size=(300, 28, 28), dtype=np.uint8)
    np.savez(tmp_path / "mnist.npz", x_train=pixels, y_train=labels, x_test=pixels[:40], y_test=labels[:40])
    task, test = flattened_task(npz(tmp_path / "mnist.npz"), 0.2)
    assert task.signature == Signature((784,), 10) and len(test) == 40
    assert len(np.unique(task.valid.targets)) == 10


@pytest.mark.parametrize(
    ("rows", "targets", "more", "match"),
    [
        (np.full((9, 2), np.nan), np.zeros(9), {}, "finite"),
        (np.ones((9, 2)), np.array([0.0] * 8 + [np.inf]), {}, "finite"),
        (np.ones((9, 2)), np.arange(9), {"classes": 3}, "labels from 0 to 8"),
        (np.ones((9, 2)), np.zeros(8), {"classes": 2}, "one target per example"),
        (np.ones((9, 2)), np.zeros(9), {"classes": 2, "valid": 5, "test": 4}, "cannot set"),
        (np.ones((9, 2)), np.zeros(9), {"classes": 2, "recipe": Recipe()}, "flips or crops"),
    ],
)
def test_what_makes_no_sense_is_refused(rows, targets, more, match) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises((DataError, UsageError), match=match):
        tabular_task("x", rows, targets, **more)


def test_shapes_that_do_not_fit_the_signature_are_refused() -> None:
    arrays = Arrays(np.zeros((4, 3), np.float32), np.zeros(4, np.int64))
    recipe = Recipe(flip=False, padding=0)
    with pytest.raises(UsageError, match=r"the signature says \(5,\)"):
        Task("x", arrays, arrays, Signature((5,), 2), "classification", recipe)
    with pytest.raises(UsageError, match="at least 1"):
        Signature((0,), 2)
