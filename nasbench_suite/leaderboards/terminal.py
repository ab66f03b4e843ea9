"""The leaderboard for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from typing import TYPE_CHECKING

from nasbench_suite.leaderboards import text
from nasbench_suite.scoring import Scoreboard, Unranked

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table


def render_terminal(scoreboard: Scoreboard, width: int = 80) -> str:
    """All tables as plain text, in lines of at most ``width`` characters."""
    from rich.console import Console

    console = Console(file=StringIO(), width=width, color_system=None)
    console.print(*_parts(scoreboard), sep="\n")
    shown = console.file.getvalue()  # type: ignore[attr-defined]  # the StringIO above
    return "\n".join(line.rstrip() for line in shown.splitlines())


def _parts(scoreboard: Scoreboard) -> list[RenderableType]:
    from rich.text import Text

    parts: list[RenderableType] = []
    if len(scoreboard.boards) > 1:
        parts += [Text(scoreboard.comparison.title, style="bold"), _overall(scoreboard)]
        parts += _reasons(scoreboard.overall.unranked)
        parts.append(Text())
    for board in scoreboard.boards:
        task = board.task
        parts.append(Text.assemble((task.benchmark, "bold"), f", {text.amount(task)}"))
        parts.append(Text(f"{task.score} %: {task.splits[task.score]}", style="dim"))
        table = _table(("", "strategy", "mean ± std", "IQM [95 %]", "rank", "n"), right=(0, 2, 3, 4, 5))
        for standing in board.standings:
            table.add_row(
                standing.place,
                Text(standing.label),
                text.spread(standing.mean, standing.deviation),
                Text(text.percent_interval(standing.interquartile)),
                text.number(standing.rank),
                str(standing.n),
            )
        if task.score in task.oracles:
            table.add_row("", Text("oracle: the best there is"), text.percent(task.best), style="dim")
        parts.append(table)
        parts += _reasons(board.unranked)
        parts.append(Text())
    return parts[:-1]


def _overall(scoreboard: Scoreboard) -> Table:
    from rich.text import Text

    table = _table(("", "strategy", "average rank", "normalized regret", "n"), right=(0, 2, 3, 4))
    for standing in scoreboard.overall.standings:
        regret = Text(text.number_interval(standing.regret))
        table.add_row(standing.place, Text(standing.label), text.number(standing.rank), regret, str(standing.n))
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
