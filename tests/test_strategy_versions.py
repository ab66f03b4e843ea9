"""The version of a strategy changes exactly when code changes that it runs."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nasbench_suite import plugins
from nasbench_suite.search.strategies import Strategy

FILES = {
    "__init__.py": "",
    "one.py": """
from nasbench_suite import strategy
from versioned_plugin.tools import draw

@strategy("one")
def one(problem, rng):
    problem.evaluate(draw(problem, rng))
""",
    "two.py": """
from nasbench_suite import strategy
from . import relative

@strategy("two")
def two(problem, rng):
    from .late import (
        LIMIT,
    )
    problem.evaluate(problem.space.sample(rng))
""",
    "tools.py": "import versioned_plugin.deep\n\ndef draw(problem, rng):\n    return versioned_plugin.deep.sample(problem, rng)\n",
    "deep.py": "def sample(problem, rng):\n    return problem.space.sample(rng)\n",
    "relative.py": "ANSWER = 42\n",
    "late.py": "LIMIT = 3\n",
    "unused.py": "NOTHING = 0\n",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An importable package with two strategies and what they import."""
    directory = tmp_path / "versioned_plugin"
    directory.mkdir()
    for name, text in FILES.items():
        (directory / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield directory
    for name in [name for name in sys.modules if name.partition(".")[0] == "versioned_plugin"]:
        del sys.modules[name]


def versions() -> dict[str, str]:
    found = {}
    for name in ("one", "two"):
        offered: Strategy = getattr(importlib.import_module(f"versioned_plugin.{name}"), name)
        found[name] = plugins._source_hash(offered)
    assert "versioned_plugin.late" not in sys.modules
    return found


@pytest.mark.parametrize(
    ("edited", "changed"),
    [
        ("one.py", {"one"}),
        ("two.py", {"two"}),
        ("tools.py", {"one"}),
        ("deep.py", {"one"}),
        ("relative.py", {"two"}),
        ("late.py", {"two"}),
        ("unused.py", set()),
    ],
)
def test_only_what_runs_the_code_is_new(package: Path, edited: str, changed: set[str]) -> None:
    before = versions()
    assert before["one"] != before["two"]
    assert versions() == before
    with (package / edited).open("a") as file:
        file.write("# edited\n")
    after = versions()
    assert {name for name in after if after[name] != before[name]} == changed
