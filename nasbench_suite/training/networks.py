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
from nasbench_suite.spaces import CellSpace
from nasbench_suite.training.macro import KERNELS, Macro, check_buildable

VECTOR = 16
"""Numbers in a vector register: narrower activations of a lone network are folded until they are this wide."""

MakeCell = Callable[[int, Sequence[torch.Generator]], nn.Module]
"""``(channels, one generator per member) -> cell``"""


class Convolution(nn.Module):
    """A convolution without bias and batch normalisation, per member; the caller gives ReLU before it.

    Args:
        members: how many networks side by side.
        inputs, outputs: channels of one member.
        size: of the kernel.
        stride: of the kernel.
        generators: one per member; the weights are drawn as PyTorch draws them by default.
        normalised: whether batch normalisation follows.
    """

    def __init__(
        self,
        members: int,
        inputs: int,
        outputs: int,
        size: int,
        stride: int,
        generators: Sequence[torch.Generator],
        *,
        normalised: bool = True,
    ) -> None:
        super().__init__()
        self.members, self.inputs, self.size, self.stride = members, inputs, size, stride
        bound = 1 / math.sqrt(inputs * size * size)
        drawn = [torch.empty(outputs, inputs, size, size).uniform_(-bound, bound, generator=g) for g in generators]
        self.weight = nn.Parameter(torch.cat(drawn).contiguous(memory_format=torch.channels_last))
        self.norm = Normalisation(members * outputs) if normalised else None

    def forward(self, x: Tensor) -> Tensor:
        weight, norm = self.weight, self.norm
        if norm is not None and not self.training:  # one pass instead of two
            scale, shift = norm.folded()
            return convolved(x, weight * scale[:, None, None, None], shift, self.members, self.stride)
        y = convolved(x, weight, None, self.members, self.stride)
        if norm is None:
            return y
        fold = y.shape[1] // len(weight)
        return columns(norm(rows(y, fold)), fold)


def convolved(x: Tensor, weight: Tensor, shift: Tensor | None, members: int, stride: int = 1) -> Tensor:
    """Convolve each member's, or each folded image's, channels with its weights."""
    size = weight.shape[2]
    fold = x.shape[1] // (members * weight.shape[1])
    if fold > 1 and shift is not None:
        shift = shift.repeat(fold)
    if size == 1 and stride == 1 and members == 1:  # a matrix product over the pixels
        matrix = weight[:, :, 0, 0]
        if fold > 1:
            matrix = torch.block_diag(*[matrix] * fold)  # type: ignore[no-untyped-call]
        return F.linear(x.permute(0, 2, 3, 1), matrix, shift).permute(0, 3, 1, 2)
    if fold > 1:
        weight = weight.repeat(fold, 1, 1, 1)
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
        return F.batch_norm(
            x,
            self.running_mean,
            self.running_variance,
            self.weight,
            self.bias,
            self.training,
            self.momentum,
            self.epsilon,
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
        shift_of_nothing: see :class:`~nasbench_suite.training.macro.Macro`.
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
        # Per node what arrives: (source, operation, key of the layer); source -1 is a shift without an input.
        self.arrivals: list[list[tuple[int, str, str]]] = [[] for _ in range(space.nodes)]
        # The convolutions of one size that leave a node.
        self.fans: dict[tuple[int, str], list[str]] = {}
        used = live_edges(space, cell, shift_of_nothing)
        for (source, target), operation in used.items():
            key = f"{target}_{source}"
            if operation == "shift":
                self.layers[key] = Normalisation(len(generators) * channels)
                self.arrivals[target].append((-1, operation, key))
                continue
            if operation in KERNELS:
                self.layers[key] = Convolution(len(generators), channels, channels, KERNELS[operation], 1, generators)
                self.fans.setdefault((source, operation), []).append(key)
            self.arrivals[target].append((source, operation, key))

    def forward(self, x: Tensor) -> Tensor:
        fold = x.shape[1] // (self.members * self.channels)
        values: list[Tensor] = [x]
        done: dict[tuple[int, str], Tensor] = {}
        for arrivals in self.arrivals[1:]:
            total: Tensor | None = None
            for source, operation, key in arrivals:
                if source < 0:  # batch statistics of nothing are 0, so only the shift is left
                    shift = self.layers[key].bias
                    assert isinstance(shift, Tensor)
                    term = shift[None, :, None, None].expand_as(rows(x, fold))
                elif operation == "skip_connect":
                    term = rows(values[source], fold)
                elif operation == "avg_pool_3x3":
                    if (source, operation) not in done:
                        done[source, operation] = F.avg_pool2d(values[source], 3, 1, 1, count_include_pad=False)
                    term = rows(done[source, operation], fold)
                else:
                    if (source, key) not in done:
                        if (source, "relu") not in done:
                            done[source, "relu"] = F.relu(values[source])
                        # Members stay apart: which numbers they give does not depend on this.
                        together = self.fans[source, operation] if self.members == 1 else [key]
                        for name, flow in self._fan(done[source, "relu"], together, fold):
                            done[source, name] = flow
                    term = done[source, key]
                total = term if total is None else total + term
            if total is None:
                values.append(torch.zeros_like(x))
            else:
                values.append(columns(total.contiguous(memory_format=torch.channels_last) if fold > 1 else total, fold))
        return values[-1].contiguous(memory_format=torch.channels_last)

    def _fan(self, x: Tensor, keys: Sequence[str], fold: int) -> list[tuple[str, Tensor]]:
        """Convolutions of one input and size; several are one with their outputs side by side."""
        if len(keys) == 1:
            return [(keys[0], rows(self.layers[keys[0]](x), fold))]
        layers = [self.layers[key] for key in keys]
        weights: list[Tensor] = []
        shifts: list[Tensor] = []
        norms: list[Normalisation] = []
        for layer in layers:
            assert isinstance(layer, Convolution) and layer.norm is not None
            norms.append(layer.norm)
            if self.training:
                weights.append(layer.weight)
            else:
                scale, shift = layer.norm.folded()
                weights.append(layer.weight * scale[:, None, None, None])
                shifts.append(shift)
        y = convolved(x, torch.cat(weights), torch.cat(shifts) if shifts else None, 1)
        y = rows(y, fold)
        if self.training:
            y = normalised_together(y, norms)
        return list(zip(keys, torch.chunk(y, len(keys), 1), strict=True))


def normalised_together(x: Tensor, norms: Sequence[Normalisation]) -> Tensor:
    """Several normalisations of a training step, side by side in the channels, in one pass."""
    weight, bias = torch.cat([norm.weight for norm in norms]), torch.cat([norm.bias for norm in norms])
    mean, variance = torch.zeros_like(weight), torch.zeros_like(weight)
    y = F.batch_norm(x, mean, variance, weight, bias, True, 1.0, Normalisation.epsilon)  # they become the batch's
    with torch.no_grad():
        parts = zip(norms, mean.chunk(len(norms)), variance.chunk(len(norms)), strict=True)
        for norm, batch_mean, batch_variance in parts:
            norm.running_mean.lerp_(batch_mean, norm.momentum)
            norm.running_variance.lerp_(batch_variance, norm.momentum)
    return y


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
        self.first = Convolution(members, inputs, outputs, 3, 2, generators)
        self.second = Convolution(members, outputs, outputs, 3, 1, generators)
        self.beside = Convolution(members, inputs, outputs, 1, 1, generators, normalised=False)

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
        self.convolution = Convolution(len(generators), inputs, outputs, 1, 1, generators)

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
        features = F.relu(self.norm(x)).mean((2, 3))
        return torch.baddbmm(self.bias, features.view(len(x), self.members, -1).transpose(0, 1), self.weight)


class Skeleton(nn.Module):
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
        self.stem = Convolution(self.members, macro.image[0], macro.channels, 3, 1, generators)
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
