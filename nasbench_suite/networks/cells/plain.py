"""NAS-Bench-201's networks as plain PyTorch modules, every edge written out: to be counted, exported and read.

They compute what the fast networks of ``cell_network.py`` compute, and edges that the output does not see besides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from nasbench_suite.networks.cells.macro import Macro, check_buildable
from nasbench_suite.spaces import CellSpace


def _convolution(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Sequential:
    layer = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
    return nn.Sequential(nn.ReLU(), layer, nn.BatchNorm2d(outputs))


class Zero(nn.Module):
    """Nothing flows."""

    def forward(self, x: Tensor) -> Tensor:
        return x * 0.0


class PlainCell(nn.Module):
    """A cell with a module for every edge."""

    def __init__(self, space: CellSpace, cell: Sequence[int], channels: int) -> None:
        super().__init__()
        kinds: dict[str, Callable[[], nn.Module]] = {
            "none": Zero,
            "skip_connect": nn.Identity,
            "nor_conv_1x1": lambda: _convolution(channels, channels, 1),
            "nor_conv_3x3": lambda: _convolution(channels, channels, 3),
            "avg_pool_3x3": lambda: nn.AvgPool2d(3, 1, 1, count_include_pad=False),
        }
        self.nodes = space.nodes
        self.edges = nn.ModuleDict()
        for (source, target), option in zip(space.edges, cell, strict=True):
            self.edges[f"{target}_{source}"] = kinds[space.operations[option]]()

    def forward(self, x: Tensor) -> Tensor:
        values = [x]
        for target in range(1, self.nodes):
            total: Tensor = sum(self.edges[f"{target}_{source}"](values[source]) for source in range(target))
            values.append(total)
        return values[-1]


class PlainResidual(nn.Module):
    """NAS-Bench-201's reduction."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(_convolution(inputs, outputs, 3, 2), _convolution(outputs, outputs, 3))
        self.outer = nn.Sequential(nn.AvgPool2d(2, 2), nn.Conv2d(inputs, outputs, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        total: Tensor = self.outer(x) + self.inner(x)
        return total


class PlainNetwork(nn.Module):
    """Stem, stages and head around plain cells: ``[image, channel, height, width] -> [image, class]``.

    Raises:
        SpaceError: a space with operations that have no layer.
    """

    def __init__(self, space: CellSpace, cell: Sequence[int], macro: Macro) -> None:
        check_buildable(space)
        super().__init__()
        chosen, channels = space.check(cell), macro.channels
        self.stem = nn.Sequential(
            nn.Conv2d(macro.image[0], channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        )
        stages: list[nn.Module] = []
        for stage in range(macro.stages):
            if stage:
                pooled = nn.Sequential(nn.AvgPool2d(2, 2), _convolution(channels, 2 * channels, 1))
                stages.append(PlainResidual(channels, 2 * channels) if macro.reduction == "residual" else pooled)
                channels *= 2
            stages += [PlainCell(space, chosen, channels) for _ in range(macro.cells)]
        self.stages = nn.Sequential(*stages)
        self.last = nn.BatchNorm2d(channels)
        self.linear = nn.Linear(channels, macro.classes)

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.linear(F.relu(self.last(self.stages(self.stem(images)))).mean((2, 3)))
        return scores
