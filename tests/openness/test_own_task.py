"""A plugin brings a task of series, two-dimensional examples, and a goal with a metric of its own. Public names only."""

from __future__ import annotations

from pathlib import Path

import pytest

from nasbench_suite.plugins import load_registry

pytest.importorskip("torch", reason="needs PyTorch (the extra 'live')")

PLUGIN = """
import numpy as np
from nasbench_suite import LiveBenchmark, hookimpl
from nasbench_suite.spaces.dense import dense
from nasbench_suite.training import Arrays, Goal, Recipe, Signature, Task, dense_network

def within(outputs, targets):
    errors = (outputs - targets).abs().flatten(1)
    return {"within-half": (errors < 0.5).double().mean(1), "mae": errors.double().mean(1)}

CLOSE = Goal("close", lambda outputs, targets: (outputs - targets).abs().flatten(1).mean(1), within)

def series():
    rows = np.random.default_rng(0).standard_normal((300, 4, 6)).astype(np.float32)
    parts = [Arrays(part, part.mean(2)[:, :2] * 2) for part in np.split(rows, 3)]
    return Task("series", parts[0], parts[1], Signature((4, 6), 2), CLOSE, Recipe(15, 10, 0.02, flip=False, padding=0)), parts[2]

@hookimpl
def nasbench_goals():
    return {"close": CLOSE}

@hookimpl
def nasbench_tasks():
    return {"series": lambda: series()[0]}

@hookimpl
def nasbench_benchmarks():
    return {"live/series": lambda: LiveBenchmark("live/series", dense(), dense_network, *series(), fidelities=(5, 15), source="noise")}
"""


def test_it_is_searched_by_its_own_metric(tmp_path: Path) -> None:
    (tmp_path / "series.py").write_text(PLUGIN)
    registry = load_registry(tmp_path)
    assert not registry.problems
    benchmark = registry.benchmark("live/series")
    wide = benchmark.space.parse("10")
    _, signal, cost = benchmark.answers(0).ask(wide, 15, 15, 0)
    assert 0.6 < signal <= 1.0 and cost > 0
    assert abs(benchmark.scores()["test"].of(wide) - signal) < 0.2
