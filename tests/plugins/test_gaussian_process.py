"""The strategies on Gaussian processes: their proposals are the maxima of what they maximise, over everything."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from nasbench_strategies import posterior
from nasbench_strategies.gaussian_process import gaussian_process
from nasbench_strategies.gaussian_process_wl import Features, gaussian_process_wl
from nasbench_strategies.maximum_entropy import maximum_entropy
from nasbench_strategies.targets import log_regret
from scipy.stats import norm
from searching import asked, evaluations, grid, search

from nasbench_suite import Strategy
from nasbench_suite.benchmarks import Benchmark
from nasbench_suite.benchmarks.synthetic import SyntheticBenchmark
from nasbench_suite.testing import tiny_benchmark, wide_benchmark

SMALL = SyntheticBenchmark("small", grid(4, 3, 5), fidelities=(10,))
STRATEGIES = [(gaussian_process, SMALL), (gaussian_process_wl, tiny_benchmark()), (maximum_entropy, SMALL)]


@pytest.fixture
def predictions(monkeypatch: pytest.MonkeyPatch) -> list[tuple[np.ndarray, np.ndarray]]:
    """Every mean and deviation that a strategy was told."""
    told: list[tuple[np.ndarray, np.ndarray]] = []
    predict = posterior.GaussianProcess.predict

    def note(model: posterior.GaussianProcess, *question: Any) -> Any:
        told.append(predict(model, *question))
        return told[-1]

    monkeypatch.setattr(posterior.GaussianProcess, "predict", note)
    return told


@pytest.mark.parametrize(("strategy", "benchmark"), STRATEGIES[:2], ids=lambda item: getattr(item, "name", ""))
def test_the_next_is_the_greatest_expected_improvement(
    strategy: Strategy, benchmark: Benchmark, predictions: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    answers = evaluations(search(strategy, benchmark, "30 evaluations", initial_design=8))
    for number, (mean, deviation) in enumerate(predictions[:22], start=8):
        floor = 0.03 if strategy is gaussian_process else 0.1
        best = log_regret(np.array([answer.accuracy for answer in answers[:number]]), floor).max()
        u = (mean - best) / np.maximum(deviation, 1e-9)
        improvement = deviation * (u * norm.cdf(u) + norm.pdf(u))
        taken = [benchmark.space.index(answer.architecture) for answer in answers[:number]]
        improvement[taken] = -1.0
        chosen = improvement[benchmark.space.index(answers[number].architecture)]
        assert chosen >= improvement.max() * (1 - 1e-6) or improvement.max() < 1e-12


def test_the_next_has_the_greatest_free_energy_and_the_search_cools(
    predictions: list[tuple[np.ndarray, np.ndarray]],
) -> None:
    answers = evaluations(
        search(maximum_entropy, SMALL, "40 evaluations", initial_design=8, temperature=4.0, cooling=1.0)
    )
    for number, (mean, deviation) in enumerate(predictions[:32], start=8):
        entropy = 0.5 * np.log(2 * np.pi * np.e * np.maximum(deviation, 1e-9) ** 2)
        energy = mean + 4.0 * 8 / number * entropy
        energy[[SMALL.space.index(answer.architecture) for answer in answers[:number]]] = -np.inf
        assert energy[SMALL.space.index(answers[number].architecture)] >= energy.max() - 1e-6
    # The hotter search goes where it knows less.
    hot = evaluations(search(maximum_entropy, SMALL, "20 evaluations", initial_design=8, temperature=1e6))
    means, deviations = predictions[-13:][0]
    del means
    free = deviations.copy()
    free[[SMALL.space.index(answer.architecture) for answer in hot[:8]]] = -np.inf
    assert free[SMALL.space.index(hot[8].architecture)] == pytest.approx(free.max())


@pytest.mark.parametrize(("strategy", "benchmark"), STRATEGIES, ids=lambda item: getattr(item, "name", ""))
def test_a_small_space_is_asked_once_and_whole(strategy: Strategy, benchmark: Benchmark) -> None:
    found = asked(search(strategy, benchmark, "100000 evaluations"))
    assert len(found) == len(set(found)) == benchmark.space.size


@pytest.mark.parametrize("strategy", [gaussian_process, maximum_entropy])
def test_a_large_space_is_searched_through_pools(strategy: Strategy) -> None:
    benchmark = wide_benchmark(12, 5)
    found = asked(search(strategy, benchmark, "30 evaluations"))
    assert len(found) == len(set(found)) == 30


def test_features_of_the_whole_space_and_of_some_agree() -> None:
    space = tiny_benchmark().space
    features = Features(space, 2)
    some = [space.architecture(5), space.architecture(17)]
    whole = features(space.architectures())
    for few, many in zip(features(some).rounds, whole.rounds, strict=True):
        assert (few.toarray() == many.toarray()[[5, 17]]).all()
