"""The committed leaderboards are what the suite makes today, byte for byte."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from repository import REPOSITORY

from nasbench_suite.leaderboards.badges import FILE

BOARDS = sorted(path.parent for path in (REPOSITORY / "leaderboards").glob("*/leaderboard.json"))
REMADE = [board for board in BOARDS if board.name == "nas-bench-201"]
"""Those that any machine makes again: of a shipped table, without weight sharing, without other packages' strategies."""


def drawn_by(picture: Path) -> str:
    """The version of matplotlib that a picture names."""
    return re.findall(r"nasbench-suite with matplotlib ([^<]+)<", picture.read_text())[0]


def test_there_is_one() -> None:
    assert "nas-bench-201" in [path.name for path in REMADE]


@pytest.mark.parametrize("board", REMADE, ids=lambda path: path.name)
def test_made_again_it_is_the_same(board: Path, tmp_path: Path) -> None:
    pictures = sorted(path.name for path in board.glob("*.svg"))
    if pictures:
        pytest.importorskip("matplotlib", reason="needs matplotlib (pip install -e '.[plots]')")
    command = [sys.executable, "-m", "nasbench_suite.cli", "run-all", board.name]
    made = tmp_path / "leaderboards" / board.name
    if (board / FILE).exists():  # badges are what somebody else has found, not what the runs give
        made.mkdir(parents=True)
        shutil.copy(board / FILE, made)
    done = subprocess.run(
        command + ["--pictures", "svg"] * bool(pictures), cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    kept = sorted(path.name for path in board.iterdir() if not path.name.startswith("timings"))
    assert kept == sorted(path.name for path in made.iterdir() if not path.name.startswith("timings"))
    for name in kept:
        if name in pictures and drawn_by(board / name) != drawn_by(made / name):
            continue  # another matplotlib draws other bytes
        same = (made / name).read_bytes() == (board / name).read_bytes()
        assert same, f"{board.name}/{name} differs; run make run and commit what it writes"


@pytest.mark.parametrize("board", BOARDS, ids=lambda path: path.name)
def test_pictures_are_of_these_very_figures(board: Path) -> None:
    """Whatever matplotlib is here: the hash that each picture carries is that of the leaderboard beside it."""
    expected = hashlib.sha256((board / "leaderboard.json").read_bytes()).hexdigest()
    for picture in board.glob("*.svg"):
        assert f"leaderboard.json sha256 {expected}" in picture.read_text(), picture.name


def test_the_readme_shows_a_picture_of_the_shipped_comparison() -> None:
    (shown,) = re.findall(r"\]\((leaderboards/nas-bench-201/[a-z-]+\.svg)\)", (REPOSITORY / "README.md").read_text())
    assert (REPOSITORY / shown).is_file()


def test_look_ups_on_digits_made_again_are_the_same(tmp_path: Path) -> None:
    """Seed by seed; weight sharing trains for real, and another processor rounds otherwise."""
    board = json.loads((REPOSITORY / "leaderboards" / "digits" / "leaderboard.json").read_text())
    looked_up = [entrant["label"] for entrant in board["strategies"] if entrant["family"] != "weight-sharing"]
    assert 0 < len(looked_up) < len(board["strategies"])
    command = [sys.executable, "-m", "nasbench_suite.cli", "run-all", "digits", "--json"]
    for label in looked_up:
        command += ["--strategy", label]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (made,), (kept,) = json.loads(done.stdout)["benchmarks"], board["benchmarks"]
    assert made["identity"] == kept["identity"]
    for part in ("ranked", "unranked"):
        expected = {row["label"]: row["scores"] for row in kept[part] if row["label"] in looked_up}
        assert {row["label"]: row["scores"] for row in made[part]} == expected


def test_all_five_families_stand_in_the_leaderboard_of_the_digits() -> None:
    board = json.loads((REPOSITORY / "leaderboards" / "digits" / "leaderboard.json").read_text())
    families = {entrant["label"]: entrant["family"] for entrant in board["strategies"]}
    (benchmark,) = board["benchmarks"]
    ranked = {families[row["label"]] for row in benchmark["ranked"]}
    assert {"reinforcement-learning", "evolution", "bayesian", "progressive", "weight-sharing"} <= ranked


def test_the_leaderboard_of_the_digits_is_replayed_from_its_bundle() -> None:
    """Weight sharing, too: every charge and recommendation, priced and scored by the shipped table."""
    bundle = REPOSITORY / "leaderboards" / "digits.nasbench.zip"
    done = subprocess.run(
        [sys.executable, "-m", "nasbench_suite.cli", "verify", str(bundle)], capture_output=True, text=True
    )
    assert done.returncode == 0 and "darts: replayed" in done.stdout + done.stderr, done.stderr
    with zipfile.ZipFile(bundle) as archive:
        kept = (REPOSITORY / "leaderboards" / "digits" / "leaderboard.json").read_bytes()
        assert archive.read("leaderboard.json") == kept
