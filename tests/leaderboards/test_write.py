"""The files of a leaderboard: what they say, and that the same runs give the same bytes."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path

import pytest
from scored import small_plan, small_results

from nasbench_suite.leaderboards import render_json, render_terminal, write_leaderboard
from nasbench_suite.scoring import Scoreboard, score

MEASURED = {"timings.md", "timings.csv"}


@pytest.fixture(scope="module")
def board() -> Scoreboard:
    return score(small_plan(), small_results())


@pytest.fixture(scope="module")
def directory(board: Scoreboard, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("boards") / "small"
    write_leaderboard(board, directory)
    return directory


def read(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.name not in MEASURED}


def test_all_files_are_named_and_nothing_else_is_left(board: Scoreboard, tmp_path: Path) -> None:
    written = write_leaderboard(board, tmp_path / "deep" / "board")
    assert sorted(written) == sorted((tmp_path / "deep" / "board").iterdir())


def test_the_bytes_do_not_depend_on_order_clock_or_own_times(directory: Path, tmp_path: Path) -> None:
    results = {
        run: dataclasses.replace(
            result, own_seconds=tuple(2 * s + 1 for s in result.own_seconds), wall_seconds=9.0, cpu_seconds=9.0
        )
        for run, result in reversed(small_results().items())
    }
    write_leaderboard(score(small_plan(), results), tmp_path)
    assert read(tmp_path) == read(directory)
    assert (tmp_path / "timings.csv").read_bytes() != (directory / "timings.csv").read_bytes()


def test_one_changed_answer_changes_the_bytes(directory: Path, tmp_path: Path) -> None:
    results = small_results()
    changed = next(iter(results))
    other = next(run for run, result in results.items() if result.journal != results[changed].journal)
    results[changed] = dataclasses.replace(results[changed], journal=results[other].journal)
    write_leaderboard(score(small_plan(), results), tmp_path)
    assert read(tmp_path) != read(directory)


def test_readme_says_where_the_figures_come_from(board: Scoreboard, directory: Path) -> None:
    readme = (directory / "README.md").read_text()
    task = board.boards[0].contest
    for fact in (
        task.provenance["table sha256"],
        "paired seeds 0 to 11 (12)",
        "40 evaluations",
        task.splits["validation"],
        task.provenance["signal"],
        "The scores are validation means, not test accuracies",
        board.entrants["random-search"].version,
        ", ".join(f"{n}={v}" for n, v in board.entrants["regularized-evolution"].parameters.items()),
        f"| {100 * board.boards[0].contest.best:.2f} |",
    ):
        assert fact in readme


def test_a_row_of_another_package_says_that_nobody_here_tuned_it(board: Scoreboard, tmp_path: Path) -> None:
    entrant = board.entrants["regularized-evolution"]
    theirs = dataclasses.replace(entrant, package="theirs", tuning="")
    entrants = {**board.entrants, entrant.label: theirs}
    write_leaderboard(dataclasses.replace(board, entrants=entrants), tmp_path)
    for name in ("README.md", "index.html"):
        text = (tmp_path / name).read_text()
        assert text.count("not stated by its package, and not tuned by this project") == 1
        assert "nothing to tune" in text  # random search has no parameters


def test_readme_tables_are_whole(directory: Path) -> None:
    blocks: list[list[str]] = [[]]
    for line in (directory / "README.md").read_text().splitlines():
        if line.startswith("|"):
            blocks[-1].append(line)
        elif blocks[-1]:
            blocks.append([])
    for block in filter(None, blocks):
        assert len({line.count(" | ") for line in block if "---" not in line}) == 1, block


def test_json_has_every_seed_and_no_nan(board: Scoreboard, directory: Path) -> None:
    text = (directory / "leaderboard.json").read_text()
    assert text == render_json(board)
    read = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    for held, found in zip(board.boards, read["benchmarks"], strict=True):
        for standing, row in zip(held.standings, found["ranked"], strict=True):
            assert row["scores"]["validation"] == pytest.approx(standing.scores["validation"], abs=1e-6)
            assert row["place"] == standing.place


def test_csv_has_ranked_reference_and_overall_rows(board: Scoreboard, directory: Path) -> None:
    with (directory / "leaderboard.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 + 2 * (3 + 3)
    assert {row["status"] for row in rows} == {"ranked", "reference"}
    (oracle,) = (row for row in rows if row["strategy"] == "oracle" and row["benchmark"] == "nas-bench-201/cifar10")
    assert (oracle["place"], oracle["rank"]) == ("", "")
    assert float(oracle["mean"]) == pytest.approx(board.boards[0].contest.best, abs=1e-6)


def test_curves_are_steps_that_end_at_the_final_score(board: Scoreboard, directory: Path) -> None:
    with (directory / "curves.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for held in board.boards:
        for standing in held.standings:
            mine = [r for r in rows if (r["benchmark"], r["strategy"]) == (held.contest.benchmark, standing.label)]
            assert float(mine[-1]["mean"]) == pytest.approx(standing.mean, abs=1e-6)
            assert float(mine[-1]["iqm"]) == pytest.approx(standing.interquartile.value, abs=1e-6)
            assert float(mine[-1]["iqm_low"]) == pytest.approx(standing.interquartile.low, abs=1e-6)
            fractions = [float(r["fraction"]) for r in mine]
            assert fractions == sorted(set(fractions))


def test_terminal_fits_into_80_columns(board: Scoreboard) -> None:
    shown = render_terminal(board)
    assert max(map(len, shown.splitlines())) <= 80
    for word in ("regularized-evolution", "oracle", "IQM [95 %]", "40 evaluations", "validation"):
        assert word in shown


def test_rows_without_a_place_stand_below_with_their_reason(tmp_path: Path) -> None:
    results = small_results()
    plan = small_plan()
    first = plan.runs["random-search", "nas-bench-201/cifar10"][0]
    results[first.id] = dataclasses.replace(results[first.id], outcome="failed", reason="ValueError: a | b")
    found = score(plan, results)
    write_leaderboard(found, tmp_path)
    reason = "1 of 12 runs without a valid answer; seed 0: failed: ValueError: a | b"
    assert "- random-search: " + reason.replace("|", "\\|") + "\n" in (tmp_path / "README.md").read_text()
    assert f"not ranked: random-search: {reason}" in " ".join(render_terminal(found).split())
    assert reason in (tmp_path / "leaderboard.csv").read_text()


def test_an_empty_comparison_can_be_written(tmp_path: Path) -> None:
    write_leaderboard(score(small_plan(), {}), tmp_path)
    assert "12 of 12 runs not run" in (tmp_path / "README.md").read_text()
