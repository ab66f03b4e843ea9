"""Numbers that are known from elsewhere, reached with the shipped tables."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest

from nasbench_suite import Budget, Evaluation, OutOfBudget, Problem
from nasbench_suite.plugins import load_registry

REGISTRY = load_registry()


def final_scores(strategy: str, dataset: str, seeds: int, evaluations: int) -> np.ndarray:
    """The score of the best cell that each of many searches saw."""
    benchmark = REGISTRY.benchmark(f"nas-bench-201/{dataset}")
    (score,) = benchmark.scores().values()
    found = []
    for seed in range(seeds):
        problem = Problem(
            benchmark.space, benchmark.fidelities, benchmark.answers(seed), Budget(evaluations, "evaluations")
        )
        with suppress(OutOfBudget):
            REGISTRY.strategy(strategy).strategy.run(problem, np.random.default_rng(seed))
        answers = [event for event in problem.journal if isinstance(event, Evaluation)]
        found.append(score.of(max(answers, key=lambda event: event.accuracy).architecture))
    return np.array(found)


@pytest.mark.parametrize(
    ("dataset", "published"), [("cifar10", 0.9103), ("cifar100", 0.7139), ("imagenet16-120", 0.4519)]
)
def test_random_search_ends_where_it_is_known_to_and_evolution_beats_it(dataset: str, published: float) -> None:
    """100 evaluations of one seed's 200-epoch signal, 500 runs; a closed form gives the same expectation."""
    random = final_scores("random-search", dataset, 500, 100)
    assert random.mean() == pytest.approx(published, abs=0.001)
    evolution = final_scores("regularized-evolution", dataset, 500, 100)
    error = np.hypot(random.std(), evolution.std()) / np.sqrt(500)
    assert evolution.mean() - random.mean() > 4 * error
