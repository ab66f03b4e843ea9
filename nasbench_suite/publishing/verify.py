"""Checking a bundle and trusting none of it: every answer is asked for again, everything else is recomputed.

What cannot be seen in the answers alone (which strategy asked the questions, and whether it would ask them again) is
seen by running the strategies again; see ``rerun.py``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

from nasbench_suite.benchmarks import Benchmark
from nasbench_suite.comparisons import Comparison, Entry, load_comparison, preset_names
from nasbench_suite.errors import BundleError, SuiteError
from nasbench_suite.harness import Executor, Plan, Result, Run, make_plan
from nasbench_suite.harness.audit import audit, unpaid_recommendation
from nasbench_suite.leaderboards import render_json
from nasbench_suite.leaderboards.badges import Badge
from nasbench_suite.plugins import BUILT_IN, Registry
from nasbench_suite.publishing.bundle import NOT_RUN, Bundle, Member, Record, digest, this_suite
from nasbench_suite.publishing.differences import differences
from nasbench_suite.publishing.fields import parse_json, printable
from nasbench_suite.publishing.first_form import FORMAT as FIRST_FORM
from nasbench_suite.publishing.first_form import first_document
from nasbench_suite.publishing.publish import check_seeds, outcome_of
from nasbench_suite.publishing.rerun import LIMITS, Again, Limits, Rerun, rerun
from nasbench_suite.scoring import Scoreboard, score
from nasbench_suite.search.answers import known_as
from nasbench_suite.search.journal import Evaluation, Recommendation
from nasbench_suite.sources import files_hash, former_files_hash


class Finding(NamedTuple):
    """Something that is not as claimed."""

    where: str
    what: str

    def __str__(self) -> str:
        return printable(f"{self.where}: {self.what}")


@dataclass(frozen=True)
class Verification:
    """What came of checking a bundle.

    Attributes:
        findings: all that is not as claimed; the bundle is refused unless there is none.
        badges: label -> how far the row was checked; empty if the bundle is refused.
        notes: what could not be checked, and why.
        unfinished: label -> outcome -> how many of the row's runs are claimed to have ended so instead of finishing;
            such claims cannot be checked by replaying answers.
        reruns: what came of running strategies again.
        replayed: answers that were asked for again.
        scoreboard: recomputed; ``None`` where it could not be. Where the bundle's seeds may have been chosen, it is that
            of the fresh seeds, and ``None`` without them.
    """

    findings: tuple[Finding, ...]
    badges: Mapping[str, Badge]
    notes: tuple[str, ...]
    reruns: tuple[Rerun, ...]
    replayed: int
    scoreboard: Scoreboard | None = field(repr=False, default=None)
    unfinished: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether everything that could be checked is as claimed."""
        return not self.findings


def verify(
    bundle: Bundle,
    registry: Registry,
    *,
    count: int = 0,
    executor: Executor | None = None,
    entropy: int | None = None,
    limits: Limits = LIMITS,
    relabelled: bool = False,
) -> Verification:
    """Check every claim of a bundle.

    Args:
        bundle: of a stranger.
        registry: the benchmarks and strategies of this machine, which are the ones that are trusted.
        count: of every row on every benchmark, so many fresh seeds are run, and so many recorded ones again.
        executor: where those are run; needed if ``count`` is not 0.
        entropy: decides which seeds are drawn; by default nobody can know them beforehand.
        limits: of every run that is done again; a bundle's own count only where they are lower.
        relabelled: whether strategies are run with the options of their spaces relabelled, too.
    """
    findings = [Finding(part, "is not what the list of hashes in bundle.json says") for part in bundle.altered]
    notes: list[str] = []
    findings += _protocol(bundle, registry)
    plan = plan_of(bundle, registry, findings)
    if plan is None:
        return Verification(tuple(findings), {}, tuple(notes), (), 0)
    notes += [*_former_preset(bundle), *_chosen_seeds(bundle.comparison)]
    measured = sorted(name for name, benchmark in plan.benchmarks.items() if benchmark.currency != "simulated")
    findings += _sources(bundle)
    replayed = 0
    sound: dict[str, Result] = {}
    shaken = False
    for pair, runs in plan.runs.items():
        records = bundle.records.get(pair, {})
        benchmark = plan.benchmarks[pair[1]]
        for run in runs:
            where = f"{pair[0]} on {pair[1]}, seed {run.seed}"
            record = records.get(run.seed)
            if record is None:
                findings.append(Finding(where, "the run is missing"))
                shaken = True
                continue
            wrong = [Finding(where, what) for what in _check_run(run, record, benchmark)]
            findings += wrong
            replayed += sum(isinstance(event, Evaluation) for event in record.journal)
            if result := _result(run, record, benchmark):
                sound[run.id] = result
            else:
                shaken = shaken or record.outcome != NOT_RUN
        for seed in sorted(set(records) - {run.seed for run in runs}):
            findings.append(Finding(f"{pair[0]} on {pair[1]}, seed {seed}", "the comparison has no such seed"))
    for label, name in sorted(set(bundle.records) - set(plan.runs)):
        findings.append(Finding(f"{label} on {name}", "has runs, but the pair is none that can run"))
    board = None
    if measured:
        notes.append(
            f"{', '.join(measured)}: seconds are measured, so nothing can be replayed and no score looked up; every "
            "row is self-reported"
        )
    elif shaken:
        notes.append("the leaderboard was not recomputed, since runs are missing or cannot be scored")
    else:
        board = score(plan, sound)
        findings += _leaderboard(bundle, plan, sound, board)
        notes += _improbable(board)
    again = Again((), ())
    if count and len(findings) == len(bundle.altered):  # what is wrong already need not be run
        assert executor is not None, "running strategies again needs an executor"
        again = rerun(plan, bundle, registry, executor, count, entropy, limits, relabelled)
        notes += again.notes
        findings += [Finding(where, what) for repeated in again.reruns for where, what in repeated.faults]
        findings += [Finding(where, what) for where, what in again.faults]
    badges = {} if findings else _badges(bundle, plan, bool(measured), again.reruns)
    return Verification(
        tuple(findings),
        badges,
        tuple(notes),
        again.reruns,
        0 if measured else replayed,
        again.board if _were_chosen(bundle.comparison) else board,
        _unfinished(bundle),
    )


def plan_of(bundle: Bundle, registry: Registry, findings: list[Finding]) -> Plan | None:
    """The bundle's comparison as a plan: its rows as claimed, its benchmarks as they are on this machine."""
    site_of = {site.name: site for site in bundle.sites}
    opened: dict[str, Benchmark] = {}
    fine = True
    for name, site in site_of.items():
        where = f"benchmark {name}"
        try:
            benchmark = opened[name] = known_as(registry.benchmark(name), site.identity)
        except SuiteError as error:
            findings.append(Finding(where, f"cannot be opened here: {error}"))
            fine = False
            continue
        here = (benchmark.identity, benchmark.fidelities, benchmark.space.name, benchmark.currency)
        there = (site.identity, site.fidelities, site.space, site.currency)
        for what, ours, theirs in zip(("identity", "fidelities", "space", "currency"), here, there, strict=True):
            if ours != theirs:
                findings.append(Finding(where, f"{what} is {theirs} in the bundle and {ours} here"))
                fine = False
        for key in sorted(set(benchmark.provenance) | set(site.provenance)):
            if benchmark.provenance.get(key) != site.provenance.get(key):
                findings.append(
                    Finding(
                        where,
                        f"provenance, {key}: {site.provenance.get(key)!r} in the bundle and "
                        f"{benchmark.provenance.get(key)!r} here",
                    )
                )
    try:
        offered = {member.label: member.offered() for member in bundle.members}
        entries = tuple(Entry(member.label, member.label, member.parameters) for member in bundle.members)
        rows = Registry(strategies=offered, benchmarks={name: partial(opened.__getitem__, name) for name in opened})
        return (
            replace(make_plan(replace(bundle.comparison, entries=entries), rows), comparison=bundle.comparison)
            if fine
            else None
        )
    except SuiteError as error:
        findings.append(Finding("the rows in bundle.json", str(error)))
        return None


def _protocol(bundle: Bundle, registry: Registry) -> Iterator[Finding]:
    """Whether the comparison is what its name says, and its rows are called what they are."""
    comparison = bundle.comparison
    where = f"comparison {comparison.name}"
    try:
        check_seeds(comparison.seeds)
    except BundleError as error:
        yield Finding(where, str(error))
    known = set(registry.strategies) | {member.strategy for member in bundle.members}
    for member in bundle.members:
        yield from _not_the_suites_own(member, registry)
        if member.label in known and member.label != member.strategy:
            yield Finding(f"row {member.label}", f"is called like another strategy, but is {member.strategy}")
        yield from _named_as_installed(member, registry)
    if comparison.name in preset_names() and bundle.suite == this_suite():
        yield from (Finding(where, what) for what in _unlike_preset(comparison, load_comparison(comparison.name)))
        if load_comparison(comparison.name).entries is None:
            ours = {name for name, offered in registry.strategies.items() if offered.plugin.package == BUILT_IN}
            if missing := sorted(ours - {member.strategy for member in bundle.members}):
                yield Finding(where, f"compares all strategies, but {', '.join(missing)} is not among the rows")


def _former_preset(bundle: Bundle) -> Iterator[str]:
    """Notes on a comparison of another release that has the name of a preset and is not what that is today."""
    comparison = bundle.comparison
    if comparison.name in preset_names() and bundle.suite != this_suite():
        release = f"{bundle.suite.get('version')} (plugin API {bundle.suite.get('api')})"
        for what in _unlike_preset(comparison, load_comparison(comparison.name)):
            yield f"comparison {comparison.name} was made by release {release} and {what} of today"


def _were_chosen(comparison: Comparison) -> bool:
    """Whether a comparison's seeds may have been chosen after looking at what they give."""
    preset = comparison.name in preset_names() and load_comparison(comparison.name).seeds == comparison.seeds
    return min(comparison.seeds) > 0 and not preset


def _chosen_seeds(comparison: Comparison) -> Iterator[str]:
    """A note where a comparison's seeds are neither a preset's nor those that anybody would take first."""
    if _were_chosen(comparison):
        yield (
            f"the seeds begin at {min(comparison.seeds)} and not at 0, so they may have been chosen because rows did well on them: "
            "only what fresh seeds show (--rerun K) ranks these rows"
        )


def _not_the_suites_own(member: Member, registry: Registry) -> Iterator[Finding]:
    """Whether a row bears the name of a strategy that comes with the suite and comes from elsewhere."""
    offered = registry.strategies.get(member.strategy)
    if offered is not None and offered.plugin.built_in and (member.package, member.origin) != (BUILT_IN, "package"):
        where = f"{member.package} ({member.origin})"
        yield Finding(
            f"row {member.label}", f"bears the name of {member.strategy!r} of the suite, but comes from {where}"
        )


def _named_as_installed(member: Member, registry: Registry) -> Iterator[Finding]:
    """Where the very same code is installed, what the bundle says of it must be so."""
    offered = registry.strategies.get(member.strategy)
    if offered is None or offered.version != member.version:
        return
    strategy = offered.strategy
    for what in ("family", "paper", "summary", "tuning", "requires", "defaults", "step", "prior"):
        claimed, ours = getattr(member, what), getattr(strategy, what)
        if claimed != ours:
            yield Finding(f"row {member.label}", f"{what} is {claimed!r} in the bundle and {ours!r} here")


def _unlike_preset(comparison: Comparison, preset: Comparison) -> Iterator[str]:
    for what in ("title", "description", "citation", "tasks", "seeds", "recommend"):
        claimed, ours = getattr(comparison, what), getattr(preset, what)
        if claimed != ours:
            yield f"has the name of a preset and other {what}: {_told(claimed)} instead of {_told(ours)}"
    if preset.entries is not None:
        claimed, ours = ([entry.label for entry in held.entries or ()] for held in (comparison, preset))
        if claimed != sorted(ours):
            yield f"has the name of a preset and other rows: {_told(claimed)} instead of {_told(ours)}"


def _told(value: object) -> str:
    if isinstance(value, tuple) and value and isinstance(value[0], int):
        return f"{len(value)} from {min(value)} to {max(value)}"
    if isinstance(value, tuple):
        return ", ".join(f"{task.benchmark} with {task.budget.amount:g} {task.budget.unit}" for task in value if task)
    text = str(value)
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _sources(bundle: Bundle) -> Iterator[Finding]:
    """Of a row whose source is in the bundle, the files must be those that its version names."""
    for member in bundle.members:
        if member.origin == "file" and not member.sources:
            yield Finding(f"row {member.label}", "comes from a loose file, which is not in the bundle")
        files = [(name, bundle.sources[name]) for name in member.sources]
        if files and _own_part(member.version) not in (files_hash(files), former_files_hash(files)):
            yield Finding(f"row {member.label}", f"its source in the bundle is not that of version {member.version}")
    plugins = {name.split("/")[1] for member in bundle.members for name in member.sources}
    for name in sorted(bundle.sources):
        if name.split("/")[1] not in plugins:
            yield Finding(name, "is the source of no row")


def _own_part(version: str) -> str:
    """The part of a strategy's version that is a hash of its own files."""
    return version.rpartition("+")[2].partition(".")[0]


def _check_run(run: Run, record: Record, benchmark: Benchmark) -> Iterator[str]:
    if record.id != run.id:
        yield f"has id {record.id}; its recipe gives {run.id}"
    if record.digest != digest(record.journal):
        yield "its journal is not the one that its digest was made of"
    if record.outcome == NOT_RUN:
        if record.journal:
            yield "was not run, but has a journal"
        return
    if record.outcome == "finished" and record.reason:
        yield "finished, but has a reason why it did not"
    if record.outcome != "finished" or benchmark.currency != "simulated":
        return
    if run.recommend == "evaluated" and (unpaid := unpaid_recommendation(record.journal)):
        yield unpaid
    if wrong := audit(record.journal, benchmark.answers(run.seed), run.budget, benchmark.fidelities[-1]):
        yield wrong
    for number, event in enumerate(record.journal, start=1):
        if isinstance(event, Recommendation):
            try:
                benchmark.space.check(event.architecture)
            except SuiteError as error:
                yield f"event {number} recommends no architecture: {error}"
    spent, answer = outcome_of(record.journal, run.budget, benchmark.fidelities[-1])
    if record.spent != spent:
        yield f"says that it spent {record.spent!r}; its journal spends {spent!r}"
    if record.answer != answer:
        yield f"says that its answer is {_cell(benchmark, record.answer)}; its journal ends with {_cell(benchmark, answer)}"


def _cell(benchmark: Benchmark, architecture: Sequence[int] | None) -> str:
    if architecture is None:
        return "nothing"
    try:
        return benchmark.space.format(architecture)
    except SuiteError:
        return str(tuple(architecture))


def _result(run: Run, record: Record, benchmark: Benchmark) -> Result | None:
    """The run as scoring takes it; ``None`` if it was not run or holds something that is no architecture."""
    if record.outcome == NOT_RUN:
        return None
    try:
        for event in record.journal:
            if isinstance(event, Evaluation | Recommendation):
                benchmark.space.check(event.architecture)
    except SuiteError:
        return None
    return Result(
        run,
        record.outcome,  # type: ignore[arg-type]  # one of the outcomes, see read_bundle
        record.reason,
        record.journal,
        record.own_seconds,
        record.wall_seconds,
        record.cpu_seconds,
    )


def _leaderboard(bundle: Bundle, plan: Plan, results: Mapping[str, Result], board: Scoreboard) -> Iterator[Finding]:
    """Whether the claimed leaderboard is the recomputed one, by the statistics of its own form."""
    try:
        claimed = parse_json(bundle.leaderboard, "leaderboard.json")
    except BundleError as error:
        yield Finding("leaderboard.json", str(error))
        return
    if isinstance(claimed, dict) and claimed.get("format") == FIRST_FORM:
        found = json.loads(json.dumps(first_document(plan, results, bundle.suite)))
    else:
        found = {**json.loads(render_json(board)), "suite": dict(bundle.suite)}
    released = "" if bundle.suite == this_suite() else f" (made by release {bundle.suite.get('version')})"
    for difference in differences(claimed, found, bundle.comparison.seeds):
        yield Finding(
            f"leaderboard, {difference.where}" if difference.where else "leaderboard",
            f"claimed {difference.claimed}, recomputed {difference.found}{released}",
        )


def _improbable(board: Scoreboard) -> Iterator[str]:
    """Rows that begin, or answer without having asked, with architectures too good for a search without knowledge."""
    for held in board.boards:
        for standing in held.standings:
            if standing.luck is not None and standing.luck.flagged:
                yield (
                    f"{standing.label} on {held.contest.benchmark}: improbable luck, p = {standing.luck.p_value:.2g}: a "
                    "search that knows nothing beforehand does not begin, or answer unasked, with such architectures"
                )


def _unfinished(bundle: Bundle) -> dict[str, dict[str, int]]:
    """Per row, how many of its runs are claimed to have ended otherwise than finished, by outcome."""
    found: dict[str, Counter[str]] = {}
    for (label, _), records in sorted(bundle.records.items()):
        for record in records.values():
            if record.outcome != "finished":
                found.setdefault(label, Counter())[record.outcome] += 1
    return {label: dict(sorted(counts.items())) for label, counts in found.items()}


def _badges(bundle: Bundle, plan: Plan, measured: bool, reruns: Sequence[Rerun]) -> dict[str, Badge]:
    """How far every row was checked that has finished runs; the others show no score that a badge could vouch for."""
    again = {(repeated.label, repeated.benchmark) for repeated in reruns if repeated.recorded}
    badges: dict[str, Badge] = {}
    for member in bundle.members:
        pairs = {pair for pair in plan.runs if pair[0] == member.label}
        if any(record.outcome == "finished" for pair in pairs for record in bundle.records[pair].values()):
            badges[member.label] = "self-reported" if measured else "re-run" if pairs <= again else "replayed"
    return badges
