"""Modules that have moved: their old paths work on, and say once what to import instead."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED = {
    "nasbench_suite.adapters": "nasbench_suite.search.adapters",
    "nasbench_suite.benchmarks.benchmark": "nasbench_suite.search.answers",
    "nasbench_suite.budget": "nasbench_suite.search.budget",
    "nasbench_suite.external": "nasbench_suite.search.external",
    "nasbench_suite.journal": "nasbench_suite.search.journal",
    "nasbench_suite.problem": "nasbench_suite.search.problem",
    "nasbench_suite.strategies": "nasbench_suite.search.strategies",
    "nasbench_suite.training.datasets": "nasbench_suite.tasks.images",
    "nasbench_suite.training.macro": "nasbench_suite.networks.cells.macro",
    "nasbench_suite.training.tasks": "nasbench_suite.tasks.task",
}
"""Path under plugin API 1 -> path of today."""


class _Finder(MetaPathFinder, Loader):
    """Finds the modules of :data:`MOVED`; it stands last, so a module that is there is never hidden."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name in MOVED else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        now = MOVED[spec.name]
        warnings.warn(
            f"{spec.name} is deprecated and goes with the next API version; import {now}",
            DeprecationWarning,
            stacklevel=2,
        )
        moved = ModuleType(spec.name)
        moved.__dict__.update({k: v for k, v in vars(importlib.import_module(now)).items() if not k.startswith("__")})
        return moved

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is left to be done."""


def install() -> None:
    """Let the old paths be found, once."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())
