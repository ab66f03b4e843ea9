"""The network around a cell: its sizes, and how many parameters and multiply-adds it has (counted, nothing is built)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from nasbench_suite.errors import SpaceError, UsageError
from nasbench_suite.spaces import CellSpace

KERNELS = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}
"""Operations with weights: ReLU, convolution without bias, batch normalisation with scale and shift."""
BUILDABLE = frozenset({"none", "skip_connect", "avg_pool_3x3", *KERNELS})


@dataclass(frozen=True)
class Macro:
    """Stem, stages of equal cells, and head. The channels double and the sides halve from stage to stage.

    Attributes:
        image: channels, height and width of what goes in.
        classes: how many labels.
        channels: of the first stage.
        cells: in each stage.
        stages: at least 1.
        reduction: what stands between two stages. ``"residual"`` is NAS-Bench-201's basic residual block of stride
            2; ``"pool"`` is a 2×2 average pooling and a ReLU, 1×1 convolution, batch normalisation, so that no
            path around the cells learns anything by itself.
        shift_of_nothing: a convolution of a node that receives nothing gives the shift of its batch normalisation,
            as it does in NAS-Bench-201; ``False``: it gives nothing, so that isomorphic cells compute the same.

    Raises:
        UsageError: a number below 1, or an image that cannot be halved so often (residual blocks need even sides).
    """

    image: tuple[int, int, int]
    classes: int
    channels: int = 16
    cells: int = 5
    stages: int = 3
    reduction: Literal["residual", "pool"] = "residual"
    shift_of_nothing: bool = True

    def __post_init__(self) -> None:
        if min(*self.image, self.classes, self.channels, self.cells, self.stages) < 1:
            raise UsageError(f"{self}: every number must be at least 1")
        if min(self.image[1:]) < 2 ** (self.stages - 1):
            raise UsageError(f"{self}: {self.stages} stages halve the image {self.stages - 1} times; it is too small")
        if self.reduction == "residual" and any(side % 2 ** (self.stages - 1) for side in self.image[1:]):
            raise UsageError(
                f"{self}: residual reductions halve the sides {self.stages - 1} times, so height and width must be "
                f"multiples of {2 ** (self.stages - 1)}; pad or crop the images"
            )

    def levels(self) -> Iterator[tuple[int, int]]:
        """Channels and number of pixels of each stage."""
        _, height, width = self.image
        for stage in range(self.stages):
            yield self.channels * 2**stage, height * width
            # A stride of 2 with padding rounds up, a pooling rounds down.
            height, width = (-(-s // 2) if self.reduction == "residual" else s // 2 for s in (height, width))

    def parameters(self, space: CellSpace, cell: Sequence[int]) -> int:
        """Trainable numbers of the network of a cell, those of edges that the output does not see included."""
        convolutions = _convolutions(space, cell)
        return self._fixed()[0] + sum(
            self.cells * sum(size * size * c * c + 2 * c for size in convolutions) for c, _ in self.levels()
        )

    def flops(self, space: CellSpace, cell: Sequence[int]) -> int:
        """Multiply-adds of one image as NAS-Bench-201 counts them: convolutions and the linear layer with its bias."""
        convolutions = _convolutions(space, cell)
        return self._fixed()[1] + sum(
            self.cells * sum(size * size * c * c * pixels for size in convolutions) for c, pixels in self.levels()
        )

    def _fixed(self) -> tuple[int, int]:
        """Parameters and multiply-adds of all that is not a cell."""
        levels = list(self.levels())
        stem = 9 * self.image[0] * self.channels
        parameters, flops = stem + 2 * self.channels, stem * levels[0][1]
        for (before, _), (after, pixels) in itertools.pairwise(levels):
            if self.reduction == "residual":  # two 3×3 convolutions with normalisation, one 1×1 without
                weights = 9 * before * after + 9 * after * after + before * after
                parameters += weights + 4 * after
            else:
                weights = before * after
                parameters += weights + 2 * after
            flops += weights * pixels
        last = levels[-1][0]
        head = last * self.classes + self.classes
        return parameters + 2 * last + head, flops + head


def check_buildable(space: CellSpace) -> None:
    """Raise :class:`SpaceError` if a space has operations for which there is no layer."""
    if strange := sorted(set(space.operations) - BUILDABLE):
        raise SpaceError(
            f"space {space.name!r} has operations that cannot be built: {', '.join(strange)}; "
            f"layers exist for {', '.join(sorted(BUILDABLE))}"
        )


def _convolutions(space: CellSpace, cell: Sequence[int]) -> list[int]:
    """The kernel sizes of a cell's convolutions."""
    names = [space.operations[option] for option in space.check(cell)]
    return [KERNELS[name] for name in names if name in KERNELS]
