"""Spaces from TOML: every key, every round trip, and every mistake in one line."""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasbench_suite import CategoricalSpace, CellSpace, ConditionalSpace, ConstrainedSpace, Decision, SpaceError
from nasbench_suite.errors import UsageError
from nasbench_suite.spaces import KNOWN_SPACES, describe_space, read_space, space_from, space_identity

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ALL = """
name = "everything"
[decisions]
activation = ["relu", "gelu"]
depth = {values = [1, 2, 3]}
rate = {low = 0.0001, high = 1.0, points = 5, scale = "log"}
share = {low = 0, high = 1, points = 3}
width = {options = ["narrow", "wide"], values = [16, 64]}
"second width" = {values = [16, 64], when = {depth = [2, 3]}}
[[refuse]]
depth = [3]
width = ["wide"]
[[refuse]]
"second width" = [16]
share = [0.5, 1]
"""
CELL = """
name = "my-cells"
[cell]
nodes = 3
operations = ["none", "skip", "conv"]
zero = "none"
identity = "skip"
"""


def test_every_key_means_what_it_says() -> None:
    space = space_from(tomllib.loads(ALL), "all.toml")
    assert isinstance(space, ConstrainedSpace)
    by_name = {decision.name: decision for decision in space.decisions}
    assert by_name["rate"].values == (0.0001, 0.001, 0.01, 0.1, 1.0)
    assert by_name["share"].options == ("0.0", "0.5", "1.0")
    assert by_name["width"] == Decision("width", ("narrow", "wide"), values=(16, 64))
    assert by_name["second width"].when == ("depth", ("2", "3"))
    raw = ConditionalSpace("raw", space.decisions)
    taken = [
        architecture
        for architecture in raw
        for chosen in [raw.choices(architecture)]
        if not (chosen["depth"] == 3 and chosen["width"] == 64)
        and not (chosen.get("second width") == 16 and chosen["share"] in (0.5, 1))
    ]
    assert list(space) == taken
    with pytest.raises(SpaceError, match="depth = 3 with width = wide is refused"):
        space.parse("activation=relu,depth=3,rate=0.1,share=0.0,width=wide,second width=64")


def test_cells_are_described() -> None:
    space = space_from(tomllib.loads(CELL), "cells.toml")
    assert isinstance(space, CellSpace)
    assert space == CellSpace("my-cells", 3, ("none", "skip", "conv"), zero="none", identity="skip")
    assert space.capabilities == {"cell", "graph", "levels"}


@pytest.mark.parametrize("text", [ALL, CELL, 'name = "plain"\n[decisions]\na = [1, "x", true]'])
def test_a_description_and_its_space_are_made_of_each_other(text: str) -> None:
    space = space_from(tomllib.loads(text), "it")
    again = space_from(json.loads(json.dumps(describe_space(space))), "it")
    assert again == space
    assert list(again.architectures()) == list(space.architectures())
    assert space_identity(again) == space_identity(pickle.loads(pickle.dumps(space))) == space_identity(space)


def test_spaces_of_their_own_code_are_not_described() -> None:
    assert describe_space(KNOWN_SPACES["dense-wide"]()) is None
    assert describe_space(KNOWN_SPACES["nas-bench-201"]()) is not None


names = st.text(min_size=1, max_size=8)


@settings(max_examples=150)
@given(st.lists(st.tuples(names, st.lists(names, min_size=1, max_size=4, unique=True)), min_size=1, max_size=4))
def test_texts_come_back_whatever_characters_names_have(given_decisions: list[tuple[str, list[str]]]) -> None:
    decisions = [Decision(name, tuple(options)) for name, options in given_decisions]
    space = CategoricalSpace("made", decisions)
    assert all(space.parse(space.format(architecture)) == architecture for architecture in space)
    if len({decision.name.strip() for decision in decisions}) == len(decisions):
        conditional = ConditionalSpace("made", decisions)
        assert all(conditional.parse(conditional.format(architecture)) == architecture for architecture in conditional)


def test_texts_without_special_characters_are_what_they_were() -> None:
    space = CategoricalSpace("made", [Decision("kernel size", ("3x3", "5x5")), Decision("b", ("1", "2"))])
    assert space.format((1, 0)) == "kernel size=5x5,b=1"
    assert space.parse(" kernel size = 5x5, b=1 ") == (1, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("name =", "nam ="), "key 'nam'"),
        (('"everything"', "3"), "name = 3"),
        (('"everything"', '" "'), "name = ' '"),
        (("[decisions]", "[decision]"), "key 'decision'"),
        (("scale =", "scales ="), "key 'scales'.*did you mean scale"),
        (("points = 5", "points = 1"), "points 1; expected a whole number from 2"),
        (("points = 5", "points = 1e6"), "points 1000000.0; expected a whole number"),
        (("points = 3", "points = 20000"), "points 20000"),
        (("low = 0.0001, ", ""), "has no low"),
        (("low = 0.0001", "low = 0"), "two numbers above 0"),
        (("low = 0.0001", "low = nan"), "low nan"),
        (('scale = "log"', 'scale = "lin"'), "'lin'.*linear"),
        (('options = ["narrow", "wide"], ', ""), "option of 'width'"),
        (("values = [16, 64]}", "values = [64, 16]}"), "do not rise"),
        (("values = [1, 2, 3]", 'values = ["1"]'), "list of rising numbers"),
        (("values = [1, 2, 3]", "values = [1, 2, 3], points = 3"), "either values or a grid, not also points"),
        (("values = [1, 2, 3]", "values = []"), "1 to 10,000 options"),
        (("when = {depth = [2, 3]}", "when = {}"), "one earlier decision"),
        (("when = {depth = [2, 3]}", "when = {deph = [2, 3]}"), "'deph'.*depth"),
        (("when = {depth = [2, 3]}", "when = {depth = 2}"), "list of 1 to 10,000 options, got 2"),
        (("when = {depth = [2, 3]}", "when = {depth = [7]}"), "'7'"),
        (("depth = {values = [1, 2, 3]}", 'depth = {values = [1, 2, 3], when = {width = ["wide"]}}'), "'width'"),
        (('["relu", "gelu"]', '"relu"'), "expected a list of options"),
        (('["relu", "gelu"]', '["relu", ["gelu"]]'), "option \\['gelu'\\]"),
        (('["relu", "gelu"]', '["relu", " gelu"]'), "option ' gelu'"),
        (('["relu", "gelu"]', '["relu", "relu"]'), "names an option twice"),
        (('["relu", "gelu"]', "[]"), "1 to 10,000 options"),
        (("[[refuse]]\ndepth = [3]", "[[refuse]]\ndeth = [3]"), "'deth'"),
        (("[[refuse]]\ndepth = [3]", "[[refuse]]\ndepth = [4]"), "'4'"),
        (('depth = [3]\nwidth = ["wide"]', "depth = [1, 2, 3]"), "refuses every architecture"),
        (("[decisions]", "[cell]\nnodes = 3\n[decisions]"), r"either a table \[decisions\] or a table \[cell\]"),
    ],
)
def test_mistakes_are_one_line_that_names_them(change: tuple[str, str], message: str, tmp_path: Path) -> None:
    assert change[0] in ALL
    path = tmp_path / "space.toml"
    path.write_text(ALL.replace(*change))
    with pytest.raises(UsageError, match=f"(?s)(?=.*space.toml).*{message}") as told:
        read_space(path)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("nodes = 3", "nodes = 1"), "nodes = 1"),
        (("nodes = 3", "nodes = true"), "nodes = True"),
        (("nodes = 3", "nodes = 1000000"), "nodes = 1000000"),
        (("nodes = 3", "node = 3"), "'node'"),
        (("nodes = 3\n", ""), "no nodes"),
        (('"conv"', '"conv~3"'), "operations"),
        (('zero = "none"', 'zero = "zero"'), "'zero'"),
        (('"skip", "conv"', '"skip", "skip"'), "twice"),
        (("[cell]", "[[refuse]]\na = [1]\n[cell]"), "refuses nothing"),
    ],
)
def test_mistakes_in_cells_are_one_line(change: tuple[str, str], message: str, tmp_path: Path) -> None:
    assert change[0] in CELL
    path = tmp_path / "space.toml"
    path.write_text(CELL.replace(*change))
    with pytest.raises(UsageError, match=message) as told:
        read_space(path)
    assert "\n" not in str(told.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
keys = st.sampled_from(["options", "values", "when", "low", "high", "points", "scale", "other"])
decisions = st.dictionaries(st.text(max_size=4), json_values | st.dictionaries(keys, json_values), max_size=3)
cells = st.dictionaries(st.sampled_from(["nodes", "operations", "zero", "identity"]), json_values)


@settings(max_examples=300)
@given(
    st.dictionaries(
        st.sampled_from(["name", "decisions", "cell", "refuse"]),
        json_values | decisions | cells | st.lists(st.dictionaries(st.text(max_size=4), json_values), max_size=2),
    ).map(lambda given: {"name": "fuzzed", **given})
)
def test_any_document_is_a_space_or_a_usage_error(document: dict[str, object]) -> None:
    try:
        space = space_from(document, "fuzzed.toml")
    except UsageError:
        return
    assert space.check(space.sample(np.random.default_rng(0)))


def test_a_file_that_is_no_toml_is_told(tmp_path: Path) -> None:
    for name, content in (("a.toml", b"name = "), ("b.toml", b"\xff\xfe"), ("c.toml", b"a = " + b"[" * 5000)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UsageError, match="cannot be read as TOML"):
            read_space(tmp_path / name)
    with pytest.raises(UsageError, match="cannot be read as TOML"):
        read_space(tmp_path / "absent.toml")
