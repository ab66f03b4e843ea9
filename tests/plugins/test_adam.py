"""Adam against a literal transcription of Algorithm 1 with one number at a time."""

from __future__ import annotations

import math

import numpy as np
from nasbench_strategies.adam import Adam


def test_it_is_algorithm_1() -> None:
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=(25, 4)) * 10.0 ** np.arange(-3, 1)
    start = rng.normal(size=4)
    expected = []
    for theta, column in zip(start.tolist(), gradients.T.tolist(), strict=True):
        m = v = 0.0
        for t, g in enumerate(column, start=1):
            m = 0.9 * m + 0.1 * g
            v = 0.999 * v + 0.001 * g * g
            theta -= 0.02 * (m / (1 - 0.9**t)) / (math.sqrt(v / (1 - 0.999**t)) + 1e-8)
        expected.append(theta)
    parameters = start.copy()
    optimizer = Adam(parameters, 0.02)
    for gradient in gradients:
        optimizer.descend(gradient)
    np.testing.assert_allclose(parameters, expected, rtol=1e-11)


def test_the_first_step_has_the_length_of_the_learning_rate() -> None:
    parameters = np.zeros((2, 2))
    Adam(parameters, 0.5).descend(np.array([[3.0, -0.01], [0.0, 1e5]]))
    np.testing.assert_allclose(parameters, [[-0.5, 0.5], [0.0, -0.5]], rtol=1e-5)
