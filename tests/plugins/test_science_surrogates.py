"""Every surrogate beats random search by more than its 95 % interval: on NAS-Bench-201 and on spaces of other shapes.

Everything is seeded: a failure is a change.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from nasbench_strategies.bananas import bananas
from nasbench_strategies.gaussian_process import gaussian_process
from nasbench_strategies.gaussian_process_wl import gaussian_process_wl
from nasbench_strategies.maximum_entropy import maximum_entropy
from nasbench_strategies.progressive_ensemble import progressive_ensemble
from nasbench_strategies.random_forest import random_forest
from nasbench_strategies.random_search import random_search
from nasbench_strategies.tpe import tpe
from searching import evaluations, grid, search

from nasbench_suite import Strategy
from nasbench_suite.benchmarks import Benchmark
from nasbench_suite.benchmarks.synthetic import SyntheticBenchmark
from nasbench_suite.plugins import load_registry
from nasbench_suite.testing import assert_conforms, wide_benchmark

GENERAL = [bananas, gaussian_process, maximum_entropy, random_forest, tpe]
ON_CELLS = [*GENERAL, gaussian_process_wl, progressive_ensemble]
SEEDS = 5
RANDOM_SEEDS = 100


@cache
def benchmark(name: str) -> Benchmark:
    if name == "wide":
        return wide_benchmark()
    if name == "sizes":
        return SyntheticBenchmark("sizes", grid(8, 8, 8, 8, 8), fidelities=(10,))
    return load_registry().benchmark(name)


@cache
def interval(strategy_name: str, benchmark_name: str, budget: str, seeds: int) -> tuple[float, float]:
    """95 % interval of the mean true quality of what the strategy of this name finds."""
    strategy, task = load_registry().strategy(strategy_name).strategy, benchmark(benchmark_name)
    score = next(iter(task.scores().values()))
    found = []
    for seed in range(seeds):
        answers = evaluations(search(strategy, task, budget, seed))
        found.append(score.of(max(answers, key=lambda answer: answer.accuracy).architecture))
    mean, error = np.mean(found), np.std(found, ddof=1) / np.sqrt(seeds)
    return float(mean - 1.96 * error), float(mean + 1.96 * error)


@pytest.mark.parametrize("strategy", ON_CELLS, ids=lambda strategy: strategy.name)
@pytest.mark.parametrize("dataset", ["cifar100", "imagenet16-120"])
def test_nas_bench_201(strategy: Strategy, dataset: str) -> None:
    name = f"nas-bench-201/{dataset}"
    # PNAS spends 45 evaluations on simple cells before it sees its first cell of two intermediate nodes.
    budget = "100 evaluations" if strategy is progressive_ensemble else "50 evaluations"
    least = interval(strategy.name, name, budget, SEEDS)[0]
    assert least > interval(random_search.name, name, budget, RANDOM_SEEDS)[1]


@pytest.mark.parametrize("strategy", GENERAL, ids=lambda strategy: strategy.name)
@pytest.mark.parametrize("name", ["wide", "sizes"])
def test_other_spaces(strategy: Strategy, name: str) -> None:
    least = interval(strategy.name, name, "60 evaluations", 3)[0]
    assert least > interval(random_search.name, name, "60 evaluations", RANDOM_SEEDS)[1]


@pytest.mark.parametrize("strategy", ON_CELLS, ids=lambda strategy: strategy.name)
def test_conformance(strategy: Strategy) -> None:
    assert_conforms(strategy)
