"""Live training with PyTorch: data sets, networks, the engine, supernets, and the builder of tables.

The only part of the suite that imports PyTorch, and only when a name that needs it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nasbench_suite.errors import UsageError
from nasbench_suite.networks.cells.macro import Macro
from nasbench_suite.tasks.task import Offer, Recipe, Task, digits_task, nas_bench_201_task

if TYPE_CHECKING:
    from nasbench_suite.networks.cells.cell_network import CellNetwork
    from nasbench_suite.networks.cells.supernet import Mixture, everything, single
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
    "Batch",
    "CellNetwork",
    "Macro",
    "Mixture",
    "Offer",
    "Recipe",
    "Relaxation",
    "SharingRecipe",
    "SupernetSearch",
    "Task",
    "Trainer",
    "Training",
    "best_of",
    "check_torch",
    "digits_task",
    "everything",
    "nas_bench_201_task",
    "search_supernet",
    "single",
    "train",
]

_NEED_TORCH = {
    "CellNetwork": "networks.cells.cell_network",
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
