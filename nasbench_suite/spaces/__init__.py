"""What an architecture is: one categorical choice per decision.

``space.py`` has the protocol of every space and the general implementation, ``protocols.py`` what only some have,
``conditional.py`` decisions that count only sometimes and combinations that are refused, ``described.py`` spaces from
TOML, ``cell.py`` cells with operations on the edges of a graph, ``dense.py`` fully-connected networks, ``nas_bench_201.py``
and ``channels.py`` the spaces of NAS-Bench-201 and of NATS-Bench's sizes, and ``known.py`` lists them.
"""

from nasbench_suite.spaces.cell import CellSpace
from nasbench_suite.spaces.channels import ChannelSpace, nats_bench_sss
from nasbench_suite.spaces.conditional import ConditionalSpace, ConstrainedSpace
from nasbench_suite.spaces.dense import DenseSpace, WideDenseSpace, dense, dense_wide
from nasbench_suite.spaces.described import describe_space, read_space, space_from
from nasbench_suite.spaces.known import KNOWN_SPACES
from nasbench_suite.spaces.measured import MeasuredSpace
from nasbench_suite.spaces.nas_bench_201 import nas_bench_201
from nasbench_suite.spaces.protocols import Architecture, Cells, Graph, Graphed, Levelled, protocols_of
from nasbench_suite.spaces.space import CategoricalSpace, Decision, Space, space_identity

__all__ = [
    "KNOWN_SPACES",
    "Architecture",
    "CategoricalSpace",
    "CellSpace",
    "Cells",
    "ChannelSpace",
    "ConditionalSpace",
    "ConstrainedSpace",
    "Decision",
    "DenseSpace",
    "Graph",
    "Graphed",
    "Levelled",
    "MeasuredSpace",
    "Space",
    "WideDenseSpace",
    "dense",
    "dense_wide",
    "describe_space",
    "nas_bench_201",
    "nats_bench_sss",
    "protocols_of",
    "read_space",
    "space_from",
    "space_identity",
]
