"""Random crops and flips of images, drawn for an epoch at once and done on the device where the images are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nasbench_suite.tasks.task import Change, Recipe


def crops_and_flips(
    recipe: Recipe, generators: Sequence[np.random.Generator], images: int, device: str
) -> Sequence[Change]:
    """What changes the images of each batch of an epoch; labels stay (see :class:`~nasbench_suite.tasks.task.Goal`)."""
    return [partial(_changed, recipe, changes) for changes in draw_changes(recipe, generators, images, device)]


def _changed(recipe: Recipe, changes: Changes, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    return changed(images, recipe, changes), labels


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
    if changes == (None, None):
        return images
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
