"""Pictures of a leaderboard for papers and pages, as SVG and PNG. Needs matplotlib (the extra ``plots``)."""

from __future__ import annotations

import hashlib
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nasbench_suite.errors import UsageError
from nasbench_suite.leaderboards.appearance import HUES, Look, look, mixed
from nasbench_suite.leaderboards.document import render_json
from nasbench_suite.leaderboards.presentable import presentable
from nasbench_suite.leaderboards.text import letters_of, split_letters
from nasbench_suite.scoring import LEVELS, MOMENTS, Board, Scoreboard

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Kind = Literal["svg", "png"]
KINDS: tuple[Kind, ...] = ("svg", "png")

CAPTIONS = {
    "regret": "Regret over the budget: interquartile mean over seeds with its 95 % interval, one line of panels for each family",
    "ranks": "Average rank over the budget",
    "groups": "Interquartile means with their 95 % intervals; bars join the rows of a letter, which no test tells apart",
    "critical-difference": "Average ranks over benchmarks; bars join what Nemenyi's test does not tell apart",
    "profiles": "Performance profiles: share of runs that end with at most so much normalized regret",
    "scores": "Final scores of all runs; the bar spans the quartiles, the ring is the median",
    "spending": "What each search spent its budget on",
}
"""Every picture with what it shows, in the order in which they are drawn."""

PANELS = 4
"""So many benchmarks go into one picture; more are continued in ``regret-2`` and so on."""

STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#5b636d",
    "axes.grid": True,
    "axes.labelcolor": "#1c2024",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 9.5,
    "figure.constrained_layout.use": True,
    "font.size": 9,
    "grid.color": "#d9dde2",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "savefig.dpi": 160,
    "svg.fonttype": "path",
    "svg.hashsalt": "nasbench-suite",
    "text.parse_math": False,
    "xtick.color": "#5b636d",
    "xtick.labelcolor": "#1c2024",
    "xtick.labelsize": 8,
    "ytick.color": "#5b636d",
    "ytick.labelcolor": "#1c2024",
    "ytick.labelsize": 8,
}
_INK, _SOFT = "#1c2024", "#5b636d"
# Moments that are seen apart on a logarithmic axis.
_APART = [
    place
    for place, fraction in enumerate(MOMENTS)
    if fraction == 1.0 or (round(20 * math.log10(fraction), 3).is_integer() and fraction >= 0.001)
]
_LINE = 0.145  # inches from one line of small letters to the next


def write_pictures(scoreboard: Scoreboard, directory: Path, kinds: Sequence[Kind] = KINDS) -> list[Path]:
    """Write every picture. The same scoreboard and matplotlib give the same bytes.

    Each says in its metadata which matplotlib drew it, and the sha256 of the ``leaderboard.json`` whose figures it shows.

    What there is: :data:`CAPTIONS`. Those for which there is too little to show are left out, and those with a panel
    per benchmark are continued in further files where there are more than :data:`PANELS` benchmarks.

    Args:
        scoreboard: what to draw.
        directory: is made if it is not there.
        kinds: ``"svg"``, ``"png"`` or both.

    Returns:
        The files written.

    Raises:
        UsageError: matplotlib is not installed.
    """
    try:
        with _of_nobodys_settings():
            import matplotlib
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure
    except ImportError:
        raise UsageError("drawing pictures needs matplotlib: pip install 'nasbench-suite[plots]'") from None
    directory.mkdir(parents=True, exist_ok=True)
    # No date; the version of matplotlib is told, since other versions draw other bytes.
    creator = f"nasbench-suite with matplotlib {matplotlib.__version__}"
    source = f"leaderboard.json sha256 {hashlib.sha256(render_json(scoreboard).encode()).hexdigest()}"
    told: dict[Kind, dict[str, str | None]] = {
        "svg": {"Date": None, "Creator": creator, "Source": source},
        "png": {"Software": creator, "Source": source},
    }
    written = []
    for name, draw in _drawings(presentable(scoreboard)):
        with matplotlib.rc_context():
            matplotlib.rcdefaults()  # whatever a notebook, a file or an environment variable has set
            matplotlib.rcParams.update(STYLE)
            figure = Figure()
            FigureCanvasAgg(figure)
            draw(figure)
            for kind in kinds:
                path = directory / f"{name}.{kind}"
                partial = directory / f"{name}.{kind}.partial"
                figure.savefig(partial, format=kind, metadata=told[kind])
                written.append(partial.replace(path))
    return written


@contextmanager
def _of_nobodys_settings() -> Iterator[None]:
    """While matplotlib is imported: no back end of a notebook, and no matplotlibrc of a working directory."""
    if "matplotlib" in sys.modules:
        yield
        return
    found = find_spec("matplotlib")
    own = {"MPLBACKEND": "agg"}
    if found is not None and found.origin is not None:
        own["MATPLOTLIBRC"] = str(Path(found.origin).parent / "mpl-data" / "matplotlibrc")
    before = {name: os.environ.get(name) for name in own}
    os.environ.update(own)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _drawings(scoreboard: Scoreboard) -> Iterator[tuple[str, Callable[[Figure], None]]]:
    """Names of the pictures for which there is something to show, and what draws them."""
    order, overall = _order(scoreboard), scoreboard.overall
    parts = [scoreboard.boards[start : start + PANELS] for start in range(0, len(scoreboard.boards), PANELS)]
    for name in CAPTIONS:
        if per_benchmark := {"regret": _regret, "groups": _groups, "scores": _scores, "spending": _spending}.get(name):
            for number, boards in enumerate(parts if order else [], start=1):
                yield (
                    name if number == 1 else f"{name}-{number}",
                    lambda figure, draw=per_benchmark, boards=boards: draw(scoreboard, boards, figure),  # type: ignore[misc]
                )
        elif name == "ranks" and len(overall.standings) > 1:
            yield name, lambda figure: _ranks(scoreboard, figure)
        elif name == "critical-difference" and overall.critical is not None:
            yield name, lambda figure: _critical_difference(scoreboard, figure)
        elif name == "profiles" and overall.standings:
            yield name, lambda figure: _profiles(scoreboard, figure)


def _looks(scoreboard: Scoreboard) -> dict[str, Look]:
    return {label: look(label, entrant.family) for label, entrant in scoreboard.entrants.items()}


def _order(scoreboard: Scoreboard) -> list[str]:
    """Labels as they stand overall, then those that are ranked on some benchmark only."""
    labels = [standing.label for standing in scoreboard.overall.standings]
    labels += [standing.label for board in scoreboard.boards for standing in board.standings]
    return list(dict.fromkeys(labels))


def _line(shown: Look, width: float = 1.5) -> dict[str, Any]:
    style: Any = (0, [length / 2 for length in shown.dashes]) if shown.dashes else "-"
    return {"color": shown.light, "linestyle": style, "linewidth": width}


def _readable(shown: Look) -> str:
    """The colour of a label: never lighter than what small letters need on white."""
    red, green, blue = (int(shown.light[place : place + 2], 16) / 255 for place in (1, 3, 5))
    light = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2
    return mixed(shown.light, -max(0.0, min(0.5, 2.2 * (light - 0.18))))


def _budget_label(board: Board) -> str:
    contest = board.contest
    return f"{contest.currency} seconds of training" if contest.budget.unit == "seconds" else contest.budget.unit


def _label_ends(axes: Axes, ends: Mapping[str, float], looks: Mapping[str, Look], height: float) -> None:
    """Write every row's name beside the right end of its line, moved apart where lines end together.

    Args:
        axes: the last one of its line.
        ends: label -> where its line ends, as a fraction of the axes' height.
        looks: of the labels.
        height: of the axes, in inches.
    """
    labels = sorted(ends, key=lambda label: (ends[label], label))
    places = _apart([ends[label] for label in labels], _LINE / height)
    for label, place in zip(labels, places, strict=True):
        shown = looks[label]
        axes.plot(
            [1.0, 1.03, 1.05, 1.13],
            [ends[label], place, place, place],
            transform=axes.transAxes,
            clip_on=False,
            **_line(shown, 1.2),
        )
        axes.text(1.15, place, label, transform=axes.transAxes, va="center", size=8, color=_readable(shown))


def _apart(values: Sequence[float], gap: float) -> list[float]:
    """Rising values moved as little as possible until each is a gap above the one before, their blocks centred."""
    blocks: list[list[float]] = []  # [middle, how many]
    for value in values:
        blocks.append([value, 1])
        while len(blocks) > 1 and (
            blocks[-1][0] - blocks[-2][0] < gap * (blocks[-1][1] + blocks[-2][1]) / 2
        ):  # they overlap: one block, around the mean of its members
            middle, count = blocks.pop()
            blocks[-1] = [
                (blocks[-1][0] * blocks[-1][1] + middle * count) / (blocks[-1][1] + count),
                blocks[-1][1] + count,
            ]
    return [middle + gap * (place - (count - 1) / 2) for middle, count in blocks for place in range(int(count))]


def _regret(scoreboard: Scoreboard, boards: Sequence[Board], figure: Figure) -> None:
    """A line of panels for each family, a column for each benchmark; random search is in all of them."""
    looks, order = _looks(scoreboard), _order(scoreboard)
    families: dict[str, list[str]] = {}
    for label in order:
        families.setdefault(scoreboard.entrants[label].family, []).append(label)
    heights = [max(1.15, _LINE * (len(labels) + 0.5)) for labels in families.values()]
    figure.set_size_inches(2.5 * len(boards) + 2.3, sum(heights) + 0.13 * len(heights) + 0.8)
    grid = figure.subplots(len(families), len(boards), squeeze=False, sharex="col", height_ratios=heights)
    for column, board in enumerate(boards):
        held = {standing.label: standing for standing in board.standings}
        times = np.array(MOMENTS)[_APART] * board.contest.budget.amount
        curves = {label: np.maximum(100 * standing.regrets[:, _APART], 1e-3) for label, standing in held.items()}
        lines = np.array([values[0] for values in curves.values()])
        # What the first answers lose would leave no room for the differences at the end.
        worth = math.nan if board.contest.typical is None else 100 * (board.contest.best - board.contest.typical)
        top = np.nanmax(lines) if math.isnan(worth) else min(1.3 * float(np.nanmax(lines)), 2.0 * worth)
        low = 0.6 * float(np.nanmin(lines)) if lines.size else 0.1
        for (family, labels), axes, height in zip(families.items(), grid[:, column], heights, strict=True):
            axes.set(xscale="log", yscale="log", ylim=(low, top), xlim=(0.003 * times[-1], times[-1]))
            if "random-search" in curves and "random-search" not in labels:
                axes.step(times, curves["random-search"][0], where="post", color="#9aa1ab", linewidth=1, zorder=1.5)
            ends = {}
            for label in [label for label in labels if label in curves]:
                estimate, lower, upper = curves[label]
                axes.fill_between(times, lower, upper, step="post", color=looks[label].light, alpha=0.15, linewidth=0)
                axes.step(times, estimate, where="post", **_line(looks[label]))
                end = (math.log(estimate[-1]) - math.log(low)) / (math.log(top) - math.log(low))
                ends[label] = min(1.0, max(0.0, end))
            if column == len(boards) - 1:
                _label_ends(axes, {label: ends.get(label, 0.0) for label in labels}, looks, height)
            if column == 0:
                shown = mixed(HUES.get(family, HUES["other"]), -0.25)
                axes.text(0.03, 0.06, family.replace("-", " "), transform=axes.transAxes, color=shown, weight="bold")
        grid[0, column].set_title(board.contest.benchmark)
        grid[-1, column].set_xlabel(f"{_budget_label(board)} (n = {len(scoreboard.comparison.seeds)})")
    figure.supylabel("regret, percent points; grey: random search", size=9)


def _ranks(scoreboard: Scoreboard, figure: Figure) -> None:
    standings, looks = scoreboard.overall.standings, _looks(scoreboard)
    height = max(3.0, _LINE * (len(standings) + 2))
    figure.set_size_inches(7.0, height + 0.8)
    axes = figure.subplots()
    low, high = 0.6, len(standings) + 0.4
    for standing, ranks in zip(standings, scoreboard.overall.ranks, strict=True):
        axes.step(100 * np.array(MOMENTS), ranks, where="post", **_line(looks[standing.label]))
    axes.set(
        xscale="log",
        xlim=(1, 100),
        ylim=(high, low),
        xlabel="budget, %",
        ylabel=f"average rank over benchmarks and seeds (n = {standings[0].n})",
    )
    axes.set_xticks([1, 2, 5, 10, 20, 50, 100], ["1", "2", "5", "10", "20", "50", "100"])
    axes.minorticks_off()
    ends = {
        standing.label: (high - float(ranks[-1])) / (high - low)
        for standing, ranks in zip(standings, scoreboard.overall.ranks, strict=True)
    }
    _label_ends(axes, ends, looks, height)


def _groups(scoreboard: Scoreboard, boards: Sequence[Board], figure: Figure) -> None:
    """A panel per benchmark in its own order: estimates with intervals, and beside them a bar for every letter."""
    looks = _looks(scoreboard)
    longest = max(len(board.standings) for board in boards)
    figure.set_size_inches(3.6 * len(boards) + 0.4, 1.0 + 0.2 * max(longest, 3))
    grid = figure.subplots(1, len(boards), squeeze=False)[0]
    for axes, board in zip(grid, boards, strict=True):
        labels = [standing.label for standing in board.standings]
        for y, standing in enumerate(board.standings):
            estimate, shown = standing.interquartile, looks[standing.label]
            ends = [100 * (end if math.isfinite(end) else estimate.value) for end in (estimate.low, estimate.high)]
            axes.plot(ends, [y, y], color=shown.light, linewidth=2)
            axes.plot(100 * estimate.value, y, shown.marker, color=shown.light, markersize=4)
        bars = letters_of(board)
        for column, letter in enumerate(bars):
            x = 1.03 + 0.055 * column
            places = [y for y, standing in enumerate(board.standings) if letter in split_letters(standing.group)]
            for first, last in _stretches(places):
                axes.plot([x, x], [first - 0.3, last + 0.3], transform=axes.get_yaxis_transform(), clip_on=False, color=_INK, linewidth=1.6, solid_capstyle="butt")  # fmt: skip
            axes.text(x, -0.9, letter, transform=axes.get_yaxis_transform(), ha="center", va="bottom", size=7, color=_SOFT)  # fmt: skip
        axes.set(
            ylim=(len(labels) - 0.4, -0.6),
            xlabel=f"{board.contest.score} %, IQM (n = {len(scoreboard.comparison.seeds)})",
        )
        axes.set_title(board.contest.benchmark, pad=16)
        axes.grid(visible=False, axis="y")
        _name_rows([axes], labels, looks)


def _stretches(places: Sequence[int]) -> list[tuple[int, int]]:
    """Rows that stand one below the other, as their first and their last."""
    found: list[tuple[int, int]] = []
    for place in places:
        if found and found[-1][1] == place - 1:
            found[-1] = (found[-1][0], place)
        else:
            found.append((place, place))
    return found


def _critical_difference(scoreboard: Scoreboard, figure: Figure) -> None:
    found = scoreboard.overall.critical
    assert found is not None, "drawn only where there is one"
    labels = [standing.label for standing in scoreboard.overall.standings]
    rows = len(labels)
    order = sorted(range(rows), key=lambda row: (found.ranks[row], row))
    groups, looks = found.groups(), _looks(scoreboard)
    half = (rows + 1) // 2
    bottom = -1.4 - 0.5 * len(groups) - half
    figure.set_size_inches(7.5, 0.22 * (2.8 - bottom))
    axes = figure.subplots()
    axes.axis("off")
    low, high = 1.0, float(rows)
    width = high - low
    axes.set(xlim=(low - 0.45 * width, high + 0.45 * width), ylim=(bottom, 2.8))
    axes.plot([low, high], [0, 0], color=_INK, linewidth=1)
    for tick in sorted({*range(1, rows + 1, max(1, rows // 10)), rows}):
        axes.plot([tick, tick], [0, 0.2], color=_INK, linewidth=1)
        axes.text(tick, 0.3, str(tick), ha="center", va="bottom", size=8)
    end = min(low + found.difference, high + 0.4 * width)
    axes.plot([low, end], [1.5, 1.5], color=_INK, linewidth=1.2, marker="|")
    axes.text(
        (low + end) / 2,
        1.65,
        f"critical difference {found.difference:.2f} (Nemenyi, 5 %, n = {found.n} benchmarks)",
        ha="center",
        va="bottom",
    )
    for place, row in enumerate(order):
        left = place < half
        y = -1.2 - 0.5 * len(groups) - (place if left else rows - 1 - place)
        edge = low - 0.05 * width if left else high + 0.05 * width
        rank, shown = found.ranks[row], looks[labels[row]]
        axes.plot([rank, rank, edge], [0, y, y], color=shown.light, linewidth=1.2, solid_joinstyle="round")
        axes.plot(rank, 0, "o", color=shown.light, markersize=3.5, zorder=4)
        text = f"{labels[row]}  {rank:.2f}" if left else f"{rank:.2f}  {labels[row]}"
        axes.text(
            edge,
            y,
            f"{text} " if left else f" {text}",
            ha="right" if left else "left",
            va="center",
            color=_readable(shown),
        )
    for level, group in enumerate(groups):
        ranks = found.ranks[list(group)]
        y = -0.5 - 0.5 * level
        ends = [ranks.min() - 0.008 * width, ranks.max() + 0.008 * width]
        axes.plot(ends, [y, y], color=_INK, linewidth=3, solid_capstyle="round", zorder=3)


def _profiles(scoreboard: Scoreboard, figure: Figure) -> None:
    standings, looks = scoreboard.overall.standings, _looks(scoreboard)
    figure.set_size_inches(7.0, max(4.0, 0.17 * len(standings) + 0.8))
    axes = figure.subplots()
    for standing, shares in zip(standings, scoreboard.overall.profiles, strict=True):
        axes.step(LEVELS, 100 * shares, where="post", **_line(looks[standing.label]), label=standing.label)
    axes.set(
        xscale="log",
        xlim=(0.005, LEVELS[-1]),
        ylim=(0, 101),
        xlabel="normalized regret (0: the best there is, 1: one uniform draw)",
        ylabel=f"runs with at most this regret, % (n = {standings[0].n})",
    )
    axes.set_xticks([0.01, 0.1, 1.0], ["0.01", "0.1", "1"])
    lines, labels = axes.get_legend_handles_labels()
    means = [float(shares.mean()) for shares in scoreboard.overall.profiles]
    high_first = sorted(range(len(labels)), key=lambda row: (-means[row], labels[row]))
    figure.legend(
        [lines[row] for row in high_first],
        [labels[row] for row in high_first],
        loc="outside right upper",
        handlelength=2.6,
        labelspacing=0.35,
    )


def _scores(scoreboard: Scoreboard, boards: Sequence[Board], figure: Figure) -> None:
    order, looks = _order(scoreboard), _looks(scoreboard)
    figure.set_size_inches(2.6 * len(boards) + 1.9, 1.0 + 0.24 * len(order))
    grid = figure.subplots(1, len(boards), squeeze=False, sharey=True)[0]
    for axes, board in zip(grid, boards, strict=True):
        best = 100 * board.contest.best
        held = {standing.label: 100 * standing.scores[board.contest.score] for standing in board.standings}
        everything = np.concatenate(list(held.values())) if held else np.array([best])
        left = float(np.quantile(everything, 0.05))
        margin = 0.05 * max(best - left, 0.1)
        axes.set_xlim(left - margin, best + margin)
        for y, label in enumerate(order):
            if label not in held:
                continue
            shown, values = looks[label], held[label]
            offsets = ((np.arange(len(values)) * 0.618034) % 1 - 0.5) * 0.5  # spread evenly, without a random draw
            axes.plot(values, y + offsets, shown.marker, color=shown.light, markersize=2.6, alpha=0.55, linestyle="none", markeredgewidth=0)  # fmt: skip
            low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
            axes.plot([low, high], [y, y], color=_INK, linewidth=2.2, solid_capstyle="butt")
            axes.plot(middle, y, "o", color="white", markeredgecolor=_INK, markersize=4)
            if outside := int((values < left - margin).sum()):
                where = axes.get_yaxis_transform()
                axes.text(0.01, y - 0.42, f"◂ {outside} of {len(values)} lower", transform=where, va="center", size=6.5, color=_SOFT)  # fmt: skip
        axes.axvline(best, color=_INK, linestyle=":", linewidth=1)
        axes.set(
            title=board.contest.benchmark,
            xlabel=f"{board.contest.score}, % (n = {len(scoreboard.comparison.seeds)} each)",
            ylim=(len(order) - 0.4, -0.7),
        )
        axes.grid(visible=False, axis="y")
    _name_rows(grid, order, looks)


def _name_rows(grid: Sequence[Axes], order: Sequence[str], looks: Mapping[str, Look]) -> None:
    """Names in their colours to the left of the first panel."""
    grid[0].set_yticks(range(len(order)), order)
    for axes in grid:
        axes.tick_params(axis="y", length=0)
    for text, label in zip(grid[0].get_yticklabels(), order, strict=True):
        text.set_color(_readable(looks[label]))


def _spending(scoreboard: Scoreboard, boards: Sequence[Board], figure: Figure) -> None:
    order, looks = _order(scoreboard), _looks(scoreboard)
    figure.set_size_inches(2.6 * len(boards) + 1.9, 1.3 + 0.22 * len(order))
    grid = figure.subplots(1, len(boards), squeeze=False, sharey=True)[0]
    kinds = sorted({kind for b in boards for s in b.standings for kind in s.spending}, key=_kind_order)
    handles: dict[str, Any] = {}
    for axes, board in zip(grid, boards, strict=True):
        held = {standing.label: standing for standing in board.standings}
        left = np.zeros(len(order))
        for number, kind in enumerate(kinds):
            shares = np.array([100 * held[label].spending.get(kind, 0.0) if label in held else 0.0 for label in order])
            handles[kind] = axes.barh(
                range(len(order)),
                shares,
                left=left,
                height=0.72,
                **_fill(kind, number),
                edgecolor="white",
                linewidth=0.4,
            )
            left += shares
        for y, label in enumerate(order):
            if label in held:
                axes.text(101.5, y, f"{held[label].evaluations:.0f}", va="center", size=7, color=_SOFT)
        axes.text(101.5, -0.75, "answers", va="bottom", size=7, color=_SOFT)
        axes.set(
            title=board.contest.benchmark,
            xlabel=f"budget, % (mean of n = {len(scoreboard.comparison.seeds)})",
            ylim=(len(order) - 0.4, -0.6),
            xlim=(0, 100),
        )
        axes.grid(visible=False, axis="y")
    _name_rows(grid, order, looks)
    figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=4)


def _kind_order(kind: str) -> tuple[int, int, str]:
    """Evaluations by epochs, then what was asked again, then charges, then what was left."""
    if kind.endswith(" epochs") and kind.partition(" ")[0].isdecimal():
        return 0, int(kind.partition(" ")[0]), kind
    return {"asked again": 1, "unspent": 3}.get(kind, 2), 0, kind


def _fill(kind: str, number: int) -> dict[str, Any]:
    fixed = {"asked again": ("#e69f00", "////"), "unspent": ("#e6e6e6", "")}
    colours = ("#0072b2", "#56b4e9", "#009e73", "#cc79a7", "#d55e00", "#8a5a00", "#7b4fb0")
    colour, hatch = fixed.get(kind, (colours[number % len(colours)], ""))
    return {"color": colour, "hatch": hatch}
