"""Plugins: found, checked, and never able to spoil the others."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from nasbench_suite.errors import PluginError, UsageError
from nasbench_suite.plugins import Registry, load_registry
from nasbench_suite.search.strategies import strategy

GOOD = """
from nasbench_suite import hookimpl, strategy

@strategy("good-one")
def good_one(problem, rng, *, size: int = 3):
    \"\"\"Ask once.\"\"\"
    problem.evaluate(problem.space.sample(rng))

@hookimpl
def nasbench_strategies():
    return [good_one]
"""


def load(directory: Path, **files: str) -> Registry:
    for name, text in {"good": GOOD, **files}.items():
        (directory / f"{name}.py").write_text(textwrap.dedent(text))
    return load_registry(directory)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("import no_such_module", "raises ModuleNotFoundError when imported: No module named 'no_such_module'"),
        ("raise SystemExit(3)", "raises SystemExit when imported: 3"),
        ("def broken(:", "raises SyntaxError when imported"),
        (
            "x = 1",
            "has no hooks; decorate a function nasbench_strategies or nasbench_benchmarks or nasbench_spaces or",
        ),
        (
            "from nasbench_suite import hookimpl\n@hookimpl\ndef nasbench_strategy():\n    return []",
            "unknown hook 'nasbench_strategy'",
        ),
        (
            "from nasbench_suite import hookimpl\n@hookimpl\ndef nasbench_strategies(config):\n    return []",
            "Argument(s) {'config'} are declared in the hookimpl but can not be found in the hookspec",
        ),
        (
            "from nasbench_suite import hookimpl\n@hookimpl\ndef nasbench_strategies():\n    return 7",
            "nasbench_strategies returned 7, expected a list of strategies",
        ),
        (
            "from nasbench_suite import hookimpl\ndef search(problem, rng): pass\n@hookimpl\ndef nasbench_strategies():\n    return [search]",
            "nasbench_strategies returned search, expected strategies made with @strategy",
        ),
        (
            "from nasbench_suite import hookimpl\n@hookimpl\ndef nasbench_benchmarks():\n    return ['mine']",
            "nasbench_benchmarks returned ['mine'], expected a dict of names and functions",
        ),
        (
            "NASBENCH_API = 99\n" + GOOD,
            "was written for API version 99, this suite takes 1 to 2; update nasbench-suite",
        ),
        ("NASBENCH_API = 0\n" + GOOD, "was written for API version 0, this suite takes 1 to 2; update the plugin"),
        (GOOD.replace("good-one", "random-search"), "strategy name already taken: random-search"),
        (
            "from nasbench_suite import hookimpl\n@hookimpl\ndef nasbench_strategies():\n    raise ValueError('no')",
            "raises ValueError when imported: no",
        ),
        (GOOD.replace("good-one", "Bad Name"), "expected a name of lower-case words"),
        (GOOD.replace('"good-one"', '"x", family="magic"'), "unknown family 'magic'; expected one of reference"),
        (GOOD.replace('"good-one"', '"x", requires={"gpu"}'), "requires gpu, which no benchmark offers"),
        (GOOD.replace("size: int = 3", "size"), "parameter 'size' has no default; every parameter needs one"),
        (
            GOOD.replace("problem, rng, *, size: int = 3", "problem"),
            "expected a function (problem, rng, *, parameter=default)",
        ),
    ],
)
def test_what_is_wrong_is_one_line_and_all_others_work(tmp_path: Path, text: str, problem: str) -> None:
    registry = load(tmp_path, bad=text)
    assert len(registry.problems) == 1
    (line,) = registry.problems
    assert line.startswith(f"plugin 'bad' ({tmp_path / 'bad.py'}): ")
    assert problem in line
    assert "\n" not in line
    assert {"good-one", "random-search", "regularized-evolution"} <= set(registry.strategies)


def test_the_first_to_take_a_name_keeps_it(tmp_path: Path) -> None:
    registry = load(tmp_path, worse=GOOD)
    assert registry.strategies["good-one"].plugin.name == "good"
    assert registry.problems == [f"plugin 'worse' ({tmp_path / 'worse.py'}): strategy name already taken: good-one"]


def test_a_changed_file_is_another_version(tmp_path: Path) -> None:
    first = load(tmp_path).strategies["good-one"].version
    (tmp_path / "good.py").write_text(GOOD + "\n# a comment\n")
    assert load_registry(tmp_path).strategies["good-one"].version == first
    (tmp_path / "good.py").write_text(GOOD + "\nCHANGED = 1\n")
    assert load_registry(tmp_path).strategies["good-one"].version != first


def test_each_call_gives_a_fresh_registry(tmp_path: Path) -> None:
    assert "good-one" in load(tmp_path).strategies
    assert "good-one" not in load_registry().strategies


def test_unknown_names_suggest_near_ones(tmp_path: Path) -> None:
    registry = load_registry()
    with pytest.raises(UsageError, match="did you mean random-search"):
        registry.strategy("random-serch")
    with pytest.raises(UsageError, match="did you mean nas-bench-201/cifar10"):
        registry.benchmark("nas-bench-201/cifar")
    with pytest.raises(PluginError, match="does not exist"):
        load_registry(tmp_path / "nowhere")


def test_parameters_are_checked_against_their_defaults() -> None:
    offered = load_registry().strategy("regularized-evolution").strategy
    assert offered.check_parameters({"population_size": 20}) == {**offered.defaults, "population_size": 20}
    with pytest.raises(UsageError, match="did you mean population_size"):
        offered.check_parameters({"populationsize": 20})
    with pytest.raises(UsageError, match="'20' is str, expected int like its default"):
        offered.check_parameters({"population_size": "20"})


def test_the_decorator_is_what_the_docs_say() -> None:
    @strategy("a-name", family="evolution", paper="https://example.org", requires={"levels"}, tuning="none")
    def function(problem: object, rng: object, *, rate: float = 0.5) -> None:
        """Do nothing."""

    assert (function.name, function.family, function.requires, function.tuning) == (
        "a-name",
        "evolution",
        {"levels"},
        "none",
    )
    assert function.defaults == {"rate": 0.5}
    assert function.check_parameters({"rate": 1}) == {"rate": 1.0}
    assert function.summary == "Do nothing."


PACKAGE = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "nasbench-stranger"
version = "2.5.0"

[project.entry-points.nasbench_suite]
stranger = "nasbench_stranger"
"""


def test_a_strangers_package_is_found_runs_and_stands_in_the_leaderboard(tmp_path: Path) -> None:
    """The user story: pip install their plugin, list it, run all, read its row with package and version."""
    source = tmp_path / "source"
    (source / "nasbench_stranger").mkdir(parents=True)
    (source / "pyproject.toml").write_text(PACKAGE)
    (source / "nasbench_stranger" / "__init__.py").write_text(GOOD.replace("good-one", "stranger-search"))
    site = tmp_path / "site"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "--disable-pip-version-check",
    ]
    subprocess.run([*pip, "--target", str(site), str(source)], check=True, capture_output=True)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])}

    def nasbench(*arguments: str) -> str:
        command = [sys.executable, "-m", "nasbench_suite.cli", *arguments]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "stranger-search" in nasbench("list", "strategies")
    assert "nasbench-stranger" in nasbench("list", "plugins")
    shown = nasbench(
        "run-all", "--seeds", "2", "--name", "mine", "--strategy", "stranger-search", "--strategy", "random-search"
    )
    assert "stranger-search" in shown
    written = (tmp_path / "leaderboards" / "mine" / "README.md").read_text()
    assert "stranger-search" in written
    row = next(line for line in written.splitlines() if "nasbench-stranger" in line)
    assert "stranger-search" in row
    assert "2.5.0+" in row


def test_old_module_paths_work_and_warn_once() -> None:
    code = """
import importlib, warnings
from nasbench_suite.moved import MOVED
for old, new in MOVED.items():
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        first, again = importlib.import_module(old), importlib.import_module(old)
    there = importlib.import_module(new)
    assert first is again
    assert all(getattr(first, name) is value for name, value in vars(there).items() if not name.startswith("__")), old
    (line,) = {str(warning.message) for warning in told if issubclass(warning.category, DeprecationWarning)}
    assert old in line and new in line
from nasbench_suite.problem import Problem
import nasbench_suite
assert Problem is nasbench_suite.Problem
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
