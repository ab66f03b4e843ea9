"""PPO: gradient, clipping, advantages and distribution against independent computations."""

from __future__ import annotations

import numpy as np
import pytest
from nasbench_strategies.ppo import Policy, generalised_advantages, ppo
from numpy.typing import NDArray
from searching import asked, central_differences, grid, search

from nasbench_suite import CategoricalSpace
from nasbench_suite.benchmarks.synthetic import SyntheticBenchmark


def policy(space: CategoricalSpace) -> Policy:
    """One with parameters that are not 0 where they may differ from it."""
    made = Policy(space)
    for place in range(made.parameters.size):
        made.parameters.flat[place] = np.sin(place)
    made.parameters *= made.gradient(*batch(made, space, 30), 1e9, 1.0, 0.5) != 0
    return made


def batch(made: Policy, space: CategoricalSpace, number: int) -> tuple[NDArray[np.float64], ...]:
    """States, choices, old log-probabilities, advantages and targets that no policy needs to have made."""
    rng = np.random.default_rng(1)
    choices = np.stack([rng.integers(len(decision.options), size=number) for decision in space.decisions], axis=1)
    states = made.states(choices)
    old = made.log_probabilities(states, choices) + rng.normal(size=choices.shape) * 0.4
    return states, choices, old, rng.normal(size=choices.shape), rng.normal(size=choices.shape)


@pytest.mark.parametrize("counts", [(3, 1, 4, 2), (2, 2), (3,)])
@pytest.mark.parametrize(
    ("clip", "value_weight", "entropy_weight"), [(0.2, 0.5, 0.1), (0.1, 0.0, 0.0), (1e9, 0.0, 1.0)]
)
def test_the_gradient(counts: tuple[int, ...], clip: float, value_weight: float, entropy_weight: float) -> None:
    space = grid(*counts)
    made = policy(space)
    arguments = (*batch(made, space, 9), clip, value_weight, entropy_weight)
    exact = made.gradient(*arguments)
    known = made.parameters != 0
    numeric = central_differences(lambda: made.loss(*arguments), made.parameters)
    np.testing.assert_allclose(exact[known], numeric[known], atol=1e-8)
    assert np.abs(exact).max() > 0.01


def test_what_is_decided_later_changes_nothing() -> None:
    space = grid(3, 4, 2)
    made = policy(space)
    first, second = np.array([[1, 2, 0]]), np.array([[1, 3, 1]])
    np.testing.assert_allclose(made.values(made.states(first))[0, :2], made.values(made.states(second))[0, :2])
    np.testing.assert_allclose(
        made.log_probabilities(made.states(first), first)[0, 0],
        made.log_probabilities(made.states(second), second)[0, 0],
    )
    assert made.values(made.states(first))[0, 2] != made.values(made.states(second))[0, 2]


def test_samples_follow_the_probabilities_of_whole_architectures() -> None:
    space = grid(2, 3, 1, 2)
    made = policy(space)
    everything = np.array(list(space.architectures()))
    probabilities = np.exp(made.log_probabilities(made.states(everything), everything).sum(axis=1))
    assert probabilities.sum() == pytest.approx(1.0)
    drawn = made.sample(20_000, np.random.default_rng(5))
    counts = np.bincount([space.index(options) for options in drawn.tolist()], minlength=12)
    deviations = np.sqrt(20_000 * probabilities * (1 - probabilities))
    assert (np.abs(counts - 20_000 * probabilities) < 5 * deviations + 1).all()


def test_the_first_policy_is_uniform() -> None:
    space = grid(4, 1, 3)
    made = Policy(space)
    choices = np.array([[3, 0, 1], [0, 0, 0]])
    np.testing.assert_allclose(
        made.log_probabilities(made.states(choices), choices), np.log([[1 / 4, 1, 1 / 3]] * 2), atol=1e-12
    )


@pytest.mark.parametrize(
    ("advantage", "ratio", "moves"), [(1, 1.5, False), (1, 0.5, True), (-1, 1.5, True), (-1, 0.5, False)]
)
def test_only_what_brings_the_ratio_back_moves_a_clipped_policy(advantage: float, ratio: float, moves: bool) -> None:
    made = Policy(grid(2))
    choices = np.array([[1]])
    states = made.states(choices)
    old = made.log_probabilities(states, choices) - np.log(ratio)
    gradient = made.gradient(states, choices, old, np.array([[float(advantage)]]), np.zeros((1, 1)), 0.2, 0.0, 0.0)
    assert bool(np.abs(gradient).max() > 1e-6) is moves


def test_advantages_are_the_papers_sum() -> None:
    rng = np.random.default_rng(0)
    rewards, values = rng.normal(size=3), rng.normal(size=(3, 5))
    for trace_decay in (0.0, 0.5, 0.95, 1.0):
        advantages = generalised_advantages(rewards, values, trace_decay)
        for row in range(3):
            after = [*values[row, 1:], 0.0]
            paid = [0.0, 0.0, 0.0, 0.0, rewards[row]]
            delta = [paid[t] + after[t] - values[row, t] for t in range(5)]
            for t in range(5):
                expected = sum(trace_decay ** (later - t) * delta[later] for later in range(t, 5))
                assert advantages[row, t] == pytest.approx(expected)
    np.testing.assert_allclose(generalised_advantages(rewards, values, 1.0), rewards[:, None] - values)


def test_the_converged_policy_makes_room_for_a_new_one() -> None:
    benchmark = SyntheticBenchmark("small", grid(3, 1, 3, 2), fidelities=(1,))
    questions = asked(search(ppo, benchmark, "1000 evaluations"))
    assert sorted(questions) == list(benchmark.space.architectures())
