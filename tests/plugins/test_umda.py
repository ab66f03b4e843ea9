"""UMDA: marginals against a hand computation, draws against marginals."""

from __future__ import annotations

import numpy as np
import pytest
from nasbench_strategies.memory import Memory
from nasbench_strategies.umda import (
    draw_unseen,
    marginals,
    umda,
)
from searching import asked, grid, search

from nasbench_suite import Budget, Problem
from nasbench_suite.benchmarks.synthetic import SyntheticBenchmark


def test_marginals_by_hand() -> None:
    space = grid(3, 1, 2)
    parents = [(0, 0, 1), (0, 0, 1), (2, 0, 0), (0, 0, 1)]
    plain = [[3 / 4, 0, 1 / 4], [1, 0, 0], [1 / 4, 3 / 4, 0]]
    np.testing.assert_allclose(marginals(space, parents, 0.0), plain, atol=1e-15)
    mixed = [[0.75 * 0.7 + 0.1, 0.1, 0.25 * 0.7 + 0.1], [1, 0, 0], [0.25 * 0.7 + 0.15, 0.75 * 0.7 + 0.15, 0]]
    np.testing.assert_allclose(marginals(space, parents, 0.3), mixed, atol=1e-15)
    np.testing.assert_allclose(marginals(space, [], 0.3), [[1 / 3] * 3, [1, 0, 0], [0.5, 0.5, 0]], atol=1e-15)


def test_draws_follow_the_marginals() -> None:
    benchmark = SyntheticBenchmark("draws", grid(4, 2, *[7] * 12), fidelities=(1,))
    problem = Problem(benchmark.space, benchmark.fidelities, benchmark.answers(0), Budget(1e6, "evaluations"))
    probabilities = marginals(benchmark.space, [], 1.0)
    probabilities[0] = [0.5, 0.0, 0.2, 0.3, 0, 0, 0]
    drawn = np.array(draw_unseen(benchmark.space, probabilities, 4000, Memory(problem), np.random.default_rng(0)))
    assert len(problem.journal) == 4000
    shares = (drawn[:, 0, None] == np.arange(4)).mean(axis=0)
    assert np.abs(shares - [0.5, 0.0, 0.2, 0.3]).max() < 5 * np.sqrt(0.25 / 4000)
    assert shares[1] == 0


def test_the_best_so_far_are_the_parents() -> None:
    """Without a margin, options that no parent has are gone: questions stay in the span of the five best."""
    benchmark = SyntheticBenchmark("span", grid(*[6] * 14), fidelities=(1,), noise=0.0)
    questions = asked(search(umda, benchmark, "30 evaluations", population_size=15, parents=5, margin=0.0))
    parents = sorted(questions[:15], key=lambda architecture: -benchmark.truth(architecture, 1))[:5]
    for question in questions[15:]:
        assert all(option in {parent[place] for parent in parents} for place, option in enumerate(question))


@pytest.mark.parametrize("margin", [0.0, 0.1])
def test_it_sees_everything_once_and_then_returns(margin: float) -> None:
    benchmark = SyntheticBenchmark("small", grid(3, 1, 4, 2, 5), fidelities=(1,))
    questions = asked(search(umda, benchmark, "1000 evaluations", margin=margin))
    assert sorted(questions) == list(benchmark.space.architectures())
