"""Comparisons: read from TOML, every mistake told at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from nasbench_suite import Budget, SuiteError
from nasbench_suite.comparisons import Entry, Task, load_comparison, preset_names
from nasbench_suite.errors import ComparisonError, UsageError
from nasbench_suite.harness import make_plan
from nasbench_suite.plugins import load_registry

GOOD = """
name = "mine"
seeds = [3, 5]
strategies = ["random-search", { name = "regularized-evolution", parameters = { population_size = 20 } }]
[[benchmarks]]
name = "nas-bench-201/cifar10"
budget = "20000s"
"""


def write(directory: Path, text: str) -> str:
    path = directory / "comparison.toml"
    path.write_text(text)
    return str(path)


def test_a_file_is_read(tmp_path: Path) -> None:
    comparison = load_comparison(write(tmp_path, GOOD))
    assert comparison.tasks == (Task("nas-bench-201/cifar10", Budget(20000)),)
    assert comparison.seeds == (3, 5)
    assert comparison.entries == (
        Entry("random-search", "random-search", {}),
        Entry("regularized-evolution(population_size=20)", "regularized-evolution", {"population_size": 20}),
    )
    plan = make_plan(comparison, load_registry())
    assert len(plan.all_runs) == 4
    assert plan.rows[1].parameters == {**plan.rows[1].offered.strategy.defaults, "population_size": 20}


def test_seeds_may_begin_later(tmp_path: Path) -> None:
    begun = load_comparison(write(tmp_path, GOOD.replace("[3, 5]", "4\nfirst_seed = 1000")))
    assert begun.seeds == (1000, 1001, 1002, 1003)
    listed = load_comparison(write(tmp_path, GOOD.replace("[3, 5]", "[1000, 1001]")))
    ids = [[run.id for run in make_plan(c, load_registry()).all_runs] for c in (begun, listed)]
    assert set(ids[1]) < set(ids[0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("4\nfirst_seed = -1", "first_seed is -1, expected a whole number"),
        ("4\nfirst_seed = true", "first_seed is True"),
        ("[1, 2]\nfirst_seed = 7", "first_seed is 7 beside a list"),
    ],
)
def test_first_seeds_that_mean_nothing(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ComparisonError, match=message):
        load_comparison(write(tmp_path, GOOD.replace("[3, 5]", text)))


@pytest.mark.parametrize("name", preset_names())
def test_presets_are_valid(name: str) -> None:
    assert load_comparison(name).name == name


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = (
        'name = "Not A Name"\nseeds = 0\nspeed = 3\nstrategies = [7]\n[[benchmarks]]\nname = "x"\nbudget = "12 parsecs"'
    )
    with pytest.raises(ComparisonError) as raised:
        load_comparison(write(tmp_path, text))
    for part in ("unknown key 'speed'", "'Not A Name'", "seeds is 0", "strategy 1", "12 parsecs"):
        assert part in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "not valid TOML"),
        (
            GOOD.replace("20000s", "20000s") + '[[benchmarks]]\nname = "b"\nbudget = "5 epochs"',
            "one leaderboard has one currency",
        ),
        (GOOD.replace('"random-search", ', '"regularized-evolution", "regularized-evolution", '), "stands twice"),
        (GOOD + GOOD.partition("[[")[1] + GOOD.partition("[[")[2], "named twice"),
        ("name = 'x'", "no benchmarks"),
    ],
)
def test_bad_files_are_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ComparisonError, match=message):
        load_comparison(write(tmp_path, text))


def test_unknown_names_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean nas-bench-201"):
        load_comparison("nas-bench-20")
    with pytest.raises(ComparisonError, match="cannot be read"):
        load_comparison(str(tmp_path / "none.toml"))
    comparison = load_comparison("nas-bench-201").override(strategies=("random-serch",))
    with pytest.raises(SuiteError, match="did you mean random-search"):
        make_plan(comparison, load_registry())


def test_a_changed_comparison_never_takes_the_name_of_the_original() -> None:
    comparison = load_comparison("nas-bench-201")
    assert comparison.override(time_limit=5.0).name == "nas-bench-201"
    assert comparison.override(seeds=(0,)).name == "nas-bench-201-changed"
    assert comparison.override(budget=Budget(5)).tasks[2] == Task("nas-bench-201/imagenet16-120", Budget(5))
    assert comparison.override(seeds=(0,), name="mine").name == "mine"
    with pytest.raises(ComparisonError, match="give --budget"):
        comparison.override(benchmarks=("other",))
