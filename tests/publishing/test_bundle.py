"""The file format: nothing is lost, it stays small, and damage or tricks become one line."""

from __future__ import annotations

import json
import random
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bundles import change_head, complaints, hash_again, registry, rezip, small_bundle, unzip
from hypothesis import given
from hypothesis import strategies as st

from nasbench_suite.comparisons import Entry, load_comparison
from nasbench_suite.errors import BundleError, OutOfBudget
from nasbench_suite.harness import Result, make_plan
from nasbench_suite.leaderboards import render_json
from nasbench_suite.publishing import bundle as form
from nasbench_suite.publishing import read_bundle, reading, write_bundle
from nasbench_suite.publishing.publish import _record as record_of
from nasbench_suite.publishing.publish import make_bundle
from nasbench_suite.scoring import score
from nasbench_suite.search.journal import Charge, Evaluation, Event, Recommendation
from nasbench_suite.search.problem import Problem


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(small_bundle(), tmp_path_factory.mktemp("bundle") / "small.nasbench.zip")


def test_what_was_written_is_read(path: Path) -> None:
    held, read = small_bundle(), read_bundle(path)
    assert read.altered == ()
    for name in ("comparison", "suite", "members", "sites", "leaderboard", "environments", "sources"):
        assert getattr(read, name) == getattr(held, name), name
    for pair, runs in held.records.items():
        for seed, record in runs.items():
            found = read.records[pair][seed]
            assert replace(found, own_seconds=(), wall_seconds=0, cpu_seconds=0) == replace(
                record, own_seconds=(), wall_seconds=0, cpu_seconds=0
            )
            assert found.own_seconds == pytest.approx(record.own_seconds, rel=0.05)


def test_the_same_bundle_gives_the_same_bytes(path: Path, tmp_path: Path) -> None:
    again = write_bundle(read_bundle(path), tmp_path / "again.zip")
    assert again.read_bytes() == path.read_bytes()


EVENTS = st.one_of(
    st.builds(
        lambda cell, epochs, accuracy, cost: Evaluation(cell, epochs, accuracy, cost, epochs),
        st.tuples(*[st.integers(0, 4)] * 6),
        st.integers(1, 200),
        st.floats(0, 1),
        st.floats(0, 1e9),
    ),
    st.builds(Charge, st.text(max_size=20), st.floats(0, 1e6), st.floats(0, 1e3)),
    st.builds(Recommendation, st.tuples(*[st.integers(0, 4)] * 6)),
)


@given(st.lists(EVENTS, max_size=20))
def test_every_kind_of_event_survives(events: list[Event]) -> None:
    runs = next(iter(small_bundle().records.values()))
    record = replace(runs[0], journal=tuple(events), own_seconds=tuple(1e-6 for _ in events))
    packed, _ = form._pack({"row": {0: record}})
    texts = packed.split("\n")[:-1]
    decoded = {text: reading._event(text, "here") for text in texts}
    assert set(events) <= set(decoded.values())


def test_a_large_comparison_stays_under_five_megabytes(tmp_path: Path) -> None:
    """12 strategies × 3 data sets × 100 seeds with the budgets of the shipped comparison, about 100 answers a run."""
    entries = tuple(
        Entry(f"evolution-{size:02}", "regularized-evolution", {"population_size": size}) for size in range(10, 22)
    )
    comparison = replace(load_comparison("nas-bench-201"), name="large", entries=entries, seeds=tuple(range(100)))
    plan = make_plan(comparison, registry())
    rows = {row.label: row for row in plan.rows}
    records: dict[tuple[str, str], dict[int, form.Record]] = {}
    for number, ((label, name), runs) in enumerate(plan.runs.items()):
        benchmark = plan.benchmarks[name]
        for run in runs:
            problem = Problem(benchmark.space, benchmark.fidelities, benchmark.answers(run.seed), run.budget)
            with suppress(OutOfBudget):  # a generator of its own for every row, so that no two begin alike
                rows[label].offered.strategy.run(problem, np.random.default_rng([run.seed, number]), **run.parameters)
            result = Result(run, "finished", "", problem.journal, problem.own_seconds, 0.123, 0.123)
            records.setdefault((label, name), {})[run.seed] = record_of(plan, result, run.id, name)
    empty = make_bundle(plan, {}, render_json(score(plan, {})))
    held = replace(empty, records=records)
    written = write_bundle(held, tmp_path / "large.nasbench.zip")
    assert sum(map(len, records.values())) == 3600 and held.answers > 300_000
    assert written.stat().st_size < 4_500_000  # half a megabyte is left for the leaderboard, which takes 80 kB
    assert read_bundle(written).answers == held.answers


def altered(path: Path, target: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    parts = unzip(path)
    change(parts)
    return rezip(parts, target)


HEAD_DAMAGE: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "another format": (lambda h: h.update(format=2), "format 2, this release reads 1"),
    "no rows": (lambda h: h.update(rows=3), "rows is 3, expected a list of objects"),
    "a row twice": (lambda h: h["rows"].append(h["rows"][-1]), "a label stands twice"),
    "no such environment": (lambda h: h["rows"][0].update(environment=7), "there is no environment 7"),
    "budget of text": (lambda h: h["comparison"]["benchmarks"][0].update(amount="40"), "amount is '40'"),
    "unknown unit": (lambda h: h["comparison"]["benchmarks"][0].update(unit="parsecs"), "budget unit 'parsecs'"),
    "a name that climbs": (lambda h: h["comparison"].update(name="../../etc"), "is no name for a comparison"),
    "a seed twice": (lambda h: h["comparison"].update(seeds=[0, 0]), "one stands twice"),
    "negative seed": (lambda h: h["comparison"].update(seeds=[-1]), "whole numbers"),
    "another source": (lambda h: h["rows"][0].update(sources=["sources/x/y.py"]), "is not in the bundle"),
    "a label that steers terminals": (lambda h: h["rows"][0].update(label="a\x1b[2J"), "expected printable ASCII"),
    "another origin": (lambda h: h["rows"][0].update(origin="moon"), "expected package or file"),
    "nested parameter": (lambda h: h["rows"][0].update(parameters={"a": [1]}), "names with plain values"),
    "a part that is not there": (lambda h: h["parts"].update({"runs/9.jsonl": "0"}), "missing from the bundle"),
}


@pytest.mark.parametrize("kind", HEAD_DAMAGE)
def test_damage_of_the_head_is_one_line(kind: str, path: Path, tmp_path: Path) -> None:
    change, words = HEAD_DAMAGE[kind]
    with pytest.raises(BundleError) as raised:
        read_bundle(altered(path, tmp_path / "x.zip", lambda parts: change_head(parts, change)))
    assert words in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('["evaluate",[0,0,0,0,0,0],200,NaN,1.0]', "a value that no event can have"),
        ('["evaluate",[0,0,0,0,0,0],200,0.5,-1.0]', "a value that no event can have"),
        ('["evaluate",[0,0,0,0,0,0],200,1.5,1.0]', "a value that no event can have"),
        ('["evaluate",[0,0,0,0,0,true],200,0.5,1.0]', "a value that no event can have"),
        ('["evaluate", [0,0,0,0,0,0],200,0.5,1.0]', "not in canonical form"),
        ('["charge","magic",-5.0,1.0]', "a value that no event can have"),
        ('["steal"]', "is no event"),
        ("[" * 100_000, "is no event"),
    ],
)
def test_impossible_events_are_refused_with_their_line(line: str, words: str, path: Path, tmp_path: Path) -> None:
    def change(parts: dict[str, bytes]) -> None:
        lines = sorted([*parts["events/0.jsonl"].decode().split("\n")[:-1], line])
        parts["events/0.jsonl"] = "".join(text + "\n" for text in lines).encode()

    with pytest.raises(BundleError, match=words) as raised:
        read_bundle(altered(path, tmp_path / "x.zip", change))
    assert "events/0.jsonl, line" in str(raised.value) and len(str(raised.value)) < 300


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("../outside.json", "does not belong"),
        ("/etc/passwd", "does not belong"),
        ("sources/../../x.py", "does not belong"),
        ("sources/a/..", "does not belong"),
        ("sources\\x.py", "does not belong"),
        ("runs/00.jsonl", "does not belong"),
        ("notes.txt", "does not belong"),
        ("runs/7.jsonl", "of no benchmark"),
    ],
)
def test_parts_that_do_not_belong_are_refused(name: str, words: str, path: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=words):
        read_bundle(altered(path, tmp_path / "x.zip", lambda parts: parts.update({name: b""})))


def test_a_part_twice_is_refused(path: Path, tmp_path: Path) -> None:
    forged = tmp_path / "twice.zip"
    forged.write_bytes(path.read_bytes())
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(forged, "a") as archive:
        archive.writestr("leaderboard.json", b"{}")
    with pytest.raises(BundleError, match=r"leaderboard\.json is in the bundle twice"):
        read_bundle(forged)


def test_bombs_are_not_unpacked(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MEMBER_BYTES", 2**20)
    bomb = altered(path, tmp_path / "bomb.zip", lambda parts: parts.update({"sources/a/b.py": b"\0" * 2**24}))
    assert bomb.stat().st_size < 2**20
    with pytest.raises(BundleError, match=r"sources/a/b\.py has 16,777,216 bytes unpacked"):
        read_bundle(bomb)
    lying = bytearray(bomb.read_bytes())  # the sizes in the archive's own lists are a claim as any other
    for signature, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        place = lying.find(signature)
        while place >= 0:
            if struct.unpack_from("<I", lying, place + offset)[0] == 2**24:
                struct.pack_into("<I", lying, place + offset, 100)
            place = lying.find(signature, place + 1)
    bomb.write_bytes(lying)
    with pytest.raises(BundleError):
        read_bundle(bomb)


def test_any_flipped_byte_is_noticed_or_harmless(path: Path, tmp_path: Path) -> None:
    draw = random.Random(7)
    whole = path.read_bytes()
    honest = read_bundle(path)
    flipped = tmp_path / "flipped.zip"
    noticed = 0
    for _ in range(150):
        data = bytearray(whole)
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        flipped.write_bytes(data)
        try:
            assert read_bundle(flipped) == honest  # a date, for example
        except BundleError as error:
            noticed += 1
            assert "\n" not in str(error)
    assert noticed > 100


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_cut_file_is_refused(part: float, path: Path, tmp_path: Path) -> None:
    whole = path.read_bytes()
    cut = tmp_path / "cut.zip"
    cut.write_bytes(whole[: int(part * len(whole))])
    with pytest.raises(BundleError, match="is no bundle, or damaged"):
        read_bundle(cut)


def test_a_missing_file_and_a_directory_are_refused(tmp_path: Path) -> None:
    for target in (tmp_path / "none.zip", tmp_path):
        with pytest.raises(BundleError, match="cannot be read"):
            read_bundle(target)


def test_a_leaderboard_that_is_no_json_is_named(path: Path, tmp_path: Path) -> None:
    def change(parts: dict[str, bytes]) -> None:
        parts["leaderboard.json"] = b'{"format": 1, "format": 2}'
        hash_again(parts)

    (line,) = complaints(altered(path, tmp_path / "x.zip", change))
    assert line.startswith("leaderboard.json") and "a name stands twice" in line


def test_a_run_line_with_an_unknown_event_is_refused(path: Path, tmp_path: Path) -> None:
    def change(parts: dict[str, bytes]) -> None:
        first, *rest = parts["runs/0.jsonl"].decode().split("\n")
        run = json.loads(first)
        run["journal"][0] = 10**6
        parts["runs/0.jsonl"] = "\n".join([json.dumps(run), *rest]).encode()

    with pytest.raises(BundleError, match=r"on nas-bench-201/cifar10, seed 0: the journal names event 1000000"):
        read_bundle(altered(path, tmp_path / "x.zip", change))


STRANGE: list[Any] = [
    None,
    True,
    -1,
    0,
    2**70,
    1.5,
    1e308,
    "",
    "x",
    "random-search",
    "a\nb",
    "\x1b[2J",
    [],
    {},
    [1],
    {"a": 1},
]


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, held in items:
        yield from places(held, (*at, key))


@pytest.mark.parametrize("part", ["bundle.json", "leaderboard.json", "runs/1.jsonl", "events/1.jsonl"])
def test_strange_values_anywhere_end_in_lines_and_never_in_a_traceback(part: str, path: Path, tmp_path: Path) -> None:
    draw = random.Random(part)
    whole = unzip(path)
    for _ in range(25):
        lines = whole[part].decode().split("\n")[:-1] if part.endswith("l") else [whole[part].decode()]
        number = draw.randrange(len(lines))
        document = json.loads(lines[number])
        *above, last = draw.choice([place for place in places(document) if place and place[0] != "parts"])
        inner = document
        for key in above:
            inner = inner[key]
        inner[last] = draw.choice(STRANGE)
        lines[number] = json.dumps(document, separators=(",", ":"))
        lines = sorted(lines) if part.startswith("events") else lines
        parts = {**whole, part: ("\n".join(lines) + "\n").encode()}
        if part != "bundle.json":
            hash_again(parts)
        for line in complaints(rezip(parts, tmp_path / "strange.zip")):
            assert line.isprintable(), line
