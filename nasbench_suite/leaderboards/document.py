"""A scoreboard as one plain document (``leaderboard.json``) and as flat tables (``*.csv``)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench_suite import __version__
from nasbench_suite.comparisons import written
from nasbench_suite.hookspecs import API_VERSION
from nasbench_suite.scoring import (
    LEVELS,
    MOMENTS,
    Board,
    Contest,
    Entrant,
    Interval,
    Luck,
    Overall,
    OverallStanding,
    Scoreboard,
    Snapshot,
    Standing,
    Unranked,
)
from nasbench_suite.scoring.statistics import mean

FloatArray = NDArray[np.float64]

FORMAT = 2
"""Version of the document's form and of the statistics in it; form 1 is kept in ``publishing/first_form.py``."""

DECIMALS = 6
"""Of every number in the document: a ten-thousandth of a percent point."""


def encode(value: Any, indent: str = "") -> str:
    """JSON with one line per field and per list of plain values: small, and readable in a diff."""
    deeper = indent + " "
    if isinstance(value, dict) and value:
        fields = (f"{deeper}{_plain(str(key))}: {encode(held, deeper)}" for key, held in value.items())
        return "{\n" + ",\n".join(fields) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(held, dict | list) for held in value):
        return "[\n" + ",\n".join(deeper + encode(held, deeper) for held in value) + f"\n{indent}]"
    return _plain(value)


def render_json(scoreboard: Scoreboard) -> str:
    """The text of ``leaderboard.json``."""
    return encode(document(scoreboard)) + "\n"


def _plain(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def rounded(value: float) -> float | None:
    """A number of the document; ``None`` where it is not known or infinite."""
    return None if not math.isfinite(value) else round(float(value), DECIMALS) + 0.0


def document(scoreboard: Scoreboard) -> dict[str, Any]:
    """The whole scoreboard but for its timings, in plain types; the same scoreboard always gives the same document."""
    return {
        "format": FORMAT,
        "comparison": written(scoreboard.comparison, benchmarks=False),
        "suite": {"package": "nasbench-suite", "version": __version__, "api": API_VERSION},
        "strategies": [_entrant(entrant) for entrant in scoreboard.entrants.values()],
        "overall": _overall(scoreboard.overall),
        "benchmarks": [_board(board) for board in scoreboard.boards],
    }


def _entrant(entrant: Entrant) -> dict[str, Any]:
    return {
        "label": entrant.label,
        "strategy": entrant.strategy,
        "family": entrant.family,
        "paper": entrant.paper,
        "summary": entrant.summary,
        "tuning": entrant.tuning,
        "parameters": dict(entrant.parameters),
        "package": entrant.package,
        "version": entrant.version,
        "step": entrant.step,
        "prior": entrant.prior,
    }


def _interval(interval: Interval) -> dict[str, Any]:
    return {
        "value": rounded(interval.value),
        "low": rounded(interval.low),
        "high": rounded(interval.high),
        "n": interval.n,
    }


def _unranked(entries: Sequence[Unranked]) -> list[dict[str, Any]]:
    return [{"label": e.label, "reason": e.reason, "outcomes": dict(e.outcomes)} for e in entries]


def _overall(overall: Overall) -> dict[str, Any]:
    return {
        "ranked": [
            {
                "label": standing.label,
                **_place(standing, overall),
                "rank": rounded(standing.rank),
                "ranks": {name: rounded(rank) for name, rank in standing.ranks.items()},
                "normalized_regret": _interval(standing.regret),
                "n": standing.n,
                "without_a_run": list(standing.without_a_run),
                "without_a_benchmark": list(standing.without_a_benchmark),
            }
            for standing in overall.standings
        ],
        "unranked": _unranked(overall.unranked),
        "tests": _tests([standing.label for standing in overall.standings], overall),
        "critical_difference": _critical(overall),
        "profiles": {
            "levels": list(LEVELS),
            "shares": [[rounded(share) for share in row] for row in overall.profiles],
        },
    }


def _place(standing: Standing | OverallStanding, held: Board | Overall) -> dict[str, Any]:
    """Where a row stands; no place where so few runs can tell nothing apart."""
    return {
        "place": standing.place if held.differences.tells else None,
        "position": standing.position,
        "tied": standing.tied,
        "group": standing.group,
    }


def _critical(overall: Overall) -> dict[str, Any] | None:
    found = overall.critical
    if found is None:
        return None
    labels = [standing.label for standing in overall.standings]
    return {
        "test": "Friedman over benchmarks, Nemenyi at 5 %, of mean scores",
        "statistic": rounded(found.statistic),
        "p_value": rounded(found.p_value),
        "difference": rounded(found.difference),
        "ranks": [rounded(rank) for rank in found.ranks],
        "groups": [[labels[row] for row in group] for group in found.groups()],
        "n": found.n,
    }


def _tests(labels: Sequence[str], held: Board | Overall) -> dict[str, Any]:
    differences = held.differences
    return {
        "test": "Wilcoxon signed-rank within each benchmark, two-sided, Pratt zeros, Holm over all pairs",
        "effect": "matched-pairs rank-biserial correlation, positive where the row is better than the column",
        "labels": list(labels),
        "n": differences.n,
        "least_p_value": significant(differences.least),
        "tells": differences.tells,
        "p_values": [[rounded(p) for p in row] for row in differences.p_values],
        "effects": [[rounded(e) for e in row] for row in differences.effects],
        "probability_of_improvement": [[rounded(p) for p in row] for row in held.improvement],
    }


def significant(value: float) -> float | None:
    """A probability with three digits, however small; ``None`` where it is not known."""
    return float(f"{value:.3g}") if math.isfinite(value) else None


def _contest(contest: Contest) -> dict[str, Any]:
    return {
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
        "scored_by": "training seeds that the run did not see" if contest.unseen else "all training seeds",
    }


def _board(board: Board) -> dict[str, Any]:
    return {
        **_contest(board.contest),
        "ranked": [_standing(standing, board) for standing in board.standings],
        "unranked": _unranked(board.unranked),
        "tests": _tests([standing.label for standing in board.standings], board),
        "pairing": rounded(board.pairing),
        "references": [
            {
                "name": reference.name,
                "architecture": list(reference.architecture),
                "interquartile_mean": _interval(reference.interquartile),
                "scores": _scores(reference.scores),
            }
            for reference in board.references
        ],
        "snapshots": [_snapshot(snapshot) for snapshot in board.snapshots],
    }


def _scores(scores: Mapping[str, FloatArray]) -> dict[str, list[float | None]]:
    return {name: [rounded(value) for value in values] for name, values in scores.items()}


def _snapshot(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "fraction": snapshot.fraction,
        "rows": [
            {
                "label": placing.label,
                "position": placing.position,
                "group": placing.group,
                "rank": rounded(placing.rank),
                "interquartile_mean": _interval(placing.estimate),
            }
            for placing in snapshot.placings
        ],
    }


def _standing(standing: Standing, board: Board) -> dict[str, Any]:
    progress = standing.progress
    return {
        "label": standing.label,
        **_place(standing, board),
        "mean": rounded(standing.mean),
        "std": rounded(standing.deviation),
        "quartiles": [rounded(value) for value in standing.quartiles],
        "interquartile_mean": _interval(standing.interquartile),
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
        "scored_by_one": rounded(standing.alone),
        "scored_by_seen": rounded(standing.seen),
        "progress": {
            "taken": progress.taken,
            "schedule": None if progress.schedule is None else rounded(progress.schedule),
        },
        "luck": _luck(standing.luck),
        "without_a_run": list(standing.without_a_run),
        "does_not_beat": list(standing.unbeaten),
        "scores": _scores(standing.scores),
    }


def _luck(luck: Luck | None) -> dict[str, Any] | None:
    if luck is None:
        return None
    return {
        "p_value": significant(luck.p_value),
        "flagged": luck.flagged,
        "starts": luck.starts,
        "unevaluated": luck.unevaluated,
        "exempt": luck.exempt,
    }


Rows = Iterator[Sequence[object]]

LEADERBOARD_COLUMNS = (
    "benchmark", "place", "group", "strategy", "family", "package", "version", "status", "score", "mean", "std", "q25", "median",
    "q75", "iqm", "iqm_low", "iqm_high", "regret", "rank", "evaluations", "spent", "schedule", "steps", "scored_by_one",
    "luck", "n", "reason",
)  # fmt: skip


def leaderboard_rows(scoreboard: Scoreboard) -> Rows:
    """Rows of ``leaderboard.csv``, scores as fractions: per benchmark the ranked rows, the oracle, the others."""
    overall = scoreboard.overall
    for entry in overall.standings:
        yield _line(scoreboard, "overall", entry.label, "ranked", **_shown_place(entry, overall), score="normalized regret",
                    iqm=entry.regret.value, iqm_low=entry.regret.low, iqm_high=entry.regret.high, rank=entry.rank,
                    n=entry.n)  # fmt: skip
    for other in overall.unranked:
        yield _line(scoreboard, "overall", other.label, "unranked", reason=other.reason)
    for board in scoreboard.boards:
        name, score = board.contest.benchmark, board.contest.score
        for standing in board.standings:
            iqm = standing.interquartile
            low, middle, high = standing.quartiles
            yield _line(scoreboard, name, standing.label, "ranked", **_shown_place(standing, board), score=score,
                        mean=standing.mean, std=standing.deviation, q25=low, median=middle, q75=high, iqm=iqm.value,
                        iqm_low=iqm.low, iqm_high=iqm.high, regret=standing.regret, rank=standing.rank,
                        evaluations=standing.evaluations, spent=standing.spent, n=standing.n,
                        schedule=_or_nothing(standing.progress.schedule), steps=_or_nothing(standing.progress.taken),
                        scored_by_one=standing.alone, luck=_p_value(standing.luck))  # fmt: skip
        for reference in board.references:
            iqm = reference.interquartile
            yield _line(scoreboard, name, reference.name, "reference", score=score, mean=mean(reference.scores[score]),
                        iqm=iqm.value, iqm_low=iqm.low, iqm_high=iqm.high, n=iqm.n)  # fmt: skip
        if score in board.contest.oracles:
            yield _line(scoreboard, name, "oracle", "reference", score=score, mean=board.contest.best, regret=0.0)
        for other in board.unranked:
            yield _line(scoreboard, name, other.label, "unranked", reason=other.reason)


def _shown_place(standing: Standing | OverallStanding, held: Board | Overall) -> dict[str, object]:
    return {"place": standing.place if held.differences.tells else "", "group": standing.group}


def _or_nothing(value: float | None) -> object:
    return "" if value is None else value


def _p_value(luck: Luck | None) -> str:
    return "" if luck is None or math.isnan(luck.p_value) else f"{luck.p_value:.3g}"


def _line(scoreboard: Scoreboard, benchmark: str, label: str, status: str, **values: object) -> list[object]:
    known: dict[str, object] = {"benchmark": benchmark, "strategy": label, "status": status, **values}
    entrant = scoreboard.entrants.get(label) if status != "reference" else None
    if entrant is not None:
        known |= {"family": entrant.family, "package": entrant.package, "version": entrant.version}
    return [cell(known.get(column, "")) for column in LEADERBOARD_COLUMNS]


def cell(value: object) -> object:
    """A cell of a CSV file: numbers rounded, the unknown empty."""
    if isinstance(value, float):
        kept = rounded(value)
        return "" if kept is None else kept
    return value


CURVE_COLUMNS = ("benchmark", "strategy", "fraction", "amount", "iqm", "iqm_low", "iqm_high", "mean", "n")


def curve_rows(scoreboard: Scoreboard) -> Rows:
    """Rows of ``curves.csv``: a line per moment from which on the values are new; each holds until the next line."""
    for board in scoreboard.boards:
        for standing in board.standings:
            before: list[object] = []
            for fraction, values in zip(MOMENTS, standing.anytime.T, strict=True):
                now = [cell(float(value)) for value in values]
                if now != before and any(value != "" for value in now):
                    at = cell(fraction * board.contest.budget.amount)
                    yield [board.contest.benchmark, standing.label, fraction, at, *now, standing.n]
                before = now


TIMING_COLUMNS = ("benchmark", "strategy", "n", "own_seconds", "wall_seconds", "cpu_seconds", "unmetered")


def timing_rows(scoreboard: Scoreboard) -> Rows:
    """Rows of ``timings.csv``, means per finished run."""
    for timing in scoreboard.timings:
        clocks = (timing.own_seconds, timing.wall_seconds, timing.cpu_seconds)
        yield [timing.benchmark, timing.label, timing.n, *map(cell, clocks), "yes" if timing.unmetered else "no"]


def provenance(scoreboard: Scoreboard) -> Mapping[str, str]:
    """What stands under every table: suite, protocol, seeds."""
    comparison = scoreboard.comparison
    return {
        "suite": f"nasbench-suite {__version__}, plugin API {API_VERSION}",
        "unit of the budgets": comparison.unit,
        "runs per strategy and benchmark": str(len(comparison.seeds)),
    }
