"""Hostile and damaged pickles are refused by name, and nothing of them runs."""

from __future__ import annotations

import builtins
import os
import pickle
from pathlib import Path

import pytest

from nasbench_suite.errors import TableError
from nasbench_suite.plain.pickles import OFFICIAL_NAMES, load_plain

CALLABLES = [
    ("os", "system"), ("posix", "system"), ("subprocess", "Popen"), ("builtins", "eval"), ("builtins", "exec"),
    ("builtins", "__import__"), ("builtins", "getattr"), ("builtins", "open"), ("importlib", "import_module"),
    ("runpy", "run_path"), ("shutil", "rmtree"), ("pathlib", "Path.write_text"), ("socket", "create_connection"),
    ("operator", "attrgetter"), ("functools", "partial"), ("torch", "load"), ("numpy", "load"),
    ("collections", "OrderedDict.fromkeys"), ("types", "FunctionType"), ("nasbench_suite.tables", "write_table"),
]  # fmt: skip


def text(value: str) -> bytes:
    raw = value.encode()
    return b"\x8c" + bytes([len(raw)]) + raw


def hostile(module: str, name: str, argument: str) -> dict[str, bytes]:
    """One pickle per way of calling ``module.name``."""
    stack = text(module) + text(name) + b"\x93"
    named = b"c" + module.encode() + b"\n" + name.encode() + b"\n"
    arguments = text(argument) + b"\x85"
    return {
        "REDUCE": b"\x80\x04" + stack + arguments + b"R.",
        "GLOBAL REDUCE": b"\x80\x02" + named + arguments + b"R.",
        "NEWOBJ": b"\x80\x04" + stack + arguments + b"\x81.",
        "NEWOBJ_EX": b"\x80\x04" + stack + arguments + b"}\x92.",
        "OBJ": b"\x80\x02(" + named + text(argument) + b"o.",
        "INST": b"\x80\x02(" + text(argument) + b"i" + module.encode() + b"\n" + name.encode() + b"\n.",
        "BUILD": b"\x80\x04" + stack + text(argument) + b"b.",
        "APPENDS": b"\x80\x04" + stack + b"(" + text(argument) + b"e.",
        "ADDITEMS": b"\x80\x04" + stack + b"(" + text(argument) + b"\x90.",
        "SETITEMS": b"\x80\x04" + stack + b"(" + text(argument) + text(argument) + b"u.",
        "nested": b"\x80\x04}" + text("key") + stack + arguments + b"Rs.",
    }


CASES = [
    (f"{module}.{name} {way}", module, name, raw)
    for module, name in CALLABLES
    for way, raw in hostile(module, name, "touch hacked").items()
]


def test_there_are_enough_hostile_pickles() -> None:
    assert len(CASES) >= 200


@pytest.mark.parametrize("allowed", [None, OFFICIAL_NAMES], ids=["nothing", "official"])
def test_hostile_pickles_are_refused_by_name(allowed: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = dict(vars(builtins))
    for label, module, name, raw in CASES:
        with pytest.raises(TableError) as caught:
            load_plain(raw, label, allowed)  # type: ignore[arg-type]
        assert f"{module}.{name}" in str(caught.value), label
    assert os.listdir(tmp_path) == []
    assert dict(vars(builtins)) == before


@pytest.mark.parametrize(
    "raw",
    [
        b"\x80\x02Pname\n.",
        b"\x80\x04" + text("name") + b"Q.",
        b"\x80\x02\x82\x01.",
        b"\x80\x02\x83\x01\x00.",
        b"\x80\x02\x84\x01\x00\x00\x00.",
    ],
    ids=["PERSID", "BINPERSID", "EXT1", "EXT2", "EXT4"],
)
def test_other_ways_out_are_refused(raw: bytes) -> None:
    with pytest.raises(TableError):
        load_plain(raw, "a file", OFFICIAL_NAMES)


@pytest.mark.parametrize("place", sorted(OFFICIAL_NAMES))
def test_allowed_names_cannot_be_changed(place: tuple[str, str]) -> None:
    module, name = place
    maker = text(module) + text(name) + b"\x93"
    states = [b"}" + text("__call__") + b"K\x01s", b"N}" + text("_make") + b"K\x01s\x86"]
    for state in states:
        with pytest.raises(TableError):
            load_plain(b"\x80\x04" + maker + state + b"b.", "a file", OFFICIAL_NAMES)
    for ending in (b"(K\x01e.", b"(K\x01\x90.", b"(K\x01K\x01u."):
        with pytest.raises(TableError):
            load_plain(b"\x80\x04" + maker + ending, "a file", OFFICIAL_NAMES)


def test_plain_values_come_through() -> None:
    value = {"a": [1, 2.5, None, True], ("b", 777): {"c": "text"}, 3: {1, 2}}
    assert load_plain(pickle.dumps(value), "a file") == value


def test_cut_pickles_are_refused() -> None:
    raw = pickle.dumps({"a": [1, 2.5], "b": "text" * 50})
    for length in range(len(raw) - 1):
        with pytest.raises(TableError):
            load_plain(raw[:length], "a file")
