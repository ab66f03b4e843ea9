"""Makes ``docs/strategies.md`` and its pictures from leaderboards: ``python docs/make_strategies.py LEADERBOARD ...``.

Everything comes from the installed strategies, from ``strategies.toml`` (when to use what) and from the files of the
leaderboards. The pictures are written as plain SVG, so that the same runs give the same bytes everywhere.
"""

from __future__ import annotations

import csv
import inspect
import json
import math
import re
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from nasbench_suite import Strategy
from nasbench_suite.leaderboards.appearance import HUES, look
from nasbench_suite.plugins import load_registry

DOCS = Path(__file__).parent
REFERENCE = "random-search"
FAMILIES = {
    "reference": "References",
    "reinforcement-learning": "Reinforcement learning",
    "evolution": "Evolution",
    "bayesian": "Bayesian optimization",
    "entropy": "Entropy",
    "progressive": "Progressive",
    "multi-fidelity": "Multi-fidelity",
    "weight-sharing": "Weight sharing",
    "other": "Other",
}
WIDTH, HEIGHT, MARGIN = 250, 150, 42  # of a panel, in pixels
FLOOR = 1e-4
"""Regret below a hundredth of a percent point is drawn there."""


@dataclass(frozen=True)
class Task:
    """One benchmark of a leaderboard.

    Attributes:
        board: directory of the leaderboard, relative to ``docs``.
        document: of the benchmark in ``leaderboard.json``.
        seeds: how many runs stand behind each row.
        curves: strategy -> rows ``(amount, regret, least, most)`` in order of the amount, regret of the interquartile mean
            with its 95 % interval.
    """

    board: str
    document: Mapping[str, Any]
    seeds: int
    curves: Mapping[str, Sequence[tuple[float, float, float, float]]]

    @property
    def name(self) -> str:
        """Of the benchmark."""
        return str(self.document["name"])


def read_tasks(directory: Path) -> list[Task]:
    """The benchmarks of a leaderboard, from the files in its directory."""
    document = json.loads((directory / "leaderboard.json").read_text(encoding="utf-8"))
    best = {benchmark["name"]: benchmark["best"] for benchmark in document["benchmarks"]}
    curves: dict[str, defaultdict[str, list[tuple[float, float, float, float]]]] = {
        name: defaultdict(list) for name in best
    }
    with (directory / "curves.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            regrets = (best[row["benchmark"]] - float(row[column]) for column in ("iqm", "iqm_high", "iqm_low"))
            middle, least, most = (max(regret, FLOOR) for regret in regrets)
            curves[row["benchmark"]][row["strategy"]].append((float(row["amount"]), middle, least, most))
    board = "../" * len(DOCS.resolve().relative_to(directory.resolve().parents[1]).parts)
    board += directory.resolve().relative_to(directory.resolve().parents[1]).as_posix()
    seeds = len(document["comparison"]["seeds"])
    return [Task(board, benchmark, seeds, curves[benchmark["name"]]) for benchmark in document["benchmarks"]]


def render(tasks: Sequence[Task]) -> dict[str, str]:
    """File name below ``docs`` -> text: the page, and a picture for every strategy that has a curve."""
    strategies = [offered.strategy for _, offered in sorted(load_registry().strategies.items())]
    advice = tomllib.loads((DOCS / "strategies.toml").read_text(encoding="utf-8"))
    files: dict[str, str] = {}
    boards = list(dict.fromkeys(task.board for task in tasks))
    lines = [
        "# The strategies",
        "",
        "What comes with the suite, family by family: what it does, how it does, and when to use it. Pictures and numbers are",
        f"those of {' and '.join(f'[{Path(board).name}]({board}/README.md)' for board in boards)}; this page is made from "
        "their files and from the",
        "strategies' own documentation:",
        "",
        "```console",
        f"$ python docs/make_strategies.py {' '.join(f'leaderboards/{Path(board).name}' for board in boards)}",
        "```",
        "",
        "In each picture the line is the regret of the interquartile mean over runs, with its 95 % interval, against the "
        "budget spent;",
        "both scales are logarithmic. The grey line is random search. Below 0.01 percent points nothing is told apart.",
        "",
    ]
    for family, title in FAMILIES.items():
        members = [strategy for strategy in strategies if strategy.family == family]
        if members:
            lines += [f"## {title}", ""]
        for strategy in members:
            shown = [task for task in tasks if strategy.name in task.curves]
            lines += [f"### {strategy.name}", "", *_paragraph(strategy), ""]
            if shown:
                name = f"strategies/{strategy.name}.svg"
                files[name] = picture(strategy, shown)
                lines += [f"![Regret of {strategy.name} over the budget]({name})", "", *_numbers(strategy, shown), ""]
            else:
                lines += [f"No curve: {_why_none(strategy, tasks)}.", ""]
            lines += [f"**When to use it.** {' '.join(advice[strategy.name].split())}", ""]
    files["strategies.md"] = "\n".join(lines)
    return files


def _paragraph(strategy: Strategy) -> list[str]:
    """What the documentation of a strategy says before its parameters, its source, its needs and its tuning."""
    text = (inspect.getdoc(strategy.function) or "").partition("Args:\n")[0].strip()
    text = re.sub(r":\w+:`~?(?:[\w.]*\.)?(\w+)`", r"`\1`", text).replace("``", "`")
    facts = [f"[Source]({strategy.paper})." if strategy.paper else ""]
    if strategy.requires:
        facts.append(f"Needs {', '.join(sorted(strategy.requires))}.")
    defaults = ", ".join(f"`{name}={value}`" for name, value in sorted(strategy.defaults.items()))
    facts.append(f"Parameters: {defaults}." if defaults else "It has no parameters.")
    facts.append(f"Tuned: {strategy.tuning}." if strategy.tuning else "Not tuned.")
    return [text, "", " ".join(fact for fact in facts if fact)]


def _numbers(strategy: Strategy, tasks: Sequence[Task]) -> list[str]:
    """A table of what the strategy reached."""
    lines = [
        "| benchmark | place | score %, mean ± std | runs |",
        "| --- | ---: | ---: | ---: |",
    ]
    for task in tasks:
        row = next(row for row in task.document["ranked"] if row["label"] == strategy.name)
        score = f"{100 * row['mean']:.2f} ± {100 * row['std']:.2f}"
        lines.append(f"| {task.name} | {row['place']} | {score} | {task.seeds} |")
    return lines


def _why_none(strategy: Strategy, tasks: Sequence[Task]) -> str:
    """What the leaderboards say of a strategy that none of them ranks."""
    for task in tasks:
        for row in task.document["unranked"]:
            if row["label"] == strategy.name:
                return str(row["reason"]).removeprefix("skipped: ")
    return "none of the leaderboards has it"


def picture(strategy: Strategy, tasks: Sequence[Task]) -> str:
    """Anytime regret as SVG, one panel per benchmark, three to a row."""
    columns = min(3, len(tasks))
    rows = math.ceil(len(tasks) / columns)
    width, height = columns * (WIDTH + MARGIN) + 20, rows * (HEIGHT + MARGIN)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="10">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for place, task in enumerate(tasks):
        left, top = MARGIN + place % columns * (WIDTH + MARGIN) - 6, 20 + place // columns * (HEIGHT + MARGIN)
        parts += [f'<g transform="translate({left} {top})">', *_panel(strategy, task), "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def _panel(strategy: Strategy, task: Task) -> list[str]:
    drawn = {name: task.curves[name] for name in dict.fromkeys((REFERENCE, strategy.name)) if name in task.curves}
    points = [point for curve in drawn.values() for point in curve]
    low, high = math.log10(min(p[0] for p in points)), math.log10(max(p[0] for p in points))
    bottom = math.floor(math.log10(min(p[2] for p in points)))
    top = math.ceil(math.log10(max(p[3] for p in points)))

    def x(amount: float) -> str:
        return f"{WIDTH * (math.log10(amount) - low) / max(high - low, 1e-9):.0f}"

    def y(regret: float) -> str:
        return f"{HEIGHT * (top - math.log10(regret)) / max(top - bottom, 1):.1f}"

    unit = task.document["budget"]["unit"]
    parts = [f'<text x="0" y="-6"><tspan font-weight="bold">{task.name}</tspan>, regret in % over {unit}</text>']
    for power in range(bottom, top + 1):
        at = y(10.0**power)
        parts.append(f'<path d="M0 {at}H{WIDTH}" stroke="#ddd" fill="none"/>')
        parts.append(f'<text x="-4" y="{float(at) + 3:.1f}" text-anchor="end">{100 * 10.0**power:g}</text>')
    for power in range(math.ceil(low), math.floor(high) + 1):
        at = x(10.0**power)
        parts.append(f'<path d="M{at} 0V{HEIGHT}" stroke="#ddd" fill="none"/>')
        parts.append(f'<text x="{at}" y="{HEIGHT + 12}" text-anchor="middle">{10**power:,}</text>')
    for name, curve in drawn.items():
        colour = HUES["reference"] if name == REFERENCE else look(name, strategy.family).light
        upper = _steps([(x(p[0]), y(p[3])) for p in curve])
        lower = _steps([(x(p[0]), y(p[2])) for p in curve])
        band = "L".join([*upper, *reversed(lower)])
        parts.append(f'<path d="M{band}Z" fill="{colour}" opacity="0.15"/>')
        line = "L".join(_steps([(x(p[0]), y(p[1])) for p in curve]))
        parts.append(f'<path d="M{line}" stroke="{colour}" stroke-width="1.5" fill="none"/>')
    return parts


def _steps(points: Sequence[tuple[str, str]]) -> list[str]:
    """A step line, right-continuous: a corner wherever the height changes, and both ends."""
    corners: list[tuple[str, str]] = []
    for at, height in points:
        if not corners or corners[-1][1] != height:
            corners += [(at, corners[-1][1]), (at, height)] if corners else [(at, height)]
    corners.append((points[-1][0], corners[-1][1]))
    return [" ".join(corner) for corner in corners]


def main(directories: Sequence[str]) -> None:
    """Write the page and the pictures."""
    files = render([task for directory in directories for task in read_tasks(Path(directory))])
    (DOCS / "strategies").mkdir(exist_ok=True)
    for old in (DOCS / "strategies").glob("*.svg"):
        if f"strategies/{old.name}" not in files:
            old.unlink()
    for name, text in files.items():
        (DOCS / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:] or sys.exit(__doc__))
