"""Pictures: all of them, the same bytes each time, and none where there is nothing to show."""

from __future__ import annotations

import dataclasses
import itertools
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scored import renamed, small_plan, small_results

from nasbench_suite.errors import UsageError
from nasbench_suite.leaderboards import write_leaderboard, write_pictures
from nasbench_suite.leaderboards.appearance import FIRST, look
from nasbench_suite.leaderboards.pictures import CAPTIONS, PANELS, _apart
from nasbench_suite.plugins import load_registry
from nasbench_suite.scoring import Scoreboard, score
from nasbench_suite.scoring.statistics import DATA_SETS, critical_difference

matplotlib = pytest.importorskip("matplotlib", reason="needs matplotlib (pip install -e '.[plots]')")
NAMES = {"regret", "ranks", "groups", "profiles", "scores", "spending"}


@pytest.fixture(scope="module")
def board() -> Scoreboard:
    return score(small_plan(), small_results())


def test_every_picture_twice_the_same(board: Scoreboard, tmp_path: Path) -> None:
    first = write_pictures(board, tmp_path / "one")
    second = write_pictures(board, tmp_path / "two")
    assert {path.stem for path in first} == NAMES == set(CAPTIONS) - {"critical-difference"}
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert sorted(first) == sorted((tmp_path / "one").iterdir())
    for path in first:
        if path.suffix == ".png":
            assert path.read_bytes().startswith(b"\x89PNG")
        else:
            ElementTree.parse(path)
            assert "<dc:date>" not in path.read_text()
            assert f"nasbench-suite with matplotlib {matplotlib.__version__}" in path.read_text()


def test_strategies_keep_their_colours(board: Scoreboard, tmp_path: Path) -> None:
    paths = {path.name: path.read_text() for path in write_pictures(board, tmp_path) if path.suffix == ".svg"}
    for label, entrant in board.entrants.items():
        for name in ("regret.svg", "ranks.svg", "profiles.svg", "scores.svg", "groups.svg"):
            assert look(label, entrant.family).light in paths[name]


def test_critical_differences_are_drawn_where_there_are_data_sets_enough(board: Scoreboard, tmp_path: Path) -> None:
    scores = np.random.default_rng(1).normal(size=(3, DATA_SETS)) + np.arange(3)[:, None]
    overall = dataclasses.replace(board.overall, critical=critical_difference(scores))
    written = write_pictures(dataclasses.replace(board, overall=overall), tmp_path, ["svg"])
    assert {path.stem for path in written} == set(CAPTIONS)


@pytest.mark.parametrize(
    ("name", "value"), [("MPLBACKEND", "module://matplotlib_inline.backend_inline"), ("MPLBACKEND", "nonsense")]
)
def test_a_notebooks_settings_do_not_reach_the_pictures(
    name: str, value: str, board: Scoreboard, tmp_path: Path
) -> None:
    """Another process draws, in a directory with a matplotlibrc of its own, and the bytes are the same."""
    (tmp_path / "matplotlibrc").write_text(
        "text.usetex: True\nfont.size: 20\naxes.facecolor: red\nfigure.dpi: nonsense\n"
    )
    code = (
        "import sys; sys.path[:0] = [sys.argv[1]]\n"
        "from pathlib import Path\nfrom scored import small_plan, small_results\n"
        "from nasbench_suite.leaderboards import write_pictures\nfrom nasbench_suite.scoring import score\n"
        "write_pictures(score(small_plan(), small_results()), Path('theirs'), ['svg'])"
    )
    tests = Path(__file__).parents[1]
    command = [sys.executable, "-c", code, str(tests)]
    done = subprocess.run(command, cwd=tmp_path, env={**os.environ, name: value}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for path in write_pictures(board, tmp_path / "ours", ["svg"]):
        assert path.read_bytes() == (tmp_path / "theirs" / path.name).read_bytes(), path.name


def test_a_picture_that_cannot_be_written_loses_no_other_file(board: Scoreboard, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    names = {path.name for path in write_leaderboard(board, whole)}
    (tmp_path / "part" / "scores.svg").mkdir(parents=True)  # in the way of a picture
    with pytest.raises(UsageError, match=r"pictures could not be drawn.*all other files of .* are written"):
        write_leaderboard(board, tmp_path / "part", pictures=["svg"])
    for name in names:
        assert (tmp_path / "part" / name).read_bytes() == (whole / name).read_bytes()


def test_names_that_look_like_formulas_are_drawn_as_they_are(tmp_path: Path) -> None:
    plan = small_plan()
    title = r"$\frac{1$ and \input{x} 50 %"
    plan = dataclasses.replace(plan, comparison=dataclasses.replace(plan.comparison, title=title))
    found = score(plan, small_results())
    names = {"random-search": r"$\frac{1$", "random-sampling": r"a_b^{", "regularized-evolution": "\u0440\u0435\u0430"}
    assert write_pictures(renamed(found, names), tmp_path, ["svg"])


def test_nothing_ranked_gives_no_pictures(tmp_path: Path) -> None:
    assert write_pictures(score(small_plan(), {}), tmp_path) == []


def test_only_the_kinds_that_are_asked_for_are_drawn(board: Scoreboard, tmp_path: Path) -> None:
    assert {path.suffix for path in write_pictures(board, tmp_path, ["svg"])} == {".svg"}
    assert len(list(tmp_path.iterdir())) == len(NAMES)


def test_many_benchmarks_are_continued_in_further_pictures(board: Scoreboard, tmp_path: Path) -> None:
    boards = tuple(
        dataclasses.replace(
            board.boards[0], contest=dataclasses.replace(board.boards[0].contest, benchmark=f"task-{number}")
        )
        for number in range(PANELS + 2)
    )
    written = write_pictures(dataclasses.replace(board, boards=boards), tmp_path, ["svg"])
    per_benchmark = {"regret", "groups", "scores", "spending"}
    assert {path.stem for path in written} == NAMES | {f"{name}-2" for name in per_benchmark}


def test_the_families_first_strategies_and_the_built_in_ones_look_apart() -> None:
    for family, labels in FIRST.items():
        assert len({look(label, family) for label in labels}) == len(labels)
    families: dict[str, list[str]] = {}
    for label, offered in load_registry().strategies.items():
        families.setdefault(offered.strategy.family, []).append(label)
    for family, members in families.items():
        lines = {(look(label, family).light, look(label, family).dashes) for label in members}
        assert len(lines) == len(members), f"two of {members} look alike: give them places in appearance.FIRST"


@given(st.lists(st.floats(0, 1), max_size=30), st.floats(0.001, 0.2))
def test_labels_are_moved_apart_and_keep_their_order(values: list[float], gap: float) -> None:
    values.sort()
    places = _apart(values, gap)
    assert len(places) == len(values)
    for before, after in itertools.pairwise(places):
        assert after - before >= gap * (1 - 1e-6)
    assert sum(places) == pytest.approx(sum(values))
    if all(after - before >= gap for before, after in itertools.pairwise(values)):
        assert places == pytest.approx(values)
