"""The statistics of a leaderboard, as pure functions of arrays that give the same bits on every machine.

Sums are exact (``math.fsum``, or products of numbers on a binary grid), random numbers come from fixed seeds, and
nothing depends on the order in which runs finished.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasbench_suite.errors import ScoringError

FloatArray = NDArray[np.float64]

CONFIDENCE = 0.95
RESAMPLES = 2000
"""Bootstrap samples behind every interval, as in Agarwal et al. 2021 (rliable's default for figures)."""

_GRID = 2.0**30
_SEED = 2021


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval.

    Attributes:
        value: the estimate.
        low, high: ends of the 95 % interval; NaN where one value alone allows none.
        n: how many values it rests on.
    """

    value: float
    low: float
    high: float
    n: int


def on_grid(values: ArrayLike) -> FloatArray:
    """Round to multiples of 2**-30 (about 1e-9), so that sums of up to four million of them are exact in any order."""
    rounded: FloatArray = np.rint(np.asarray(values, dtype=np.float64) * _GRID) / _GRID
    return rounded


def mean(values: ArrayLike) -> float:
    """The mean, rounded once; NaN of nothing."""
    flat = np.asarray(values, dtype=np.float64).ravel().tolist()
    return math.fsum(flat) / len(flat) if flat else math.nan


def standard_deviation(values: ArrayLike) -> float:
    """The sample's (divisor n - 1); NaN of fewer than two values."""
    flat = np.asarray(values, dtype=np.float64).ravel().tolist()
    if len(flat) < 2:
        return math.nan
    centre = mean(flat)
    return math.sqrt(math.fsum((value - centre) ** 2 for value in flat) / (len(flat) - 1))


def interquartile_mean(values: ArrayLike) -> float:
    """The mean of the middle half: a quarter of the values, rounded down, is cut off at either end.

    As ``scipy.stats.trim_mean(values, 0.25)`` has it, which Agarwal et al. (NeurIPS 2021,
    https://arxiv.org/abs/2108.13264) recommend: robust like the median, and it uses twice as much of the data.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64), axis=None)
    cut = ordered.size // 4
    return mean(ordered[cut : ordered.size - cut])


def bootstrap_interquartile_mean(strata: ArrayLike) -> Interval:
    """The interquartile mean of all values with its percentile interval from a stratified bootstrap.

    Every bootstrap sample draws with replacement within each stratum (benchmark), then pools (Agarwal et al. 2021).
    The draws depend on the shape alone, so a row's interval does not change when other rows come or go.

    Args:
        strata: ``[strata, values]``, finite.

    Raises:
        ScoringError: another shape, or values that are not finite.
    """
    values = on_grid(strata)
    if values.ndim != 2 or not values.size or not np.isfinite(values).all():
        raise ScoringError(f"bootstrap of values of shape {values.shape}: expected finite ones, [strata, values]")
    values.sort(axis=1)  # so that the interval does not depend on the order of the seeds
    pool = values.ravel()
    estimate = interquartile_mean(pool)
    if values.shape[1] == 1:
        return Interval(estimate, math.nan, math.nan, pool.size)
    order = np.argsort(pool, kind="stable")
    weights = _middle(_draws(*values.shape)[:, order])
    cut = pool.size // 4
    # Whole numbers times multiples of 2**-30: exact, whatever the order in which BLAS adds.
    estimates = (weights @ pool[order]) / (pool.size - 2 * cut)
    low, high = _percentiles(estimates[:, None])
    return Interval(estimate, float(low[0]), float(high[0]), pool.size)


def bootstrap_curves(values: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Interquartile means with percentile intervals, one per column.

    Args:
        values: ``[seeds, moments]``; a column with a NaN gives NaN.

    Returns:
        Estimates, lower and upper ends, each ``[moments]``.
    """
    columns = np.sort(on_grid(values), axis=0)
    seeds, moments = columns.shape
    known = np.isfinite(columns).all(axis=0)
    results = np.full((3, moments), math.nan)
    cut = seeds // 4
    kept = columns[:, known]
    results[0, known] = kept[cut : seeds - cut].sum(axis=0) / (seeds - 2 * cut)
    if seeds > 1 and known.any():
        # Moments at which nothing changed share their column; each is resampled once.
        distinct, back = np.unique(kept, axis=1, return_inverse=True)
        low, high = _percentiles((_sorted_weights(seeds) @ distinct) / (seeds - 2 * cut))
        results[1, known], results[2, known] = low[back.ravel()], high[back.ravel()]
    return results[0], results[1], results[2]


@lru_cache(maxsize=8)
def _draws(strata: int, size: int) -> FloatArray:
    """How often each value is drawn in each bootstrap sample: ``[resamples, strata * size]`` whole numbers."""
    rng = np.random.default_rng([_SEED, strata, size])
    drawn = rng.integers(0, size, (RESAMPLES, strata, size)) + (np.arange(strata) * size)[:, None]
    flat = (drawn.reshape(RESAMPLES, -1) + (np.arange(RESAMPLES) * (strata * size))[:, None]).ravel()
    counts: FloatArray = (
        np.bincount(flat, minlength=RESAMPLES * strata * size).reshape(RESAMPLES, -1).astype(np.float64)
    )
    return counts


@lru_cache(maxsize=8)
def _sorted_weights(size: int) -> FloatArray:
    """The weight of each order statistic in the middle half of each bootstrap sample: ``[resamples, size]``."""
    return _middle(_draws(1, size))


def _middle(counts: FloatArray) -> FloatArray:
    """Of counts of sorted values, what is left of each after a quarter is cut off at either end."""
    size = counts.shape[1]
    cut = size // 4
    below = np.cumsum(counts, axis=1)
    inside = np.clip(below, cut, size - cut)
    inside[:, 1:] -= inside[:, :-1].copy()
    inside[:, 0] -= cut
    return inside


def _percentiles(estimates: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The ends of the central 95 % of each column, by order statistics (no interpolation)."""
    outside = round((1 - CONFIDENCE) / 2 * len(estimates))
    places = (outside, len(estimates) - 1 - outside)
    ordered = np.partition(estimates, places, axis=0)
    return ordered[places[0]], ordered[places[1]]


def average_ranks(scores: ArrayLike) -> FloatArray:
    """Each row's mean rank over the columns; 1 is the highest score, equal scores share their mean rank.

    Args:
        scores: ``[rows, columns]``, a column per paired run; NaN ranks below every number.
    """
    from scipy.stats import rankdata

    values = np.asarray(scores, dtype=np.float64)
    ranks = rankdata(-np.where(np.isnan(values), -np.inf, values), axis=0)
    return np.array([mean(row) for row in ranks])


@dataclass(frozen=True, eq=False)
class Differences:
    """Which rows of a table differ, by paired tests over the same seeds.

    Attributes:
        p_values: ``[rows, rows]``, two-sided Wilcoxon signed-rank tests, corrected by Holm over all pairs; 1 on the
            diagonal.
        effects: ``[rows, rows]``, matched-pairs rank-biserial correlation (Kerby 2014): 1 where row i beats row j
            in every pair, -1 the other way round, 0 on the diagonal.
        n: pairs of runs behind each test.
    """

    p_values: FloatArray
    effects: FloatArray
    n: int

    def better(self, level: float = 1 - CONFIDENCE) -> NDArray[np.bool_]:
        """``[rows, rows]``: whether row i is significantly better than row j."""
        return (self.p_values <= level) & (self.effects > 0)

    def positions(self) -> list[int]:
        """For each row 1 + the number of rows that are significantly better; rows that share it are tied."""
        return [1 + int(count) for count in self.better().sum(axis=0)]


def paired_differences(scores: ArrayLike) -> Differences:
    """Compare every pair of rows over paired runs.

    Wilcoxon's signed-rank test with Pratt's treatment of zeros (two strategies often find the very same cell) and
    the normal approximation with continuity correction, which stays below 5 % from five pairs on only where the exact
    test nearly does; Holm's step-down correction over all pairs (Demšar, JMLR 2006; Holm 1979).

    Args:
        scores: ``[rows, paired runs]``; NaN (no answer) counts as below every number.
    """
    from scipy.stats import rankdata

    values = on_grid(scores)
    values = np.where(np.isnan(values), -4.0, values)
    rows, n = values.shape
    p_values, effects = np.ones((rows, rows)), np.zeros((rows, rows))
    first, second = np.triu_indices(rows, 1)
    raw = np.ones(len(first))
    for start in range(0, len(first), 4096):
        part = slice(start, start + 4096)
        differences = values[first[part]] - values[second[part]]
        ranks = rankdata(np.abs(differences), axis=1)
        up, down = ((ranks * side).sum(axis=1) for side in (differences > 0, differences < 0))
        total = up + down
        effects[first[part], second[part]] = np.divide(up - down, total, out=np.zeros_like(total), where=total > 0)
        moved = total > 0
        raw[part][moved] = _signed_rank_tests(differences[moved])
    effects -= effects.T
    p_values[first, second] = p_values[second, first] = holm(raw)
    return Differences(p_values, effects, n)


def _signed_rank_tests(differences: FloatArray) -> FloatArray:
    from scipy.stats import wilcoxon

    if not len(differences):
        return np.empty(0)
    result = wilcoxon(differences, axis=1, zero_method="pratt", correction=True, method="approx")
    # Nine digits: what is left does not depend on the last bit of a machine's error function.
    return np.array([float(f"{p:.9g}") for p in np.atleast_1d(result.pvalue)])


def holm(p_values: ArrayLike) -> FloatArray:
    """Holm's step-down correction: sorted ``p_i`` times ``m - i``, never falling, at most 1."""
    raw = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(raw, kind="stable")
    corrected = np.empty_like(raw)
    corrected[order] = np.minimum(np.maximum.accumulate(raw[order] * np.arange(raw.size, 0, -1)), 1.0)
    return corrected
