"""The leaderboard for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from typing import TYPE_CHECKING

from nasbench_suite.leaderboards import text
from nasbench_suite.leaderboards.presentable import presentable
from nasbench_suite.scoring import Scoreboard, Unranked

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table


def render_terminal(scoreboard: Scoreboard, width: int = 80) -> str:
    """All tables as plain text, in lines of at most ``width`` characters."""
    from rich.console import Console

    console = Console(file=StringIO(), width=width, color_system=None)
    console.print(*_parts(presentable(scoreboard)), sep="\n")
    shown = console.file.getvalue()  # type: ignore[attr-defined]  # the StringIO above
    return "\n".join(line.rstrip() for line in shown.splitlines())


def _parts(scoreboard: Scoreboard) -> list[RenderableType]:
    from rich.text import Text

    parts: list[RenderableType] = []
    if len(scoreboard.boards) > 1:
        parts += [Text(scoreboard.comparison.title, style="bold"), _overall(scoreboard)]
        parts += [Text(note, style="dim") for note in text.notes(scoreboard.overall)]
        parts += _reasons(scoreboard.overall.unranked)
        parts.append(Text())
    for board in scoreboard.boards:
        contest = board.contest
        parts.append(Text.assemble((contest.benchmark, "bold"), f", {text.amount(contest)}"))
        parts.append(Text(f"{contest.score} %: {contest.splits[contest.score]}", style="dim"))
        table = _table(("", "strategy", "IQM [95 %]", "", "mean ± std", "n"), right=(0, 2, 4, 5))
        for standing in board.standings:
            table.add_row(
                text.place(standing, board),
                Text(standing.label + "†" * bool(text.marks(standing, scoreboard.entrants[standing.label]))),
                Text(text.percent_interval(standing.interquartile)),
                standing.group,
                text.spread(standing.mean, standing.deviation),
                str(standing.n),
            )
        for reference in board.references:
            shown = Text(text.percent_interval(reference.interquartile))
            table.add_row("", Text(f"{reference.name}: no search"), shown, style="dim")
        if contest.score in contest.oracles:
            table.add_row("", Text("oracle: the best there is"), text.percent(contest.best), style="dim")
        parts.append(table)
        parts += [Text(note, style="dim") for note in text.notes(board)]
        for standing in board.standings:
            if marks := text.marks(standing, scoreboard.entrants[standing.label]):
                parts.append(Text(f"† {standing.label}: {'; '.join(marks)}", style="yellow"))
        parts += _reasons(board.unranked)
        parts.append(Text())
    return parts[:-1]


def _overall(scoreboard: Scoreboard) -> Table:
    from rich.text import Text

    table = _table(("", "strategy", "normalized regret", "", "average rank", "n"), right=(0, 2, 4, 5))
    for standing in scoreboard.overall.standings:
        regret = Text(text.number_interval(standing.regret))
        table.add_row(
            text.place(standing, scoreboard.overall),
            Text(standing.label),
            regret,
            standing.group,
            text.number(standing.rank),
            str(standing.n),
        )
    return table


def _table(header: Sequence[str], right: Sequence[int]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, name in enumerate(header):
        if place in right:
            table.add_column(name, justify="right", no_wrap=True)
        else:
            table.add_column(name, overflow="fold", min_width=12)
    return table


def _reasons(entries: Sequence[Unranked]) -> list[RenderableType]:
    from rich.text import Text

    return [Text(f"not ranked: {labels}: {reason}", style="yellow") for labels, reason in text.by_reason(entries)]
