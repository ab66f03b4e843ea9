"""The digits: a live benchmark, and the shipped table of the same task."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from nasbench_suite.benchmarks.live import LiveBenchmark, usual_fidelities
from nasbench_suite.benchmarks.tabular import Measure, TabularBenchmark
from nasbench_suite.networks.cells.builder import digits_cells
from nasbench_suite.spaces import Architecture
from nasbench_suite.tables import known_tables, open_table
from nasbench_suite.training import check_torch

if TYPE_CHECKING:
    from nasbench_suite.tasks.task import Offer

DIGITS = "digits-201"
"""The table of the same task."""


def live_digits() -> LiveBenchmark:
    """NAS-Bench-201's cells on cluttered digits, the task of the table ``digits-201``, trained for real."""
    from nasbench_suite.tasks.digits import digits_task

    check_torch()
    task, test = digits_task()
    builder = digits_cells()
    return LiveBenchmark(
        "live/digits",
        builder.cells,
        builder,
        task,
        test,
        fidelities=usual_fidelities(task.recipe.epochs),
        source="the digits of scikit-learn",
        recorded=_recorded_scores(),
    )


def _recorded_scores() -> Callable[[Architecture], float] | None:
    """The scores of the digits table, if there is one and it was made from this very task."""
    from nasbench_suite.building.digits_table import digits_build

    if DIGITS not in known_tables():
        return None
    table = open_table(DIGITS)
    (training,) = table.dataset("digits").trainings.values()
    if not digits_build(training.seeds).made(table):
        return None
    return digits_table().scores()["test"].of


def digits_table() -> TabularBenchmark:
    """The table of digits with its task, so that weight sharing trains for real and pays what the table records."""
    table = open_table(DIGITS)
    (name,) = table.dataset("digits").trainings
    benchmark = TabularBenchmark(
        f"{DIGITS}/digits",
        digits_cells().cells,
        table,
        signal=[Measure("digits", name, "valid-accuracy")],
        scores={"test": Measure("digits", name, "test-accuracy")},
        training=_digits_offer if find_spec("torch") and table.dataset("digits").supernet_seconds else None,
    )
    if not find_spec("torch"):
        benchmark.missing = {"training": "PyTorch is not installed; pip install 'nasbench-suite[live]'"}
    return benchmark


def _digits_offer(prices: Mapping[str, float]) -> Offer:
    """The task at counted prices: what a supernet epoch computes, at what the table says its parts cost.

    The seconds that the table recorded by timing are not used: they were taken from a few cells drawn at random.
    """
    from nasbench_suite.building.supernet_costs import part_prices, supernet_prices
    from nasbench_suite.tasks.digits import digits_task
    from nasbench_suite.tasks.task import Offer

    table, builder, task = open_table(DIGITS), digits_cells(), digits_task()[0]
    (name,) = table.dataset("digits").trainings
    seconds = table.column("digits", name, "train-seconds", 1)[:, 0]
    if not np.isfinite(seconds).all():  # a table of a few cells has no price of every part
        return Offer(task, prices, builder)
    steps = math.ceil(len(task.train) / task.recipe.batch_size)
    return Offer(task, supernet_prices(builder.cells, part_prices(builder.cells, seconds), steps), builder)
