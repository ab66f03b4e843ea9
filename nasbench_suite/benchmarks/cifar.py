"""CIFAR-10 from the user's own files: what supernets train on at NAS-Bench-201's published prices."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nasbench_suite.tasks.task import Offer

DATA_VARIABLE = "NASBENCH_DATA"
"""Names the directory with the user's images."""

PUBLISHED_EPOCH_SECONDS = {
    "darts-first-order": 10_890 / 50,
    "darts-second-order": 35_782 / 50,
    "gdas": 31_610 / 250,
}
"""Seconds of one supernet epoch on CIFAR-10 (Dong & Yang 2020, table 5: seconds of the search over its epochs)."""


def cifar10_training() -> Callable[[Mapping[str, float]], Offer] | None:
    """NAS-Bench-201's own search task: supernets train on CIFAR-10 at the published prices, look-ups score them.

    ``None`` without PyTorch, or where the user does not keep CIFAR-10 in the directory that ``NASBENCH_DATA`` names,
    unpacked as published.
    """
    root = os.environ.get(DATA_VARIABLE)
    if not root or find_spec("torch") is None:
        return None
    for name in ("cifar-10-batches-bin", "cifar-10-batches-py"):
        if (Path(root).expanduser() / name).is_dir():
            return partial(_cifar10_offer, Path(root).expanduser() / name)
    return None


def _cifar10_offer(images: Path, recorded: Mapping[str, float]) -> Offer:
    """The task with the published prices; the tables of this space record none.

    The images are halved by hash (the benchmark's list of its halves is only in its official files); batches have 64
    images, as in its searches.
    """
    from nasbench_suite.networks.cells.builder import nas_bench_201_cells
    from nasbench_suite.tasks.images import cifar
    from nasbench_suite.tasks.nas_bench_201 import nas_bench_201_task
    from nasbench_suite.tasks.task import Offer, Recipe

    task, _ = nas_bench_201_task(cifar(images), recipe=Recipe(batch_size=64))
    return Offer(task, PUBLISHED_EPOCH_SECONDS, nas_bench_201_cells(task.signature))
