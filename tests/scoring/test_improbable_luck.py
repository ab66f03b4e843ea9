"""Improbable luck: exact for tables, honest rows stay far from it, oracles do not."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
from scored import small_plan, small_results

from nasbench_suite.benchmarks import Scores
from nasbench_suite.harness import Result
from nasbench_suite.leaderboards import render_terminal
from nasbench_suite.scoring import Scoreboard, Standing, score
from nasbench_suite.scoring.luck import IMPROBABLE, Ladder, Traces, judge
from nasbench_suite.search.journal import Charge, Evaluation, Event, Recommendation
from nasbench_suite.spaces import Architecture

NAME = "nas-bench-201/cifar10"


def best_cells(count: int) -> list[Architecture]:
    benchmark = small_plan().benchmarks[NAME]
    of = benchmark.scores()["validation"].of
    return sorted(benchmark.space.architectures(), key=of, reverse=True)[:count]


def rigged(journal: dict[int, list[Event]], prior: str = "") -> Scoreboard:
    """The small comparison in which random search has other journals on the first benchmark."""
    plan, results = small_plan(), small_results()
    for run in plan.runs["random-search", NAME]:
        if run.seed in journal:
            results[run.id] = Result(run, "finished", journal=tuple(journal[run.seed]))
    rows = tuple(
        dataclasses.replace(
            row,
            offered=dataclasses.replace(
                row.offered,
                strategy=dataclasses.replace(row.offered.strategy, prior=prior * (row.label == "random-search")),
            ),
        )
        for row in plan.rows
    )
    return score(dataclasses.replace(plan, rows=rows), results)


def row(board: Scoreboard) -> Standing:
    (found,) = (standing for standing in board.boards[0].standings if standing.label == "random-search")
    return found


def evaluated(cell: Architecture, accuracy: float = 0.9) -> Evaluation:
    return Evaluation(cell, 200, accuracy, 1.0, 200)


def test_honest_rows_are_far_from_it() -> None:
    for held in score(small_plan(), small_results()).boards:
        for standing in held.standings:
            assert standing.luck is not None and standing.luck.starts == 12
            assert standing.luck.p_value > 0.01 and not standing.luck.flagged and not standing.luck.exempt


def test_an_oracle_that_begins_at_the_top_is_flagged() -> None:
    board = rigged({seed: [evaluated(cell)] for seed, cell in enumerate(best_cells(12))})
    luck = row(board).luck
    assert luck is not None and luck.flagged and luck.p_value < 1e-20
    assert "improbable luck" in render_terminal(board)


def test_an_oracle_that_answers_without_having_asked_is_flagged() -> None:
    plan, results = small_plan(), small_results()
    honest = {run.seed: list(results[run.id].journal[:5]) for run in plan.runs["random-search", NAME]}
    board = rigged({seed: [*honest[seed], Recommendation(cell)] for seed, cell in enumerate(best_cells(12))})
    luck = row(board).luck
    assert luck is not None and luck.flagged and luck.unevaluated == 12


def test_recommending_what_was_evaluated_is_no_luck() -> None:
    plan, results = small_plan(), small_results()
    journals = {}
    for run in plan.runs["random-search", NAME]:
        journal = list(results[run.id].journal)
        journals[run.seed] = [*journal, Recommendation(max(journal, key=lambda event: event.accuracy).architecture)]  # type: ignore[union-attr]
    luck = row(rigged(journals)).luck
    assert luck is not None and luck.unevaluated == 0 and not luck.flagged


def test_the_same_answer_in_every_run_counts_once() -> None:
    (best,) = best_cells(1)
    luck = row(rigged({seed: [evaluated(best)] for seed in range(12)})).luck
    assert luck is not None and (luck.starts, luck.flagged) == (1, False)
    assert luck.p_value == pytest.approx(2 * 3 / 15_625, rel=0.01)


def test_declared_priors_and_weight_sharing_are_exempt_and_labelled() -> None:
    top = {seed: [evaluated(cell)] for seed, cell in enumerate(best_cells(12))}
    declared = row(rigged(top, prior="begins with the cells of a list")).luck
    assert declared is not None and not declared.flagged and declared.exempt.startswith("declared beforehand: begins")
    shared = {s: [Charge("supernet epoch", 1.0, 1.0), Recommendation(cell)] for s, cell in enumerate(best_cells(12))}
    sharing = row(rigged(shared)).luck
    assert sharing is not None and not sharing.flagged and sharing.exempt == "trains without evaluating"


def test_a_charge_of_nothing_is_no_exemption() -> None:
    free = {s: [Charge("nothing", 0.0, 0.0), Recommendation(cell)] for s, cell in enumerate(best_cells(12))}
    luck = row(rigged(free)).luck
    assert luck is not None and luck.flagged


def test_it_is_not_computed_where_not_all_scores_are_known() -> None:
    plan = small_plan()

    class Unknown:
        def __getattr__(self, attribute: str) -> object:
            return getattr(plan.benchmarks[NAME], attribute)

        def scores(self) -> dict[str, Scores]:
            return {n: dataclasses.replace(s, best=None) for n, s in plan.benchmarks[NAME].scores().items()}

    changed = dataclasses.replace(plan, benchmarks={**plan.benchmarks, NAME: Unknown()})
    assert row(score(changed, small_results())).luck is None


def test_shares_are_those_of_a_uniform_draw() -> None:
    ladder = Ladder([0.1, 0.2, 0.2, math.nan, 0.9])
    assert [ladder.share(score) for score in (0.95, 0.9, 0.2, 0.15, 0.0, math.nan)] == [0.25, 0.25, 0.75, 0.75, 1, 1]


def test_the_probability_is_exact_for_two_runs() -> None:
    """The share of all pairs of draws from a ladder of 40 whose product of shares is as small, from above."""
    ladder = Ladder(np.arange(40) / 40)
    shares = [ladder.share(score) for score in np.arange(40) / 40]
    for first, second in ((0.975, 0.9), (0.95, 0.7)):
        held = {(1,): ladder.share(first), (2,): ladder.share(second)}
        found = judge(Traces(frozenset(held), {}), held, 1).p_value
        product = held[1,] * held[2,]
        exact = np.mean([a * b <= product + 1e-12 for a, b in itertools.product(shares, repeat=2)])
        assert exact <= found / 2 <= exact + 0.1  # discrete shares lie above uniform ones, so it errs on the safe side


def test_rows_of_draws_are_flagged_as_rarely_as_stated() -> None:
    """Uniform starts and guesses as good as the best of as many draws as a run had: p-values are at least uniform."""
    rng = np.random.default_rng(4)
    values = []
    for _ in range(2000):
        shares = {(k,): share for k, share in enumerate(rng.random(20))}
        guesses = {(100 + k,): share for k, share in enumerate(rng.random((20, 11)).min(axis=1))}
        found = Traces(frozenset(shares), dict.fromkeys(guesses, 10))
        values.append(judge(found, {**shares, **guesses}, 1).p_value)
    for level in (0.01, 0.05, 0.2):
        assert np.mean(np.array(values) <= level) <= level + 3 * math.sqrt(level / 2000)
    assert min(values) > IMPROBABLE
