"""The builder of cells: a cell space and the network around a cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nasbench_suite.errors import UsageError
from nasbench_suite.networks.cells.macro import Macro
from nasbench_suite.spaces import Architecture, CellSpace, nas_bench_201
from nasbench_suite.tasks.task import Signature

if TYPE_CHECKING:
    from nasbench_suite.networks.cells.cell_network import CellNetwork
    from nasbench_suite.networks.cells.plain import PlainNetwork


@dataclass(frozen=True)
class CellBuilder:
    """Builds the networks of cells.

    Attributes:
        cells: the space of the cells; all its operations must be NAS-Bench-201's.
        macro: the network around a cell.
    """

    cells: CellSpace
    macro: Macro

    name = "cells"

    @property
    def space(self) -> str:
        """The name of the space of the cells."""
        return self.cells.name

    @property
    def record(self) -> tuple[Any, ...]:
        """The space's name and the sizes."""
        return self.name, self.space, self.macro

    def __call__(self, architecture: Architecture, signature: Signature) -> PlainNetwork:
        """The network of a cell as plain modules, every edge written out."""
        from nasbench_suite.networks.cells.plain import PlainNetwork

        self.check(signature)
        return PlainNetwork(self.cells, architecture, self.macro)

    def members(self, architecture: Architecture, signature: Signature, seeds: Sequence[int]) -> CellNetwork:
        """The fast network of a cell, with one member per seed."""
        from nasbench_suite.networks.cells.cell_network import CellNetwork

        self.check(signature)
        return CellNetwork(self.cells, architecture, self.macro, seeds)

    def check(self, signature: Signature) -> None:
        """Raise :class:`UsageError` for a task of other images or classes than the network's."""
        if (signature.inputs, signature.outputs) != (self.macro.image, self.macro.classes):
            raise UsageError(
                f"the task has inputs of shape {signature.inputs} and {signature.outputs} outputs; the network around "
                f"the cells is made for {self.macro.image} and {self.macro.classes} classes"
            )


def digits_cells() -> CellBuilder:
    """The networks of ``digits-201`` and ``live/digits``: one cell of 8 channels in each of two stages.

    Between the stages stand only a pooling and a 1×1 convolution, so that what a network can learn depends on its cells.
    """
    return CellBuilder(nas_bench_201(), Macro((1, 8, 8), 10, 8, 1, 2, "pool", shift_of_nothing=False))


def nas_bench_201_cells(signature: Signature) -> CellBuilder:
    """NAS-Bench-201's own networks for a task of images.

    Raises:
        UsageError: no images, or sides that cannot be halved twice.
    """
    if len(signature.inputs) != 3:
        raise UsageError(f"NAS-Bench-201's networks take images; the task's inputs have the shape {signature.inputs}")
    channels, height, width = signature.inputs
    return CellBuilder(nas_bench_201(), Macro((channels, height, width), signature.outputs))
