"""The bundle: one compressed file with everything that a leaderboard claims, in plain JSON (see ``docs/bundles.md``).

A bundle is a zip archive. ``bundle.json`` says what was compared, by which rows, where; ``leaderboard.json`` is the
claimed leaderboard; for each benchmark ``events/N.jsonl`` lists the distinct events of all its journals, and
``runs/N.jsonl`` has a line per run whose journal is a list of places among them. Nothing is ever unpickled or
extracted, and a reader of a stranger's file stops at fixed sizes.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from nasbench_suite import __version__
from nasbench_suite.comparisons import Comparison, written
from nasbench_suite.errors import BundleError
from nasbench_suite.hookspecs import API_VERSION
from nasbench_suite.leaderboards.document import encode
from nasbench_suite.plugins import Offered, Plugin
from nasbench_suite.search.journal import Evaluation, Event, encode_event
from nasbench_suite.search.problem import Problem
from nasbench_suite.search.strategies import Step, Strategy
from nasbench_suite.spaces import Architecture

FORMAT = 1
"""Version of the bundle's form; readers refuse others."""

SUFFIX = ".nasbench.zip"

NOT_RUN = "not run"
"""Outcome of a run that the comparison asks for and that was never done."""


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
        step, prior: as of the strategy.
        api: the version of the plugin API under which its runs were made.
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
    step: Step | None = None
    prior: str = ""
    api: int = API_VERSION

    def offered(self) -> Offered:
        """The row as a strategy that can be scored and not run.

        Raises:
            SuiteError: a name, family or capability that does not exist.
        """

        def absent(problem: Problem, rng: object) -> NoReturn:
            raise BundleError(f"strategy {self.strategy!r} is known from a bundle only; its code is not here")

        absent.__doc__ = self.summary
        strategy = Strategy(
            self.strategy,
            self.family,
            absent,
            self.paper,
            self.requires,
            self.tuning,
            dict(self.defaults),
            self.step,
            self.prior,
        )
        return Offered(strategy, Plugin(self.package, self.package, "", self.origin), self.version, api=self.api)


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
    return {
        "format": FORMAT,
        "suite": dict(bundle.suite),
        "comparison": written(bundle.comparison),
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
                **_declared(member),
                **({} if member.api == bundle.suite["api"] else {"api": member.api}),
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


def _declared(member: Member) -> dict[str, Any]:
    """Step and prior, where the strategy declares any."""
    step = {} if member.step is None else {"step": [member.step.name, member.step.kind, member.step.of]}
    return step | ({"prior": member.prior} if member.prior else {})


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
