"""Tables for papers (LaTeX with booktabs) and all curves as Parquet for other tools."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from nasbench_suite.errors import UsageError
from nasbench_suite.leaderboards import text
from nasbench_suite.leaderboards.presentable import presentable
from nasbench_suite.scoring import Board, Scoreboard

_ESCAPES = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "–": "--", "±": r"$\pm$", "≤": r"$\leq$", "≥": r"$\geq$", "−": "$-$", "∞": r"$\infty$",
    "→": r"$\to$", "[": "{[}", "]": "{]}", "α": r"$\alpha$", "β": r"$\beta$", "γ": r"$\gamma$", "δ": r"$\delta$", "ε": r"$\varepsilon$",
    "η": r"$\eta$", "θ": r"$\theta$", "κ": r"$\kappa$", "λ": r"$\lambda$", "μ": r"$\mu$", "π": r"$\pi$",
    "ρ": r"$\rho$", "σ": r"$\sigma$", "τ": r"$\tau$", "φ": r"$\varphi$", "ω": r"$\omega$", "Δ": r"$\Delta$",
}  # fmt: skip


LONG = 24
"""Labels of more letters take a smaller type, so that a table of three data sets fits the page."""


def escaped(value: str) -> str:
    """Text for LaTeX; also for pdflatex, which knows no Greek letters outside of formulas, and no other scripts."""
    return "".join(_ESCAPES.get(character) or _written(character) for character in value)


def _written(character: str) -> str:
    """A character as it is, or by its number where a western font has none."""
    return character if ord(character) < 0x180 or "‐" <= character <= "…" else f"U+{ord(character):04X}"


def latex(scoreboard: Scoreboard) -> str:
    """The text of ``table.tex``: mean and standard deviation per benchmark, in bold what shares a letter with the first.

    Benchmarks of one family (what stands before the slash) have a common head, so that three of them fit the text
    width of LaTeX's article class. Rows that are ranked nowhere are named in the caption.
    """
    scoreboard = presentable(scoreboard)
    boards = scoreboard.boards
    names = [board.contest.benchmark for board in boards]
    labels = [standing.label for standing in scoreboard.overall.standings]
    ranked = set(text.ranked(scoreboard))
    labels += [label for label in scoreboard.entrants if label in ranked and label not in labels]
    splits = "; ".join(dict.fromkeys(f"{b.contest.benchmark}: {b.contest.splits[b.contest.score]}" for b in boards))
    budgets = list(dict.fromkeys(text.amount(board.contest) for board in boards))
    if len(budgets) > 1:
        budgets = [f"{board.contest.benchmark}: {text.amount(board.contest)}" for board in boards]
    ranks = {standing.label: text.number(standing.rank) for standing in scoreboard.overall.standings}
    body = [[escaped(label), *(_cell(board, label) for board in boards), ranks.get(label, "--")] for label in labels]
    oracle = ["Oracle (best there is)"]
    oracle += [
        text.percent(board.contest.best) if board.contest.score in board.contest.oracles else "--" for board in boards
    ]
    tells = all(board.differences.tells for board in boards if len(board.standings) > 1)
    caption = (
        f"{scoreboard.comparison.title}. Mean and sample standard deviation in percent over "
        f"{len(scoreboard.comparison.seeds)} paired seeds; bold: not told apart from the first row (Wilcoxon, Holm, 5 %{'' if tells else '; n is too small to tell anything apart'}). "
        f"Budget: {'; '.join(budgets)}. Scores: {splits}."
    )
    if without := [label for label in scoreboard.entrants if label not in ranked]:
        caption += f" Not ranked: {', '.join(without)}."
    lines = [
        r"% \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        r"\setlength{\belowcaptionskip}{6pt}",
        rf"\caption[{escaped(scoreboard.comparison.title)}]{{{escaped(caption)}}}",
        rf"\label{{tab:{re.sub('[^A-Za-z0-9.-]+', '-', scoreboard.comparison.name)}}}",
        r"\small" if max(map(len, scoreboard.entrants), default=0) <= LONG else r"\tiny",
        r"\setlength{\tabcolsep}{4pt}"
        if max(map(len, scoreboard.entrants), default=0) <= LONG
        else r"\setlength{\tabcolsep}{2pt}",
        rf"\begin{{tabular}}{{@{{}}l{'r' * (len(boards) + 1)}@{{}}}}",
        r"\toprule",
        *_head(names),
        r"\midrule",
        *map(_line, body),
        r"\midrule",
        _line([*oracle, ""]),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _head(benchmarks: Sequence[str]) -> list[str]:
    """A line of families, a rule under each of them, and a line of what is left of the benchmarks' names."""
    families, rules, column = [""], [], 2
    for family, members in groupby(name.rpartition("/")[0] for name in benchmarks):
        width = len(list(members))
        families.append(rf"\multicolumn{{{width}}}{{c}}{{{escaped(family)}}}")
        rules += [rf"\cmidrule(lr){{{column}-{column + width - 1}}}"] if family else []
        column += width
    head = _line(["Strategy", *(escaped(name.rpartition("/")[2]) for name in benchmarks), "Rank"])
    return [_line([*families, ""]), "".join(rules), head] if rules else [head]


def _line(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _cell(board: Board, label: str) -> str:
    found = next((standing for standing in board.standings if standing.label == label), None)
    if found is None:
        return "--"
    shown = escaped(text.spread(found.mean, found.deviation))
    return rf"\textbf{{{shown}}}" if text.share_a_letter(found, board.standings[0]) else shown


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
                columns["benchmark"] += [board.contest.benchmark] * count
                columns["strategy"] += [standing.label] * count
                columns["seed"] += [seed] * count
                columns["amount"] += curve.times.tolist()
                columns["unit"] += [board.contest.budget.unit] * count
                columns["architecture"] += [" ".join(map(str, options)) for options in curve.incumbents]
                columns["score"] += scores.tolist()
    partial = path.with_name(path.name + ".partial")
    pyarrow.parquet.write_table(pyarrow.table(columns), partial, compression="zstd")
    return partial.replace(path)
