"""Records handed over one by one are those that pickle would make, hostile files are refused, and memory stays small."""

from __future__ import annotations

import io
import os
import pickle
import tracemalloc
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from test_plain_pickle import CASES, text

from nasbench_suite.errors import TableError
from nasbench_suite.plain import streams as plain_stream
from nasbench_suite.plain.pickles import OFFICIAL_NAMES
from nasbench_suite.plain.streams import PlainStream

ATOMS = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=300)
    | st.floats(allow_nan=False).map(np.float64)
)  # fmt: skip
VALUES = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=12) | st.integers(0, 300), inner, max_size=4)
        | st.dictionaries(st.text(max_size=12), inner, max_size=4).map(OrderedDict)
        | st.frozensets(st.integers(0, 9)).map(set)
    ),
    max_leaves=20,
)


def streamed(raw: bytes) -> tuple[dict[Any, Any], PlainStream]:
    stream = PlainStream(io.BytesIO(raw), "a file", "arch2infos", OFFICIAL_NAMES)
    return dict(stream.records()), stream


@settings(max_examples=150, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(
    st.dictionaries(st.integers(0, 70_000), VALUES.filter(lambda v: type(v) is not tuple), max_size=6),
    VALUES,
    VALUES,
    st.sampled_from([2, 3, 4, 5]),
)
def test_records_are_those_of_pickle(records: dict[int, Any], before: Any, after: Any, protocol: int) -> None:
    raw = pickle.dumps({"meta_archs": before, "arch2infos": records, "evaluated_indexes": after}, protocol)
    found, stream = streamed(raw)
    assert found == records
    assert stream.root == {"meta_archs": before, "evaluated_indexes": after}
    if records:
        assert stream.before == {"meta_archs": before}
    without, whole = streamed(pickle.dumps(before, protocol))
    assert without == {} and whole.root == before


@pytest.mark.parametrize("kind", [dict, OrderedDict])
@pytest.mark.parametrize("count", [1, 2, 1000, 1001, 2500])
def test_batches_of_a_thousand_make_no_difference(kind: type, count: int) -> None:
    name, pair = "shared name", ("shared", "pair")
    records = kind(
        (index, {"less": {name: float(index), "key": pair}, "full": {"list": ["x", "y"]}}) for index in range(count)
    )
    content = {"arch2infos": records, "meta_archs": ["a", "b"], "evaluated_indexes": list(range(10))}
    for protocol in (2, 4):
        found, stream = streamed(pickle.dumps(content, protocol))
        assert found == records
        assert stream.root == {"meta_archs": ["a", "b"], "evaluated_indexes": list(range(10))}


def test_what_records_share_is_kept_and_a_reference_into_a_large_one_is_refused() -> None:
    small, dtype = ["x-valid", "ori-test"], np.float64(0.25)
    records = {index: {"full": {"eval_names": small, "params": dtype, "own": [float(index)]}} for index in range(50)}
    assert streamed(pickle.dumps({"arch2infos": records}, 2))[0] == records
    large = list(map(float, range(100)))
    with pytest.raises(TableError, match="refers into an earlier one"):
        streamed(pickle.dumps({"arch2infos": {index: {"full": {"curve": large}} for index in range(3)}}, 2))
    with pytest.raises(TableError, match="cannot be told apart"):
        streamed(pickle.dumps({"arch2infos": {0: ({"full": {}}, 1), 1: {}}}, 2))


def test_hostile_pickles_are_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for label, module, name, raw in CASES:
        body = raw[2:-1] if raw.startswith(b"\x80") else raw[:-1]
        within = b"\x80\x04}(" + text("arch2infos") + b"}(K\x00" + body + b"uu."
        for hostile in (raw, within):
            with pytest.raises(TableError) as caught:
                streamed(hostile)
            assert f"{module}.{name}" in str(caught.value), label
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("place", sorted(OFFICIAL_NAMES))
def test_allowed_names_cannot_be_changed(place: tuple[str, str]) -> None:
    maker = b"\x80\x04" + text(place[0]) + text(place[1]) + b"\x93"
    for ending in (b"}" + text("__call__") + b"K\x01sb.", b"(K\x01e.", b"(K\x01\x90.", b"(K\x01K\x01u.", b")\x81."):
        with pytest.raises(TableError):
            streamed(maker + ending)


def test_opcodes_that_plain_data_does_not_need_are_told() -> None:
    for raw, name in (
        (b"\x80\x02Pname\n.", "PERSID"), (b"\x80\x02\x82\x01.", "EXT1"), (b"K\x012.", "DUP"), (b"K\x01K\x020.", "POP"),
        (b"\x80\x04K\x01Q.", "BINPERSID"), (b"\xff.", "byte 255"),
    ):  # fmt: skip
        with pytest.raises(TableError, match=name):
            streamed(raw)


def test_cut_and_damaged_pickles_are_refused() -> None:
    records = {index: {"text": "word" * 9, "curve": {0: 0.5, 300: 1.5}} for index in range(3)}
    content = {"meta_archs": ["a"], "arch2infos": records, "evaluated_indexes": [0, 1, 2]}
    for protocol in (2, 4):
        raw = pickle.dumps(content, protocol)
        for length in range(len(raw) - 1):
            with pytest.raises(TableError):
                streamed(raw[:length])
    with pytest.raises(TableError, match="a text of"):
        streamed(b"\x80\x02X\xff\xff\xff\x7fabc")


def test_memory_does_not_grow_with_the_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_stream, "BLOCK", 1 << 12)
    peaks = []
    for count in (30, 120):
        records = {i: {"full": {f"x-valid@{epoch}": float(epoch) for epoch in range(500)}} for i in range(count)}
        raw = pickle.dumps({"arch2infos": records}, 2)
        del records
        tracemalloc.start()
        stream = PlainStream(io.BytesIO(raw), "a file", "arch2infos", OFFICIAL_NAMES)
        assert sum(1 for _ in stream.records()) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]
