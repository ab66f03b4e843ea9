"""Fully-connected networks on digits: a live benchmark, and the shipped table of the same task and training seeds."""

from __future__ import annotations

from collections.abc import Callable

from nasbench_suite.benchmarks.live import LiveBenchmark, usual_fidelities
from nasbench_suite.benchmarks.tabular import Measure, TabularBenchmark
from nasbench_suite.networks.dense import dense_network
from nasbench_suite.spaces import Architecture
from nasbench_suite.spaces.dense import dense
from nasbench_suite.tables import known_tables, open_table
from nasbench_suite.training import check_torch

DENSE = "dense-100"
"""The table of the same task."""


def live_dense() -> LiveBenchmark:
    """1 to 10 layers of 1 to 10 units on the digits of scikit-learn, the task of the table ``dense-100``, trained for real."""
    from nasbench_suite.tasks.tabular import digits_rows

    check_torch()
    task, test = digits_rows()
    return LiveBenchmark(
        "live/dense",
        dense(),
        dense_network,
        task,
        test,
        fidelities=usual_fidelities(task.recipe.epochs),
        source="the digits of scikit-learn",
        recorded=_recorded_scores(),
    )


def dense_table() -> TabularBenchmark:
    """All 100 networks as the table recorded them."""
    table = open_table(DENSE)
    (name,) = table.dataset("digits").trainings
    return TabularBenchmark(
        f"{DENSE}/digits",
        dense(),
        table,
        signal=[Measure("digits", name, "valid-accuracy")],
        scores={"test": Measure("digits", name, "test-accuracy")},
    )


def _recorded_scores() -> Callable[[Architecture], float] | None:
    """The scores of the table, if there is one and it was made from this very task."""
    from nasbench_suite.building.dense_table import dense_build

    if DENSE not in known_tables():
        return None
    table = open_table(DENSE)
    (training,) = table.dataset("digits").trainings.values()
    return dense_table().scores()["test"].of if dense_build(training.seeds).made(table) else None
