"""A plain, literal PyTorch version of the networks and of the training loop, to compare with."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nasbench_suite.spaces import CellSpace
from nasbench_suite.training import Macro, Task


def convolution(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Sequential:
    layer = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
    return nn.Sequential(nn.ReLU(), layer, nn.BatchNorm2d(outputs))


class Zero(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 0.0


class PlainCell(nn.Module):
    """Every operation of every edge is computed, absent and idle ones included."""

    def __init__(self, space: CellSpace, cell: Sequence[int], channels: int) -> None:
        super().__init__()
        self.nodes = space.nodes
        self.edges = nn.ModuleDict()
        for (source, target), option in zip(space.edges, cell, strict=True):
            self.edges[f"{target}_{source}"] = {
                "none": Zero,
                "skip_connect": nn.Identity,
                "nor_conv_1x1": lambda: convolution(channels, channels, 1),
                "nor_conv_3x3": lambda: convolution(channels, channels, 3),
                "avg_pool_3x3": lambda: nn.AvgPool2d(3, 1, 1, count_include_pad=False),
            }[space.operations[option]]()

    def forward(self, x: Tensor) -> Tensor:
        values = [x]
        for target in range(1, self.nodes):
            values.append(sum(self.edges[f"{target}_{source}"](values[source]) for source in range(target)))
        return values[-1]


class Residual(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(convolution(inputs, outputs, 3, 2), convolution(outputs, outputs, 3))
        self.outer = nn.Sequential(nn.AvgPool2d(2, 2), nn.Conv2d(inputs, outputs, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        return self.outer(x) + self.inner(x)


class PlainNetwork(nn.Module):
    def __init__(self, space: CellSpace, cell: Sequence[int], macro: Macro) -> None:
        super().__init__()
        channels = macro.channels
        self.stem = nn.Sequential(
            nn.Conv2d(macro.image[0], channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        )
        stages: list[nn.Module] = []
        for stage in range(macro.stages):
            if stage:
                pool = nn.Sequential(nn.AvgPool2d(2, 2), convolution(channels, 2 * channels, 1))
                stages.append(Residual(channels, 2 * channels) if macro.reduction == "residual" else pool)
                channels *= 2
            stages += [PlainCell(space, cell, channels) for _ in range(macro.cells)]
        self.stages = nn.Sequential(*stages)
        self.last = nn.BatchNorm2d(channels)
        self.linear = nn.Linear(channels, macro.classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(F.relu(self.last(self.stages(self.stem(x)))).mean((2, 3)))


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
