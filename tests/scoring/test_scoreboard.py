"""Scoring a comparison: ranks, ties, and what happens to rows with missing or failed runs."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scored import small_plan, small_results

from nasbench_suite.benchmarks import Scores
from nasbench_suite.harness import Plan, Result
from nasbench_suite.scoring import LEVELS, MOMENTS, Board, Curve, Scoreboard, Unranked, score
from nasbench_suite.scoring.score import _ranks_over_time, _Yardstick, normalized_regret, values_over_time
from nasbench_suite.scoring.statistics import average_ranks
from nasbench_suite.search.budget import Budget
from nasbench_suite.search.journal import Charge, Evaluation, Recommendation
from nasbench_suite.testing import tiny_benchmark, wide_benchmark


@pytest.fixture(scope="module")
def board() -> Scoreboard:
    return score(small_plan(), small_results())


def pair(plan: Plan, label: str, place: int = 0) -> list[str]:
    """Run ids of a strategy on the benchmark at this place."""
    return [run.id for run in plan.runs[label, plan.comparison.tasks[place].benchmark]]


def without(board: Board, label: str) -> list[str]:
    return [standing.label for standing in board.standings if standing.label != label]


def test_figures_of_a_row_by_brute_force(board: Scoreboard) -> None:
    plan, results = small_plan(), small_results()
    for held in board.boards:
        benchmark = plan.benchmarks[held.contest.benchmark]
        of_run = next(iter(benchmark.scores().values())).of_run
        assert of_run is not None and held.contest.unseen
        best = [of_run(seed).best for seed in range(12)]
        np.testing.assert_array_equal(held.oracles, best)
        for standing in held.standings:
            finals, alone = [], []
            for run in plan.runs[standing.label, benchmark.name]:
                journal = [event for event in results[run.id].journal if isinstance(event, Evaluation)]
                answer = max(journal, key=lambda event: event.accuracy).architecture
                value, count, unseen = of_run(run.seed).of(answer)
                assert unseen
                finals.append(value)
                alone.append(count == 1)
            assert (standing.alone, standing.seen) == (pytest.approx(np.mean(alone)), 0.0)
            np.testing.assert_array_equal(standing.scores[held.contest.score], finals)
            assert standing.mean == pytest.approx(np.mean(finals))
            assert standing.deviation == pytest.approx(np.std(finals, ddof=1))
            assert standing.interquartile.value == pytest.approx(stats.trim_mean(finals, 0.25), abs=1e-8)
            assert standing.interquartile.low <= standing.interquartile.value <= standing.interquartile.high
            assert standing.regret == pytest.approx(np.mean(np.array(best) - finals))
            assert standing.quartiles == pytest.approx(np.percentile(finals, [25, 50, 75]))
            assert standing.n == 12
            assert standing.anytime[3, -1] == pytest.approx(standing.mean)


def test_the_scores_are_not_what_the_strategy_saw(board: Scoreboard) -> None:
    seen = [
        max(event.accuracy for event in small_results()[run].journal if isinstance(event, Evaluation))
        for run in pair(small_plan(), "random-search")
    ]
    (standing,) = (s for s in board.boards[0].standings if s.label == "random-search")
    assert not np.any(np.array(seen) == standing.scores["validation"])


def test_ranks_are_paired_over_seeds(board: Scoreboard) -> None:
    for held in board.boards:
        finals = np.array([standing.scores[held.contest.score] for standing in held.standings])
        expected = stats.rankdata(-finals, axis=0).mean(axis=1)
        assert [standing.rank for standing in held.standings] == pytest.approx(expected)
    for standing in board.overall.standings:
        assert standing.rank == pytest.approx(np.mean(list(standing.ranks.values())))
        assert standing.n == 24
    assert sum(standing.rank for standing in board.overall.standings) == pytest.approx(1 + 2 + 3)


def test_search_beats_sampling(board: Scoreboard) -> None:
    assert [standing.label for standing in board.overall.standings][-1] == "random-sampling"
    assert board.overall.standings[-1].place == "3"
    assert not set(board.overall.standings[-1].group) & set(board.overall.standings[0].group)


def test_normalized_regret_is_0_at_the_best_and_1_for_a_draw(board: Scoreboard) -> None:
    held = board.boards[0]
    assert held.worths is not None
    np.testing.assert_array_equal(normalized_regret(held.oracles, held.oracles, held.worths), np.zeros(12))
    np.testing.assert_array_equal(normalized_regret(held.worths, held.oracles, held.worths), np.ones(12))


def test_a_tie_is_shown_as_a_tie() -> None:
    plan, results = small_plan(), small_results()
    for one, other in zip(pair(plan, "random-search"), pair(plan, "regularized-evolution"), strict=True):
        results[other] = dataclasses.replace(results[other], journal=results[one].journal)
    held = score(plan, results).boards[0]
    assert [(s.place, s.label) for s in held.standings] == [
        ("1=", "random-search"),
        ("1=", "regularized-evolution"),
        ("3", "random-sampling"),
    ]
    assert held.standings[0].rank == held.standings[1].rank
    assert held.standings[0].group == held.standings[1].group
    assert held.differences.p_values[0, 1] == 1.0


def test_missing_runs_are_named_and_the_others_do_not_change(board: Scoreboard) -> None:
    plan, results = small_plan(), small_results()
    for run in pair(plan, "random-sampling")[3:5]:
        del results[run]
    found = score(plan, results)
    (entry,) = found.boards[0].unranked
    assert (entry.label, entry.reason) == ("random-sampling", "2 of 12 runs not run")
    assert entry.outcomes == {"finished": 10, "not run": 2}
    assert without(found.boards[0], "") == without(board.boards[0], "random-sampling")
    assert [s.label for s in found.boards[1].standings] == [s.label for s in board.boards[1].standings]
    (entry,) = found.overall.unranked
    assert entry.reason == "not ranked on nas-bench-201/cifar10: 2 of 12 runs not run"
    (before,) = (s for s in board.boards[0].standings if s.label == "random-search")
    (after,) = (s for s in found.boards[0].standings if s.label == "random-search")
    assert (before.interquartile, before.mean) == (after.interquartile, after.mean)


def test_failed_runs_are_named_with_the_reason_of_the_lowest_seed() -> None:
    plan, results = small_plan(), small_results()
    ids = pair(plan, "random-search")
    results[ids[7]] = dataclasses.replace(results[ids[7]], outcome="timeout", reason="took longer than 300 s")
    results[ids[4]] = dataclasses.replace(results[ids[4]], outcome="failed", reason="ValueError: no", journal=())
    del results[ids[1]]
    (entry,) = score(plan, results).boards[0].unranked
    assert entry.reason == "2 of 12 runs without a valid answer; seed 4: failed: ValueError: no"
    assert entry.outcomes == {"finished": 9, "failed": 1, "timeout": 1, "not run": 1}


@pytest.mark.parametrize(
    ("journal", "reason"),
    [
        ((), "seed 0: finished without an answer"),
        ((Charge("epoch", 1.0, 1.0),), "seed 0: finished without an answer"),
        (
            tuple([Evaluation((0,) * 6, 200, 0.1, 1.0, 200)] * 41),
            "seed 0: invalid: the journal spends 41 of a budget of 40",
        ),
    ],
)
def test_a_run_that_cannot_be_scored_is_a_reason(journal: Any, reason: str) -> None:
    plan, results = small_plan(), small_results()
    first = pair(plan, "random-search")[0]
    results[first] = dataclasses.replace(results[first], journal=journal)
    (entry,) = score(plan, results).boards[0].unranked
    assert reason in entry.reason


def test_nothing_run_yet() -> None:
    found = score(small_plan(), {})
    assert found.overall.standings == () and found.boards[0].standings == ()
    assert {entry.reason for entry in found.boards[0].unranked} == {"12 of 12 runs not run"}


def test_a_skipped_pair_keeps_its_reason() -> None:
    plan = small_plan()
    lacking = Unranked("random-search", "skipped: needs levels", {})
    runs = {key: value for key, value in plan.runs.items() if key != ("random-search", "nas-bench-201/cifar100")}
    from nasbench_suite.harness.plan import Skipped

    skipped = (Skipped("random-search", "nas-bench-201/cifar100", "needs levels"),)
    found = score(dataclasses.replace(plan, runs=runs, skipped=skipped), small_results())
    assert found.boards[1].unranked == (lacking,)
    assert {s.label for s in found.overall.standings} == {"regularized-evolution", "random-sampling"}


def test_the_same_results_in_another_order_give_the_same_scoreboard(board: Scoreboard) -> None:
    shuffled = dict(reversed(small_results().items()))
    assert repr(score(small_plan(), shuffled)) == repr(board)


def test_an_answer_that_was_never_measured_is_not_imputed() -> None:
    plan, results = small_plan(), small_results()
    name = "nas-bench-201/cifar10"

    class Gap:
        def __getattr__(self, attribute: str) -> Any:
            return getattr(plan.benchmarks[name], attribute)

        def scores(self) -> dict[str, Scores]:
            return {"validation": Scores("half a table", lambda a: math.nan if a[0] == 4 else 0.5, 0.5)}

    first = pair(plan, "random-search")[0]
    journal = (*results[first].journal, Recommendation((4, 0, 0, 0, 0, 0)))
    results = {run: Result(r.run, "finished", journal=(Recommendation((0,) * 6),)) for run, r in results.items()}
    results[first] = dataclasses.replace(results[first], journal=journal)
    changed = dataclasses.replace(plan, benchmarks={**plan.benchmarks, name: Gap()})
    (entry,) = score(changed, results).boards[0].unranked
    assert "was never measured for the score; nothing is imputed" in entry.reason


def test_typical_of_small_and_large_spaces() -> None:
    for benchmark, spread in ((tiny_benchmark(), 1e-12), (wide_benchmark(), 0.01)):
        scores = benchmark.scores()["truth"]
        rng = np.random.default_rng(5)
        if benchmark.space.size < 100:
            expected = np.mean([scores.of(a) for a in benchmark.space.architectures()])
        else:
            expected = np.mean([scores.of(benchmark.space.sample(rng)) for _ in range(2000)])
        found = _Yardstick(benchmark, Budget(1.0), (0, 1), True).worths()
        assert found == pytest.approx([expected] * 2, abs=spread)


def test_where_the_best_is_unknown_regret_counts_from_the_best_answer() -> None:
    benchmark = tiny_benchmark()

    class Unknown:
        def __getattr__(self, attribute: str) -> Any:
            return getattr(benchmark, attribute)

        def scores(self) -> dict[str, Scores]:
            return {"truth": dataclasses.replace(benchmark.scores()["truth"], best=None)}

    held = _Yardstick(Unknown(), Budget(1.0), (0, 1), True)  # type: ignore[arg-type]  # what it lacks it has by attribute
    contest = held.contest(held.oracles(0.7), held.worths())
    assert (contest.oracles, contest.best, contest.typical, held.ladder) == ({}, 0.7, None, None)
    assert normalized_regret(np.array([0.6, 0.5]), held.oracles(0.7), held.worths()) == pytest.approx([0.1, 0.2])


def test_moments_rise_to_the_whole_budget() -> None:
    assert list(MOMENTS) == sorted(set(MOMENTS))
    assert {0.001, 0.01, 0.1, 0.25, 0.5, 1.0} <= set(MOMENTS)


def test_area_and_targets_by_brute_force(board: Scoreboard) -> None:
    plan = small_plan()
    for held in board.boards:
        of_run = plan.benchmarks[held.contest.benchmark].scores()["validation"].of_run
        assert held.worths is not None and of_run is not None
        runs = [of_run(seed) for seed in range(12)]
        for standing in held.standings:
            areas, times = [], []
            for scored, curve in zip(runs, standing.curves, strict=True):
                assert (scored.best, scored.typical) == (held.oracles[len(areas)], held.worths[len(areas)])
                scores = curve.values_at(np.arange(40) + 0.5, lambda a, scored=scored: scored.of(a)[0])
                areas.append(np.mean(scored.best - np.where(np.isnan(scores), scored.typical, scores)))
                then = curve.values_at(np.arange(41), lambda a, scored=scored: scored.of(a)[0])
                near = np.flatnonzero((scored.best - then) / (scored.best - scored.typical) <= 0.2)
                times.append(near[0] if near.size else None)
            assert standing.area == pytest.approx(np.mean(areas))
            target = standing.targets[0]
            reached = [time for time in times if time is not None]
            assert (target.target, target.successes, target.n) == (0.2, len(reached), 12)
            spent = sum(40 if time is None else time for time in times)
            assert target.expected == (pytest.approx(spent / len(reached)) if reached else math.inf)


def test_spending_adds_up(board: Scoreboard) -> None:
    for held in board.boards:
        for standing in held.standings:
            assert sum(standing.spending.values()) == pytest.approx(1.0)
        (sampling,) = (s for s in held.standings if s.label == "random-sampling")
        assert sampling.spending == pytest.approx({"200 epochs": 1 / 40, "unspent": 39 / 40})


def test_snapshots_place_by_what_was_known_then(board: Scoreboard) -> None:
    plan = small_plan()
    held = board.boards[0]
    of_run = plan.benchmarks[held.contest.benchmark].scores()["validation"].of_run
    assert of_run is not None
    for snapshot in held.snapshots:
        for placing in snapshot.placings:
            (standing,) = (s for s in held.standings if s.label == placing.label)
            then = [
                float(curve.values_at(40 * snapshot.fraction, lambda a, seed=seed: of_run(seed).of(a)[0]))
                for seed, curve in enumerate(standing.curves)
            ]
            assert placing.estimate.value == pytest.approx(stats.trim_mean(then, 0.25), abs=1e-8)
            assert placing.rank == pytest.approx(standing.ranks[MOMENTS.index(snapshot.fraction)])
    assert held.with_own_time is None  # the budget is no time


def test_a_slow_strategy_loses_where_its_own_time_counts() -> None:
    from scored import search

    from nasbench_suite.harness import make_plan
    from nasbench_suite.plugins import load_registry

    comparison = small_plan().comparison.override(name="timed", budget=Budget(60_000.0))
    plan = make_plan(comparison, load_registry())
    results = {}
    for (label, _), runs in plan.runs.items():
        for run in runs:
            result = search(plan, label, run)
            own = 50_000.0 if label == "regularized-evolution" else 0.0
            results[run.id] = dataclasses.replace(result, own_seconds=(own,) + (0.0,) * (len(result.journal) - 1))
    found = score(plan, results)
    marked = {timing.label for timing in found.timings if timing.unmetered}
    assert marked == set()  # 50,000 s of its own beside about 60,000 s that it paid
    slower = {
        run: dataclasses.replace(result, own_seconds=tuple(2 * own for own in result.own_seconds))
        for run, result in results.items()
    }
    marked = {timing.label for timing in score(plan, slower).timings if timing.unmetered}
    assert marked == {"regularized-evolution"}
    held = found.boards[0]
    assert held.with_own_time is not None
    by_label = {placing.label: placing for placing in held.with_own_time.placings}
    evolution = next(s for s in held.standings if s.label == "regularized-evolution")
    search_row = next(s for s in held.standings if s.label == "random-search")
    assert by_label["regularized-evolution"].estimate.value < evolution.interquartile.value
    assert by_label["random-search"].estimate == search_row.interquartile


def test_profiles_and_ranks_over_time_end_where_the_table_does(board: Scoreboard) -> None:
    overall = board.overall
    for standing, ranks in zip(overall.standings, overall.ranks, strict=True):
        assert ranks[-1] == pytest.approx(standing.rank)
    assert overall.profiles.shape == (3, len(LEVELS))
    assert (np.diff(overall.profiles, axis=1) >= 0).all()
    np.testing.assert_allclose(overall.improvement + overall.improvement.T, 1.0)
    assert overall.critical is None  # nothing is inferred from two data sets for others


@given(
    st.lists(st.dictionaries(st.floats(0, 120), st.floats(0, 1), min_size=1, max_size=12), min_size=1, max_size=5),
    st.lists(st.floats(0, 100), min_size=1, max_size=20),
)
def test_values_over_time_are_those_of_each_curve(held: list[dict[float, float]], moments: list[float]) -> None:
    moments = sorted({*moments, *(time for steps in held[:1] for time in steps if time <= 100)})
    curves = [
        Curve(np.array(sorted(steps)), tuple((place,) for place in range(len(steps))), 100.0, len(steps))
        for steps in held
    ]
    values = [np.array([steps[time] for time in sorted(steps)]) for steps in held]
    found = values_over_time(curves, values, np.array(moments))
    for curve, known, row in zip(curves, values, found, strict=True):
        np.testing.assert_array_equal(row, curve.values_at(moments, lambda cell, known=known: known[cell[0]]))


def test_ranks_over_time_are_those_of_each_moment() -> None:
    paths = np.repeat(np.random.default_rng(3).random((4, 6, 5)), [1, 3, 2, 1, 4], axis=2)
    paths[1, :2, :3] = math.nan
    expected = np.array([average_ranks(paths[:, :, place]) for place in range(paths.shape[2])])
    np.testing.assert_array_equal(_ranks_over_time(paths), expected)
