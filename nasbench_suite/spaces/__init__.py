"""What an architecture is: one categorical choice per decision.

``space.py`` has the protocol and the general implementation, ``cell.py`` cells with operations on the edges
of a graph, ``nas_bench_201.py`` the space of that name.
"""

from nasbench_suite.spaces.cell import CellSpace, Graph
from nasbench_suite.spaces.nas_bench_201 import nas_bench_201
from nasbench_suite.spaces.space import Architecture, CategoricalSpace, Decision, Space

__all__ = ["Architecture", "CategoricalSpace", "CellSpace", "Decision", "Graph", "Space", "nas_bench_201"]
