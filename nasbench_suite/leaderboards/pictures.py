"""Pictures of a leaderboard for papers and pages, as SVG and PNG. Needs matplotlib (the extra ``plots``)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nasbench_suite.errors import UsageError
from nasbench_suite.leaderboards.appearance import Look, look
from nasbench_suite.scoring import LEVELS, MOMENTS, Scoreboard

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "figure.constrained_layout.use": True,
    "font.size": 9,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "savefig.dpi": 160,
    "svg.fonttype": "path",
    "svg.hashsalt": "nasbench-suite",
}


def write_pictures(scoreboard: Scoreboard, directory: Path) -> list[Path]:
    """Write every picture as SVG and PNG. The same scoreboard and matplotlib give the same bytes.

    ``regret``: anytime regret with intervals; ``ranks``: average rank over time; ``critical-difference``: Nemenyi's
    diagram; ``profiles``: performance profiles; ``scores``: final scores of all runs; ``spending``: where each search
    spent its budget. Those for which there is too little to show are left out.

    Raises:
        UsageError: matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise UsageError("drawing pictures needs matplotlib: pip install 'nasbench-suite[plots]'") from None
    directory.mkdir(parents=True, exist_ok=True)
    drawings: dict[str, Callable[[Scoreboard, Figure], bool]] = {
        "regret": _regret,
        "ranks": _ranks,
        "critical-difference": _critical_difference,
        "profiles": _profiles,
        "scores": _scores,
        "spending": _spending,
    }
    written = []
    for name, draw in drawings.items():
        with matplotlib.rc_context(STYLE):
            figure = Figure()
            FigureCanvasAgg(figure)
            if not draw(scoreboard, figure):
                continue
            for kind, metadata in (("svg", {"Date": None, "Creator": None}), ("png", {"Software": None})):
                path = directory / f"{name}.{kind}"
                partial = directory / f"{name}.{kind}.partial"
                figure.savefig(partial, format=kind, metadata=metadata)
                written.append(partial.replace(path))
    return written


def _looks(scoreboard: Scoreboard) -> dict[str, Look]:
    return {label: look(label, entrant.family) for label, entrant in scoreboard.entrants.items()}


def _order(scoreboard: Scoreboard) -> list[str]:
    """Labels as they stand overall, then those that are ranked on some benchmark only."""
    labels = [standing.label for standing in scoreboard.overall.standings]
    labels += [standing.label for board in scoreboard.boards for standing in board.standings]
    return list(dict.fromkeys(labels))


def _line(shown: Look) -> dict[str, Any]:
    style: Any = (0, [length / 2 for length in shown.dashes]) if shown.dashes else "-"
    return {"color": shown.light, "linestyle": style, "linewidth": 1.5}


def _panels(figure: Figure, count: int, height: float = 3.4, legend_rows: int = 0) -> list[Axes]:
    """One panel per benchmark, three to a row."""
    columns = min(3, count)
    rows = math.ceil(count / columns)
    figure.set_size_inches(max(3.6 * columns, 5.5), height * rows + 0.2 * legend_rows)
    return list(figure.subplots(rows, columns, squeeze=False).ravel()[:count])


def _legend(figure: Figure, handles: Sequence[Any], labels: Sequence[str]) -> None:
    figure.legend(handles, labels, loc="outside lower center", ncols=4)


def _regret(scoreboard: Scoreboard, figure: Figure) -> bool:
    order, looks = _order(scoreboard), _looks(scoreboard)
    if not order:
        return False
    handles: dict[str, Any] = {}
    for axes, board in zip(
        _panels(figure, len(scoreboard.boards), 3.4, len(order) // 4 + 1), scoreboard.boards, strict=True
    ):
        times = np.array(MOMENTS) * board.task.budget.amount
        for standing in board.standings:
            estimate, low, high = (100 * (board.task.best - values) for values in standing.anytime[:3])
            shown = looks[standing.label]
            (handles[standing.label],) = axes.step(times, np.maximum(estimate, 1e-3), where="post", **_line(shown))
            axes.fill_between(
                times, np.maximum(high, 1e-3), low, step="post", color=shown.light, alpha=0.12, linewidth=0
            )
        axes.set(xscale="log", yscale="log", title=board.task.benchmark, xlabel=f"budget, {board.task.budget.unit}")
    figure.axes[0].set_ylabel("regret, percent points")
    _legend(figure, [handles[label] for label in order], order)
    return True


def _ranks(scoreboard: Scoreboard, figure: Figure) -> bool:
    standings, looks = scoreboard.overall.standings, _looks(scoreboard)
    if len(standings) < 2:
        return False
    figure.set_size_inches(6.5, 4.0 + 0.05 * len(standings))
    axes = figure.subplots()
    for standing, ranks in zip(standings, scoreboard.overall.ranks, strict=True):
        shown = looks[standing.label]
        axes.step(100 * np.array(MOMENTS), ranks, where="post", **_line(shown), label=standing.label)
    axes.set(xscale="log", xlabel="budget, %", ylabel="average rank over benchmarks and seeds")
    axes.invert_yaxis()
    _legend(figure, *axes.get_legend_handles_labels())
    return True


def _critical_difference(scoreboard: Scoreboard, figure: Figure) -> bool:
    found = scoreboard.overall.critical
    if found is None:
        return False
    labels = [standing.label for standing in scoreboard.overall.standings]
    rows = len(labels)
    order = sorted(range(rows), key=lambda row: (found.ranks[row], row))
    groups, looks = found.groups(), _looks(scoreboard)
    half = (rows + 1) // 2
    figure.set_size_inches(7.0, 1.2 + 0.13 * len(groups) + 0.22 * half)
    axes = figure.subplots()
    axes.axis("off")
    low, high = 1.0, float(rows)
    width = high - low
    axes.set(xlim=(low - 0.45 * width, high + 0.45 * width), ylim=(-1.6 - 0.5 * len(groups) - half, 2.2))
    axes.plot([low, high], [0, 0], color="black", linewidth=1)
    for tick in sorted({*range(1, rows + 1, max(1, rows // 10)), rows}):
        axes.plot([tick, tick], [0, 0.2], color="black", linewidth=1)
        axes.text(tick, 0.35, str(tick), ha="center", va="bottom")
    end = min(low + found.difference, high + 0.4 * width)
    axes.plot([low, end], [1.5, 1.5], color="black", linewidth=1.5, marker="|")
    axes.text(
        (low + end) / 2,
        1.6,
        f"critical difference {found.difference:.2f} (Nemenyi, n = {found.n})",
        ha="center",
        va="bottom",
    )
    for level, group in enumerate(groups):
        ranks = found.ranks[list(group)]
        y = -0.5 - 0.5 * level
        axes.plot(
            [ranks.min() - 0.01 * width, ranks.max() + 0.01 * width],
            [y, y],
            color="black",
            linewidth=3,
            solid_capstyle="butt",
        )
    for place, row in enumerate(order):
        left = place < half
        y = -1.4 - 0.5 * len(groups) - (place if left else rows - 1 - place)
        edge = low - 0.05 * width if left else high + 0.05 * width
        rank, colour = found.ranks[row], looks[labels[row]].light
        axes.plot([rank, rank, edge], [0, y, y], color=colour, linewidth=1)
        shown = f"{labels[row]}  {rank:.2f}" if left else f"{rank:.2f}  {labels[row]}"
        axes.text(edge, y, f"{shown} " if left else f" {shown}", ha="right" if left else "left", va="center")
    return True


def _profiles(scoreboard: Scoreboard, figure: Figure) -> bool:
    standings, looks = scoreboard.overall.standings, _looks(scoreboard)
    if not standings:
        return False
    figure.set_size_inches(6.5, 4.0 + 0.05 * len(standings))
    axes = figure.subplots()
    for standing, shares in zip(standings, scoreboard.overall.profiles, strict=True):
        axes.step(LEVELS, 100 * shares, where="post", **_line(looks[standing.label]), label=standing.label)
    n = standings[0].n
    axes.set(xscale="log", xlabel="normalized regret", ylabel=f"runs with at most this regret, % (n = {n})")
    _legend(figure, *axes.get_legend_handles_labels())
    return True


def _scores(scoreboard: Scoreboard, figure: Figure) -> bool:
    order, looks = _order(scoreboard), _looks(scoreboard)
    if not order:
        return False
    panels = _panels(figure, len(scoreboard.boards), 1.2 + 0.24 * len(order))
    for place, (axes, board) in enumerate(zip(panels, scoreboard.boards, strict=True)):
        held = {standing.label: 100 * standing.scores[board.task.score] for standing in board.standings}
        for y, label in enumerate(order):
            if label not in held:
                continue
            shown, values = looks[label], held[label]
            offsets = ((np.arange(len(values)) * 0.618034) % 1 - 0.5) * 0.5  # spread evenly, without a random draw
            axes.plot(values, y + offsets, shown.marker, color=shown.light, markersize=2.5, alpha=0.6, linestyle="none")
            low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
            axes.plot([low, high], [y, y], color="black", linewidth=2.5, solid_capstyle="butt")
            axes.plot(middle, y, "o", color="white", markeredgecolor="black", markersize=4)
        axes.axvline(100 * board.task.best, color="black", linestyle=":", linewidth=1)
        everything = np.concatenate(list(held.values())) if held else np.array([100 * board.task.best])
        axes.set_xlim(float(np.quantile(everything, 0.05)) - 0.5, 100 * board.task.best + 0.3)
        axes.set(title=board.task.benchmark, xlabel=f"{board.task.score}, %", ylim=(len(order) - 0.5, -0.5))
        axes.set_yticks(range(len(order)), order if place % 3 == 0 else [""] * len(order))
    return True


def _spending(scoreboard: Scoreboard, figure: Figure) -> bool:
    order = _order(scoreboard)
    if not order:
        return False
    panels = _panels(figure, len(scoreboard.boards), 1.5 + 0.24 * len(order))
    kinds = sorted({kind for b in scoreboard.boards for s in b.standings for kind in s.spending}, key=_kind_order)
    handles: dict[str, Any] = {}
    for place, (axes, board) in enumerate(zip(panels, scoreboard.boards, strict=True)):
        held = {standing.label: standing.spending for standing in board.standings}
        left = np.zeros(len(order))
        for number, kind in enumerate(kinds):
            shares = np.array([100 * held.get(label, {}).get(kind, 0.0) for label in order])
            handles[kind] = axes.barh(
                range(len(order)),
                shares,
                left=left,
                height=0.7,
                **_fill(kind, number),
                edgecolor="white",
                linewidth=0.4,
            )
            left += shares
        axes.set(title=board.task.benchmark, xlabel="budget, %", ylim=(len(order) - 0.5, -0.5), xlim=(0, 100))
        axes.set_yticks(range(len(order)), order if place % 3 == 0 else [""] * len(order))
    _legend(figure, list(handles.values()), list(handles))
    return True


def _kind_order(kind: str) -> tuple[int, int, str]:
    """Evaluations by epochs, then what was asked again, then charges, then what was left."""
    if kind.endswith(" epochs") and kind.partition(" ")[0].isdecimal():
        return 0, int(kind.partition(" ")[0]), kind
    return {"asked again": 1, "unspent": 3}.get(kind, 2), 0, kind


def _fill(kind: str, number: int) -> dict[str, Any]:
    fixed = {"asked again": ("#e69f00", "//"), "unspent": ("#e6e6e6", "")}
    colours = ("#0072b2", "#56b4e9", "#009e73", "#cc79a7", "#d55e00", "#8a5a00", "#7b4fb0")
    colour, hatch = fixed.get(kind, (colours[number % len(colours)], ""))
    return {"color": colour, "hatch": hatch}
