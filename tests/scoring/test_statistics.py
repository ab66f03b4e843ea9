"""The statistics against scipy, brute force and published worked examples."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from nasbench_suite.errors import ScoringError
from nasbench_suite.scoring import statistics
from nasbench_suite.scoring.statistics import (
    average_ranks,
    bootstrap_curves,
    bootstrap_interquartile_mean,
    critical_difference,
    holm,
    interquartile_mean,
    mean,
    on_grid,
    paired_differences,
    pairing,
    positions,
    positions_without_a_data_set,
    positions_without_one,
    probability_of_improvement,
    profile,
    standard_deviation,
    time_to_target,
)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 8, 30, 101])
def test_interquartile_mean_is_scipys_trimmed_mean(n: int, rng: np.random.Generator) -> None:
    values = rng.normal(size=n)
    assert interquartile_mean(values) == pytest.approx(stats.trim_mean(values, 0.25), rel=1e-12)


def test_mean_and_deviation_do_not_depend_on_the_order(rng: np.random.Generator) -> None:
    values = rng.normal(size=1000) * 10.0 ** rng.integers(-6, 6, 1000)
    for _ in range(5):
        shuffled = rng.permutation(values)
        assert mean(shuffled) == mean(values) == pytest.approx(values.mean())
        assert standard_deviation(shuffled) == standard_deviation(values) == pytest.approx(values.std(ddof=1))
    assert math.isnan(standard_deviation([1.0]))
    assert math.isnan(mean([]))


def test_bootstrap_has_the_distribution_of_all_resamples() -> None:
    values = np.array([0.1, 0.2, 0.4, 0.8, 0.9])
    everything = np.sort([stats.trim_mean(sample, 0.25) for sample in itertools.product(values, repeat=5)])
    interval = bootstrap_interquartile_mean(values[None], few=0)
    assert interval.value == pytest.approx(stats.trim_mean(values, 0.25))
    assert interval.n == 5
    for end, level in ((interval.low, 0.025), (interval.high, 0.975)):
        share = np.mean(everything < end + 1e-9)
        assert share == pytest.approx(level, abs=0.012)


def test_bootstrap_draws_within_strata() -> None:
    # Each stratum is constant: whatever is drawn within it, the pool is the same.
    interval = bootstrap_interquartile_mean(np.repeat([[0.1], [0.5], [0.9]], 6, axis=1))
    assert interval.low == interval.value == interval.high
    assert interval.value == pytest.approx(0.5)


def test_bootstrap_of_strata_agrees_with_brute_force(rng: np.random.Generator) -> None:
    values = np.sort(on_grid(rng.random((3, 9))), axis=1)
    counts = statistics._draws(3, 9)
    assert (counts.reshape(-1, 3, 9).sum(axis=2) == 9).all()
    pools = [np.repeat(values.ravel(), row.astype(int)) for row in counts]
    brute = np.sort([stats.trim_mean(pool, 0.25) for pool in pools])
    interval = bootstrap_interquartile_mean(values, few=0)
    assert (interval.low, interval.high) == pytest.approx((brute[50], brute[-51]), rel=1e-12)


@pytest.mark.parametrize("shape", [(1, 30), (3, 20)])
def test_bootstrap_agrees_with_scipys(shape: tuple[int, int], rng: np.random.Generator) -> None:
    """Percentile intervals of ``scipy.stats.bootstrap``; of several strata each is drawn from by itself."""
    values = rng.normal(size=shape)
    interval = bootstrap_interquartile_mean(values)
    theirs = stats.bootstrap(
        tuple(values),
        lambda *strata, axis=-1: stats.trim_mean(np.concatenate(strata, axis=axis), 0.25, axis=axis),
        n_resamples=20_000,
        method="percentile",
        rng=np.random.default_rng(1),
        vectorized=True,
    ).confidence_interval
    width = theirs.high - theirs.low
    assert interval.low == pytest.approx(theirs.low, abs=0.08 * width)
    assert interval.high == pytest.approx(theirs.high, abs=0.08 * width)


def test_bootstrap_covers_the_truth_about_as_often_as_it_says(rng: np.random.Generator) -> None:
    hits = 0
    for _ in range(300):
        interval = bootstrap_interquartile_mean(rng.normal(size=(1, 30)))
        hits += interval.low <= 0.0 <= interval.high
    assert 0.90 <= hits / 300 <= 0.98


def test_curves_are_bootstrapped_like_single_values(rng: np.random.Generator) -> None:
    values = rng.random((12, 5))
    values[3, 0] = math.nan
    estimates, low, high = bootstrap_curves(values)
    assert math.isnan(estimates[0]) and math.isnan(low[0]) and math.isnan(high[0])
    for column in range(1, 5):
        interval = bootstrap_interquartile_mean(values[None, :, column])
        assert (estimates[column], low[column], high[column]) == pytest.approx(
            (interval.value, interval.low, interval.high), rel=1e-12
        )


def test_one_value_has_no_interval() -> None:
    interval = bootstrap_interquartile_mean([[0.5]])
    assert interval.value == 0.5 and math.isnan(interval.low) and math.isnan(interval.high)


@pytest.mark.parametrize("values", [[], [0.5], [[math.nan, 1.0]], [[[0.5]]]])
def test_bootstrap_checks_its_input(values: list[float]) -> None:
    with pytest.raises(ScoringError, match="bootstrap of values of shape"):
        bootstrap_interquartile_mean(values)


def test_average_ranks_share_ties() -> None:
    # Columns are runs: ranks 1, 2.5, 2.5 and 3, 1, 2.
    assert average_ranks([[0.9, 0.1], [0.5, 0.9], [0.5, 0.5]]).tolist() == [2.0, 1.75, 2.25]
    assert average_ranks([[math.nan], [0.0]]).tolist() == [2.0, 1.0]


def test_holm_of_a_worked_example() -> None:
    # Holm 1979 as in Aickin & Gensler 1996: 0.01, 0.04, 0.03, 0.005 become 0.03, 0.06, 0.06, 0.02.
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("n", [5, 12, 30])
@pytest.mark.filterwarnings("default")
def test_pairs_are_wilcoxons_test_corrected_by_holm(n: int, rng: np.random.Generator) -> None:
    scores = np.round(rng.random((5, n)), 1)
    scores[1] = scores[0]
    found = paired_differences(scores, exact=False)
    pairs = list(itertools.combinations(range(5), 2))
    raw = []
    for i, j in pairs:
        difference = on_grid(scores[i]) - on_grid(scores[j])
        if not difference.any():
            raw.append(1.0)
            continue
        raw.append(stats.wilcoxon(difference, zero_method="pratt", correction=True, method="approx").pvalue)
        ranks = stats.rankdata(np.abs(difference))
        effect = ranks[difference > 0].sum() - ranks[difference < 0].sum()
        assert found.effects[i, j] == pytest.approx(effect / ranks[difference != 0].sum())
    order = np.argsort(raw)
    running = 0.0
    for place, pair in enumerate(order):
        running = min(1.0, max(running, raw[pair] * (len(pairs) - place)))
        assert found.p_values[pairs[pair]] == pytest.approx(running, rel=1e-6)
    np.testing.assert_array_equal(found.p_values, found.p_values.T)
    np.testing.assert_array_equal(found.effects, -found.effects.T)


@pytest.mark.parametrize("strata", [1, 2])
def test_exact_p_values_count_every_choice_of_signs(strata: int, rng: np.random.Generator) -> None:
    """With ties and zeros: the share of all 2^n signs whose sum of ranks is as far from the middle."""
    for _ in range(20):
        scores = np.round(rng.random((2, strata, 5)), 1)
        found = paired_differences(scores)
        differences = on_grid(scores[0]) - on_grid(scores[1])
        ranks = np.concatenate([stats.rankdata(np.abs(row)) for row in differences])
        signs = np.sign(differences).ravel()
        kept = ranks[signs != 0]
        seen = abs((kept * signs[signs != 0]).sum())
        sums = [abs((kept * chosen).sum()) for chosen in itertools.product((-1, 1), repeat=len(kept))]
        assert found.p_values[0, 1] == pytest.approx(np.mean(np.array(sums) >= seen - 1e-9))
        assert found.n == 5 * strata


@pytest.mark.parametrize("n", [6, 20, 50])
def test_exact_p_values_without_ties_are_scipys(n: int, rng: np.random.Generator) -> None:
    scores = rng.random((2, n))
    expected = stats.wilcoxon(scores[0], scores[1], method="exact").pvalue
    assert paired_differences(scores).p_values[0, 1] == pytest.approx(expected, rel=1e-6)


def test_many_pairs_of_several_data_sets_are_nearly_exact(rng: np.random.Generator) -> None:
    """Where the normal approximation begins, it is close to simulated signs."""
    scores = np.array([rng.random((3, 30)), rng.random((3, 30)) + 0.05])
    found = paired_differences(scores)
    differences = on_grid(scores[0]) - on_grid(scores[1])
    ranks = np.array([stats.rankdata(np.abs(row)) for row in differences])
    signs = rng.choice([-1, 1], size=(20_000, 3, 30))
    seen = abs((ranks * np.sign(differences)).sum())
    simulated = np.mean(np.abs((signs * ranks).sum(axis=(1, 2))) >= seen)
    assert found.p_values[0, 1] == pytest.approx(simulated, abs=0.01)


def test_the_least_p_value_is_what_one_row_that_always_wins_gets() -> None:
    for seeds, rows in ((5, 2), (8, 4), (20, 27), (70, 3)):
        scores = np.arange(rows)[:, None] + np.arange(1, seeds + 1)[None] * np.arange(1, rows + 1)[:, None] / 100
        found = paired_differences(scores)
        assert found.least == pytest.approx(found.p_values[found.p_values < 1].min() if rows == 2 else found.least)
        assert found.least <= found.p_values[np.triu_indices(rows, 1)].min() + 1e-12
    assert paired_differences(np.zeros((27, 5))).least == 1.0 and not paired_differences(np.zeros((27, 5))).tells
    assert paired_differences(np.zeros((2, 5))).least == pytest.approx(2 / 2**5)
    assert paired_differences(np.zeros((27, 20))).tells


def test_positions_follow_the_estimates() -> None:
    assert positions([0.3, 0.9, 0.3, math.nan, 0.5]) == [3, 1, 3, 5, 2]


@pytest.mark.parametrize("n", [2, 3, 5, 8])
def test_an_interval_of_few_runs_is_tukeys_and_mclaughlins(n: int, rng: np.random.Generator) -> None:
    values = rng.normal(size=n)
    found = bootstrap_interquartile_mean([values])
    ordered, cut = np.sort(on_grid(values)), n // 4
    drawn_in = np.clip(ordered, ordered[cut], ordered[n - cut - 1])
    error = drawn_in.std(ddof=1) * math.sqrt(n) / (n - 2 * cut)
    reach = stats.t.ppf(0.975, n - 2 * cut - 1) * error
    assert (found.value, found.high) == pytest.approx((stats.trim_mean(ordered, 0.25), found.value + reach))
    columns = bootstrap_curves(values[:, None])
    assert [float(part[0]) for part in columns] == pytest.approx([found.value, found.low, found.high])


def test_what_pairing_buys_is_the_mean_covariance_over_the_mean_variance(rng: np.random.Generator) -> None:
    shared = rng.normal(size=40)
    scores = np.array([shared * 0.05 + rng.normal(size=40) * 0.05 + row for row in range(4)])
    covariance = np.cov(scores)
    expected = covariance[np.triu_indices(4, 1)].mean() / np.diag(covariance).mean()
    assert pairing(scores) == pytest.approx(expected, abs=1e-6)
    assert pairing(np.tile(shared, (3, 1))) == pytest.approx(1.0)
    assert (
        math.isnan(pairing(scores[:1])) and math.isnan(pairing(np.ones((3, 5)))) and math.isnan(pairing(scores[:, :1]))
    )


def test_positions_with_a_run_or_a_data_set_left_out_by_brute_force(rng: np.random.Generator) -> None:
    values = rng.normal(size=(5, 3, 7)) + np.arange(5)[:, None, None] * 0.2

    def placed(kept: np.ndarray) -> list[int]:
        return positions([stats.trim_mean(row.ravel(), 0.25) for row in kept])

    for axis, found in ((2, positions_without_one(values)), (1, positions_without_a_data_set(values))):
        all_places = np.array([placed(np.delete(values, place, axis=axis)) for place in range(values.shape[axis])])
        expected = list(zip(all_places.min(axis=0), all_places.max(axis=0), strict=True))
        assert list(found) == expected
    assert positions_without_one(values[:, :, :1]) == ((1, 5),) * 5  # nothing can be left out


def test_a_missing_answer_counts_below_every_number() -> None:
    scores = np.full((2, 12), 0.5)
    scores[1] = math.nan
    assert paired_differences(scores).effects[0, 1] == 1.0


# Demšar, JMLR 7, 2006, Table 6: AUC of C4.5, C4.5+m, C4.5+cf, C4.5+m+cf on 14 data sets.
DEMSAR = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ]
).T


def test_friedman_and_nemenyi_give_demsars_worked_example() -> None:
    found = critical_difference(DEMSAR)
    assert found is not None and found.n == 14
    assert found.ranks.round(3).tolist() == [3.143, 2.0, 2.893, 1.964]
    assert found.difference == pytest.approx(1.25, abs=0.005)
    # The paper's 9.28 leaves ties uncorrected, and its F_F = 3.69 belongs to that.
    uncorrected = 12 * 14 / (4 * 5) * (np.sum(found.ranks**2) - 4 * 25 / 4)
    assert uncorrected == pytest.approx(9.28, abs=0.01)
    assert (found.statistic, found.p_value) == pytest.approx(tuple(stats.friedmanchisquare(*DEMSAR)), rel=1e-5)
    # Nemenyi finds no pair apart: 3.143 - 1.964 = 1.18 < 1.25.
    assert found.groups() == [(3, 1, 2, 0)]


def test_wilcoxon_gives_demsars_worked_example() -> None:
    """Demšar 2006, Table 2: C4.5+m against C4.5; R+ = 93 and R- = 12 with the two zeros' ranks (1.5 each) shared."""
    found = paired_differences(DEMSAR[[1, 0]])
    up, down = 93 - 1.5, 12 - 1.5  # Pratt leaves the zeros' ranks out instead
    assert found.effects[0, 1] == pytest.approx((up - down) / (up + down))
    assert found.n == 14 and found.p_values[0, 1] < 0.05  # the paper: 12 is below the critical 21, so they differ


def test_nemenyi_tells_apart_what_scikit_posthocs_does(rng: np.random.Generator) -> None:
    """Two rows share a group if and only if ``posthoc_nemenyi_friedman`` of that library has p >= 0.05."""
    posthocs = pytest.importorskip("scikit_posthocs", reason="needs scikit-posthocs (pip install scikit-posthocs)")
    for _ in range(30):
        rows, n = int(rng.integers(3, 9)), int(rng.integers(4, 30))
        scores = np.round(rng.normal(size=(rows, n)) + 0.5 * np.arange(rows)[:, None], 1)
        found = critical_difference(scores, least=2)
        assert found is not None
        p_values = np.asarray(posthocs.posthoc_nemenyi_friedman(scores.T))
        apart = np.abs(found.ranks[:, None] - found.ranks) >= found.difference
        np.testing.assert_array_equal(apart, p_values < 0.05)


def test_nemenyi_of_demsars_data_has_the_p_values_of_scikit_posthocs() -> None:
    """``posthoc_nemenyi_friedman(DEMSAR.T)`` of scikit-posthocs 0.17.1."""
    expected = [
        [1.0, 0.0886727, 0.9561772, 0.0741848],
        [0.0886727, 1.0, 0.2592281, 0.9998594],
        [0.9561772, 0.2592281, 1.0, 0.2266969],
        [0.0741848, 0.9998594, 0.2266969, 1.0],
    ]
    found = critical_difference(DEMSAR)
    assert found is not None
    z = np.abs(found.ranks[:, None] - found.ranks) / math.sqrt(4 * 5 / (6 * 14))
    p_values = stats.studentized_range.sf(z * math.sqrt(2), 4, np.inf)
    np.testing.assert_allclose(p_values, expected, atol=1e-6)
    np.testing.assert_array_equal(p_values < 0.05, np.abs(found.ranks[:, None] - found.ranks) >= found.difference)


def test_critical_difference_groups_by_brute_force(rng: np.random.Generator) -> None:
    for _ in range(50):
        scores = rng.normal(size=(6, 12)) + np.arange(6)[:, None] * 0.5
        found = critical_difference(scores, least=2)
        assert found is not None
        close = np.abs(found.ranks[:, None] - found.ranks) < found.difference
        cliques = [
            set(subset)
            for size in range(2, 7)
            for subset in itertools.combinations(range(6), size)
            if close[np.ix_(subset, subset)].all()
        ]
        maximal = [clique for clique in cliques if not any(clique < other for other in cliques)]
        assert sorted(map(sorted, found.groups())) == sorted(map(sorted, maximal))


def test_critical_difference_says_nothing_of_too_little() -> None:
    assert critical_difference(DEMSAR[:2]) is None
    assert critical_difference(DEMSAR[:, :9]) is None  # Demšar has 10 data sets or more
    alike = critical_difference(np.ones((3, 10)))
    assert alike is not None and (alike.statistic, alike.p_value) == (0.0, 1.0)


def test_probability_of_improvement_is_mann_whitney(rng: np.random.Generator) -> None:
    scores = np.round(rng.random((3, 2, 9)), 1)
    found = probability_of_improvement(scores)
    for i, j in itertools.product(range(3), repeat=2):
        expected = [
            stats.mannwhitneyu(scores[i, place], scores[j, place]).statistic / 81 if i != j else 0.5
            for place in range(2)
        ]
        assert found[i, j] == pytest.approx(np.mean(expected))


def test_profile_counts_runs() -> None:
    found = profile([[0.3, 0.1, 0.2], [0.5, 0.5, 0.0]], [0.0, 0.1, 0.2, 0.4, 0.5])
    assert (found * 3).tolist() == [[0, 1, 2, 3, 3], [1, 1, 1, 1, 3]]


def test_expected_time_counts_what_failures_spent() -> None:
    found = time_to_target(0.1, [10.0, 30.0, math.nan, math.nan], 100.0)
    assert (found.expected, found.successes, found.n) == (120.0, 2, 4)
    assert math.isinf(time_to_target(0.1, [math.nan], 100.0).expected)
