"""The bundle: one compressed file with everything that a leaderboard claims, in plain JSON (see ``docs/bundles.md``).

A bundle is a zip archive. ``bundle.json`` says what was compared, by which rows, where; ``leaderboard.json`` is the
claimed leaderboard; for each benchmark ``events/N.jsonl`` lists the distinct events of all its journals, and
``runs/N.jsonl`` has a line per run whose journal is a list of places among them. Nothing is ever unpickled or
extracted, and a reader of a stranger's file stops at fixed sizes.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, repeat
from pathlib import Path
from typing import Any, NoReturn

from nasbench_suite import __version__
from nasbench_suite.comparisons import Comparison, Entry, Task
from nasbench_suite.errors import BundleError, StoreError, SuiteError
from nasbench_suite.harness.runs import OUTCOMES
from nasbench_suite.hookspecs import API_VERSION
from nasbench_suite.leaderboards.document import encode
from nasbench_suite.plugins import Offered, Plugin
from nasbench_suite.search.budget import Budget
from nasbench_suite.search.journal import Charge, Evaluation, Event, Recommendation, decode_event, encode_event
from nasbench_suite.search.problem import Problem
from nasbench_suite.search.strategies import Strategy
from nasbench_suite.spaces import Architecture

FORMAT = 1
"""Version of the bundle's form; readers refuse others."""

SUFFIX = ".nasbench.zip"

NOT_RUN = "not run"
"""Outcome of a run that the comparison asks for and that was never done."""

FILE_BYTES = 256 * 2**20
MEMBER_BYTES = 128 * 2**20
TOTAL_BYTES = 512 * 2**20
MEMBERS = 2000
"""A reader goes no further: the size of the file, of one member and of all of them unpacked, and their number."""

_MEMBER_NAMES = re.compile(
    r"bundle\.json|leaderboard\.json|(events|runs)/(0|[1-9][0-9]{0,3})\.jsonl"
    r"|sources/[A-Za-z0-9_][A-Za-z0-9_.+-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*){1,8}"
)
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Member:
    """One row of a bundle: what stands behind it, enough to score its runs where its code is not installed.

    Attributes:
        label, strategy, parameters, family, paper, summary, tuning, requires, defaults: as of the strategy.
        version: what identifies the code: the package's version and a hash of the file that defines the strategy.
        package: the distribution or loose file it comes from.
        origin: ``"package"`` or ``"file"``.
        environment: place among the bundle's environments.
        sources: the names of the bundle's source files that belong to it; none if its package is on a registry.
    """

    label: str
    strategy: str
    parameters: Mapping[str, Any]
    version: str
    family: str
    paper: str
    summary: str
    tuning: str
    requires: frozenset[str]
    defaults: Mapping[str, Any]
    package: str
    origin: str
    environment: int = 0
    sources: tuple[str, ...] = ()

    def offered(self) -> Offered:
        """The row as a strategy that can be scored and not run.

        Raises:
            SuiteError: a name, family or capability that does not exist.
        """

        def absent(problem: Problem, rng: object) -> NoReturn:
            raise BundleError(f"strategy {self.strategy!r} is known from a bundle only; its code is not here")

        absent.__doc__ = self.summary
        strategy = Strategy(
            self.strategy, self.family, absent, self.paper, self.requires, self.tuning, dict(self.defaults)
        )
        return Offered(strategy, Plugin(self.package, self.package, "", self.origin), self.version)


@dataclass(frozen=True)
class Site:
    """One benchmark as the publisher had it: identity, fidelities, space, currency and provenance."""

    name: str
    identity: str
    fidelities: tuple[int, ...]
    space: str
    currency: str
    provenance: Mapping[str, str]


@dataclass(frozen=True)
class Record:
    """One run as it is claimed.

    Attributes:
        id: of the run.
        outcome: as of a result, or :data:`NOT_RUN`.
        reason: why it did not finish.
        journal: all events.
        own_seconds: per event, the strategy's own seconds before it, two significant digits (measured, not checked).
        wall_seconds, cpu_seconds: of the whole run (measured, not checked).
        spent: of the budget, by the journal.
        answer: the incumbent at the end; ``None`` if there is none.
        digest: of the journal, see :func:`digest`.
    """

    id: str
    outcome: str
    reason: str = ""
    journal: tuple[Event, ...] = field(default=(), repr=False)
    own_seconds: tuple[float, ...] = field(default=(), repr=False)
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    spent: float = 0.0
    answer: Architecture | None = None
    digest: str = ""


@dataclass(frozen=True)
class Bundle:
    """Everything that a publisher claims.

    Attributes:
        comparison: with every strategy as an entry of its own.
        suite: package, version and plugin API with which the leaderboard was computed.
        members: the rows, by label.
        sites: the benchmarks, in the comparison's order.
        records: ``(label, benchmark) -> seed -> record``.
        leaderboard: the text of the claimed ``leaderboard.json``.
        environments: where bundles were published: Python, platform, versions of packages.
        sources: name -> text of the source files of plugins that are on no registry.
        altered: the parts that are not what the bundle's own list of hashes says (only of a bundle that was read).
    """

    comparison: Comparison
    suite: Mapping[str, Any]
    members: tuple[Member, ...]
    sites: tuple[Site, ...]
    records: Mapping[tuple[str, str], Mapping[int, Record]] = field(repr=False)
    leaderboard: str = field(repr=False)
    environments: tuple[Mapping[str, Any], ...] = field(repr=False)
    sources: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    altered: tuple[str, ...] = ()

    @property
    def answers(self) -> int:
        """How many evaluations all journals hold."""
        return sum(
            isinstance(event, Evaluation)
            for runs in self.records.values()
            for record in runs.values()
            for event in record.journal
        )


def this_suite() -> dict[str, Any]:
    """The suite as bundles and leaderboards name it."""
    return {"package": "nasbench-suite", "version": __version__, "api": API_VERSION}


def digest(journal: Iterable[Event]) -> str:
    """32 hexadecimal digits of the sha256 of the journal's canonical lines."""
    return hashlib.sha256("\n".join(map(encode_event, journal)).encode()).hexdigest()[:32]


def write_bundle(bundle: Bundle, path: Path) -> Path:
    """Write a bundle, at once or not at all; the same bundle gives the same content.

    Raises:
        BundleError: a directory that cannot be written.
    """
    parts = _parts(bundle)
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for name, content in parts.items():
                entry = zipfile.ZipInfo(name, _EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, content)
        partial.replace(path)
    except OSError as error:
        raise BundleError(f"bundle {path} cannot be written: {error.strerror or error}") from None
    finally:
        partial.unlink(missing_ok=True)
    return path


def _parts(bundle: Bundle) -> dict[str, bytes]:
    parts = {"leaderboard.json": bundle.leaderboard.encode()}
    for number, site in enumerate(bundle.sites):
        runs = {member.label: bundle.records.get((member.label, site.name), {}) for member in bundle.members}
        events, lines = _pack(runs)
        parts[f"events/{number}.jsonl"] = events.encode()
        parts[f"runs/{number}.jsonl"] = lines.encode()
    parts |= dict(sorted(bundle.sources.items()))
    head = {**_head(bundle), "parts": {name: hashlib.sha256(data).hexdigest() for name, data in parts.items()}}
    return {"bundle.json": (encode(head) + "\n").encode(), **parts}


def _head(bundle: Bundle) -> dict[str, Any]:
    comparison = bundle.comparison
    return {
        "format": FORMAT,
        "suite": dict(bundle.suite),
        "comparison": {
            "name": comparison.name,
            "title": comparison.title,
            "description": comparison.description,
            "citation": comparison.citation,
            "seeds": list(comparison.seeds),
            "time_limit": comparison.time_limit,
            "memory_limit": comparison.memory_limit,
            "benchmarks": [
                {"name": task.benchmark, "amount": task.budget.amount, "unit": task.budget.unit}
                for task in comparison.tasks
            ],
        },
        "rows": [
            {
                "label": member.label,
                "strategy": member.strategy,
                "parameters": dict(member.parameters),
                "version": member.version,
                "family": member.family,
                "paper": member.paper,
                "summary": member.summary,
                "tuning": member.tuning,
                "requires": sorted(member.requires),
                "defaults": dict(member.defaults),
                "package": member.package,
                "origin": member.origin,
                "environment": member.environment,
                "sources": list(member.sources),
            }
            for member in bundle.members
        ],
        "benchmarks": [
            {
                "name": site.name,
                "identity": site.identity,
                "fidelities": list(site.fidelities),
                "space": site.space,
                "currency": site.currency,
                "provenance": dict(site.provenance),
            }
            for site in bundle.sites
        ],
        "environments": [dict(environment) for environment in bundle.environments],
    }


def _pack(runs: Mapping[str, Mapping[int, Record]]) -> tuple[str, str]:
    """``events`` and ``runs`` of one benchmark: distinct events in the order of their text, and a line per run."""
    texts: dict[Event, str] = {}
    for records in runs.values():
        for record in records.values():
            for event in record.journal:
                if event not in texts:
                    texts[event] = encode_event(event)
    ordered = sorted(set(texts.values()))
    number = {text: place for place, text in enumerate(ordered)}
    place_of = {event: number[text] for event, text in texts.items()}
    lines = []
    for label, records in runs.items():
        for seed, record in sorted(records.items()):
            fields = {
                "row": label,
                "seed": seed,
                "id": record.id,
                "outcome": record.outcome,
                "reason": record.reason,
                "digest": record.digest,
                "spent": record.spent,
                "answer": record.answer,
                "wall": _short(record.wall_seconds, 4),
                "cpu": _short(record.cpu_seconds, 4),
                "journal": [place_of[event] for event in record.journal],
                "own": [_short(seconds * 1e6, 2) for seconds in record.own_seconds],
            }
            lines.append(json.dumps(fields, separators=(",", ":"), ensure_ascii=False, allow_nan=False))
    return "".join(text + "\n" for text in ordered), "".join(line + "\n" for line in lines)


def _short(value: float, digits: int) -> float | int:
    """A measured number with so many significant digits, as an integer where it is one."""
    kept = float(f"{value:.{digits}g}")
    return int(kept) if kept == int(kept) else kept


def read_bundle(path: Path) -> Bundle:
    """Read a stranger's bundle: its form is checked, its claims are not (see :func:`verify`).

    Raises:
        BundleError: no bundle, damage, another format version, or too large, with the place.
    """
    parts = _unpack(path)
    head = _Fields(_json(parts["bundle.json"], "bundle.json"), "bundle.json")
    version = head.whole("format")
    if version != FORMAT:
        raise BundleError(f"bundle.json has format {version}, this release reads {FORMAT}; use a release that fits")
    hashes = head.mapping("parts")
    altered = [
        name
        for name, data in parts.items()
        if name != "bundle.json" and hashes.values.get(name) != hashlib.sha256(data).hexdigest()
    ]
    if missing := sorted(set(map(str, hashes.values)) - set(parts)):
        raise BundleError(f"{missing[0]} is listed in bundle.json and missing from the bundle")
    suite = head.mapping("suite")
    suite = _Fields(
        {"package": suite.word("package"), "version": suite.word("version"), "api": suite.whole("api")}, "suite"
    )
    environments = tuple(_environment(item) for item in head.mappings("environments"))
    sources = {name: data for name, data in parts.items() if name.startswith("sources/")}
    members = tuple(_member(item, len(environments), sources) for item in head.mappings("rows"))
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
    records: dict[tuple[str, str], dict[int, Record]] = {}
    for number, site in enumerate(sites):
        _read_runs(parts, number, site, comparison, records)
    leaderboard = _text(parts["leaderboard.json"], "leaderboard.json")
    return Bundle(
        comparison,
        suite.values,
        members,
        sites,
        records,
        leaderboard,
        tuple(environments),
        sources,
        tuple(sorted(altered)),
    )


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
        raise BundleError(f"{path} is no bundle, or damaged: {_one_line(error)}") from None


def _members(archive: zipfile.ZipFile) -> dict[str, bytes]:
    entries = archive.infolist()
    if len(entries) > MEMBERS:
        raise BundleError(f"the bundle has {len(entries)} parts; at most {MEMBERS} are read")
    parts: dict[str, bytes] = {}
    left = TOTAL_BYTES
    for entry in entries:
        name = entry.orig_filename
        if name != entry.filename or not _MEMBER_NAMES.fullmatch(name):
            raise BundleError(f"part {_shown(name)} does not belong into a bundle")
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
) -> None:
    where = f"events/{number}.jsonl"
    texts = _lines(parts[where], where)
    if any(first >= second for first, second in pairwise(texts)):
        raise BundleError(f"{where}: its events are not in the order of their text, or one stands twice")
    events = [_event(text, f"{where}, line {place}") for place, text in enumerate(texts, start=1)]
    used = bytearray(len(events))
    labels = {entry.label for entry in comparison.entries or ()}
    where = f"runs/{number}.jsonl"
    for place, text in enumerate(_lines(parts[where], where), start=1):
        run = _Fields(_json(text, f"{where}, line {place}"), f"{where}, line {place}")
        label, seed = run.word("row"), run.whole("seed")
        if label not in labels:
            raise BundleError(f"{run.where}: row {_shown(label)} is no row of the bundle")
        run.where = f"{label} on {site.name}, seed {seed}"
        runs = records.setdefault((label, site.name), {})
        if seed in runs:
            raise BundleError(f"{run.where}: stands twice in {where}")
        runs[seed] = _record(run, events, used)
    if 0 in used:
        raise BundleError(f"events/{number}.jsonl, line {used.index(0) + 1}: the event is in no journal")


def _record(run: _Fields, events: Sequence[Event], used: bytearray) -> Record:
    places = run.wholes("journal")
    if places and max(places) >= len(events):
        raise BundleError(f"{run.where}: the journal names event {max(places)}; there are {len(events)}")
    for place in places:
        used[place] = 1
    outcome = run.word("outcome")
    if outcome not in (*OUTCOMES, NOT_RUN):
        raise BundleError(f"{run.where}: unknown outcome {_shown(outcome)}")
    own = run.numbers("own")
    if len(own) not in (0, len(places)):
        raise BundleError(f"{run.where}: {len(own)} own times for {len(places)} events")
    answer = None if run.values.get("answer") is None else tuple(run.wholes("answer"))
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
            raise BundleError(f"{where}: {_shown(text)} is not in canonical form")
    except (StoreError, ValueError, RecursionError):
        raise BundleError(f"{where}: {_shown(text)} is no event") from None
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
        raise BundleError(f"{where}: {_shown(text)} has a value that no event can have")
    return event


def _member(item: _Fields, environments: int, sources: Mapping[str, bytes]) -> Member:
    label = item.word("label")
    item.where = f"row {_shown(label)}"
    environment = item.whole("environment")
    if environment >= environments:
        raise BundleError(f"{item.where}: there is no environment {environment}")
    if item.word("origin") not in ("package", "file"):
        raise BundleError(f"{item.where}: origin is {_shown(item.values['origin'])}, expected package or file")
    names = item.texts("sources")
    if lacking := [name for name in names if name not in sources]:
        raise BundleError(f"{item.where}: its source {_shown(lacking[0])} is not in the bundle")
    return Member(
        label,
        item.word("strategy"),
        item.plain("parameters"),
        item.word("version"),
        item.word("family"),
        item.word("paper"),
        item.text("summary"),
        item.text("tuning"),
        frozenset(item.texts("requires")),
        item.plain("defaults"),
        item.word("package"),
        item.word("origin"),
        environment,
        tuple(names),
    )


def _comparison(item: _Fields, members: Sequence[Member]) -> Comparison:
    item.where = "the comparison in bundle.json"
    name = item.word("name")
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name):
        raise BundleError(f"{item.where}: {_shown(name)} is no name for a comparison")
    seeds = item.wholes("seeds")
    if not seeds or len(set(seeds)) != len(seeds):
        raise BundleError(f"{item.where}: its seeds are none, or one stands twice")
    try:
        tasks = tuple(
            Task(task.word("name"), Budget(task.number("amount"), task.word("unit")))  # type: ignore[arg-type]
            for task in item.mappings("benchmarks")
        )
        if not tasks or len({task.benchmark for task in tasks}) != len(tasks):
            raise BundleError(f"{item.where}: it has no benchmarks, or one stands twice")
        return Comparison(
            name,
            item.text("title"),
            item.text("description"),
            item.text("citation"),
            tasks,
            tuple(Entry(member.label, member.strategy, member.parameters) for member in members),
            tuple(seeds),
            item.number("time_limit"),
            int(item.number("memory_limit")),
        )
    except BundleError:
        raise
    except SuiteError as error:
        raise BundleError(f"{item.where}: {error}") from None


def _site(item: _Fields) -> Site:
    name = item.word("name")
    item.where = f"benchmark {_shown(name)}"
    return Site(
        name,
        item.word("identity"),
        tuple(item.wholes("fidelities")),
        item.word("space"),
        item.word("currency"),
        {str(key): str(value) for key, value in item.plain("provenance").items()},
    )


def _environment(item: _Fields) -> dict[str, Any]:
    words = {key: item.word(key) for key in ("python", "implementation", "platform")}
    return {**words, "packages": {str(name): str(value) for name, value in item.plain("packages").items()}}


@dataclass
class _Fields:
    """A JSON object of a stranger, read field by field; each method raises :class:`BundleError` naming the place."""

    values: Any
    where: str

    def __post_init__(self) -> None:
        if not isinstance(self.values, dict):
            raise BundleError(f"{self.where}: {_shown(self.values)} is no object")

    def _take(self, key: str, expected: str, fits: Callable[[Any], bool]) -> Any:
        value = self.values.get(key)
        if not fits(value):
            raise BundleError(f"{self.where}: {key} is {_shown(value)}, expected {expected}")
        return value

    def text(self, key: str) -> str:
        value: str = self._take(key, "text", lambda v: isinstance(v, str))
        return value

    def word(self, key: str) -> str:
        """Text of one line without control characters: a stranger's words are printed in terminals."""
        value: str = self._take(key, "text of one line", lambda v: isinstance(v, str) and v.isprintable())
        return value

    def whole(self, key: str) -> int:
        value: int = self._take(key, "a whole number", _is_whole)
        return value

    def number(self, key: str) -> float:
        """Kept as the integer or float that it is: a run's id depends on it."""
        value: float = self._take(key, "a number of at least 0", _is_number)
        return value

    def wholes(self, key: str) -> list[int]:
        value: list[int] = self._take(
            key, "a list of whole numbers", lambda v: isinstance(v, list) and all(map(_is_whole, v))
        )
        return value

    def numbers(self, key: str) -> list[float]:
        value: list[float] = self._take(
            key, "a list of numbers", lambda v: isinstance(v, list) and all(map(_is_number, v))
        )
        return value

    def texts(self, key: str) -> list[str]:
        value: list[str] = self._take(
            key, "a list of texts", lambda v: isinstance(v, list) and all(map(isinstance, v, repeat(str)))
        )
        return value

    def plain(self, key: str) -> dict[str, Any]:
        """Names with texts, numbers, truths or nothing."""
        kinds = (str, int, float, bool, type(None))
        value: dict[str, Any] = self._take(
            key, "names with plain values", lambda v: isinstance(v, dict) and all(type(x) in kinds for x in v.values())
        )
        return value

    def mapping(self, key: str) -> _Fields:
        return _Fields(self._take(key, "an object", lambda v: isinstance(v, dict)), f"{self.where}, {key}")

    def mappings(self, key: str) -> list[_Fields]:
        items = self._take(key, "a list of objects", lambda v: isinstance(v, list))
        return [_Fields(item, f"{self.where}, {key} {place}") for place, item in enumerate(items, start=1)]


def _is_whole(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < 1e300


def parse_json(text: str, where: str) -> Any:
    """JSON without its traps: no NaN, no name twice in an object, no nesting without end.

    Raises:
        BundleError: anything else, with the place.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a name stands twice in an object")
        return found

    def refuse(name: str) -> NoReturn:
        raise ValueError(f"{name} is not JSON")

    try:
        return json.loads(text, object_pairs_hook=once, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{where}: not JSON ({_one_line(error)})") from None


def _json(data: bytes | str, where: str) -> Any:
    return parse_json(data if isinstance(data, str) else _text(data, where), where)


def _text(data: bytes, where: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise BundleError(f"{where}: not UTF-8 at byte {error.start}") from None


def _lines(data: bytes, where: str) -> list[str]:
    text = _text(data, where)
    if text and not text.endswith("\n"):
        raise BundleError(f"{where}: its last line is cut off")
    return text.split("\n")[:-1]


def printable(text: str) -> str:
    """A stranger's text on one line, without what would steer a terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _shown(value: object) -> str:
    """A stranger's value, short and on one line."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__


__all__ = ["Bundle", "Member", "Record", "Site", "digest", "parse_json", "read_bundle", "write_bundle"]
