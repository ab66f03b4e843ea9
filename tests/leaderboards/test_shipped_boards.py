"""The committed leaderboards are what the suite makes today, byte for byte."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from repository import REPOSITORY

BOARDS = [
    path.parent
    for path in sorted((REPOSITORY / "leaderboards").glob("*/leaderboard.json"))
    # Of a table that is not shipped: tests/leaderboards/test_paper_board.py.
    if path.parent.name != "nas-bench-201-paper"
]


def test_there_is_one() -> None:
    assert "nas-bench-201" in [path.name for path in BOARDS]


@pytest.mark.parametrize("board", BOARDS, ids=lambda path: path.name)
def test_made_again_it_is_the_same(board: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "nasbench_suite.cli", "run-all", board.name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    made = tmp_path / "leaderboards" / board.name
    kept = sorted(path.name for path in board.iterdir() if not path.name.startswith("timings"))
    assert kept == sorted(path.name for path in made.iterdir() if not path.name.startswith("timings"))
    for name in kept:
        same = (made / name).read_bytes() == (board / name).read_bytes()
        assert same, f"{board.name}/{name} differs; run nasbench run-all {board.name} and commit what it writes"
