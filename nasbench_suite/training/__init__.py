"""Live training with PyTorch: data sets, networks, the engine, supernets, and the builder of tables.

The only part of the suite that imports PyTorch, and only when a name that needs it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nasbench_suite.errors import UsageError
from nasbench_suite.networks.builder import Builder, Network, network_builder
from nasbench_suite.networks.cells.builder import CellBuilder, digits_cells, nas_bench_201_cells
from nasbench_suite.networks.cells.macro import Macro
from nasbench_suite.networks.dense import dense_network, wide_dense_network
from nasbench_suite.tasks.digits import digits_task
from nasbench_suite.tasks.images import Images
from nasbench_suite.tasks.nas_bench_201 import nas_bench_201_task
from nasbench_suite.tasks.tabular import breast_cancer, digits_rows, flattened_task, tabular_task, wine
from nasbench_suite.tasks.task import Arrays, Goal, Offer, Recipe, Signature, Task

if TYPE_CHECKING:
    from nasbench_suite.networks.cells.cell_network import CellNetwork
    from nasbench_suite.networks.cells.supernet import Mixture, everything, single
    from nasbench_suite.networks.counting import count
    from nasbench_suite.training.sharing import (
        Batch,
        Relaxation,
        SharingRecipe,
        SupernetSearch,
        best_of,
        search_supernet,
    )
    from nasbench_suite.training.trainer import Trainer, Training, train

__all__ = [
    "Arrays",
    "Batch",
    "Builder",
    "CellBuilder",
    "CellNetwork",
    "Goal",
    "Images",
    "Macro",
    "Mixture",
    "Network",
    "Offer",
    "Recipe",
    "Relaxation",
    "SharingRecipe",
    "Signature",
    "SupernetSearch",
    "Task",
    "Trainer",
    "Training",
    "best_of",
    "breast_cancer",
    "check_torch",
    "count",
    "dense_network",
    "digits_cells",
    "digits_rows",
    "digits_task",
    "everything",
    "flattened_task",
    "nas_bench_201_cells",
    "nas_bench_201_task",
    "network_builder",
    "search_supernet",
    "single",
    "tabular_task",
    "train",
    "wide_dense_network",
    "wine",
]

_NEED_TORCH = {
    "CellNetwork": "networks.cells.cell_network",
    "count": "networks.counting",
    **dict.fromkeys(("Mixture", "everything", "single"), "networks.cells.supernet"),
    **dict.fromkeys(("Trainer", "Training", "train"), "training.trainer"),
    **dict.fromkeys(
        ("Batch", "Relaxation", "SharingRecipe", "SupernetSearch", "best_of", "search_supernet"), "training.sharing"
    ),
}


def __getattr__(name: str) -> Any:
    if name not in _NEED_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    check_torch()
    return getattr(import_module(f"nasbench_suite.{_NEED_TORCH[name]}"), name)


def check_torch() -> None:
    """Raise :class:`UsageError` with what to do where PyTorch is not installed."""
    from importlib.util import find_spec

    if find_spec("torch") is None:
        raise UsageError("live training needs PyTorch, which is not installed; pip install 'nasbench-suite[live]'")
