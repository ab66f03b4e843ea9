"""The Gaussian process against direct linear algebra, a library, and itself updated in one step."""

from __future__ import annotations

import numpy as np
import pytest
from nasbench_strategies.kernels import DecisionKernel, WeisfeilerLehmanKernel, matern
from nasbench_strategies.posterior import JITTER, GaussianProcess
from nasbench_strategies.targets import log_regret


@pytest.fixture
def data():
    rng = np.random.default_rng(3)
    candidates = rng.integers(0, 4, (60, 5))
    observed = candidates[:25]
    values = np.sin(observed @ np.arange(1, 6)) + 0.1 * rng.standard_normal(25)
    return observed, values, candidates


def by_solving(kernel, parameters, observed, values, candidates):
    """Rasmussen & Williams equations 2.25 and 2.26 with the scale and the mean of Jones et al., without any factor."""

    def covariance(first, second):
        return kernel.combine(kernel.parts(first, second), parameters[:-1])

    inside = covariance(observed, observed) + (np.exp2(parameters[-1]) + JITTER) * np.eye(len(observed))
    across = covariance(observed, candidates)
    ones = np.ones(len(values))
    mean = ones @ np.linalg.solve(inside, values) / (ones @ np.linalg.solve(inside, ones))
    weights = np.linalg.solve(inside, values - mean)
    scale = (values - mean) @ weights / len(values)
    variance = scale * (1.0 - np.einsum("ij,ij->j", across, np.linalg.solve(inside, across)))
    return mean + across.T @ weights, np.sqrt(variance)


def test_prediction_is_the_direct_solution(data):
    observed, values, candidates = data
    kernel = DecisionKernel(5)
    model = GaussianProcess(kernel)
    mean, deviation = model.predict(observed, values, candidates)
    expected_mean, expected_deviation = by_solving(kernel, model.parameters, observed, values, candidates)
    assert mean == pytest.approx(expected_mean, abs=1e-9)
    assert deviation == pytest.approx(expected_deviation, abs=1e-7)


def test_growing_row_by_row_is_the_direct_solution_at_every_step(data):
    observed, values, candidates = data
    kernel = DecisionKernel(5)
    model = GaussianProcess(kernel, growth=1.5)
    fits = set()
    for count in range(4, 26):
        shifted = values[:count] * count  # the targets may change from step to step
        mean, deviation = model.predict(observed[:count], shifted, candidates)
        expected_mean, expected_deviation = by_solving(kernel, model.parameters, observed[:count], shifted, candidates)
        assert mean == pytest.approx(expected_mean, abs=1e-7)
        assert deviation == pytest.approx(expected_deviation, abs=1e-6 * count)
        fits.add(tuple(model.parameters))
    assert len(fits) > 1, "hyperparameters never changed, so that refitting was not tested"


def test_another_set_of_candidates_is_predicted_afresh(data):
    observed, values, candidates = data
    model = GaussianProcess(DecisionKernel(5))
    model.predict(observed, values, candidates)
    mean, _ = model.predict(observed, values, candidates[10:30].copy())
    expected, _ = by_solving(DecisionKernel(5), model.parameters, observed, values, candidates[10:30])
    assert mean == pytest.approx(expected, abs=1e-9)


def test_prediction_agrees_with_scikit_learn(data):
    """With the same Matérn kernel on scaled one-hot features, and no part of single decisions."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import Matern, WhiteKernel

    observed, values, candidates = data
    weights = np.array([0.5, 0.25, 1.0, 2.0, 0.125])

    def scaled(options):
        # Two different options are 2 apart in squared distance between their one-hot codes.
        return np.concatenate([np.eye(4)[options[:, d]] * np.sqrt(w / 2.0) for d, w in enumerate(weights)], axis=1)

    class OnlyTogether(DecisionKernel):
        def parts(self, first, second):
            return (first.T[:, :, None] != second.T[:, None, :]).astype(float)

        def combine(self, parts, parameters):
            return matern(np.tensordot(weights, parts, axes=1))

    model = GaussianProcess(OnlyTogether(5), growth=np.inf)
    model._fitted = 1
    mean, deviation = model.predict(observed, values, candidates)
    noise = np.exp2(model.parameters[-1]) + JITTER
    centre = GaussianProcessRegressor(Matern(nu=2.5) + WhiteKernel(noise), optimizer=None, alpha=0.0)
    inside = matern(np.tensordot(weights, OnlyTogether(5).parts(observed, observed), axes=1)) + noise * np.eye(25)
    ones = np.linalg.solve(inside, np.ones(25))
    constant = ones @ values / ones.sum()
    centre.fit(scaled(observed), values - constant)
    their_mean, their_deviation = centre.predict(scaled(candidates), return_std=True)
    unit = (values - constant) @ np.linalg.solve(inside, values - constant) / 25
    assert mean == pytest.approx(constant + their_mean, abs=1e-9)
    # Theirs is the variance of a new observation, noise included, for a scale of 1.
    assert deviation == pytest.approx(np.sqrt(unit * (their_deviation**2 - noise)), abs=1e-7)


def test_the_likelihood_is_that_of_a_normal_distribution(data):
    """Up to the prior and a constant, and at the best scale and mean, as scipy's multivariate normal has it."""
    from scipy.stats import multivariate_normal

    observed, values, _ = data
    kernel = DecisionKernel(5)
    model = GaussianProcess(kernel)
    parts = kernel.parts(observed, observed)

    def expected(parameters):
        inside = kernel.combine(parts, parameters[:-1]) + (np.exp2(parameters[-1]) + JITTER) * np.eye(25)
        ones = np.linalg.solve(inside, np.ones(25))
        mean = ones @ values / ones.sum()
        scale = (values - mean) @ np.linalg.solve(inside, values - mean) / 25
        prior = -0.5 * np.sum(((parameters - model._prior) / 3.0) ** 2)
        return multivariate_normal.logpdf(values, np.full(25, mean), scale * inside) + prior

    first, second = model.parameters, model.parameters + np.array([1.0, -1, 2, 0, 1, -2, 1])
    difference = model.log_posterior(parts, values, second) - model.log_posterior(parts, values, first)
    assert difference == pytest.approx(expected(second) - expected(first), abs=1e-8)


def test_fitting_ends_where_no_neighbouring_parameter_is_better(data):
    observed, values, _ = data
    kernel = DecisionKernel(5)
    model = GaussianProcess(kernel, sweeps=50)
    model.fit(observed, values)
    parts = kernel.parts(observed, observed)
    reached = model.log_posterior(parts, values, model.parameters)
    for place in range(len(model.parameters)):
        for step in (-1.0, 1.0):
            neighbour = model.parameters.copy()
            neighbour[place] += step
            assert model.log_posterior(parts, values, neighbour) <= reached + 1e-6


def test_fitting_finds_which_decision_matters():
    rng = np.random.default_rng(0)
    observed = rng.integers(0, 4, (80, 5))
    values = np.array([0.0, 3.0, -1.0, 1.0])[observed[:, 2]] * np.array([1.0, 1.0, -1.0, 1.0])[observed[:, 4]]
    model = GaussianProcess(DecisionKernel(5))
    model.fit(observed, values)
    weights = model.parameters[:5]
    assert min(weights[2], weights[4]) > max(weights[0], weights[1], weights[3])


@pytest.mark.parametrize("decisions", [3, 16])
def test_the_kernel_of_decisions_is_its_formula(decisions):
    """By look-up (few decisions) and computed (many)."""
    rng = np.random.default_rng(2)
    first, second = rng.integers(0, 3, (5, decisions)), rng.integers(0, 3, (7, decisions))
    kernel = DecisionKernel(decisions)
    parameters = rng.integers(-3, 3, decisions + 1).astype(float)
    weights, together = 2.0 ** parameters[:-1], 1 / (1 + 2.0 ** -parameters[-1])
    computed = kernel.combine(kernel.parts(first, second), parameters)
    for i, x in enumerate(first):
        for j, y in enumerate(second):
            squared = sum(w for w, a, b in zip(weights, x, y, strict=True) if a != b)
            r = np.sqrt(5 * squared)
            expected = (1 - together) * (1 - squared / sum(weights)) + together * (1 + r + r**2 / 3) * np.exp(-r)
            assert computed[i, j] == pytest.approx(expected)


@pytest.mark.parametrize("kernel", [DecisionKernel(4), WeisfeilerLehmanKernel(2)])
def test_kernels_are_positive_definite_with_unit_diagonal(kernel):
    from nasbench_strategies.weisfeiler_lehman import Vocabulary

    from nasbench_suite import CellSpace

    rng = np.random.default_rng(1)
    if isinstance(kernel, DecisionKernel):
        features = np.unique(rng.integers(0, 3, (40, 4)), axis=0)
    else:
        cells = CellSpace("c", 4, ("none", "skip", "conv"), zero="none", identity="skip")
        features = Vocabulary(2).features([cells.graph(cells.sample(rng)) for _ in range(40)])
    parts = kernel.parts(features, features)
    for _ in range(5):
        covariance = kernel.combine(parts, kernel.start + rng.integers(-3, 4, len(kernel.start)))
        assert np.allclose(np.diag(covariance), 1.0)
        assert np.allclose(covariance, covariance.T)
        assert np.linalg.eigvalsh(covariance).min() > -1e-9


def test_log_regret_keeps_the_order_and_is_standardised():
    accuracies = np.array([0.1, 0.9, 0.85, 0.1, 0.4, 0.89])
    scaled = log_regret(accuracies)
    assert np.array_equal(np.argsort(scaled, kind="stable"), np.argsort(accuracies, kind="stable"))
    assert scaled.mean() == pytest.approx(0.0, abs=1e-12) and scaled.std() == pytest.approx(1.0)
    # The step from 0.89 to 0.9 counts more than that from 0.1 to 0.4.
    assert scaled[1] - scaled[5] > scaled[4] - scaled[0]


@pytest.mark.parametrize("accuracies", [[0.5], [0.5, 0.5, 0.5]])
def test_log_regret_of_equal_accuracies_is_zero(accuracies):
    assert np.array_equal(log_regret(np.array(accuracies)), np.zeros(len(accuracies)))


def test_log_regret_where_most_are_the_best():
    assert np.all(np.isfinite(log_regret(np.array([0.5, 0.5, 0.5, 0.4]))))
