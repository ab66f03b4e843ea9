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

LEVEL = 0.05
"""Of every test."""

EXACT = 60
"""Up to so many paired differences tests use the exact distribution; beyond, the normal one is close and much faster."""

FEW = 10
"""With fewer runs than these a percentile interval covers too little (89 % of 5 runs); Student's t is used instead."""

_GRID = 2.0**30
_PAIRED_VALUES = 2**19  # of differences held at once
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
    flat = values if isinstance(values, list) else np.asarray(values, dtype=np.float64).ravel().tolist()
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


def bootstrap_interquartile_mean(strata: ArrayLike, *, few: int = FEW) -> Interval:
    """The interquartile mean of all values with its percentile interval from a stratified bootstrap.

    Every bootstrap sample draws with replacement within each stratum (benchmark), then pools (Agarwal et al. 2021).
    The draws depend on the shape alone, so a row's interval does not change when other rows come or go. Of fewer than
    ``few`` values per stratum see :func:`student_interval`.

    Args:
        strata: ``[strata, values]``, finite.
        few: below so many values per stratum the interval is Student's.

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
    if values.shape[1] < few:
        return student_interval(values)
    cut = pool.size // 4
    if len(values) == 1:
        reached = _sorted_reach(pool.size)
    else:
        order = np.argsort(pool, kind="stable")
        pool = pool[order]
        reached = _reach(_draws(*values.shape)[:, order])
    estimates = _sums(reached, pool[:, None]) / (pool.size - 2 * cut)
    low, high = _percentiles(estimates)
    return Interval(estimate, float(low[0]), float(high[0]), pool.size)


def student_interval(strata: FloatArray) -> Interval:
    """The interquartile mean with Student's interval for trimmed means (Tukey & McLaughlin, Sankhyā A 25, 1963).

    The standard error comes from the values with the outer quarters drawn in to the nearest that is kept, within each
    stratum; the degrees of freedom are those of the values that are kept. It covers 95 % where a bootstrap of so few
    values does not.

    Args:
        strata: ``[strata, values]``, finite, at least two values each.
    """
    pool = np.sort(strata, axis=None)
    cut = pool.size // 4
    kept = pool.size - 2 * cut
    drawn_in = np.clip(strata, pool[cut], pool[pool.size - cut - 1])
    spread = math.fsum(len(row) * standard_deviation(row) ** 2 for row in drawn_in)
    freedom = max(kept - len(strata), 1)
    reach = _student_quantile(freedom) * math.sqrt(spread) / kept
    estimate = interquartile_mean(pool)
    return Interval(estimate, estimate - reach, estimate + reach, pool.size)


@lru_cache(maxsize=256)
def _student_quantile(freedom: int) -> float:
    from scipy.special import stdtrit

    return float(f"{stdtrit(freedom, (1 + CONFIDENCE) / 2):.9g}")


def bootstrap_curves(values: ArrayLike, *, few: int = FEW) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Interquartile means with percentile intervals, one per column; of fewer than ``few`` seeds with Student's.

    Args:
        values: ``[seeds, moments]``; a column with a NaN gives NaN.
        few: below so many seeds the interval is Student's.

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
        if seeds < few:
            ends = [student_interval(column[None]) for column in distinct.T]
            low, high = (np.array([getattr(end, side) for end in ends]) for side in ("low", "high"))
        else:
            low, high = _percentiles(_sums(_sorted_reach(seeds), distinct) / (seeds - 2 * cut))
        results[1, known], results[2, known] = low[back.ravel()], high[back.ravel()]
    return results[0], results[1], results[2]


@lru_cache(maxsize=8)
def _draws(strata: int, size: int) -> NDArray[np.float32]:
    """How often each value is drawn in each bootstrap sample: ``[resamples, strata * size]`` whole numbers."""
    rng = np.random.default_rng([_SEED, strata, size])
    drawn = rng.integers(0, size, (RESAMPLES, strata, size)) + (np.arange(strata) * size)[:, None]
    flat = (drawn.reshape(RESAMPLES, -1) + (np.arange(RESAMPLES) * (strata * size))[:, None]).ravel()
    counts = np.bincount(flat, minlength=RESAMPLES * strata * size).reshape(RESAMPLES, -1)
    return counts.astype(np.float32)


@lru_cache(maxsize=8)
def _sorted_reach(size: int) -> FloatArray:
    """:func:`_reach` of one stratum, whose values are sorted whatever they are."""
    return _reach(_draws(1, size))


def _reach(counts: NDArray[np.float32]) -> FloatArray:
    """How much of the middle half lies at or below each sorted value, in each bootstrap sample.

    A quarter of the draws, rounded down, is cut off at either end. Single precision holds these counts exactly.
    """
    size = counts.shape[1]
    below = np.cumsum(counts, axis=1, dtype=np.float32)
    np.clip(below, size // 4, size - size // 4, out=below)
    below -= size // 4
    return below.astype(np.float64)


def _sums(reached: FloatArray, ordered: FloatArray) -> FloatArray:
    """``[resamples, columns]``: the sum of the middle half of each bootstrap sample of each sorted column.

    By parts: whole numbers times differences of multiples of 2**-30, exact in whatever order BLAS adds them.
    """
    size = len(ordered)
    steps = ordered[:-1] - ordered[1:]
    sums: FloatArray = reached[:, :-1] @ steps + (size - 2 * (size // 4)) * ordered[-1]
    return sums


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
        least: the smallest corrected p-value that so many pairs of runs and rows allow.
    """

    p_values: FloatArray
    effects: FloatArray
    n: int
    least: float = 1.0

    @property
    def tells(self) -> bool:
        """Whether any two rows could have been told apart at all with so many runs."""
        return self.least <= LEVEL


def paired_differences(scores: ArrayLike, *, exact: bool = True) -> Differences:
    """Compare every pair of rows over paired runs, within each of the named data sets.

    Wilcoxon's signed-rank test with Pratt's treatment of zeros (two strategies often find the very same cell). With
    several data sets, ranks are within each of them and their sums are added, so that what is tested is equality
    within each of these data sets; nothing is said of others. Up to :data:`EXACT` differences the distribution is the
    exact one given ties and zeros: every difference has either sign with equal probability. Beyond, it is the normal
    approximation with continuity correction. Holm's step-down correction over all pairs (Demšar, JMLR 2006; Holm 1979).

    Args:
        scores: ``[rows, paired runs]`` or ``[rows, data sets, paired runs]``; NaN (no answer) counts as below every
            number.
        exact: whether to use the exact distribution where it is short enough.
    """
    values = on_grid(scores)
    values = np.where(np.isnan(values), -4.0, values)
    values = values.reshape(len(values), -1, values.shape[-1]) if values.size else values.reshape(len(values), 1, 0)
    rows, strata, seeds = values.shape
    p_values, effects = np.ones((rows, rows)), np.zeros((rows, rows))
    first, second = np.triu_indices(rows, 1)
    raw = np.ones(len(first))
    chunk = max(1, _PAIRED_VALUES // max(strata * seeds, 1))
    for start in range(0, len(first), chunk):
        part = slice(start, start + chunk)
        raw[part], effects[first[part], second[part]] = signed_rank_tests(
            values[first[part]] - values[second[part]], exact=exact
        )
    effects -= effects.T
    p_values[first, second] = p_values[second, first] = holm(raw)
    return Differences(p_values, effects, strata * seeds, least_p_value(seeds, strata, len(first)))


def signed_rank_tests(differences: FloatArray, *, exact: bool = True) -> tuple[FloatArray, FloatArray]:
    """Wilcoxon's signed-rank tests of many pairs at once (see :func:`paired_differences`).

    Args:
        differences: ``[pairs, data sets, runs]``, finite.
        exact: whether to use the exact distribution where it is short enough.

    Returns:
        Two-sided p-values, not corrected, and matched-pairs rank-biserial correlations, ``[pairs]`` each.
    """
    from scipy.stats import rankdata

    ranks = rankdata(np.abs(differences), axis=2)  # zeros take part in the ranking and are left out of the sums
    up, down = ((ranks * side).sum(axis=(1, 2)) for side in (differences > 0, differences < 0))
    total = up + down
    effects: FloatArray = np.divide(up - down, total, out=np.zeros_like(total), where=total > 0)
    zeros = (differences == 0).sum(axis=2)
    if exact and differences.shape[1] * differences.shape[2] <= EXACT:
        return _exact_tests(np.where(differences == 0, 0.0, ranks), up, down), effects
    return _normal_tests(ranks, zeros, up), effects


def _exact_tests(ranks: FloatArray, up: FloatArray, down: FloatArray) -> FloatArray:
    """Two-sided p-values of sums of positive ranks: the share of all signs whose sum is as far from the middle."""
    doubled = np.rint(2 * np.sort(ranks.reshape(len(ranks), -1), axis=1)).astype(np.int64)
    nearer = np.rint(2 * np.minimum(up, down)).astype(np.int64)
    patterns, which = np.unique(doubled, axis=0, return_inverse=True)
    which = which.ravel()
    p_values = np.ones(len(ranks))
    for number, pattern in enumerate(patterns):
        of = which == number
        below = np.cumsum(_sums_of_signs(pattern[pattern > 0]))
        p_values[of] = np.minimum(2 * below[nearer[of]], 1.0)
    return np.array([float(f"{p:.9g}") for p in p_values])


def _sums_of_signs(ranks: NDArray[np.int64]) -> FloatArray:
    """How probable each sum is, from 0 on, if every rank is taken with probability one half."""
    probable = np.zeros(int(ranks.sum()) + 1)
    probable[0] = 1.0
    reach = 1
    for rank in ranks.tolist():
        half = probable[:reach] / 2
        probable[:reach] = half
        probable[rank : rank + reach] += half
        reach += rank
    return probable


def _normal_tests(ranks: FloatArray, zeros: NDArray[np.intp], up: FloatArray) -> FloatArray:
    """Two-sided p-values, ``[pairs]``, of the sums of positive ranks; 1 where nothing differs.

    Of one data set the numbers are those of ``scipy.stats.wilcoxon(..., zero_method="pratt", correction=True,
    method="approx")``, which would rank all differences a second time.

    Args:
        ranks: ``[pairs, data sets, runs]``.
        zeros: ``[pairs, data sets]``, how many differences are none.
        up: ``[pairs]``.
    """
    from scipy.special import ndtr

    n = ranks.shape[2]
    centre = ((n * (n + 1) - zeros * (zeros + 1)) / 4).sum(axis=1)
    # A sum of squared ranks has the ties' correction in it already; the zeros' part is taken away (Pratt 1959).
    shared = (zeros + 1) / 2
    variance = (((ranks**2).sum(axis=2) - zeros * shared**2) / 4).sum(axis=1)
    distance = np.abs(np.abs(up - centre) - 0.5 * (up != centre))
    z = np.divide(distance, np.sqrt(variance), out=np.zeros_like(distance), where=variance > 0)
    # Nine digits: what is left does not depend on the last bit of a machine's error function.
    distinct, back = np.unique(z, return_inverse=True)
    p_values = np.array([float(f"{p:.9g}") for p in np.minimum(2 * ndtr(-distinct), 1.0)])
    found: FloatArray = np.where((zeros == n).all(axis=1), 1.0, p_values[back.ravel()])
    return found


def least_p_value(seeds: int, strata: int, comparisons: int) -> float:
    """The smallest p-value that :func:`paired_differences` can give: one row better in every run, Holm's first step."""
    if not seeds or not comparisons:
        return 1.0
    raw, _ = signed_rank_tests(np.ones((1, strata, seeds)) * np.arange(1.0, seeds + 1))
    return min(1.0, float(f"{raw[0] * comparisons:.6g}"))


def holm(p_values: ArrayLike) -> FloatArray:
    """Holm's step-down correction: sorted ``p_i`` times ``m - i``, never falling, at most 1."""
    raw = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(raw, kind="stable")
    corrected = np.empty_like(raw)
    corrected[order] = np.minimum(np.maximum.accumulate(raw[order] * np.arange(raw.size, 0, -1)), 1.0)
    return corrected


@dataclass(frozen=True, eq=False)
class CriticalDifference:
    """Friedman's test over benchmarks and Nemenyi's critical difference (Demšar, JMLR 7, 2006, section 3.2.2).

    Attributes:
        ranks: ``[rows]``, mean over benchmarks.
        statistic: Friedman's chi-squared, corrected for ties.
        p_value: that the rows do not differ at all.
        difference: mean ranks that are closer than this do not differ significantly (5 %, all pairs).
        n: benchmarks.
    """

    ranks: FloatArray
    statistic: float
    p_value: float
    difference: float
    n: int

    def groups(self) -> list[tuple[int, ...]]:
        """Maximal sets of at least two rows within the critical difference, each in order of rank."""
        order = sorted(range(len(self.ranks)), key=lambda row: (self.ranks[row], row))
        found: list[tuple[int, ...]] = []
        reach = 0
        for start in range(len(order)):
            end = start
            while end + 1 < len(order) and self.ranks[order[end + 1]] - self.ranks[order[start]] < self.difference:
                end += 1
            if end > start and end > reach:
                found.append(tuple(order[start : end + 1]))
            reach = max(reach, end)
        return found


DATA_SETS = 10
"""With fewer data sets nothing is inferred from them for others (Demšar 2006 has 10 or more for these tests)."""


def critical_difference(scores: ArrayLike, *, least: int = DATA_SETS) -> CriticalDifference | None:
    """Compare rows over benchmarks; ``None`` for fewer than ``least`` of them or three rows, where the test says little.

    Args:
        scores: ``[rows, benchmarks]``, higher is better, no NaN.
        least: benchmarks.
    """
    from scipy.stats import chi2, rankdata, studentized_range

    values = np.asarray(scores, dtype=np.float64)
    rows, n = values.shape
    if rows < 3 or n < least:
        return None
    ranks = rankdata(-values, axis=0)
    means = np.array([mean(row) for row in ranks])
    ties = sum(count**3 - count for column in ranks.T for count in np.unique(column, return_counts=True)[1].tolist())
    spread = 12 * n / (rows * (rows + 1)) * math.fsum((means - (rows + 1) / 2) ** 2)
    shrink = 1 - ties / (n * rows * (rows**2 - 1))
    statistic = spread / shrink if shrink > 0 else 0.0
    quantile = float(f"{studentized_range.ppf(CONFIDENCE, rows, np.inf):.6g}") / math.sqrt(2)
    return CriticalDifference(
        means,
        statistic,
        float(f"{chi2.sf(statistic, rows - 1):.6g}"),
        quantile * math.sqrt(rows * (rows + 1) / (6 * n)),
        n,
    )


def probability_of_improvement(scores: ArrayLike) -> FloatArray:
    """``[rows, rows]``: how likely a run of row i is better than a run of row j, equal ones counting half.

    The Mann-Whitney U statistic divided by the number of pairs (Agarwal et al. 2021, section 4.3).

    Args:
        scores: ``[rows, benchmarks, seeds]``; runs are compared within a benchmark, benchmarks count alike.
    """
    values = np.asarray(scores, dtype=np.float64)
    rows, benchmarks, seeds = values.shape
    total = np.zeros((rows, rows))
    for place in range(benchmarks):
        distinct, which = np.unique(values[:, place], return_inverse=True)
        counts = np.zeros((rows, distinct.size))
        np.add.at(counts, (np.repeat(np.arange(rows), seeds), which.ravel()), 1)
        # Whole and half numbers: the product is exact, in whatever order it is added up.
        total += counts @ (np.cumsum(counts, axis=1) - counts / 2).T
    share: FloatArray = total / (float(benchmarks) * seeds * seeds)
    return share


def profile(regrets: ArrayLike, levels: ArrayLike) -> FloatArray:
    """``[rows, levels]``: the share of runs whose regret is at most each level (a performance profile).

    Args:
        regrets: ``[rows, runs]``.
        levels: ``[levels]``, rising.
    """
    ordered = np.sort(np.asarray(regrets, dtype=np.float64), axis=1)
    counts = [np.searchsorted(row, np.asarray(levels, dtype=np.float64), side="right") for row in ordered]
    shares: FloatArray = np.array(counts, dtype=np.float64) / ordered.shape[1]
    return shares


@dataclass(frozen=True)
class TimeToTarget:
    """How long it takes to get to a regret (expected running time, Hansen et al. 2016, https://arxiv.org/abs/1605.03560).

    Attributes:
        target: normalized regret to get to.
        expected: what all runs spent before they got there (those that never did: their whole budget), divided by
            the number that did; infinite where none did.
        successes: runs that got there.
        n: runs.
    """

    target: float
    expected: float
    successes: int
    n: int


def time_to_target(target: float, times: ArrayLike, budget: float) -> TimeToTarget:
    """Expected time to a target.

    Args:
        target: normalized regret.
        times: ``[runs]``, when each run got there; NaN where it never did.
        budget: of every run.
    """
    values = np.asarray(times, dtype=np.float64)
    reached = np.isfinite(values)
    successes = int(reached.sum())
    spent = math.fsum(np.where(reached, values, budget))
    return TimeToTarget(target, spent / successes if successes else math.inf, successes, len(values))


def pairing(scores: ArrayLike) -> float:
    """What pairing buys: the share of the variance of the difference of two rows that sharing a seed takes away.

    The mean covariance of two rows divided by the mean variance; 0 where seeds have nothing in common, 1 where they
    are all there is. NaN of fewer than two rows or runs, or where nothing varies.

    Args:
        scores: ``[rows, paired runs]``; no NaN.
    """
    values = on_grid(scores)
    rows, n = values.shape
    alone = math.fsum(standard_deviation(row) ** 2 for row in values) if n > 1 else 0.0
    if rows < 2 or not alone:
        return math.nan
    together = standard_deviation(values.sum(axis=0)) ** 2
    return float(f"{(together - alone) / ((rows - 1) * alone):.9g}")


def positions(estimates: ArrayLike) -> list[int]:
    """1 + the number of rows with a higher estimate; equal ones share theirs, NaN is below every number."""
    values = np.asarray(estimates, dtype=np.float64)
    known = np.where(np.isnan(values), -np.inf, values)
    return [1 + int((known > value).sum()) for value in known]


def positions_without_one(values: ArrayLike) -> tuple[tuple[int, int], ...]:
    """Per row its highest and lowest position by interquartile mean when one run after the other is left out of all.

    Args:
        values: ``[rows, data sets, paired runs]``, higher is better, no NaN. Leaving a run out takes it from every
            data set. Nothing can be left out of one run.
    """
    held = on_grid(values)
    rows, strata, n = held.shape
    if n < 2:
        return tuple((1, int(rows)) for _ in range(rows))
    flat = held.reshape(rows, -1)
    order = np.argsort(flat, axis=1, kind="stable")
    ordered, run_of = np.take_along_axis(flat, order, axis=1), order % n
    left = strata * (n - 1)
    cut = left // 4
    sums = np.array([ordered[run_of != run].reshape(rows, left)[:, cut : left - cut].sum(axis=1) for run in range(n)])
    return _range_of(sums)


def positions_without_a_data_set(values: ArrayLike) -> tuple[tuple[int, int], ...]:
    """As :func:`positions_without_one`, leaving out one data set after the other; nothing can be left out of one."""
    held = on_grid(values)
    rows, strata, _ = held.shape
    if strata < 2:
        return tuple((1, int(rows)) for _ in range(rows))
    rest = (np.delete(held, place, axis=1) for place in range(strata))
    return _range_of(np.array([[interquartile_mean(row) for row in part] for part in rest]))


def _range_of(estimates: FloatArray) -> tuple[tuple[int, int], ...]:
    """``[times, rows]`` -> per row its best and its worst position."""
    found = np.array([positions(row) for row in estimates])
    best, worst = found.min(axis=0), found.max(axis=0)
    return tuple((int(low), int(high)) for low, high in zip(best, worst, strict=True))
