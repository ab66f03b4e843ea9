"""What an architecture is: one categorical choice per decision.

``space.py`` has the protocol and the general implementation, ``cell.py`` cells with operations on the edges
of a graph, ``nas_bench_201.py`` and ``channels.py`` the spaces of NAS-Bench-201 and of NATS-Bench's sizes, and ``known.py`` lists them.
"""

from nasbench_suite.spaces.cell import CellSpace, Graph
from nasbench_suite.spaces.channels import ChannelSpace, nats_bench_sss
from nasbench_suite.spaces.known import KNOWN_SPACES
from nasbench_suite.spaces.measured import MeasuredSpace
from nasbench_suite.spaces.nas_bench_201 import nas_bench_201
from nasbench_suite.spaces.space import Architecture, CategoricalSpace, Decision, Space

__all__ = [
    "KNOWN_SPACES",
    "Architecture",
    "CategoricalSpace",
    "CellSpace",
    "ChannelSpace",
    "Decision",
    "Graph",
    "MeasuredSpace",
    "Space",
    "nas_bench_201",
    "nats_bench_sss",
]
