"""A plugin brings chains of convolutions, and every black-box strategy searches them, live. Public names only."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from nasbench_suite.plugins import load_registry

pytest.importorskip("torch", reason="needs PyTorch (the extra 'live')")

PLUGIN = """
from nasbench_suite import CategoricalSpace, Decision, LiveBenchmark, hookimpl
from nasbench_suite.training import Recipe, digits_task, network_builder

SPACE = CategoricalSpace("chain", [Decision("depth", ("1", "2")), Decision("width", ("2", "4")), Decision("size", ("1", "3"))])

@network_builder("chain-cnn", space="chain")
def chain_cnn(architecture, signature):
    from torch import nn
    depth, width, size = architecture[0] + 1, 2 * architecture[1] + 2, 2 * architecture[2] + 1
    layers, channels = [], signature.inputs[0]
    for _ in range(depth):
        layers += [nn.Conv2d(channels, width, size, padding="same"), nn.BatchNorm2d(width), nn.ReLU()]
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, signature.outputs))

def live():
    task, test = digits_task(Recipe(epochs=2, batch_size=50, flip=False, padding=0), training=100)
    return LiveBenchmark("live/chain", SPACE, chain_cnn, task, test, fidelities=(1, 2), source="digits")

@hookimpl
def nasbench_builders():
    return [chain_cnn]

@hookimpl
def nasbench_benchmarks():
    return {"live/chain": live}
"""
REGISTRY = load_registry()
BLACK_BOX = sorted(
    n for n, o in REGISTRY.strategies.items() if not o.strategy.requires & {"training", "cell", "graph", "levels"}
)


@pytest.mark.parametrize("name", BLACK_BOX)
def test_every_black_box_strategy_searches_it(name: str, tmp_path: Path) -> None:
    from nasbench_suite import Budget, OutOfBudget, Problem

    (tmp_path / "chains.py").write_text(PLUGIN)
    registry = load_registry(tmp_path)
    assert not registry.problems
    benchmark = registry.benchmark("live/chain")
    problem = Problem(
        benchmark.space, benchmark.fidelities, benchmark.answers(0), Budget(3, "evaluations"), resumable=True
    )
    with suppress(OutOfBudget):
        registry.strategy(name).strategy.run(problem, np.random.default_rng(0))
    assert problem.journal
