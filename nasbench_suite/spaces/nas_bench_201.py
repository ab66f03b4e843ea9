"""The cell space of NAS-Bench-201 (Dong & Yang, ICLR 2020, https://arxiv.org/abs/2001.00326)."""

from __future__ import annotations

from functools import cache

from nasbench_suite.spaces.cell import CellSpace
from nasbench_suite.spaces.protocols import Architecture

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
"""The candidates of every edge, in the order of the official package."""

DESIGNED: dict[str, Architecture] = {"all 3×3": (3, 3, 3, 3, 3, 3), "residual block": (3, 0, 3, 1, 0, 1)}
"""Cells that anybody would try without a search: nothing but 3×3 convolutions, and two of them in a row with the
identity around each way (He et al., CVPR 2016, https://arxiv.org/abs/1512.03385)."""


@cache
def nas_bench_201() -> CellSpace:
    """Four nodes, six edges, five operations: 15,625 cells, 6,466 up to isomorphism (one shared instance).

    The index counts in base 5 with edge ``1<-0`` as the highest digit. It is not the number in the official
    files, which list the cells in an order of their own; tables made from those keep that number beside it.
    """
    return CellSpace("nas-bench-201", 4, OPERATIONS, zero="none", identity="skip_connect")
