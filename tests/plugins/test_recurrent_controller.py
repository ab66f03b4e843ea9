"""The recurrent controller: gradient, distribution and cell against independent computations."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from nasbench_strategies.recurrent_controller import Controller, recurrent_controller
from searching import asked, central_differences, grid, search

from nasbench_suite import CategoricalSpace
from nasbench_suite.benchmarks.synthetic import SyntheticBenchmark


def controller(space: CategoricalSpace, hidden_size: int) -> Controller:
    """One with parameters that are not small."""
    rng = np.random.default_rng(0)
    made = Controller(space, hidden_size, rng)
    made.parameters[:] = rng.normal(size=made.parameters.shape)
    return made


@pytest.mark.parametrize("entropy_weight", [0.0, 0.7])
@pytest.mark.parametrize("counts", [(3, 1, 4, 2), (2, 2), (3,)])
def test_the_gradient_through_time(counts: tuple[int, ...], entropy_weight: float) -> None:
    rng = np.random.default_rng(1)
    policy = controller(grid(*counts), 4)
    choices = np.stack([rng.integers(count, size=6) for count in counts], axis=1)
    advantages = rng.normal(size=6)
    numeric = central_differences(
        lambda: policy.loss(policy.replay(choices), advantages, entropy_weight), policy.parameters
    )
    exact = policy.gradient(policy.replay(choices), advantages, entropy_weight)
    np.testing.assert_allclose(exact, numeric, atol=2e-8)
    assert np.abs(exact).max() > 0.01


def test_the_cell_is_an_lstm() -> None:
    """Logits against the equations of Hochreiter & Schmidhuber with a forget gate, one architecture at a time."""
    hidden = 5
    policy = controller(grid(3, 2, 4), hidden)
    embeddings, cell, heads = policy.parts(policy.parameters)
    choices = np.array([[2, 1, 3], [0, 0, 0]])
    logits = policy.replay(choices).logits
    for row, options in enumerate(choices.tolist()):
        h, c = np.zeros(hidden), np.zeros(hidden)
        inputs = [embeddings[2, 0], embeddings[0, options[0]], embeddings[1, options[1]]]
        for step, (x, count) in enumerate(zip(inputs, (3, 2, 4), strict=True)):
            i, f, g, o = np.split(np.concatenate([x, h, [1.0]]) @ cell, 4)
            i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
            c = f * c + i * np.tanh(g)
            h = o * np.tanh(c)
            expected = np.concatenate([h, [1.0]]) @ heads[step]
            np.testing.assert_allclose(logits[step, row, :count], expected[:count], atol=1e-12)
            assert (logits[step, row, count:] < -1e8).all()


def test_samples_follow_the_probabilities_of_whole_architectures() -> None:
    space = grid(2, 3, 1, 2)
    policy = controller(space, 3)
    everything = np.array(list(space.architectures()))
    logits = policy.replay(everything).logits
    shares = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    steps, rows = np.ogrid[:4, :12]
    probabilities = shares[steps, rows, everything.T].prod(axis=0)
    assert probabilities.sum() == pytest.approx(1.0)
    drawn = policy.sample(20_000, np.random.default_rng(5)).choices
    counts = np.bincount([space.index(options) for options in drawn.tolist()], minlength=12)
    deviations = np.sqrt(20_000 * probabilities * (1 - probabilities))
    assert np.abs(counts - 20_000 * probabilities).max() < 5 * deviations.max()
    assert (np.abs(counts - 20_000 * probabilities) < 5 * deviations + 1).all()


def test_what_was_computed_while_sampling_is_what_a_replay_computes() -> None:
    policy = controller(grid(3, 3, 2), 4)
    episodes = policy.sample(7, np.random.default_rng(0))
    replayed = policy.replay(episodes.choices)
    np.testing.assert_allclose(replayed.logits, episodes.logits, atol=1e-13)


def test_the_converged_controller_makes_room_for_a_new_one() -> None:
    benchmark = SyntheticBenchmark("small", grid(3, 1, 3, 2), fidelities=(1,))
    questions = asked(search(recurrent_controller, benchmark, "1000 evaluations"))
    assert sorted(questions) == list(itertools.product(range(3), range(1), range(3), range(2)))


def test_parameters_that_would_never_ask() -> None:
    benchmark = SyntheticBenchmark("small", grid(3, 2), fidelities=(1,))
    with pytest.raises(ValueError, match="patience is 0"):
        search(recurrent_controller, benchmark, "10 evaluations", patience=0)
