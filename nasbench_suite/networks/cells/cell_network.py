"""Networks of cells in PyTorch: NAS-Bench-201's, exactly, and its smaller relatives.

What makes them quick: an activation that several edges need is computed once, edges that the output does not see are
not computed at all, images lie channels-last, and several *members* (the same cell with different training seeds)
run as one network of grouped convolutions, each with its own weights, images and statistics. A network alone that is
too narrow for the processor's vectors is *folded*: two images (or four) lie side by side in the channels of one, and
each layer sees from the number of channels that they do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nasbench_suite.errors import UsageError
from nasbench_suite.networks.cells.macro import KERNELS, Macro, check_buildable
from nasbench_suite.networks.members import Members
from nasbench_suite.spaces import CellSpace

VECTOR = 16
"""Numbers in a vector register: narrower activations of a lone network are folded until they are this wide."""

MakeCell = Callable[[int, Sequence[torch.Generator]], nn.Module]
"""``(channels, one generator per member) -> cell``"""


def draw_weights(outputs: int, inputs: int, size: int, generators: Sequence[torch.Generator]) -> list[Tensor]:
    """Initial weights of a convolution ``[outputs, inputs, size, size]``, one per member, as PyTorch draws them."""
    bound = 1 / math.sqrt(inputs * size * size)
    return [torch.empty(outputs, inputs, size, size).uniform_(-bound, bound, generator=g) for g in generators]


class Convolution(nn.Module):
    """A convolution without bias and batch normalisation, per member; the caller gives ReLU before it.

    Args:
        members: how many networks side by side.
        weights: ``[outputs, inputs, size, size]`` each; one per member, or several of one member, side by side in the
            outputs: convolutions of the same input.
        stride: of the kernel.
        normalised: whether batch normalisation follows.
    """

    def __init__(self, members: int, weights: Sequence[Tensor], stride: int = 1, *, normalised: bool = True) -> None:
        super().__init__()
        self.members, self.stride = members, stride
        self.weight = nn.Parameter(torch.cat(list(weights)).contiguous(memory_format=torch.channels_last))
        self.norm = Normalisation(len(self.weight)) if normalised else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.in_rows(x)
        return columns(y, self.fold(x))

    def fold(self, x: Tensor) -> int:
        """How many images lie side by side in the channels of an input."""
        return x.shape[1] // (self.members * self.weight.shape[1])

    def in_rows(self, x: Tensor) -> Tensor:
        """The output, folded images side by side in its rows (see :func:`rows`)."""
        weight, norm, fold = self.weight, self.norm, self.fold(x)
        if norm is not None and not self.training:  # one pass instead of two
            scale, shift = norm.folded()
            return rows(convolved(x, weight * scale[:, None, None, None], shift, self.members, self.stride), fold)
        y = rows(convolved(x, weight, None, self.members, self.stride), fold)
        return y if norm is None else norm(y)


def convolved(x: Tensor, weight: Tensor, shift: Tensor | None, members: int, stride: int = 1) -> Tensor:
    """Convolve each member's, or each folded image's, channels with its weights."""
    size = weight.shape[2]
    fold = x.shape[1] // (members * weight.shape[1])
    if fold > 1 and shift is not None:
        shift = torch.cat([shift] * fold)
    if size == 1 and stride == 1 and members == 1:  # a matrix product over the pixels
        matrix = weight[:, :, 0, 0]
        if fold > 1:
            matrix = torch.block_diag(*[matrix] * fold)  # type: ignore[no-untyped-call]
        return F.linear(x.permute(0, 2, 3, 1), matrix, shift).permute(0, 3, 1, 2)
    if fold > 1:
        weight = torch.cat([weight] * fold)
    weight = weight.contiguous(memory_format=torch.channels_last)
    return F.conv2d(x, weight, shift, stride, size // 2, groups=members * fold)


class Normalisation(nn.Module):
    """Batch normalisation with scale, shift and running statistics (momentum 0.1, ε 1e-5)."""

    running_mean: Tensor
    running_variance: Tensor
    epsilon = 1e-5
    momentum = 0.1

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_variance", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        # The checks of nn.functional take as long as a small normalisation.
        return torch.batch_norm(
            x,
            self.weight,
            self.bias,
            self.running_mean,
            self.running_variance,
            self.training,
            self.momentum,
            self.epsilon,
            torch.backends.cudnn.enabled,
        )

    def folded(self) -> tuple[Tensor, Tensor]:
        """Scale and shift per channel that evaluation applies."""
        scale = self.weight * torch.rsqrt(self.running_variance + self.epsilon)
        return scale, self.bias - self.running_mean * scale


def fold_images(x: Tensor, fold: int) -> Tensor:
    """``[fold * images, channels, …] -> [images, fold * channels, …]``, channels-last."""
    if fold == 1:
        return x
    count, channels, height, width = x.shape
    split = x.reshape(fold, count // fold, channels, height, width).transpose(0, 1)
    return split.reshape(count // fold, fold * channels, height, width).contiguous(memory_format=torch.channels_last)


def unfold_images(x: Tensor, channels: int) -> Tensor:
    """The inverse of :func:`fold_images`: as many images as it takes for so many channels."""
    fold = x.shape[1] // channels
    if fold == 1:
        return x
    count, _, height, width = x.shape
    split = x.permute(0, 2, 3, 1).reshape(count, height, width, fold, channels)
    return split.permute(3, 0, 1, 2, 4).reshape(-1, height, width, channels).permute(0, 3, 1, 2)


def rows(x: Tensor, fold: int) -> Tensor:
    """Folded images side by side in the rows instead of the channels; the same memory.

    So normalisations, sums and splits see one set of channels.
    """
    if fold == 1:
        return x
    count, wide, height, width = x.shape
    return x.permute(0, 2, 3, 1).reshape(count, height, width * fold, wide // fold).permute(0, 3, 1, 2)


def columns(x: Tensor, fold: int) -> Tensor:
    """The inverse of :func:`rows`."""
    if fold == 1:
        return x
    count, channels, height, wide = x.shape
    return x.permute(0, 2, 3, 1).reshape(count, height, wide // fold, fold * channels).permute(0, 3, 1, 2)


class Cell(nn.Module):
    """One cell. Only the edges that lie between input and output are built.

    Args:
        space: of the cell.
        cell: one operation per edge.
        channels: of one member, the same everywhere in the cell.
        shift_of_nothing: see :class:`~nasbench_suite.networks.cells.macro.Macro`.
        generators: one per member.
    """

    def __init__(
        self,
        space: CellSpace,
        cell: Sequence[int],
        channels: int,
        shift_of_nothing: bool,
        generators: Sequence[torch.Generator],
    ) -> None:
        super().__init__()
        self.nodes = space.nodes
        self.members, self.channels = len(generators), channels
        self.layers = nn.ModuleDict()
        # Per node what arrives: (source, operation, key of the layer, place among its outputs); source -1 is a shift
        # without an input.
        self.arrivals: list[list[tuple[int, str, str, int]]] = [[] for _ in range(space.nodes)]
        # The edges of each layer of convolutions. Those of a lone network that leave a node with one size are one
        # layer; members stay apart, because which numbers they give does not depend on this.
        self.fans: dict[str, list[tuple[int, int]]] = {}
        drawn: dict[str, list[Tensor]] = {}
        for (source, target), operation in live_edges(space, cell, shift_of_nothing).items():
            key = f"{target}_{source}"
            place = 0
            if operation == "shift":
                self.layers[key] = Normalisation(self.members * channels)
                source = -1
            elif operation in KERNELS:
                if self.members == 1:
                    key = f"{operation}_{source}"
                fan = self.fans.setdefault(key, [])
                place = len(fan)
                fan.append((source, target))
                drawn.setdefault(key, []).extend(draw_weights(channels, channels, KERNELS[operation], generators))
            self.arrivals[target].append((source, operation, key, place))
        for key, weights in drawn.items():
            self.layers[key] = Convolution(self.members, weights)

    def forward(self, x: Tensor) -> Tensor:
        fold = x.shape[1] // (self.members * self.channels)
        values: list[Tensor] = [x]
        rectified: dict[int, Tensor] = {}
        pooled: dict[int, Tensor] = {}
        convolutions: dict[str, Sequence[Tensor]] = {}
        for arrivals in self.arrivals[1:]:
            total: Tensor | None = None
            for source, operation, key, place in arrivals:
                if source < 0:  # batch statistics of nothing are 0, so only the shift is left
                    shift = self.layers[key].bias
                    assert isinstance(shift, Tensor)
                    term = shift[None, :, None, None].expand_as(rows(x, fold))
                elif operation == "skip_connect":
                    term = rows(values[source], fold)
                elif operation == "avg_pool_3x3":
                    if source not in pooled:
                        pooled[source] = rows(F.avg_pool2d(values[source], 3, 1, 1, count_include_pad=False), fold)
                    term = pooled[source]
                else:
                    if key not in convolutions:
                        if source not in rectified:
                            rectified[source] = F.relu(values[source])
                        layer = self.layers[key]
                        assert isinstance(layer, Convolution)
                        flow, edges = layer.in_rows(rectified[source]), len(self.fans[key])
                        # The gradient of a part is copied into that of the whole, also if it is the only one.
                        convolutions[key] = [flow] if edges == 1 else flow.chunk(edges, 1)
                    term = convolutions[key][place]
                total = term if total is None else total + term
            if total is None:
                values.append(torch.zeros_like(x))
            else:
                values.append(columns(total.contiguous(memory_format=torch.channels_last) if fold > 1 else total, fold))
        return values[-1].contiguous(memory_format=torch.channels_last)


def live_edges(space: CellSpace, cell: Sequence[int], shift_of_nothing: bool) -> dict[tuple[int, int], str]:
    """The edges on which the output depends, with their operations, in the space's order.

    A convolution whose source receives nothing is ``"shift"`` (or left out, see :class:`Macro`).
    """
    present: dict[tuple[int, int], str] = {}
    something = {0}
    for (source, target), option in zip(space.edges, space.check(cell), strict=True):
        operation = space.operations[option]
        if option == space.zero:
            continue
        if source not in something:
            if not (shift_of_nothing and operation in KERNELS):
                continue
            operation = "shift"
        present[source, target] = operation
        something.add(target)
    needed = {space.nodes - 1}
    for (source, target), operation in sorted(present.items(), key=lambda item: -item[0][1]):
        if target in needed and operation != "shift":
            needed.add(source)
    return {edge: operation for edge, operation in present.items() if edge[1] in needed}


class Residual(nn.Module):
    """NAS-Bench-201's reduction: two 3×3 convolutions, the first of stride 2, beside average pooling and a 1×1."""

    def __init__(self, inputs: int, outputs: int, generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        members = len(generators)
        self.channels = members * inputs
        self.first = Convolution(members, draw_weights(outputs, inputs, 3, generators), 2)
        self.second = Convolution(members, draw_weights(outputs, outputs, 3, generators))
        self.beside = Convolution(members, draw_weights(outputs, inputs, 1, generators), normalised=False)

    def forward(self, x: Tensor) -> Tensor:
        x = unfold_images(x, self.channels)
        inner: Tensor = self.second(F.relu(self.first(F.relu(x))))
        outer: Tensor = self.beside(F.avg_pool2d(x, 2, 2))
        return outer + inner


class Pooling(nn.Module):
    """The small reduction: average pooling, then ReLU, 1×1 convolution, batch normalisation."""

    def __init__(self, inputs: int, outputs: int, generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.channels = len(generators) * inputs
        self.convolution = Convolution(len(generators), draw_weights(outputs, inputs, 1, generators))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.convolution(unfold_images(F.relu(F.avg_pool2d(x, 2, 2)), self.channels))
        return y


class Head(nn.Module):
    """Batch normalisation, ReLU, mean over the pixels, one linear layer per member: ``[members, images, classes]``."""

    def __init__(self, channels: int, classes: int, generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.members = len(generators)
        self.norm = Normalisation(self.members * channels)
        bound = 1 / math.sqrt(channels)
        weights, biases = [], []
        for generator in generators:
            weights.append(torch.empty(channels, classes).uniform_(-bound, bound, generator=generator))
            biases.append(torch.empty(1, classes).uniform_(-bound, bound, generator=generator))
        self.weight = nn.Parameter(torch.stack(weights))
        self.bias = nn.Parameter(torch.stack(biases))

    def forward(self, x: Tensor) -> Tensor:
        x = unfold_images(x, self.members * self.weight.shape[1])
        # A mean spreads its gradient over all pixels in memory, a sum does not.
        features = F.relu(self.norm(x)).sum((2, 3)) / (x.shape[2] * x.shape[3])
        return torch.baddbmm(self.bias, features.view(len(x), self.members, -1).transpose(0, 1), self.weight)


class Skeleton(Members):
    """Stem, stages and head around any kind of cell.

    Args:
        macro: the sizes.
        make_cell: ``(channels, generators) -> module``, called once per cell.
        seeds: one per member; a member's initial weights depend on its own seed alone.
    """

    def __init__(self, macro: Macro, make_cell: MakeCell, seeds: Sequence[int]) -> None:
        super().__init__()
        if not seeds:
            raise UsageError("a network needs at least one training seed")
        generators = [torch.Generator().manual_seed(int(seed)) for seed in seeds]
        self.macro = macro
        self.members = len(seeds)
        self.stem = Convolution(self.members, draw_weights(macro.channels, macro.image[0], 3, generators))
        stages: list[nn.Module] = []
        before = macro.channels
        for stage, (channels, _) in enumerate(macro.levels()):
            if stage:
                reduction = Residual if macro.reduction == "residual" else Pooling
                stages.append(reduction(before, channels, generators))
            stages.extend(make_cell(channels, generators) for _ in range(macro.cells))
            before = channels
        self.stages = nn.ModuleList(stages)
        self.head = Head(before, macro.classes, generators)

    def forward(self, images: Tensor) -> Tensor:
        """Class scores.

        Args:
            images: ``[images, members * channels, height, width]``: each member's own images side by side.

        Returns:
            ``[members, images, classes]``.
        """
        x = fold_images(images, self._fold(len(images), self.macro.channels, images.device))
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
        for stage in self.stages:
            x = stage(x)
            if isinstance(stage, (Residual, Pooling)):
                x = fold_images(x, self._fold(len(x), x.shape[1] // self.members, x.device))
        scores: Tensor = self.head(x)
        return scores

    def apart(self, batch: Tensor) -> Tensor:
        """``[members, images, channels, height, width] -> [members, images, classes]``."""
        scores: Tensor = self(batch.transpose(0, 1).flatten(1, 2))
        return scores

    def _fold(self, images: int, channels: int, device: torch.device) -> int:
        """How many images side by side make a stage of so many channels a vector wide."""
        fold = max(1, VECTOR // channels)
        return fold if self.members == 1 and device.type == "cpu" and images % fold == 0 else 1


class CellNetwork(Skeleton):
    """The network of one cell.

    Args:
        space: of the cell; all its operations must be NAS-Bench-201's.
        cell: one operation per edge.
        macro: the sizes.
        seeds: one per member.

    Raises:
        SpaceError: not a cell of the space, or a space with operations that have no layer.
    """

    def __init__(self, space: CellSpace, cell: Sequence[int], macro: Macro, seeds: Sequence[int]) -> None:
        check_buildable(space)
        chosen = space.check(cell)
        super().__init__(macro, lambda channels, g: Cell(space, chosen, channels, macro.shift_of_nothing, g), seeds)
