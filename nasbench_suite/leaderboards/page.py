"""The leaderboard as one self-contained page: no request leaves it, it opens from disk."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench_suite import __version__
from nasbench_suite.comparisons import preset_names
from nasbench_suite.leaderboards import published, text
from nasbench_suite.leaderboards.appearance import look
from nasbench_suite.leaderboards.badges import BADGES, MEANING, Badge
from nasbench_suite.leaderboards.checklist import SOURCE, checklist
from nasbench_suite.leaderboards.document import provenance
from nasbench_suite.leaderboards.presentable import one_line, presentable, presentable_keys
from nasbench_suite.scoring import MOMENTS, Board, Scoreboard
from nasbench_suite.scoring.statistics import mean

STEP = 1e-5
"""Resolution of the chart's regrets: a thousandth of a percent point."""

SHOWN_FIRST = 8
"""Rows that the chart shows when the page opens; the others are a click away."""


def page(scoreboard: Scoreboard, badges: Mapping[str, Badge] = MappingProxyType({})) -> str:
    """The text of ``index.html``.

    Args:
        scoreboard: what to show.
        badges: label -> how far the row was checked; without one a ranked row is ``self-reported``.
    """
    from jinja2 import Environment, StrictUndefined

    checked: dict[str, Any] = presentable_keys(scoreboard, badges)
    badges = checked
    scoreboard = presentable(scoreboard)
    parts = files("nasbench_suite.leaderboards") / "page"
    read = {name: (parts / name).read_text(encoding="utf-8") for name in ("page.css", "page.js", "uPlot.iife.min.js", "uPlot.min.css")}  # fmt: skip
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.globals = {"text": text, "slug": slug, "look": look, "isnan": math.isnan, "mean": mean}
    template = environment.from_string((parts / "page.html").read_text(encoding="utf-8"))
    return template.render(
        board=scoreboard,
        badges={label: badges.get(label, BADGES[0]) for label in text.ranked(scoreboard)},
        badge_meaning=MEANING,
        badges_told=text.badges_meaning(badges),
        comparison=scoreboard.comparison,
        style=f"{read['uPlot.min.css']}\n{read['page.css']}",
        script=f"{read['uPlot.iife.min.js']}\n{read['page.js']}",
        data=_script_safe(_data(scoreboard)),
        facts=provenance(scoreboard),
        checklist=checklist(scoreboard),
        checklist_source=SOURCE,
        by_label={b.contest.benchmark: {s.label: s for s in b.standings} for b in scoreboard.boards},
        places=_places(scoreboard),
        bars=_bars(scoreboard),
        variants=text.variants(scoreboard),
        claims=published.claims_of(scoreboard),
        command=command(scoreboard),
        packages=sorted({e.package for e in scoreboard.entrants.values()} - {"nasbench-suite"}),
        version=__version__,
    )


def slug(label: str) -> str:
    """A label as the name of an anchor."""
    return "s-" + re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")


def command(scoreboard: Scoreboard) -> str:
    """What makes this leaderboard again, where the comparison is a preset."""
    name = one_line(scoreboard.comparison.name)
    return f"nasbench run-all {name if name in preset_names() else name + '.toml'}"


def _places(scoreboard: Scoreboard) -> Mapping[str, Mapping[str, Sequence[str]]]:
    """Benchmark -> label -> places at the snapshots."""
    return {
        board.contest.benchmark: {
            standing.label: [
                next(f"{p.position} {p.group}" for p in snapshot.placings if p.label == standing.label)
                for snapshot in board.snapshots
            ]
            for standing in board.standings
        }
        for board in scoreboard.boards
    }


def _bars(scoreboard: Scoreboard) -> Mapping[str, Sequence[tuple[float, float, float]]]:
    """Benchmark, or ``"overall"`` -> per row where its regret's interval begins, its value, and where it ends."""
    overall = [(s.regret.low, s.regret.value, s.regret.high) for s in scoreboard.overall.standings]
    bars = {"overall": _on_log_axis(overall)}
    for board in scoreboard.boards:
        regrets = [standing.regrets[:, -1] for standing in board.standings]
        bars[board.contest.benchmark] = _on_log_axis(
            [(float(low), float(at), float(high)) for at, low, high in regrets]
        )
    return bars


def _on_log_axis(values: Sequence[tuple[float, float, float]]) -> list[tuple[float, float, float]]:
    """Positions in percent on the logarithmic axis that all of them share; at most three decades are shown."""
    known = [value for triple in values for value in triple if value > 0 and math.isfinite(value)]
    high = max(known, default=1.0)
    low = max(min(known, default=0.1), high / 1000)
    width = math.log(high / low) or 1.0

    def place(value: float, otherwise: float) -> float:
        kept = otherwise if math.isnan(value) else value
        return round(100 * math.log(min(max(kept, low), high) / low) / width, 1)

    return [(place(first, middle), place(middle, low), place(last, middle)) for first, middle, last in values]


def _data(scoreboard: Scoreboard) -> dict[str, Any]:
    """What the chart draws."""
    charts = [_regrets(board) for board in scoreboard.boards]
    overall = scoreboard.overall
    if len(charts) > 1 and overall.standings:
        rows = [
            {"label": standing.label, "y": _packed(ranks, 0.001)}
            for standing, ranks in zip(overall.standings, overall.ranks, strict=True)
        ]
        charts.append({"name": "average rank over all benchmarks", "kind": "rank", "unit": "", "budget": 100, "step": 0.001, "rows": rows})  # fmt: skip
    looks = {label: look(label, entrant.family) for label, entrant in scoreboard.entrants.items()}
    first = [standing.label for standing in overall.standings] or [
        standing.label for board in scoreboard.boards[:1] for standing in board.standings
    ]
    references = [label for label in first if scoreboard.entrants[label].family == "reference"]
    return {
        "moments": list(MOMENTS),
        "charts": charts,
        "looks": {label: [shown.light, shown.dark, list(shown.dashes)] for label, shown in looks.items()},
        "first": [*first[:SHOWN_FIRST], *(label for label in references if label not in first[:SHOWN_FIRST])],
    }


def _regrets(board: Board) -> dict[str, Any]:
    contest = board.contest
    rows = []
    for standing in board.standings:
        ends = dict(zip(("y", "low", "high"), standing.regrets, strict=True))
        rows.append({"label": standing.label, **{name: _packed(values, STEP) for name, values in ends.items()}})
    unit = f"{contest.currency} seconds" if contest.budget.unit == "seconds" else contest.budget.unit
    return {
        "name": contest.benchmark,
        "kind": "regret",
        "unit": unit,
        "budget": contest.budget.amount,
        "step": STEP,
        "rows": rows,
    }


def _packed(values: Sequence[float] | NDArray[np.float64], step: float) -> list[int]:
    """A curve in whole steps: how many moments have no value yet, the first value, then the differences.

    Most differences are 0, which makes the page of a large comparison several times smaller.
    """
    known = [round(float(value) / step) for value in values if not math.isnan(value)]
    return [len(values) - len(known), *known[:1], *(after - before for before, after in pairwise(known))]


def _script_safe(value: object) -> Any:
    """JSON that cannot end the script element that it stands in."""
    from markupsafe import Markup

    dumped = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(dumped.replace("<", "\\u003c"))
