"""Published figures stand beside the paper's protocol as claims: with budgets and sources, unranked, in no statistic."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest
from scored import small_plan, small_results

from nasbench_suite.leaderboards import render_json, write_leaderboard
from nasbench_suite.leaderboards.published import claims_of
from nasbench_suite.scoring import Scoreboard, score

PAPER = "nats-bench-tss/cifar10-12-epochs"


@pytest.fixture(scope="module")
def board() -> Scoreboard:
    """The small comparison under the name of the paper's benchmark."""
    found = score(small_plan(), small_results())
    held = found.boards[0]
    contest = dataclasses.replace(held.contest, benchmark=PAPER)
    return dataclasses.replace(found, boards=(dataclasses.replace(held, contest=contest), *found.boards[1:]))


def test_the_five_families_stand_there_with_their_prices(board: Scoreboard) -> None:
    claims = claims_of(board)[PAPER]
    budgets = {claim.method: claim.budget for claim in claims.rows}
    assert budgets["DARTS, first order"] == "10,890 s" and budgets["GDAS"] == "31,610 s"
    assert {"RSPS", "ENAS", "DARTS, second order"} <= set(budgets)
    for claim in claims.rows:
        assert claim.source.startswith("https://") and claim.runs and len(claim.figures) == len(claims.columns)
        assert all(re.fullmatch(r"[\d.]+( ± [\d.]+)? / [\d.]+( ± [\d.]+)?", figure) for figure in claim.figures)
    assert claims_of(score(small_plan(), {})) == {}


def test_they_are_shown_marked_and_enter_no_figure(board: Scoreboard, tmp_path: Path) -> None:
    write_leaderboard(board, tmp_path)
    for name in ("README.md", "index.html"):
        text = (tmp_path / name).read_text()
        assert "claimed by their authors" in text and "54.30" in text and "10,890 s" in text
        assert "not ranked" in text
    for name in ("leaderboard.json", "leaderboard.csv", "curves.csv", "table.tex"):
        assert "54.30" not in (tmp_path / name).read_text()
    ranked = [row["label"] for held in json.loads(render_json(board))["benchmarks"] for row in held["ranked"]]
    assert not {"GDAS", "RSPS"} & set(ranked)
