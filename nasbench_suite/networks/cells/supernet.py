"""One network that holds every cell of a space: the shared weights of DARTS and its kin.

What a literal mixture computes edge by edge is computed source by source: the edges that leave a node share its
ReLU and its pooling, and their convolutions of one size are one convolution with the outputs side by side. The
weights of the mixture are the scales of the batch normalisations, so that they cost no pass of their own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nasbench_suite.networks.cells.cell_network import Normalisation, Skeleton
from nasbench_suite.networks.cells.macro import KERNELS, Macro, check_buildable
from nasbench_suite.spaces import Architecture, CellSpace


class Mixture(NamedTuple):
    """How much of each operation flows on each edge.

    Attributes:
        weights: ``[edge, operation]``.
        active: ``[edge][…]`` numbers of the operations that are computed; the others are left out, whatever their
            weight.
    """

    weights: Tensor
    active: tuple[tuple[int, ...], ...]


def everything(space: CellSpace) -> tuple[tuple[int, ...], ...]:
    """All operations of every edge, for :class:`Mixture`."""
    return tuple(tuple(range(len(space.operations))) for _ in space.edges)


def single(space: CellSpace, cell: Architecture) -> Mixture:
    """The mixture that is one cell."""
    weights = F.one_hot(torch.tensor(cell), len(space.operations)).to(torch.get_default_dtype())
    return Mixture(weights, tuple((option,) for option in cell))


class MixedCell(nn.Module):
    """A cell with every operation on every edge. Its normalisations know only the batch and have no parameters."""

    def __init__(self, space: CellSpace, channels: int, generator: torch.Generator) -> None:
        super().__init__()
        self.space, self.channels = space, channels
        self.kernels = nn.ParameterDict()
        # Source -> (target, number of the edge), in the order of the outputs of its convolutions.
        self.leaving: dict[int, list[tuple[int, int]]] = {}
        for number, (source, target) in enumerate(space.edges):
            self.leaving.setdefault(source, []).append((target, number))
        for source, edges in self.leaving.items():
            for operation in space.operations:
                if operation in KERNELS:
                    size = KERNELS[operation]
                    bound = 1 / math.sqrt(channels * size * size)
                    weight = torch.empty(len(edges), channels, channels, size, size)
                    self.kernels[f"{operation}@{source}"] = nn.Parameter(
                        weight.uniform_(-bound, bound, generator=generator)
                    )

    def forward(self, x: Tensor, mixture: Mixture) -> Tensor:
        """The output node's value."""
        values: list[Tensor | None] = [x, *[None] * (self.space.nodes - 1)]
        for source, edges in self.leaving.items():
            value = values[source]
            if value is not None:
                self._flow(value, source, edges, mixture, values)
        last = values[-1]
        return torch.zeros_like(x) if last is None else last

    def _flow(
        self, x: Tensor, source: int, edges: Sequence[tuple[int, int]], mixture: Mixture, values: list[Tensor | None]
    ) -> None:
        """Add what leaves one node to the nodes that it reaches."""
        weights, active = mixture
        rectified: Tensor | None = None
        pooled: Tensor | None = None
        for option, operation in enumerate(self.space.operations):
            wanted = [place for place, (_, edge) in enumerate(edges) if option in active[edge]]
            if not wanted or option == self.space.zero:
                continue
            if operation in KERNELS:
                if rectified is None:
                    rectified = F.relu(x)
                flows = self._convolved(rectified, f"{operation}@{source}", option, wanted, edges, weights)
                for place, flow in zip(wanted, flows, strict=True):
                    _add(values, edges[place][0], flow)
                continue
            if operation == "avg_pool_3x3" and pooled is None:
                pooled = F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
            passed = pooled if operation == "avg_pool_3x3" else x
            assert passed is not None
            for place in wanted:
                target, edge = edges[place]
                _add(values, target, passed * weights[edge, option])

    def _convolved(
        self,
        x: Tensor,
        key: str,
        option: int,
        wanted: Sequence[int],
        edges: Sequence[tuple[int, int]],
        weights: Tensor,
    ) -> Sequence[Tensor]:
        """The weighted, normalised convolutions of one size for the wanted edges."""
        kernel = self.kernels[key]
        if len(wanted) < len(edges):
            kernel = kernel[list(wanted)]
        kernel = kernel.flatten(0, 1)
        y = F.conv2d(x, kernel.contiguous(memory_format=torch.channels_last), padding=kernel.shape[-1] // 2)
        scale = weights[[edges[place][1] for place in wanted], option].repeat_interleave(self.channels)
        y = F.batch_norm(y, None, None, scale, None, True, 0.0, Normalisation.epsilon)
        # The gradient of a part is copied into that of the whole, also if it is the only one.
        return [y] if len(wanted) == 1 else torch.chunk(y, len(wanted), 1)


def _add(values: list[Tensor | None], target: int, flow: Tensor) -> None:
    before = values[target]
    values[target] = flow if before is None else before + flow


class Supernet(Skeleton):
    """The network around mixed cells; every cell of it follows the same mixture.

    Args:
        space: any cell space whose operations have layers.
        macro: the sizes.
        seed: of the initial weights.

    Raises:
        SpaceError: a space with operations that have no layer.
    """

    def __init__(self, space: CellSpace, macro: Macro, seed: int) -> None:
        check_buildable(space)
        super().__init__(macro, lambda channels, generators: MixedCell(space, channels, generators[0]), [seed])
        self.space = space

    def mixed(self, images: Tensor, mixture: Mixture) -> Tensor:
        """Class scores ``[images, classes]`` of images ``[images, channels, height, width]`` under a mixture."""
        x = self.stem(images.contiguous(memory_format=torch.channels_last))
        for stage in self.stages:
            x = stage(x, mixture) if isinstance(stage, MixedCell) else stage(x)
        scores: Tensor = self.head(x)[0]
        return scores
