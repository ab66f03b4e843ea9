"""What one epoch of a supernet costs for each kind of weight sharing, as a table records it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from nasbench_suite.networks.cells.builder import CellBuilder
from nasbench_suite.networks.machine import cpu_threads
from nasbench_suite.tasks.task import Task
from nasbench_suite.training.sharing import (
    Controller,
    Differentiable,
    DirichletMixture,
    GumbelHard,
    Relaxation,
    SharingRecipe,
    SupernetSearch,
    UniformSharing,
)

KINDS: dict[str, Callable[[SupernetSearch], Relaxation]] = {
    "darts-first-order": Differentiable,
    "darts-second-order": lambda search: Differentiable(search, second_order=True),
    "gdas": GumbelHard,
    "drnas": DirichletMixture,
    "random-sharing": UniformSharing,
    "enas": Controller,
}


def time_supernets(
    cells: CellBuilder, task: Task, directory: Path | None = None, *, steps: int = 4, repeats: int = 5
) -> dict[str, float]:
    """Kind -> seconds of processor time of one epoch on one core.

    Steps are timed in small groups and the least group counts for all; what a method does once at the end of an epoch
    (judging cells, training a controller) is timed apart and added.

    Args:
        cells, task: what is searched on which images.
        directory: where the answer is kept; what is there already is not timed again.
        steps: in a group.
        repeats: how many groups.
    """
    path = None if directory is None else directory / "supernets.json"
    held: dict[str, float] = json.loads(path.read_text()) if path is not None and path.exists() else {}
    with cpu_threads(1):
        for kind, make in KINDS.items():
            if kind in held:
                continue
            search = SupernetSearch(cells, task, SharingRecipe(), np.random.default_rng(0))
            relaxation = make(search)
            search.run_epoch(relaxation, 1)
            ends, groups = [], []
            for _ in range(repeats):
                started = time.process_time()
                relaxation.end_epoch(search)
                ended = time.process_time()
                search.run_epoch(relaxation, steps)
                ends.append(ended - started)
                groups.append(time.process_time() - ended - ends[-1])
            each = max(0.0, min(groups)) / steps
            held[kind] = min(ends) + each * search.steps
    if path is not None:
        path.write_text(json.dumps(held, indent=1), encoding="utf-8")
    return held
