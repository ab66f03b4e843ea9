"""What the tests of a leaderboard promise, by simulation: levels are kept, intervals cover, nothing contradicts itself.

The seeds are fixed, so that these are no lotteries: bounds are the level plus three standard errors of the simulation.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from nasbench_suite.scoring.groups import letters, told_apart
from nasbench_suite.scoring.statistics import (
    LEVEL,
    bootstrap_interquartile_mean,
    interquartile_mean,
    paired_differences,
    positions,
)

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
ROWS, TIMES = 6, 400

NOISE: dict[str, Draw] = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "skew": lambda rng, shape: rng.exponential(size=shape),
    "heavy": lambda rng, shape: rng.standard_t(2, size=shape),
    "few different answers": lambda rng, shape: rng.integers(0, 4, size=shape).astype(float),
}


def false_claims(rng: np.random.Generator, draw: Draw, strata: int, seeds: int) -> float:
    """How often some pair of equal rows is told apart; data sets differ in level and spread, seeds are shared."""
    wrong = 0
    for _ in range(TIMES):
        spread = 10.0 ** rng.uniform(-2, 0, size=(1, strata, 1))
        shared = draw(rng, (1, strata, seeds))
        scores = (draw(rng, (ROWS, strata, seeds)) + shared) * spread / 10 + rng.random((1, strata, 1))
        estimates = [interquartile_mean(row) for row in scores]
        wrong += bool(told_apart(paired_differences(scores), estimates).any())
    return wrong / TIMES


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize(("strata", "seeds"), [(1, 8), (1, 30), (3, 10), (3, 30)])
def test_equal_rows_are_told_apart_no_more_often_than_stated(noise: str, strata: int, seeds: int) -> None:
    rng = np.random.default_rng([strata, seeds, len(noise)])
    found = false_claims(rng, NOISE[noise], strata, seeds)
    assert found <= LEVEL + 3 * math.sqrt(LEVEL * (1 - LEVEL) / TIMES)


def test_what_is_found_on_some_data_sets_is_no_claim_about_others() -> None:
    """Two rows that are equal on average over all data sets there could be differ on the three that are named.

    Pooling runs of three data sets as if they were so many data sets would call that a difference of the methods in a
    third of the cases; the tests here find the same differences, and the leaderboard says that they are of these
    three. Over data sets nothing is inferred from fewer than ten.
    """
    rng = np.random.default_rng(11)
    found = 0
    for _ in range(TIMES):
        effect = rng.normal(0, 0.5, size=(1, 3, 1)) * np.array([1.0, -1.0])[:, None, None]
        scores = rng.normal(size=(2, 3, 30)) + effect
        found += bool(paired_differences(scores).p_values[0, 1] <= LEVEL)
    assert found / TIMES > 0.2


@pytest.mark.parametrize("n", [3, 5, 8, 10, 30])
@pytest.mark.parametrize("noise", ["normal", "skew", "heavy"])
def test_intervals_cover_what_they_promise(n: int, noise: str) -> None:
    """95 % and, of skewed scores, hardly less; a percentile bootstrap of five runs covers 89 %."""
    rng = np.random.default_rng([n, len(noise)])
    draw = NOISE[noise]
    truth = _truth(draw, n)
    hits = 0
    for _ in range(1000):
        interval = bootstrap_interquartile_mean(draw(rng, (1, n)) / 100)
        hits += interval.low <= truth / 100 <= interval.high
    assert hits / 1000 >= {"normal": 0.93, "skew": 0.90, "heavy": 0.93}[noise] - 3 * math.sqrt(0.05 * 0.95 / 1000)


def _truth(draw: Draw, n: int) -> float:
    """What the interquartile mean of n runs is on average."""
    many = np.sort(draw(np.random.default_rng(0), (20_000, n)), axis=1)
    return float(many[:, n // 4 : n - n // 4].mean())


def test_a_percentile_bootstrap_of_few_runs_would_not_cover() -> None:
    rng = np.random.default_rng(5)
    hits = [
        (low := bootstrap_interquartile_mean(rng.normal(size=(1, 5)), few=0)).low <= 0 <= low.high for _ in range(1000)
    ]
    assert np.mean(hits) < 0.92


SCORES = arrays.arrays(
    np.float64,
    st.tuples(st.integers(1, 7), st.integers(1, 3), st.integers(2, 12)),
    elements=st.sampled_from([0.1, 0.2, 0.25, 0.5, 0.9]) | st.floats(0, 1),
)


@given(SCORES)
def test_positions_groups_and_estimates_never_contradict_each_other(scores: np.ndarray) -> None:
    estimates = [interquartile_mean(row) for row in scores]
    places = positions(estimates)
    order = sorted(range(len(scores)), key=lambda row: places[row])
    apart = told_apart(paired_differences(scores), estimates)
    shown = dict(zip(order, letters(apart[np.ix_(order, order)]), strict=True))
    for one in range(len(scores)):
        for other in range(len(scores)):
            # The order is that of the estimates, and equal estimates have equal places.
            assert (places[one] < places[other]) == (estimates[one] > estimates[other])
            # Letters say exactly what is told apart, and never of rows whose estimates are equal.
            assert bool(set(shown[one]) & set(shown[other])) == (not apart[one, other])
            if apart[one, other]:
                assert places[one] != places[other]


@given(SCORES, st.integers(0, 6))
def test_places_of_two_rows_do_not_depend_on_a_third(scores: np.ndarray, left_out: int) -> None:
    """Who stands above whom is decided by the two rows alone."""
    estimates = [interquartile_mean(row) for row in scores]
    places = positions(estimates)
    kept = [row for row in range(len(scores)) if row != left_out]
    rest = positions([estimates[row] for row in kept])
    for one, place in zip(kept, rest, strict=True):
        for other, another in zip(kept, rest, strict=True):
            assert (places[one] < places[other]) == (place < another)


@given(st.integers(1, 9).flatmap(lambda n: arrays.arrays(np.bool_, (n, n))))
def test_letters_of_any_pattern(drawn: np.ndarray) -> None:
    """Also where the rows of a group do not stand side by side."""
    apart = np.triu(drawn, 1)
    apart = apart | apart.T
    shown = letters(apart)
    for one in range(len(apart)):
        assert shown[one]
        for other in range(len(apart)):
            assert bool(set(shown[one]) & set(shown[other])) == (not apart[one, other])
    names = list(dict.fromkeys("".join(shown)))
    assert names == sorted(names) == [chr(ord("a") + number) for number in range(len(names))]


def test_more_groups_than_letters() -> None:
    shown = letters(~np.eye(30, dtype=bool))
    assert shown[0] == "a" and shown[25] == "z" and shown[26] == "aa" and len(set(shown)) == 30
