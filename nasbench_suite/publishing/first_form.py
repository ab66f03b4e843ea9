"""The document of leaderboards of form 1, as bundles of the first releases hold it, recomputed from their runs.

What was published stays valid: a bundle is checked by the statistics of the form that its leaderboard has. In form 1 a
run was scored by all training seeds, a place was 1 + the number of rows that were significantly better, all benchmarks
and seeds were pooled, and every interval was a bootstrap's. Nothing new is written in this form.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nasbench_suite.harness import Plan, Result
from nasbench_suite.leaderboards.document import rounded
from nasbench_suite.scoring import (
    LEVELS,
    MOMENTS,
    SNAPSHOTS,
    Board,
    Contest,
    Interval,
    Scoreboard,
    Standing,
    Unranked,
    score,
)
from nasbench_suite.scoring.board import FloatArray
from nasbench_suite.scoring.score import values_over_time
from nasbench_suite.scoring.statistics import (
    LEVEL,
    CriticalDifference,
    Differences,
    average_ranks,
    bootstrap_curves,
    bootstrap_interquartile_mean,
    critical_difference,
    mean,
    paired_differences,
    probability_of_improvement,
    profile,
)

FORMAT = 1


def first_document(plan: Plan, results: Mapping[str, Result], suite: Mapping[str, Any]) -> dict[str, Any]:
    """The whole leaderboard in form 1, in plain types.

    Args:
        plan: the comparison's rows, benchmarks and runs.
        results: run id -> result.
        suite: package, version and plugin API that the leaderboard names.
    """
    scoreboard = score(plan, results, unseen=False)
    comparison = scoreboard.comparison
    return {
        "format": FORMAT,
        "comparison": {
            "name": comparison.name,
            "title": comparison.title,
            "description": comparison.description,
            "citation": comparison.citation,
            "seeds": list(comparison.seeds),
            "unit": comparison.unit,
            "time_limit": comparison.time_limit,
            "memory_limit": comparison.memory_limit,
        },
        "suite": dict(suite),
        "strategies": [
            {
                "label": entrant.label,
                "strategy": entrant.strategy,
                "family": entrant.family,
                "paper": entrant.paper,
                "summary": entrant.summary,
                "tuning": entrant.tuning,
                "parameters": dict(entrant.parameters),
                "package": entrant.package,
                "version": entrant.version,
            }
            for entrant in scoreboard.entrants.values()
        ],
        "overall": _overall(scoreboard),
        "benchmarks": [_board(board) for board in scoreboard.boards],
    }


class _Places:
    """Places by significance, and rows in the order in which they were shown."""

    def __init__(self, scores: FloatArray, ranks: Sequence[float] | FloatArray, labels: Sequence[str]) -> None:
        tested = paired_differences(scores, exact=False)
        better = (tested.p_values <= LEVEL) & (tested.effects > 0)
        self.positions = [1 + int(count) for count in better.sum(axis=0)]
        self._shared = Counter(self.positions)
        self.order = sorted(range(len(labels)), key=lambda i: (self.positions[i], ranks[i], labels[i]))
        places = np.ix_(self.order, self.order)
        self.differences = Differences(tested.p_values[places], tested.effects[places], tested.n)

    def tied(self, row: int) -> bool:
        return self._shared[self.positions[row]] > 1

    def shown(self, row: int) -> str:
        return f"{self.positions[row]}{'=' if self.tied(row) else ''}"

    def told(self, row: int) -> dict[str, Any]:
        return {"place": self.shown(row), "position": self.positions[row], "tied": self.tied(row)}


def _overall(scoreboard: Scoreboard) -> dict[str, Any]:
    boards = scoreboard.boards
    found = [{standing.label: standing for standing in board.standings} for board in boards]
    labels = [label for label in scoreboard.entrants if all(label in standings for standings in found)]
    unranked = _unranked(scoreboard.overall.unranked)
    if not labels:
        tests = _tests([], Differences(np.ones((0, 0)), np.zeros((0, 0)), 0), np.ones((0, 0)))
        profiles = {"levels": list(LEVELS), "shares": []}
        return {"ranked": [], "unranked": unranked, "tests": tests, "critical_difference": None, "profiles": profiles}
    ranks = np.empty((len(boards), len(labels)))
    regrets = np.empty((len(labels), len(boards), found[0][labels[0]].n))
    for place, (board, standings) in enumerate(zip(boards, found, strict=True)):
        finals = np.array([standings[label].scores[board.contest.score] for label in labels])
        ranks[place] = average_ranks(finals)
        regrets[:, place] = _normalized_regret(finals, board.contest)
    average = [mean(column) for column in ranks.T]
    places = _Places(-regrets.reshape(len(labels), -1), average, labels)
    chosen = regrets[places.order]
    critical = critical_difference([[-mean(values) for values in row] for row in chosen], least=2)
    shown = [labels[row] for row in places.order]
    return {
        "ranked": [
            {
                "label": labels[i],
                **places.told(i),
                "rank": rounded(average[i]),
                "ranks": {b.contest.benchmark: rounded(float(ranks[place, i])) for place, b in enumerate(boards)},
                "normalized_regret": _interval(bootstrap_interquartile_mean(regrets[i], few=0)),
                "n": regrets[i].size,
            }
            for i in places.order
        ],
        "unranked": unranked,
        "tests": _tests(shown, places.differences, probability_of_improvement(-chosen)),
        "critical_difference": None if critical is None else _critical(critical, shown),
        "profiles": {
            "levels": list(LEVELS),
            "shares": [[rounded(s) for s in row] for row in profile(chosen.reshape(len(labels), -1), LEVELS)],
        },
    }


def _normalized_regret(scores: FloatArray, contest: Contest) -> FloatArray:
    known = contest.typical is not None and contest.best > contest.typical
    unit = contest.best - contest.typical if known and contest.typical is not None else 1.0
    regret: FloatArray = (contest.best - scores) / unit
    return regret


def _critical(found: CriticalDifference, labels: Sequence[str]) -> dict[str, Any]:
    return {
        "test": "Friedman over benchmarks, Nemenyi at 5 %, of mean scores",
        "statistic": rounded(found.statistic),
        "p_value": rounded(found.p_value),
        "difference": rounded(found.difference),
        "ranks": [rounded(rank) for rank in found.ranks],
        "groups": [[labels[row] for row in group] for group in found.groups()],
        "n": found.n,
    }


def _board(board: Board) -> dict[str, Any]:
    contest = board.contest
    standings = sorted(board.standings, key=lambda standing: standing.label)
    labels = [standing.label for standing in standings]
    finals = np.array([standing.scores[contest.score] for standing in standings])
    described = {
        "name": contest.benchmark,
        "space": contest.space,
        "budget": {"amount": contest.budget.amount, "unit": contest.budget.unit, "currency": contest.currency},
        "fidelities": list(contest.fidelities),
        "identity": contest.identity,
        "provenance": dict(contest.provenance),
        "score": contest.score,
        "splits": dict(contest.splits),
        "oracle": {name: rounded(value) for name, value in contest.oracles.items()},
        "best": rounded(contest.best),
        "typical": None if contest.typical is None else rounded(contest.typical),
    }
    if not standings:
        tests = _tests([], Differences(np.ones((0, 0)), np.zeros((0, 0)), 0), np.ones((0, 0)))
        return {**described, "ranked": [], "unranked": _unranked(board.unranked), "tests": tests, "snapshots": []}
    amounts = np.array(MOMENTS) * contest.budget.amount
    paths = np.array([values_over_time(standing.curves, standing.steps, amounts) for standing in standings])
    estimates = [np.array(bootstrap_curves(path, few=0)) for path in paths]
    places = _Places(finals, average_ranks(finals), labels)
    improvement = probability_of_improvement(finals[:, None])[np.ix_(places.order, places.order)]
    return {
        **described,
        "ranked": [_standing(standings[i], places, i, estimates[i][:, -1]) for i in places.order],
        "unranked": _unranked(board.unranked),
        "tests": _tests([labels[i] for i in places.order], places.differences, improvement),
        "snapshots": [
            _snapshot(fraction, labels, paths[:, :, moment], [held[:, moment] for held in estimates])
            for fraction, moment in ((fraction, MOMENTS.index(fraction)) for fraction in SNAPSHOTS)
        ],
    }


def _standing(standing: Standing, places: _Places, row: int, estimate: FloatArray) -> dict[str, Any]:
    return {
        "label": standing.label,
        **places.told(row),
        "mean": rounded(standing.mean),
        "std": rounded(standing.deviation),
        "quartiles": [rounded(value) for value in standing.quartiles],
        "interquartile_mean": _ends(estimate, standing.n),
        "regret": rounded(standing.regret),
        "rank": rounded(standing.rank),
        "n": standing.n,
        "evaluations": rounded(standing.evaluations),
        "spent": rounded(standing.spent),
        "spending": {kind: rounded(share) for kind, share in standing.spending.items()},
        "area": rounded(standing.area),
        "expected_time": [
            {
                "normalized_regret": target.target,
                "expected": rounded(target.expected),
                "successes": target.successes,
                "n": target.n,
            }
            for target in standing.targets
        ],
        "scores": {name: [rounded(v) for v in values] for name, values in standing.scores.items()},
    }


def _snapshot(
    fraction: float, labels: Sequence[str], scores: FloatArray, estimates: Sequence[FloatArray]
) -> dict[str, Any]:
    ranks = average_ranks(scores)
    places = _Places(scores, ranks, labels)
    rows = [
        {
            "label": labels[i],
            "place": places.shown(i),
            "rank": rounded(float(ranks[i])),
            "interquartile_mean": _ends(estimates[i], scores.shape[1]),
        }
        for i in places.order
    ]
    return {"fraction": fraction, "rows": rows}


def _interval(interval: Interval) -> dict[str, Any]:
    ends = {"low": rounded(interval.low), "high": rounded(interval.high)}
    return {"value": rounded(interval.value), **ends, "n": interval.n}


def _ends(estimate: FloatArray, n: int) -> dict[str, Any]:
    value, low, high = map(float, estimate)
    return _interval(Interval(value, low, high, n))


def _unranked(entries: Sequence[Unranked]) -> list[dict[str, Any]]:
    return [{"label": e.label, "reason": e.reason, "outcomes": dict(e.outcomes)} for e in entries]


def _tests(labels: Sequence[str], differences: Differences, improvement: FloatArray) -> dict[str, Any]:
    return {
        "test": "Wilcoxon signed-rank, two-sided, Pratt zeros, Holm over all pairs",
        "effect": "matched-pairs rank-biserial correlation, positive where the row is better than the column",
        "labels": list(labels),
        "n": differences.n,
        "p_values": [[rounded(p) for p in row] for row in differences.p_values],
        "effects": [[rounded(e) for e in row] for row in differences.effects],
        "probability_of_improvement": [[rounded(p) for p in row] for row in improvement],
    }
