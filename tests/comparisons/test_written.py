"""A comparison as plain data comes back as it was, and the page of its file is true."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace

import pytest
from repository import REPOSITORY

from nasbench_suite.comparisons import Comparison, load_comparison, preset_names, read_written, written
from nasbench_suite.comparisons.comparison import _KEYS, parse_comparison
from nasbench_suite.errors import ComparisonError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PAGE = (REPOSITORY / "docs" / "comparisons.md").read_text()
EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.parametrize("name", preset_names())
@pytest.mark.parametrize("recommend", ["any", "evaluated"])
@pytest.mark.parametrize("benchmarks", [True, False])
def test_what_is_written_is_read_again(name: str, recommend: str, benchmarks: bool) -> None:
    comparison = replace(load_comparison(name), recommend=recommend, entries=())
    held = json.loads(json.dumps(written(comparison, benchmarks=benchmarks)))
    assert read_written(held, (), None if benchmarks else comparison.tasks) == comparison
    assert ("recommend" in held) is (recommend != "any")


@pytest.mark.parametrize(
    "change",
    [{"seeds": []}, {"seeds": [-1]}, {"recommend": "all"}, {"title": None}, {"time_limit": True}, {"memory_limit": 0.5},
     {"benchmarks": [7]}, {"benchmarks": [{"name": "a", "amount": 1, "unit": "parsecs"}]}],
)  # fmt: skip
def test_what_was_not_written_is_refused(change: dict[str, object]) -> None:
    held = {**written(load_comparison(preset_names()[0])), **change}
    with pytest.raises(ComparisonError):
        read_written(held, ())


def test_every_key_of_the_file_is_on_its_page() -> None:
    rows = "\n".join(line for line in PAGE.splitlines() if line.startswith("|"))
    assert {key for key in _KEYS if f"`{key}`" not in rows and f"`[[{key}]]`" not in rows} == set()


@pytest.mark.parametrize("text", EXAMPLES)
def test_the_examples_are_comparisons(text: str) -> None:
    found = parse_comparison(tomllib.loads(text), "the page")
    assert isinstance(found, Comparison) and found.tasks


def test_the_defaults_are_those_of_the_page() -> None:
    found = parse_comparison({"name": "a", "benchmarks": [{"name": "b", "budget": "1s"}]}, "here")
    assert (len(found.seeds), found.seeds[0], found.time_limit, found.memory_limit) == (30, 0, 300, 4096)
    assert (found.recommend, found.entries, found.title) == ("any", None, "a")
