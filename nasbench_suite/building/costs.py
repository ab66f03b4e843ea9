"""What training costs, without the noise of the machine that trained: operations counted, their prices fitted.

Random cells are timed one at a time on one core; the least of repeated timings counts. A linear model of what their
networks compute is fitted to these, and its residual is told. Costs from it are the same for cells that compute the
same, and rise with every operation.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.errors import UsageError
from nasbench_suite.networks.builder import Builder, Network
from nasbench_suite.networks.cells.builder import CellBuilder
from nasbench_suite.networks.cells.cell_network import live_edges
from nasbench_suite.networks.counting import count
from nasbench_suite.networks.machine import cpu_threads
from nasbench_suite.spaces import Architecture, CellSpace, Space
from nasbench_suite.tasks.task import Task
from nasbench_suite.training.trainer import Trainer

FEATURES = ("network", "1×1 convolutions", "3×3 convolutions", "poolings", "rectifications", "sums")
"""What is counted of a cell."""

COUNTED = ("network", "layers", "multiply-adds")
"""What is counted of any other network."""


@dataclass(frozen=True)
class CostModel:
    """Prices of a network's parts.

    Attributes:
        train, valid: seconds per part (see :func:`counted_parts`) for one epoch of training and one validation pass.
        residual: root mean square of the relative error over the timed cells, training and validation.
        cells: how many networks were timed.
        machine: on what, in words.
    """

    train: tuple[float, ...]
    valid: tuple[float, ...]
    residual: tuple[float, float]
    cells: int
    machine: str

    def seconds(self, builder: Builder, architecture: Architecture, task: Task) -> tuple[float, float]:
        """Seconds of one epoch of training and of one validation pass."""
        parts = counted_parts(builder, architecture, task)
        return float(parts @ np.array(self.train)), float(parts @ np.array(self.valid))

    def as_json(self) -> dict[str, Any]:
        """Plain values, to be written down."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> CostModel:
        """The inverse of :meth:`as_json`."""
        residual = (float(values["residual"][0]), float(values["residual"][1]))
        return cls(tuple(values["train"]), tuple(values["valid"]), residual, values["cells"], values["machine"])

    @property
    def words(self) -> str:
        """How the seconds came about, in one sentence."""
        return (
            f"seconds are operations counted and priced by the least of repeated timings of {self.cells} {'cells' if len(self.train) == len(FEATURES) else 'networks'} on one "
            f"core of {self.machine}; relative residual {self.residual[0]:.1%} (training), {self.residual[1]:.1%} "
            "(validation)"
        )


def counted_parts(builder: Builder, architecture: Architecture, task: Task) -> NDArray[np.float64]:
    """How many of each part a network computes: :data:`FEATURES` of a cell, :data:`COUNTED` of any other network."""
    if isinstance(builder, CellBuilder):
        return parts_of(builder.cells, architecture, builder.macro.shift_of_nothing)
    counts = count(builder, architecture, task.signature)
    return np.array([1, counts.layers, counts.flops], dtype=np.float64)


def parts_of(space: CellSpace, cell: Sequence[int], shift_of_nothing: bool) -> NDArray[np.float64]:
    """How many of each of :data:`FEATURES` one cell computes: ``[feature]``."""
    live = live_edges(space, cell, shift_of_nothing)
    operations = list(live.values())
    pools = {source for (source, _), operation in live.items() if operation == "avg_pool_3x3"}
    rectified = {source for (source, _), operation in live.items() if operation.startswith("nor_conv")}
    sums = len(live) - len({target for _, target in live})
    return np.array(
        [1, operations.count("nor_conv_1x1"), operations.count("nor_conv_3x3"), len(pools), len(rectified), sums],
        dtype=np.float64,
    )


def time_network(network: Network, task: Task, repeats: int = 5) -> tuple[float, float]:
    """Seconds of processor time for one epoch of training and one validation pass, the least of repeated timings.

    A few steps are timed and taken for all: every step of an epoch does the same.
    """
    steps = min(4, len(task.train) // task.recipe.batch_size)
    if not steps:
        raise UsageError(f"task {task.name!r} has fewer examples than one batch; nothing can be timed")
    some = replace(task, train=task.train.take(slice(0, steps * task.recipe.batch_size)))
    with cpu_threads(1):
        trainer = Trainer(network, some, [0])
        trainer.run_steps()
        trained = _least(trainer.run_steps, repeats)
        validated = _least(lambda: trainer.measure("valid"), repeats)
    return trained * len(task.train) / len(some.train), validated


def fit_costs(
    builder: Builder,
    space: Space,
    task: Task,
    *,
    cells: int = 40,
    repeats: int = 5,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> CostModel:
    """Time random networks and fit the prices of their parts (none below 0).

    Args:
        builder, space, task: what will be trained.
        cells: how many to time; at least as many as there are prices.
        repeats: how often each is timed.
        report: called with (cells timed, all).
    """
    from scipy.optimize import nnls

    priced = len(FEATURES if isinstance(builder, CellBuilder) else COUNTED)
    if cells < priced:
        raise UsageError(f"{cells} networks cannot tell {priced} prices; time more")
    rng = np.random.default_rng(0)
    chosen: list[Architecture] = [_dearest(space), *(space.sample(rng) for _ in range(cells - 1))]
    seconds = np.zeros((cells, 2))
    for number, cell in enumerate(chosen):
        seconds[number] = time_network(Network(builder, cell), task, repeats)
        report(number + 1, cells)
    parts = np.array([counted_parts(builder, cell, task) for cell in chosen])
    prices, residuals = [], []
    for column in seconds.T:
        # Relative errors count, so that cheap cells are priced as carefully as dear ones.
        price, _ = nnls(parts / column[:, None], np.ones(cells))
        prices.append(tuple(float(value) for value in price))
        residuals.append(float(np.sqrt(np.mean((parts @ price / column - 1) ** 2))))
    return CostModel(prices[0], prices[1], (residuals[0], residuals[1]), cells, machine_words())


def machine_words() -> str:
    """The processor, as the system names it."""
    import platform
    from pathlib import Path

    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _least(action: Callable[[], object], repeats: int) -> float:
    timings = []
    for _ in range(repeats):
        started = time.process_time()
        action()
        timings.append(time.process_time() - started)
    return min(timings)


def _dearest(space: Space) -> Architecture:
    """The cell of 3×3 convolutions alone; elsewhere the last options, which are the largest where they rise."""
    if not isinstance(space, CellSpace):
        return space.check([len(decision.options) - 1 for decision in space.decisions])
    option = space.operations.index("nor_conv_3x3") if "nor_conv_3x3" in space.operations else space.identity
    return (option,) * len(space.edges)
