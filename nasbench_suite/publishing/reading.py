"""Reading a stranger's bundle: its form is checked, and what is read of it stops at fixed sizes."""

from __future__ import annotations

import hashlib
import math
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from nasbench_suite.comparisons import Comparison, Entry, read_written
from nasbench_suite.comparisons.written import KEYS
from nasbench_suite.errors import BundleError, StoreError, SuiteError
from nasbench_suite.harness.runs import OUTCOMES
from nasbench_suite.publishing.bundle import FORMAT, NOT_RUN, Bundle, Member, Record, Site
from nasbench_suite.publishing.fields import (
    ADDRESS,
    NAME,
    NAMES,
    VERSION,
    Fields,
    json_of,
    lines_of,
    one_line,
    shown,
    text_of,
)
from nasbench_suite.search.journal import Charge, Event, Recommendation, decode_event, encode_event
from nasbench_suite.search.strategies import Step

FILE_BYTES = 256 * 2**20


MEMBER_BYTES = 128 * 2**20
TOTAL_BYTES = 512 * 2**20
MEMBERS = 2000
"""A reader goes no further: the size of the file, of one member and of all of them unpacked, and their number."""

SEEDS = 100_000
RUNS = 1_000_000
JOURNAL = 1_000_000
EVENTS = 20_000_000
"""Nor further than so many seeds of a comparison, runs, events of one journal, and events of all journals together."""


_MEMBER_NAMES = re.compile(
    r"bundle\.json|leaderboard\.json|(events|runs)/(0|[1-9][0-9]{0,3})\.jsonl"
    r"|sources/[A-Za-z0-9_][A-Za-z0-9_.+-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*){1,8}"
)


FILE = re.compile(r"[A-Za-z0-9_.-]+\.py")
"""Loose files, by their names alone."""

PAPER = re.compile(rf"({ADDRESS.pattern})?")


def read_bundle(path: Path) -> Bundle:
    """Read a stranger's bundle: its form is checked, its claims are not (see :func:`verify`).

    Raises:
        BundleError: no bundle, damage, another format version, or too large, with the place.
    """
    parts = _unpack(path)
    head = Fields(json_of(parts["bundle.json"], "bundle.json"), "bundle.json")
    version = head.whole("format")
    if version != FORMAT:
        raise BundleError(f"bundle.json has format {version}, this release reads {FORMAT}; use a release that fits")
    head.only("format", "suite", "comparison", "rows", "benchmarks", "environments", "parts")
    hashes = head.mapping("parts")
    altered = [
        name
        for name, data in parts.items()
        if name != "bundle.json" and hashes.values.get(name) != hashlib.sha256(data).hexdigest()
    ]
    if missing := sorted(set(map(str, hashes.values)) - set(parts)):
        raise BundleError(f"{missing[0]} is listed in bundle.json and missing from the bundle")
    suite = _suite(head.mapping("suite"))
    environments = tuple(_environment(item) for item in head.mappings("environments"))
    sources = {name: data for name, data in parts.items() if name.startswith("sources/")}
    members = tuple(_member(item, len(environments), sources, suite["api"]) for item in head.mappings("rows"))
    if [member.label for member in members] != sorted({member.label for member in members}):
        raise BundleError("bundle.json: rows are not in the order of their labels, or a label stands twice")
    comparison = _comparison(head.mapping("comparison"), members)
    sites = tuple(_site(item) for item in head.mappings("benchmarks"))
    if [site.name for site in sites] != [task.benchmark for task in comparison.tasks]:
        raise BundleError("bundle.json: its benchmarks are not those of its comparison")
    expected = {f"{kind}/{number}.jsonl" for kind in ("events", "runs") for number in range(len(sites))}
    found = {name for name in parts if name.startswith(("events/", "runs/"))}
    if expected != found:
        raise BundleError(f"{min(expected ^ found)} is {'missing' if expected - found else 'of no benchmark'}")
    _check_size(comparison, sum(parts[f"runs/{number}.jsonl"].count(b"\n") for number in range(len(sites))))
    records: dict[tuple[str, str], dict[int, Record]] = {}
    left = EVENTS
    for number, site in enumerate(sites):
        left = _read_runs(parts, number, site, comparison, records, left)
    leaderboard = text_of(parts["leaderboard.json"], "leaderboard.json")
    return Bundle(
        comparison,
        suite,
        members,
        sites,
        records,
        leaderboard,
        tuple(environments),
        sources,
        tuple(sorted(altered)),
    )


def _check_size(comparison: Comparison, lines: int) -> None:
    """Refuse a comparison that asks for far more runs than the bundle has: each would be planned and named as missing."""
    asked = len(comparison.seeds) * len(comparison.entries or ()) * len(comparison.tasks)
    if asked > RUNS:
        raise BundleError(f"bundle.json: its comparison asks for {asked:,} runs; at most {RUNS:,} are read")
    if asked > 2 * lines + 1000:
        raise BundleError(f"bundle.json: its comparison asks for {asked:,} runs, and the bundle has {lines:,}")


def _suite(item: Fields) -> dict[str, Any]:
    item.only("package", "version", "api")
    return {
        "package": item.matching("package", NAME, "the name of a package"),
        "version": item.matching("version", VERSION, "a version"),
        "api": item.whole("api"),
    }


def _unpack(path: Path) -> dict[str, bytes]:
    """All parts of the archive, in memory, never more than the limits allow."""
    try:
        if path.stat().st_size > FILE_BYTES:
            raise BundleError(f"bundle {path} is larger than {FILE_BYTES // 2**20} MiB")
        with zipfile.ZipFile(path) as archive:
            return _members(archive)
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError, OverflowError) as error:
        if isinstance(error, OSError) and error.strerror:
            raise BundleError(f"bundle {path} cannot be read: {error.strerror}") from None
        raise BundleError(f"{path} is no bundle, or damaged: {one_line(error)}") from None


def _members(archive: zipfile.ZipFile) -> dict[str, bytes]:
    entries = archive.infolist()
    if len(entries) > MEMBERS:
        raise BundleError(f"the bundle has {len(entries)} parts; at most {MEMBERS} are read")
    parts: dict[str, bytes] = {}
    left = TOTAL_BYTES
    for entry in entries:
        name = entry.orig_filename
        if name != entry.filename or not _MEMBER_NAMES.fullmatch(name):
            raise BundleError(f"part {shown(name)} does not belong into a bundle")
        if name in parts:
            raise BundleError(f"part {name} is in the bundle twice")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BundleError(f"part {name} is compressed by method {entry.compress_type}; expected deflate")
        limit = min(MEMBER_BYTES, left)
        if entry.file_size > limit:
            raise BundleError(f"part {name} has {entry.file_size:,} bytes unpacked; that is more than is read")
        with archive.open(entry) as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise BundleError(f"part {name} unpacks to more bytes than is read")
        left -= len(data)
        parts[name] = data
    for name in ("bundle.json", "leaderboard.json"):
        if name not in parts:
            raise BundleError(f"part {name} is missing from the bundle")
    return parts


def _read_runs(
    parts: Mapping[str, bytes],
    number: int,
    site: Site,
    comparison: Comparison,
    records: dict[tuple[str, str], dict[int, Record]],
    left: int,
) -> int:
    """Read the runs of one benchmark into ``records``; returns how many events may still come."""
    where = f"events/{number}.jsonl"
    texts = lines_of(parts[where], where)
    if any(first >= second for first, second in pairwise(texts)):
        raise BundleError(f"{where}: its events are not in the order of their text, or one stands twice")
    events = [_event(text, f"{where}, line {place}") for place, text in enumerate(texts, start=1)]
    used = bytearray(len(events))
    labels = {entry.label for entry in comparison.entries or ()}
    where = f"runs/{number}.jsonl"
    for place, text in enumerate(lines_of(parts[where], where), start=1):
        run = Fields(json_of(text, f"{where}, line {place}"), f"{where}, line {place}")
        label, seed = run.word("row"), run.whole("seed")
        if label not in labels:
            raise BundleError(f"{run.where}: row {shown(label)} is no row of the bundle")
        run.where = f"{label} on {site.name}, seed {seed}"
        runs = records.setdefault((label, site.name), {})
        if seed in runs:
            raise BundleError(f"{run.where}: stands twice in {where}")
        runs[seed] = _record(run, events, used)
        left -= len(runs[seed].journal)
        if left < 0:
            raise BundleError(f"{run.where}: with it the bundle has more than {EVENTS:,} events; no more are read")
    if 0 in used:
        raise BundleError(f"events/{number}.jsonl, line {used.index(0) + 1}: the event is in no journal")
    return left


def _record(run: Fields, events: Sequence[Event], used: bytearray) -> Record:
    run.only("row", "seed", "id", "outcome", "reason", "digest", "spent", "answer", "wall", "cpu", "journal", "own")
    places = run.wholes("journal", JOURNAL)
    if places and max(places) >= len(events):
        raise BundleError(f"{run.where}: the journal names event {max(places)}; there are {len(events)}")
    for place in places:
        used[place] = 1
    outcome = run.word("outcome")
    if outcome not in (*OUTCOMES, NOT_RUN):
        raise BundleError(f"{run.where}: unknown outcome {shown(outcome)}")
    own = run.numbers("own", JOURNAL)
    if len(own) not in (0, len(places)):
        raise BundleError(f"{run.where}: {len(own)} own times for {len(places)} events")
    answer = None if run.values.get("answer") is None else tuple(run.wholes("answer", NAMES))
    return Record(
        run.word("id"),
        outcome,
        run.text("reason"),
        tuple([events[place] for place in places]),
        tuple([microseconds * 1e-6 for microseconds in own]),
        run.number("wall"),
        run.number("cpu"),
        run.number("spent"),
        answer,
        run.word("digest"),
    )


def _event(text: str, where: str) -> Event:
    """One event in its canonical form, every field of its type."""
    try:
        event = decode_event(text)
        if encode_event(event) != text:
            raise BundleError(f"{where}: {shown(text)} is not in canonical form")
    except (StoreError, ValueError, RecursionError):
        raise BundleError(f"{where}: {shown(text)} is no event") from None
    numbers: list[Any] = []
    wholes: list[Any] = []
    if isinstance(event, Charge):
        numbers = [event.cost, event.epochs]
        sound = isinstance(event.what, str)
    elif isinstance(event, Recommendation):
        wholes, sound = list(event.architecture), True
    else:
        numbers = [event.accuracy, event.cost]
        wholes = [*event.architecture, event.epochs, event.origin, event.paid]
        sound = type(event.accuracy) is float and event.accuracy <= 1
    sound = sound and all(type(value) is int and 0 <= value < 2**31 for value in wholes)
    if not sound or not all(type(v) in (int, float) and math.isfinite(v) and v >= 0 for v in numbers):
        raise BundleError(f"{where}: {shown(text)} has a value that no event can have")
    return event


def _member(item: Fields, environments: int, sources: Mapping[str, bytes], api: int) -> Member:
    item.only(
        *("label", "strategy", "parameters", "version", "family", "paper", "summary", "tuning", "requires", "defaults"),
        *("package", "origin", "environment", "sources", "step", "prior", "api"),
    )
    label = item.label("label")
    item.where = f"row {shown(label)}"
    environment = item.whole("environment")
    if environment >= environments:
        raise BundleError(f"{item.where}: there is no environment {environment}")
    if item.word("origin") not in ("package", "file"):
        raise BundleError(f"{item.where}: origin is {shown(item.values['origin'])}, expected package or file")
    names = item.texts("sources")
    if lacking := [name for name in names if name not in sources]:
        raise BundleError(f"{item.where}: its source {shown(lacking[0])} is not in the bundle")
    package = NAME if item.word("origin") == "package" else FILE
    return Member(
        label,
        item.label("strategy"),
        item.plain("parameters"),
        item.matching("version", VERSION, "a version and a hash"),
        item.label("family"),
        item.matching("paper", PAPER, "a web address, or nothing"),
        item.text("summary"),
        item.text("tuning"),
        frozenset(item.texts("requires")),
        item.plain("defaults"),
        item.matching("package", package, "the name of a package, or of a .py file"),
        item.word("origin"),
        environment,
        tuple(names),
        _step(item),
        item.word("prior") if "prior" in item.values else "",
        item.whole("api") if "api" in item.values else api,
    )


def _step(item: Fields) -> Step | None:
    """A declared step, where the row has one."""
    given = item.values.get("step")
    if given is None:
        return None
    if not isinstance(given, list) or len(given) != 3:
        raise BundleError(f"{item.where}: step is {shown(given)}, expected its name, kind and amount")
    try:
        return Step(*given)
    except (SuiteError, TypeError) as error:
        raise BundleError(f"{item.where}: {one_line(error)}") from None


def _comparison(item: Fields, members: Sequence[Member]) -> Comparison:
    item.where = "the comparison in bundle.json"
    name = item.word("name")
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name):
        raise BundleError(f"{item.where}: {shown(name)} is no name for a comparison")
    item.only(*KEYS)
    seeds = item.wholes("seeds", SEEDS)
    if not seeds or len(set(seeds)) != len(seeds):
        raise BundleError(f"{item.where}: its seeds are none, or one stands twice")
    try:
        names = [task.only("name", "amount", "unit").label("name") for task in item.mappings("benchmarks")]
        if not names or len(set(names)) != len(names):
            raise BundleError(f"{item.where}: it has no benchmarks, or one stands twice")
        checked = {
            **item.values,
            **{"title": item.word("title"), "description": item.text("description"), "citation": item.text("citation")},
            **{"time_limit": item.number("time_limit"), "memory_limit": int(item.number("memory_limit"))},
        }
        return read_written(checked, tuple(Entry(m.label, m.strategy, m.parameters) for m in members))
    except BundleError:
        raise
    except SuiteError as error:
        raise BundleError(f"{item.where}: {error}") from None


def _site(item: Fields) -> Site:
    item.only("name", "identity", "fidelities", "space", "currency", "provenance")
    name = item.label("name")
    item.where = f"benchmark {shown(name)}"
    return Site(
        name,
        item.word("identity"),
        tuple(item.wholes("fidelities", NAMES)),
        item.word("space"),
        item.word("currency"),
        {str(key): str(value) for key, value in item.plain("provenance").items()},
    )


def _environment(item: Fields) -> dict[str, Any]:
    item.only("python", "implementation", "platform", "packages")
    words = {key: item.word(key) for key in ("python", "implementation", "platform")}
    packages = {name: str(value) for name, value in item.plain("packages").items()}
    for name, version in packages.items():
        if not NAME.fullmatch(name) or not VERSION.fullmatch(version):
            raise BundleError(f"{item.where}: {shown(name)} {shown(version)} is no package with a version")
    return {**words, "packages": packages}
