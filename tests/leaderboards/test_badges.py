"""Badges: shown on every row, kept while the figures are the same, and not taken over by other figures."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest
from scored import small_plan, small_results

from nasbench_suite.leaderboards import write_leaderboard
from nasbench_suite.leaderboards.badges import BADGES, Badge, badges_text, read_badges
from nasbench_suite.scoring import Scoreboard, score

GIVEN: dict[str, Badge] = {"random-search": "re-run", "random-sampling": "replayed"}


@pytest.fixture(scope="module")
def board() -> Scoreboard:
    return score(small_plan(), small_results())


def shown(directory: Path) -> dict[str, str]:
    """Label -> badge, as the page's first table has them."""
    table = (directory / "index.html").read_text().partition("<tbody>")[2].partition("</tbody>")[0]
    return dict(re.findall(r'<a href="#s-[^"]+">([^<]+)</a>.*?<span class="badge [a-z-]+">([a-z-]+)</span>', table))


def test_without_a_verification_every_row_is_self_reported(board: Scoreboard, tmp_path: Path) -> None:
    write_leaderboard(board, tmp_path)
    assert shown(tmp_path) == dict.fromkeys(board.entrants, "self-reported")
    assert "All rows are self-reported" in (tmp_path / "README.md").read_text()
    assert not (tmp_path / "badges.json").exists()


def test_a_row_without_a_place_has_no_badge(tmp_path: Path) -> None:
    write_leaderboard(score(small_plan(), {}), tmp_path, badges={"random-search": "replayed"})
    assert 'class="badge' not in (tmp_path / "index.html").read_text()
    assert "| replayed |" not in (tmp_path / "README.md").read_text()


def test_badges_are_shown_and_kept_as_long_as_the_figures_are_the_same(board: Scoreboard, tmp_path: Path) -> None:
    write_leaderboard(board, tmp_path, badges=GIVEN)
    expected = {label: GIVEN.get(label, "self-reported") for label in board.entrants}
    assert shown(tmp_path) == expected
    readme = (tmp_path / "README.md").read_text()
    assert re.search(r"\| random-search \| reference \|.*\| re-run \|\n", readme)
    assert "recorded seeds gave the same journals" in readme
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir() if not path.name.startswith("timings")}
    write_leaderboard(board, tmp_path)
    assert files == {path.name: path.read_bytes() for path in tmp_path.iterdir() if not path.name.startswith("timings")}

    results = small_results()
    run = small_plan().runs["random-search", "nas-bench-201/cifar10"][0]
    results[run.id] = dataclasses.replace(results[run.id], journal=results[run.id].journal[:-1])
    write_leaderboard(score(small_plan(), results), tmp_path)
    assert set(shown(tmp_path).values()) == {"self-reported"}


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"leaderboard sha256": 3, "badges": 4}', '{"badges": {"a": "re-run"}}', "[" * 100_000],
)
def test_a_broken_file_of_badges_vouches_for_nothing(text: str, tmp_path: Path) -> None:
    (tmp_path / "badges.json").write_text(text)
    assert read_badges(tmp_path, "leaderboard") == {}


def test_only_badges_that_there_are_count(tmp_path: Path) -> None:
    text = badges_text({"a": "re-run", "b": "replayed"}, "leaderboard")
    assert list(json.loads(text)["badges"]) == ["a", "b"]
    (tmp_path / "badges.json").write_text(text.replace("replayed", "blessed"))
    assert read_badges(tmp_path, "leaderboard") == {"a": "re-run"}
    assert read_badges(tmp_path, "another leaderboard") == {}
    assert BADGES[0] == "self-reported"
