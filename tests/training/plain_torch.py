"""A plain PyTorch version of the training loop, to compare with; plain networks are those of the suite."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F

from nasbench_suite.networks.cells.plain import PlainCell, PlainNetwork
from nasbench_suite.training import Task

__all__ = ["PlainCell", "PlainNetwork", "plain_epochs"]


def plain_epochs(network: PlainNetwork, task: Task, seed: int, epochs: int) -> list[float]:
    """The loss of every step, as anybody would write the loop."""
    recipe = task.recipe
    optimizer = torch.optim.SGD(
        network.parameters(), recipe.learning_rate, recipe.momentum, weight_decay=recipe.weight_decay, nesterov=True
    )
    images, labels = (
        torch.from_numpy(task.train.pixels).to(torch.get_default_dtype()),
        torch.from_numpy(task.train.labels),
    )
    steps = math.ceil(len(labels) / recipe.batch_size)
    losses = []
    network.train()
    for epoch in range(epochs):
        order = np.random.default_rng([seed, epoch]).permutation(len(labels))
        for step in range(steps):
            places = order[step * recipe.batch_size : (step + 1) * recipe.batch_size]
            for group in optimizer.param_groups:
                progress = (epoch + step / steps) / recipe.epochs
                group["lr"] = recipe.learning_rate * (1 + math.cos(math.pi * progress)) / 2
            loss = F.cross_entropy(network(images[places]), labels[places])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses
