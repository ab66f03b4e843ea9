"""What learning is for: classification and regression as pure functions, and goals by their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from nasbench_suite.errors import unknown
from nasbench_suite.tasks.task import Goal, Task
from nasbench_suite.training.augmenting import crops_and_flips


def member_losses(scores: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy per member: ``[members, images, classes]``, ``[members, images] -> [members]``."""
    if scores.is_cuda:  # its kernel for three dimensions is not deterministic
        losses = F.cross_entropy(scores.flatten(0, 1), labels.flatten(), reduction="none")
        return losses.view(labels.shape).mean(1)
    if len(scores) == 1:
        return F.cross_entropy(scores[0], labels[0])[None]
    return F.cross_entropy(scores.transpose(1, 2), labels, reduction="none").mean(1)


def class_metrics(scores: Tensor, labels: Tensor) -> Mapping[str, Tensor]:
    """Accuracy, top-5 accuracy, and macro precision, recall and F1, per member.

    Args:
        scores: ``[members, examples, classes]``.
        labels: ``[members, examples]``.
    """
    guesses = scores.argmax(2)
    best = scores.topk(min(5, scores.shape[2]), dim=2).indices
    places = zip(guesses.cpu().numpy(), labels.cpu().numpy(), strict=True)
    spread = torch.tensor(
        [(r.precision, r.recall, r.f1) for r in (macro_report(*pair, scores.shape[2]) for pair in places)],
        dtype=torch.float64,
    )
    return {
        "accuracy": (guesses == labels).double().mean(1),
        "top5": (best == labels[:, :, None]).any(2).double().mean(1),
        **dict(zip(("precision", "recall", "f1"), spread.unbind(1), strict=True)),
    }


@dataclass(frozen=True)
class Report:
    """How the guesses of a network are spread over the classes, each class counting the same.

    A class that is never guessed has precision 0.
    """

    precision: float
    recall: float
    f1: float


def macro_report(guesses: NDArray[np.integer], labels: NDArray[np.integer], classes: int) -> Report:
    """Precision, recall and F1 of each class, averaged over the classes that occur among labels or guesses."""
    confusion = np.bincount(labels * classes + guesses, minlength=classes * classes).reshape(classes, classes)
    right, guessed, there = np.diag(confusion), confusion.sum(0), confusion.sum(1)
    occurs = guessed + there > 0
    precision = right / np.maximum(guessed, 1)
    recall = right / np.maximum(there, 1)
    f1 = 2 * right / np.maximum(guessed + there, 1)
    return Report(*(float(values[occurs].mean()) for values in (precision, recall, f1)))


def squared_errors(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean squared error per member: ``[members, examples, outputs]``, ``[members, examples, outputs] -> [members]``."""
    return (outputs - targets.view_as(outputs)).square().flatten(1).mean(1)


def number_metrics(outputs: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
    """Coefficient of determination, mean squared and mean absolute error, per member; R² is the mean over outputs."""
    wanted = targets.view_as(outputs).double()
    errors = outputs.double() - wanted
    spread = (wanted - wanted.mean(1, keepdim=True)).square().sum(1)
    determined = 1 - errors.square().sum(1) / spread.clamp_min(torch.finfo(torch.float64).tiny)
    return {
        "r2": determined.flatten(1).mean(1),
        "mse": errors.square().flatten(1).mean(1),
        "mae": errors.abs().flatten(1).mean(1),
    }


CLASSIFICATION = Goal("classification", member_losses, class_metrics, crops_and_flips)
REGRESSION = Goal("regression", squared_errors, number_metrics)
GOALS = {goal.name: goal for goal in (CLASSIFICATION, REGRESSION)}
"""The goals that come with the suite."""


def goal_of(task: Task) -> Goal:
    """The goal of a task; raises :class:`UsageError` for a name that no goal has."""
    if isinstance(task.goal, Goal):
        return task.goal
    if task.goal not in GOALS:
        raise unknown("goal", task.goal, GOALS, "or give the task a Goal of its own")
    return GOALS[task.goal]
