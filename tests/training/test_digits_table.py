"""The shipped table of digits: whole, of today's task, and able to tell good cells from bad."""

from __future__ import annotations

import numpy as np
import pytest
from digits_quality import quality

from nasbench_suite.benchmarks.digits import DIGITS
from nasbench_suite.spaces import nas_bench_201
from nasbench_suite.tables import Table, open_table

SPACE = nas_bench_201()


@pytest.fixture(scope="module")
def table() -> Table:
    return open_table(DIGITS)


def test_every_cell_was_measured_and_isomorphic_cells_are_equal(table: Table) -> None:
    (name,) = table.dataset("digits").trainings
    training = table.training("digits", name)
    assert len(training.seeds) == 3
    test = table.column("digits", name, "test-accuracy", training.metrics["test-accuracy"][-1])
    assert test.shape == (SPACE.size, 3) and not np.isnan(test).any()
    first: dict[str, int] = {}
    for index, cell in enumerate(SPACE.architectures()):
        same = first.setdefault(SPACE.canonical(cell), index)
        assert np.array_equal(test[index], test[same])
    assert len(first) == 6466


def test_it_tells_good_cells_from_bad(table: Table) -> None:
    found = quality(table)
    assert min(found.correlations) >= 0.9
    assert found.lead >= 3 * found.noise
    assert found.lead >= 3 * found.noise_of_best


def test_it_is_of_the_task_that_live_mode_trains(table: Table) -> None:
    pytest.importorskip("torch", reason="needs PyTorch (the extra 'live')")
    from nasbench_suite.benchmarks.digits import digits_table
    from nasbench_suite.building.build import audit_table
    from nasbench_suite.building.digits_table import digits_build
    from nasbench_suite.building.supernet_costs import KINDS

    (name,) = table.dataset("digits").trainings
    build = digits_build(table.training("digits", name).seeds)
    assert build.made(table)
    assert set(table.dataset("digits").supernet_seconds) == set(KINDS)
    # The prices decide what runs pay; whoever changes them makes the shipped leaderboard anew.
    prices = digits_table().training().supernet_seconds
    assert prices == pytest.approx(
        {
            "darts-first-order": 0.33410802,
            "darts-second-order": 0.83527005,
            "gdas": 0.09786728,
            "drnas": 0.33410802,
            "random-sharing": 0.15087872,
            "enas": 0.11010069,
        },
        rel=1e-6,
    )
    assert audit_table(table, build, cells=8).agrees


def test_eight_cells_trained_again_give_the_recorded_digits(table: Table) -> None:
    """Every epoch of three seeds, digit for digit: so the table stays valid for the code of today."""
    pytest.importorskip("torch", reason="needs PyTorch (the extra 'live')")
    from nasbench_suite.building.digits_table import digits_build
    from nasbench_suite.training import Network, train

    (name,) = table.dataset("digits").trainings
    build = digits_build(table.training("digits", name).seeds)
    for index in build.to_train()[:8]:
        network = Network(build.builder, build.space.architecture(index))
        for place, training in enumerate(train(network, build.task, build.seeds, held_out={"test": build.test})):
            for number, epoch in enumerate(training.epochs, start=1):
                for split, measured in epoch.splits.items():
                    for metric, value in (("accuracy", measured.accuracy), ("loss", measured.loss)):
                        recorded = table.column("digits", name, f"{split}-{metric}", number)[index, place]
                        assert np.float32(round(value, 6)) == np.float32(recorded), (index, number, split, metric)
