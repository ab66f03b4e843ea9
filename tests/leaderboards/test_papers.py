"""Tables for papers and curves for other tools."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from repository import REPOSITORY
from scored import small_plan, small_results

from nasbench_suite.leaderboards import write_parquet
from nasbench_suite.leaderboards.papers import escaped, latex
from nasbench_suite.scoring import Scoreboard, score

BOARDS = REPOSITORY / "leaderboards"


@pytest.fixture(scope="module")
def board() -> Scoreboard:
    return score(small_plan(), small_results())


def test_latex_has_every_row_and_the_first_place_with_its_ties_in_bold(board: Scoreboard) -> None:
    lines = latex(board).splitlines()
    for standing in board.overall.standings:
        (line,) = (line for line in lines if line.startswith(standing.label))
        cells = line.removesuffix(r" \\").split(" & ")
        for held, cell in zip(board.boards, cells[1:], strict=False):
            (found,) = (s for s in held.standings if s.label == standing.label)
            assert f"{100 * found.mean:.2f} $\\pm$ {100 * found.deviation:.2f}" in cell
            assert cell.startswith(r"\textbf{") == bool(set(found.group) & set(held.standings[0].group))
    widths = {len(re.split(r"(?<!\\)&", line)) for line in lines if line.endswith(r"\\") and "multicolumn" not in line}
    assert widths == {2 + len(board.boards)}
    text = "\n".join(lines)
    assert text.count("{") == text.count("}")
    for command in (r"\toprule", r"\midrule", r"\bottomrule"):
        assert command in lines


def test_latex_escapes_what_strangers_write() -> None:
    assert escaped(r"a_b & 5% \input{x} ~^#$") == (
        r"a\_b \& 5\% \textbackslash{}input\{x\} \textasciitilde{}\textasciicircum{}\#\$"
    )


def test_latex_gives_benchmarks_of_one_family_a_common_head(board: Scoreboard) -> None:
    lines = latex(board).splitlines()
    count = len(board.boards)
    start = lines.index(r"\toprule")
    assert lines[start + 1] == rf" & \multicolumn{{{count}}}{{c}}{{nas-bench-201}} &  \\"
    assert lines[start + 2] == rf"\cmidrule(lr){{2-{count + 1}}}"
    assert lines[start + 3].split(" & ")[1] == "cifar10"


def test_latex_names_rows_that_are_ranked_nowhere_in_the_caption() -> None:
    results = small_results()
    for name in ("nas-bench-201/cifar10", "nas-bench-201/cifar100"):
        run = small_plan().runs["random-search", name][0]
        results[run.id] = dataclasses.replace(results[run.id], outcome="failed", reason="no")
    lines = latex(score(small_plan(), results)).splitlines()
    assert not [line for line in lines if line.startswith("random-search")]
    (caption,) = (line for line in lines if line.startswith(r"\caption"))
    assert caption.endswith(" Not ranked: random-search.}")


def compiled(table: Path, directory: Path) -> str:
    """What pdflatex says of a document of class article with this table."""
    if shutil.which("pdflatex") is None:
        pytest.skip("needs pdflatex and booktabs (Debian: texlive-latex-base, texlive-latex-recommended)")
    document = [r"\documentclass{article}", r"\usepackage{booktabs}", r"\begin{document}", r"\listoftables"]
    document += [rf"\input{{{table.name}}}", r"\end{document}"]
    (directory / "document.tex").write_text("\n".join(document))
    if table.parent != directory:
        shutil.copy(table, directory)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "document.tex"]
    for _ in range(2):  # the list of tables is read on the second run
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, errors="replace")
        assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout


@pytest.mark.parametrize("shipped", sorted(BOARDS.glob("*/table.tex")), ids=lambda path: path.parent.name)
def test_shipped_tables_compile_and_fit_the_page(shipped: Path, tmp_path: Path) -> None:
    told = compiled(shipped, tmp_path)
    assert "Output written on document.pdf" in told
    assert "Overfull" not in told and "Float too large" not in told and "LaTeX Warning" not in told


def test_what_strangers_write_compiles(tmp_path: Path) -> None:
    nasty = 'a_b & 5 % \\input{x} ~^#$ <λ|ε> [ß × µ] ≤ ≥ ± – — “é” "q"'
    plan = small_plan()
    plan = dataclasses.replace(plan, comparison=dataclasses.replace(plan.comparison, title=nasty))
    (tmp_path / "table.tex").write_text(latex(score(plan, small_results())))
    assert "Output written on document.pdf" in compiled(tmp_path / "table.tex", tmp_path)


def test_latex_leaves_a_gap_where_a_row_is_not_ranked() -> None:
    results = small_results()
    run = small_plan().runs["random-search", "nas-bench-201/cifar10"][0]
    results[run.id] = dataclasses.replace(results[run.id], outcome="failed", reason="no")
    (line,) = (line for line in latex(score(small_plan(), results)).splitlines() if line.startswith("random-search"))
    assert line.split(" & ")[1] == "--" and line.endswith(r"-- \\")


def test_parquet_holds_every_step_of_every_run(board: Scoreboard, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow (pip install -e '.[parquet]')")
    table = parquet.read_table(write_parquet(board, tmp_path / "curves.parquet")).to_pylist()
    assert len(table) == sum(len(c.incumbents) for b in board.boards for s in b.standings for c in s.curves)
    held = board.boards[1]
    standing = held.standings[0]
    mine = [row for row in table if (row["benchmark"], row["strategy"]) == (held.contest.benchmark, standing.label)]
    assert {row["seed"] for row in mine} == set(board.comparison.seeds)
    finals = {row["seed"]: row["score"] for row in mine}  # the last step of each seed
    np.testing.assert_array_equal([finals[seed] for seed in board.comparison.seeds], standing.scores["validation"])
    assert [path.name for path in tmp_path.iterdir()] == ["curves.parquet"]
