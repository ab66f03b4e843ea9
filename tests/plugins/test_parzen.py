"""Densities against hand computation, enumeration and their own samples."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from nasbench_strategies.parzen import DecisionDensity, KernelDensity, limited, reference_bandwidths

COUNTS = (3, 2, 1)
EXAMPLES = np.array([[0, 1, 0], [0, 0, 0], [2, 1, 0]])
ALL = np.array(list(itertools.product(range(3), range(2), range(1))))


def test_independent_density_by_hand():
    density = DecisionDensity(EXAMPLES, COUNTS, prior=3.0)
    # Decision 0: counts 2, 0, 1 and one prior example each of six; decision 1: counts 1, 2 and 1.5 each.
    value = density.log_density(np.array([[0, 1, 0]]))[0]
    assert np.exp(value) == pytest.approx((3 / 6) * (3.5 / 6) * 1.0)


def test_kernel_density_by_hand():
    density = KernelDensity(EXAMPLES, COUNTS, np.array([0.2, 0.1, 0.0]))
    at_first = 0.8 * 0.9  # the example itself
    at_second = 0.8 * 0.1  # decision 1 differs
    at_third = 0.1 * 0.9  # decision 0 differs: 0.2 over two other options
    assert np.exp(density.log_density(EXAMPLES[:1]))[0] == pytest.approx((at_first + at_second + at_third) / 3)


@pytest.mark.parametrize(
    "density",
    [DecisionDensity(EXAMPLES, COUNTS, prior=1.0), KernelDensity(EXAMPLES, COUNTS, np.array([0.3, 0.2, 0.5]))],
)
def test_densities_sum_to_one_and_samples_follow_them(density):
    probabilities = np.exp(density.log_density(ALL))
    assert probabilities.sum() == pytest.approx(1.0)
    draws = density.sample(40_000, np.random.default_rng(0))
    frequencies = [(draws == architecture).all(axis=1).mean() for architecture in ALL]
    assert frequencies == pytest.approx(probabilities, abs=0.01)


def test_reference_bandwidths():
    examples = np.array([[0, 0], [1, 0], [0, 0], [1, 0]])
    bandwidths = reference_bandwidths(examples, (2, 3))
    # Half the probability that two draws differ is 1/4, the variance of a fair coin.
    assert bandwidths[0] == pytest.approx(min(1.06 * 0.5 * 4 ** (-1 / 6), 0.5))
    assert bandwidths[1] == pytest.approx(1e-3)
    assert limited(np.array([9.0, 9.0]), (2, 3)) == pytest.approx([1 / 2, 2 / 3])
