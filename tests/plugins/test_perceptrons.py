"""Ensembles of networks: gradients against differences, fits against least squares, members apart."""

from __future__ import annotations

import numpy as np
import pytest
from nasbench_strategies.perceptrons import Perceptrons, Surrogate
from nasbench_strategies.random_search import random_search
from searching import evaluations, search

from nasbench_suite.testing import tiny_benchmark


def test_the_first_step_goes_against_the_gradient_of_the_mean_squared_error() -> None:
    rng = np.random.default_rng(0)
    features, values = rng.standard_normal((7, 4)), rng.standard_normal(7)
    network = Perceptrons(4, 2, np.random.default_rng(1), hidden=(5, 3))
    parameters = [*network._weights, *network._biases]
    for bias in network._biases:
        bias += 0.1  # away from the kink of the ReLU
    before = [parameter.copy() for parameter in parameters]

    def error(member: int) -> float:
        return float(np.mean((network.predict(features)[member] - values) ** 2))

    gradients = []
    for parameter in parameters:
        gradient = np.empty_like(parameter)
        for place in np.ndindex(parameter.shape):
            kept = parameter[place]
            parameter[place] = kept + 1e-6
            above = error(place[0])
            parameter[place] = kept - 1e-6
            gradient[place] = (above - error(place[0])) / 2e-6
            parameter[place] = kept
        gradients.append(gradient)
    network.fit(features, values, steps=1, rate=1e-3, decay=0.0)
    for parameter, start, gradient in zip(parameters, before, gradients, strict=True):
        # Adam's first step is the rate times the sign of the gradient, smoothed by its epsilon.
        assert parameter - start == pytest.approx(-1e-3 * gradient / (np.abs(gradient) + 1e-8 * 1000**0.5), abs=1e-5)


def test_it_learns_what_is_linear_and_members_differ() -> None:
    rng = np.random.default_rng(0)
    features = rng.integers(0, 2, (200, 12)).astype(float)
    values = features @ rng.standard_normal(12)
    values = (values - values.mean()) / values.std()
    network = Perceptrons(12, 5, rng)
    network.fit(features[:100], values[:100])
    predictions = network.predict(features[100:])
    assert np.mean((predictions.mean(axis=0) - values[100:]) ** 2) < 0.1
    assert (predictions.std(axis=0) > 1e-3).all()


def test_a_member_does_not_depend_on_the_others() -> None:
    rng = np.random.default_rng(0)
    features, values = rng.standard_normal((20, 3)), rng.standard_normal(20)
    several = Perceptrons(3, 3, np.random.default_rng(1))
    alone = Perceptrons(3, 1, np.random.default_rng(2))
    for mine, theirs in zip(alone._weights, several._weights, strict=True):
        mine[0] = theirs[1]
    several.fit(features, values, steps=30)
    alone.fit(features, values, steps=30)
    assert alone.predict(features)[0] == pytest.approx(several.predict(features)[1], abs=1e-9)


def test_a_surrogate_of_paths_ranks_a_cell_space() -> None:
    benchmark = tiny_benchmark()
    known = evaluations(search(random_search, benchmark, "60 evaluations"))
    surrogate = Surrogate(benchmark.space, known, np.random.default_rng(0))
    (score,) = benchmark.scores().values()
    everything = benchmark.space.architectures()
    predicted = surrogate.predict(everything).mean(axis=0)
    assert predicted.shape == (64,)
    truth = np.array([score.of(architecture) for architecture in everything])
    ranks = [np.argsort(np.argsort(values)) for values in (predicted, truth)]
    assert np.corrcoef(ranks)[0, 1] > 0.6
