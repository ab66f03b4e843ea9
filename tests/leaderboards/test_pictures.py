"""Pictures: all of them, the same bytes each time, and none where there is nothing to show."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from scored import small_plan, small_results

from nasbench_suite.leaderboards import write_pictures
from nasbench_suite.leaderboards.appearance import look
from nasbench_suite.scoring import Scoreboard, score

pytest.importorskip("matplotlib", reason="needs matplotlib (pip install -e '.[plots]')")
NAMES = {"regret", "ranks", "critical-difference", "profiles", "scores", "spending"}


@pytest.fixture(scope="module")
def board() -> Scoreboard:
    return score(small_plan(), small_results())


def test_every_picture_twice_the_same(board: Scoreboard, tmp_path: Path) -> None:
    first = write_pictures(board, tmp_path / "one")
    second = write_pictures(board, tmp_path / "two")
    assert {path.stem for path in first} == NAMES
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert sorted(first) == sorted((tmp_path / "one").iterdir())
    for path in first:
        if path.suffix == ".png":
            assert path.read_bytes().startswith(b"\x89PNG")
        else:
            ElementTree.parse(path)
            assert "2026" not in path.read_text() and "<dc:date>" not in path.read_text()


def test_strategies_keep_their_colours(board: Scoreboard, tmp_path: Path) -> None:
    paths = {path.name: path.read_text() for path in write_pictures(board, tmp_path) if path.suffix == ".svg"}
    for label, entrant in board.entrants.items():
        for name in ("regret.svg", "ranks.svg", "profiles.svg", "scores.svg", "critical-difference.svg"):
            assert look(label, entrant.family).light in paths[name]


def test_nothing_ranked_gives_no_pictures(tmp_path: Path) -> None:
    assert write_pictures(score(small_plan(), {}), tmp_path) == []
