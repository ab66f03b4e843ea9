"""Tables for papers (LaTeX with booktabs) and all curves as Parquet for other tools."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nasbench_suite.errors import UsageError
from nasbench_suite.leaderboards import text
from nasbench_suite.scoring import Board, Scoreboard

_ESCAPES = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "–": "--", "±": r"$\pm$",
}  # fmt: skip


def escaped(value: str) -> str:
    """Text for LaTeX."""
    return "".join(_ESCAPES.get(character, character) for character in value)


def latex(scoreboard: Scoreboard) -> str:
    """The text of ``table.tex``: mean and standard deviation per benchmark, the first place and its ties in bold."""
    boards = scoreboard.boards
    labels = [standing.label for standing in scoreboard.overall.standings]
    labels += [label for label in scoreboard.entrants if label not in labels]
    splits = "; ".join(dict.fromkeys(f"{b.task.benchmark}: {b.task.splits[b.task.score]}" for b in boards))
    budgets = "; ".join(dict.fromkeys(text.amount(board.task) for board in boards))
    head = ["Strategy", *(board.task.benchmark for board in boards), "Rank"]
    ranks = {standing.label: text.number(standing.rank) for standing in scoreboard.overall.standings}
    body = [[escaped(label), *(_cell(board, label) for board in boards), ranks.get(label, "--")] for label in labels]
    oracle = ["Oracle (best there is)"]
    oracle += [text.percent(board.task.best) if board.task.score in board.task.oracles else "--" for board in boards]
    caption = (
        f"{scoreboard.comparison.title}. Mean and sample standard deviation in percent over "
        f"{len(scoreboard.comparison.seeds)} paired seeds; bold: no row is significantly better (Wilcoxon, Holm, 5 %). "
        f"Budget: {budgets}. Scores: {splits}."
    )
    lines = [
        r"% \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escaped(caption)}}}",
        rf"\begin{{tabular}}{{l{'r' * (len(boards) + 1)}}}",
        r"\toprule",
        _line([escaped(cell) for cell in head]),
        r"\midrule",
        *map(_line, body),
        r"\midrule",
        _line([*oracle, ""]),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _cell(board: Board, label: str) -> str:
    found = next((standing for standing in board.standings if standing.label == label), None)
    if found is None:
        return "--"
    shown = escaped(text.spread(found.mean, found.deviation))
    return rf"\textbf{{{shown}}}" if found.position == 1 else shown


def write_parquet(scoreboard: Scoreboard, path: Path) -> Path:
    """Write every step of every run's curve: benchmark, strategy, seed, amount, architecture, and all scores.

    Raises:
        UsageError: pyarrow is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UsageError("writing Parquet needs pyarrow: pip install 'nasbench-suite[parquet]'") from None
    columns: dict[str, list[object]] = {
        name: [] for name in ("benchmark", "strategy", "seed", "amount", "unit", "architecture", "score")
    }
    for board in scoreboard.boards:
        for standing in board.standings:
            pairs = zip(scoreboard.comparison.seeds, standing.curves, standing.steps, strict=True)
            for seed, curve, scores in pairs:
                count = len(curve.incumbents)
                columns["benchmark"] += [board.task.benchmark] * count
                columns["strategy"] += [standing.label] * count
                columns["seed"] += [seed] * count
                columns["amount"] += curve.times.tolist()
                columns["unit"] += [board.task.budget.unit] * count
                columns["architecture"] += [" ".join(map(str, options)) for options in curve.incumbents]
                columns["score"] += scores.tolist()
    partial = path.with_name(path.name + ".partial")
    pyarrow.parquet.write_table(pyarrow.table(columns), partial, compression="zstd")
    return partial.replace(path)
