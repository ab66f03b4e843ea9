"""Expected improvement and entropy against numerical integration."""

from __future__ import annotations

import numpy as np
import pytest
from nasbench_strategies.acquisition import leading_improvement, log_expected_improvement, normal_entropy
from scipy.integrate import quad
from scipy.stats import norm


@pytest.mark.parametrize(
    ("mean", "deviation", "best"), [(0.0, 1.0, 0.5), (2.0, 0.3, 0.0), (-1.0, 0.5, 1.0), (0.9, 0.05, 1.0)]
)
def test_expected_improvement_is_the_integral_of_the_improvement(mean, deviation, best):
    def improvement(value):
        return (value - best) * norm.pdf(value, mean, deviation)

    integral, _ = quad(improvement, best, max(best, mean) + 12 * deviation, epsabs=1e-16, epsrel=1e-12)
    value = log_expected_improvement(np.array([mean]), np.array([deviation]), best)
    assert np.exp(value[0]) == pytest.approx(integral, rel=1e-9)


def test_far_below_the_best_it_orders_candidates_where_the_plain_formula_is_zero():
    means = -np.array([40.0, 60.0, 99.9, 100.1, 1e3, 1e5])
    values = log_expected_improvement(means, np.ones(6), 0.0)
    assert np.all(np.isfinite(values)) and np.all(np.diff(values) < 0)
    # The leading term for u -> -inf is log phi(u) - 2 log |u|; the next one is -3 / u².
    leading = norm.logpdf(means) - 2 * np.log(-means)
    assert values == pytest.approx(leading + np.log1p(-3 / means**2), abs=1e-5)


def test_it_is_continuous_where_its_forms_meet():
    for meeting in (-1.0, -100.0):
        around = meeting + np.array([-1e-9, 0.0, 1e-9])
        values = log_expected_improvement(around, np.ones(3), 0.0)
        assert np.ptp(values) < 1e-6


def test_a_certain_candidate_promises_what_it_is_better_by():
    value = log_expected_improvement(np.array([1.5]), np.array([0.0]), 1.0)
    assert np.exp(value[0]) == pytest.approx(0.5)


@pytest.mark.parametrize("seed", range(20))
def test_the_leading_are_those_of_the_greatest_improvement(seed):
    rng = np.random.default_rng(seed)
    mean = rng.normal(0.0, 10.0 ** rng.integers(-2, 3), 500)
    deviation = rng.uniform(0.0, 1.0, 500) ** rng.integers(1, 6)
    free = rng.random(500) < rng.choice([0.02, 0.5, 1.0])
    best = float(rng.choice([mean.max(), mean.mean(), mean.max() + 30.0]))
    everything = np.where(free, log_expected_improvement(mean, deviation, best), -np.inf)
    leading = leading_improvement(mean, deviation, best, free)
    known = leading > -np.inf
    assert known[everything == everything.max()].all()
    assert np.array_equal(leading[known], everything[known])


def test_nothing_free_leads_nowhere():
    leading = leading_improvement(np.zeros(3), np.ones(3), 0.0, np.zeros(3, dtype=np.bool_))
    assert np.array_equal(leading, np.full(3, -np.inf))


def test_entropy_is_the_integral_of_the_density_times_its_logarithm():
    for deviation in (0.1, 1.0, 7.0):
        density = norm(0.0, deviation)
        integral, _ = quad(lambda x, d=density: -d.pdf(x) * d.logpdf(x), -30 * deviation, 30 * deviation, points=[0.0])
        assert normal_entropy(np.array([deviation]))[0] == pytest.approx(integral, abs=1e-8)
