"""One network that holds every cell of a space: the shared weights of DARTS and its kin.

What a literal mixture computes edge by edge is computed source by source: the edges that leave a node share its
ReLU and its pooling, and their convolutions of one size are one convolution with the outputs side by side. The
weights of the mixture are the scales of the batch normalisations, so that they cost no pass of their own; those of
what passes without a convolution are multiplied and added in one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nasbench_suite.spaces import Architecture, CellSpace
from nasbench_suite.training.macro import KERNELS, Macro, check_buildable
from nasbench_suite.training.networks import Normalisation, Skeleton

FEW_CHANNELS = 16
"""Up to so many our own pooling is the faster one on a CPU."""


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
        # The places of the edges -> what flows there by convolutions, side by side in the channels.
        fans: dict[tuple[int, ...], Tensor] = {}
        for option, operation in enumerate(self.space.operations):
            wanted = tuple(place for place, (_, edge) in enumerate(edges) if option in active[edge])
            if not wanted or option == self.space.zero:
                continue
            if operation in KERNELS:
                if rectified is None:
                    rectified = F.relu(x)
                flow = self._convolved(rectified, f"{operation}@{source}", option, wanted, edges, weights)
                fans[wanted] = fans[wanted] + flow if wanted in fans else flow
                continue
            passed = pooled(x) if operation == "avg_pool_3x3" else x
            for place in wanted:
                target, edge = edges[place]
                before, weight = values[target], weights[edge, option]
                values[target] = passed * weight if before is None else torch.addcmul(before, passed, weight)
        for wanted, flow in fans.items():
            # The gradient of a part is copied into that of the whole, also if it is the only one.
            parts = [flow] if len(wanted) == 1 else torch.chunk(flow, len(wanted), 1)
            for place, part in zip(wanted, parts, strict=True):
                target = edges[place][0]
                held = values[target]
                values[target] = part if held is None else held + part

    def _convolved(
        self,
        x: Tensor,
        key: str,
        option: int,
        wanted: Sequence[int],
        edges: Sequence[tuple[int, int]],
        weights: Tensor,
    ) -> Tensor:
        """The weighted, normalised convolutions of one size for the wanted edges, side by side in the channels."""
        kernel = self.kernels[key]
        if len(wanted) < len(edges):
            kernel = kernel[list(wanted)]
        kernel = kernel.flatten(0, 1)
        y = F.conv2d(x, kernel.contiguous(memory_format=torch.channels_last), padding=kernel.shape[-1] // 2)
        scale = weights[[edges[place][1] for place in wanted], option].repeat_interleave(self.channels)
        return F.batch_norm(y, None, None, scale, None, True, 0.0, Normalisation.epsilon)


class NeighbourSum(torch.autograd.Function):
    """Every pixel's sum over itself and its eight neighbours, first down the columns, then along the rows.

    Of channels-last images on the CPU. It is its own adjoint, so its gradient is the same sum.
    """

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        count, channels, height, width = x.shape
        lines = x.permute(0, 2, 3, 1).reshape(count, height, width * channels)
        tall = lines.clone()
        tall[:, 1:] += lines[:, :-1]
        tall[:, :-1] += lines[:, 1:]
        total = tall.clone()
        total[:, :, channels:] += tall[:, :, :-channels]
        total[:, :, :-channels] += tall[:, :, channels:]
        return total.view(count, height, width, channels).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:
        total: Tensor = NeighbourSum.apply(gradient)  # type: ignore[no-untyped-call]
        return total


@cache
def _inverse_counts(height: int, width: int, dtype: torch.dtype) -> Tensor:
    """One over the number of pixels in the 3×3 window around each pixel of an image."""
    with torch.inference_mode(False):  # whoever asks first, all may use it
        down, along = (torch.tensor([2.0, *[3.0] * (side - 2), 2.0], dtype=dtype) for side in (height, width))
        return 1 / torch.outer(down, along)


def pooled(x: Tensor) -> Tensor:
    """3×3 average pooling of stride 1; a pixel at the border has fewer neighbours.

    PyTorch's is slow on the CPU where there are few channels.
    """
    _, channels, height, width = x.shape
    exact = x.dtype in (torch.float32, torch.float64)  # a lower precision must be summed in a higher one
    if x.device.type != "cpu" or channels > FEW_CHANNELS or min(height, width) < 2 or not exact:
        return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
    total: Tensor = NeighbourSum.apply(x)  # type: ignore[no-untyped-call]
    return total * _inverse_counts(height, width, x.dtype)


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
