"""Every model-free family beats random search: on NAS-Bench-201, on a wide space, and with several fidelities.

"Beats" means that the 95 % intervals of the two means do not overlap. Everything is seeded: a failure is a change.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from nasbench_strategies.asha import asha
from nasbench_strategies.genetic_algorithm import genetic_algorithm
from nasbench_strategies.hyperband import hyperband
from nasbench_strategies.local_search import local_search
from nasbench_strategies.ppo import ppo
from nasbench_strategies.random_search import random_search
from nasbench_strategies.recurrent_controller import recurrent_controller
from nasbench_strategies.regularized_evolution import regularized_evolution
from nasbench_strategies.reinforce import reinforce
from nasbench_strategies.successive_halving import successive_halving
from nasbench_strategies.umda import umda
from searching import evaluations, grid, search

from nasbench_suite import Strategy
from nasbench_suite.benchmarks import Benchmark
from nasbench_suite.benchmarks.synthetic import SyntheticBenchmark
from nasbench_suite.plugins import load_registry
from nasbench_suite.search.journal import Recommendation
from nasbench_suite.testing import wide_benchmark

SINGLE_FIDELITY = [
    genetic_algorithm,
    local_search,
    ppo,
    recurrent_controller,
    regularized_evolution,
    reinforce,
    umda,
]
MULTI_FIDELITY = [asha, hyperband, successive_halving]
SEEDS = 40


@cache
def nas_bench_201(dataset: str) -> Benchmark:
    return load_registry().benchmark(f"nas-bench-201/{dataset}")


@cache
def wide() -> SyntheticBenchmark:
    return wide_benchmark()


@cache
def sizes() -> SyntheticBenchmark:
    """The shape of NATS-Bench's size space: five layers, each of eight widths."""
    return SyntheticBenchmark("sizes", grid(8, 8, 8, 8, 8), fidelities=(10,))


@cache
def learning_curves() -> SyntheticBenchmark:
    return SyntheticBenchmark("curves", wide().space, fidelities=(1, 4, 16, 64), noise=0.01)


@cache
def interval(name: str, benchmark: Benchmark, budget: str) -> tuple[float, float]:
    """95 % interval of the mean true quality of what the strategy of this name finds."""
    strategy = load_registry().strategy(name).strategy
    (score,) = benchmark.scores().values()
    found = []
    for seed in range(SEEDS):
        problem = search(strategy, benchmark, budget, seed)
        named = [event.architecture for event in problem.journal if isinstance(event, Recommendation)]
        best = named[-1] if named else max(evaluations(problem), key=lambda answer: answer.accuracy).architecture
        found.append(score.of(best))
    mean, error = np.mean(found), np.std(found, ddof=1) / np.sqrt(SEEDS)
    return float(mean - 1.96 * error), float(mean + 1.96 * error)


@pytest.mark.parametrize("strategy", SINGLE_FIDELITY, ids=lambda strategy: strategy.name)
@pytest.mark.parametrize("dataset", ["cifar100", "imagenet16-120"])
def test_nas_bench_201(strategy: Strategy, dataset: str) -> None:
    benchmark = nas_bench_201(dataset)
    assert (
        interval(strategy.name, benchmark, "100 evaluations")[0]
        > interval(random_search.name, benchmark, "100 evaluations")[1]
    )


@pytest.mark.parametrize("strategy", SINGLE_FIDELITY, ids=lambda strategy: strategy.name)
def test_a_space_of_30_decisions(strategy: Strategy) -> None:
    assert (
        interval(strategy.name, wide(), "100 evaluations")[0]
        > interval(random_search.name, wide(), "100 evaluations")[1]
    )


@pytest.mark.parametrize("strategy", SINGLE_FIDELITY, ids=lambda strategy: strategy.name)
def test_the_shape_of_the_size_space(strategy: Strategy) -> None:
    assert (
        interval(strategy.name, sizes(), "100 evaluations")[0]
        > interval(random_search.name, sizes(), "100 evaluations")[1]
    )


@pytest.mark.parametrize("strategy", MULTI_FIDELITY, ids=lambda strategy: strategy.name)
def test_several_fidelities(strategy: Strategy) -> None:
    task = learning_curves()
    assert interval(strategy.name, task, "1280 epochs")[0] > interval(random_search.name, task, "1280 epochs")[1]
