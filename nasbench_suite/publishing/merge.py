"""Joining bundles of the same comparison from different people into one, and refusing what does not match."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from nasbench_suite.comparisons import Comparison, Entry
from nasbench_suite.errors import BundleError
from nasbench_suite.harness import Plan, Result
from nasbench_suite.leaderboards import render_json
from nasbench_suite.plugins import Registry
from nasbench_suite.publishing.bundle import NOT_RUN, Bundle, Member, Record, this_suite
from nasbench_suite.publishing.publish import check_seeds
from nasbench_suite.publishing.verify import Finding, plan_of
from nasbench_suite.scoring import Scoreboard, score


def merge(bundles: Mapping[str, Bundle], registry: Registry, name: str | None = None) -> tuple[Bundle, Scoreboard]:
    """Join bundles that were verified one by one.

    Rows may come from different bundles; so may the seeds of a row, if in the end every row has every seed.

    Args:
        bundles: what each is called in messages (its file) -> bundle; at least two.
        registry: with the benchmarks.
        name: of the joined comparison; by default that of the first.

    Returns:
        The joined bundle and its scoreboard.

    Raises:
        BundleError: what does not match, with every difference.
    """
    if len(bundles) < 2:
        raise BundleError("merging takes at least two bundles")
    (first_name, first), *others = bundles.items()
    wrong = [what for other_name, other in others for what in _unlike(first_name, first, other_name, other)]
    members: dict[str, tuple[str, Member]] = {}
    for bundle_name, bundle in bundles.items():
        for member in bundle.members:
            held_by, held = members.setdefault(member.label, (bundle_name, member))
            wrong += _other_row(held_by, held, bundle_name, member)
    if wrong:
        raise BundleError("these bundles are not of the same comparison: " + "; ".join(wrong))
    records: dict[tuple[str, str], dict[int, Record]] = {}
    for bundle_name, bundle in bundles.items():
        for pair, runs in bundle.records.items():
            wrong += _join(records.setdefault(pair, {}), runs, pair, bundle_name)
    seeds = tuple(sorted({seed for bundle in bundles.values() for seed in bundle.comparison.seeds}))
    for pair, runs in records.items():
        if lacking := [seed for seed in seeds if seed not in runs]:
            wrong.append(f"{pair[0]} on {pair[1]} has no seed {lacking[0]}, which other rows have")
    if wrong:
        raise BundleError("these bundles cannot be joined: " + "; ".join(wrong))
    check_seeds(seeds)
    joined = _joined(bundles, dict(sorted(members.items())), records, seeds, name)
    findings: list[Finding] = []
    plan = plan_of(joined, registry, findings)
    if plan is None:
        raise BundleError("; ".join(map(str, findings)))
    board = score(plan, results_of(joined, plan))
    return replace(joined, leaderboard=render_json(board)), board


def results_of(bundle: Bundle, plan: Plan) -> dict[str, Result]:
    """The runs of a verified bundle as scoring takes them."""
    found = {}
    for pair, runs in plan.runs.items():
        for run in runs:
            record = bundle.records[pair][run.seed]
            if record.outcome != NOT_RUN:
                found[run.id] = Result(
                    run,
                    record.outcome,  # type: ignore[arg-type]  # one of the outcomes, see read_bundle
                    record.reason,
                    record.journal,
                    record.own_seconds,
                    record.wall_seconds,
                    record.cpu_seconds,
                )
    return found


def _unlike(first_name: str, first: Bundle, other_name: str, other: Bundle) -> Iterator[str]:
    """Every difference between two bundles that keeps their rows from being ranked together."""

    def told(what: str, ours: object, theirs: object) -> str:
        return f"{what} is {ours} in {first_name} and {theirs} in {other_name}"

    if first.suite["api"] != other.suite["api"]:
        yield told("the plugin API", first.suite["api"], other.suite["api"])
    for what in ("time_limit", "memory_limit", "recommend"):
        ours, theirs = getattr(first.comparison, what), getattr(other.comparison, what)
        if ours != theirs:
            yield told("the " + what.replace("_", " "), ours, theirs)
    budgets, other_budgets = _budgets(first.comparison), _budgets(other.comparison)
    for name in [*budgets, *(name for name in other_budgets if name not in budgets)]:
        if name not in budgets or name not in other_budgets:
            here, lacks = (first_name, other_name) if name in budgets else (other_name, first_name)
            yield f"benchmark {name} is in {here} and not in {lacks}"
        elif budgets[name] != other_budgets[name]:
            yield told(f"the budget on {name}", budgets[name], other_budgets[name])
    sites = {site.name: site for site in first.sites}
    for site in other.sites:
        held = sites.get(site.name, site)
        for what in ("identity", "fidelities", "space", "currency"):
            if getattr(held, what) != getattr(site, what):
                yield told(f"the {what} of {site.name}", getattr(held, what), getattr(site, what))
        for key in sorted(set(held.provenance) | set(site.provenance)):
            if held.provenance.get(key) != site.provenance.get(key):
                yield told(f"{key} of {site.name}", held.provenance.get(key), site.provenance.get(key))


def _budgets(comparison: Comparison) -> dict[str, str]:
    return {task.benchmark: f"{task.budget.amount:g} {task.budget.unit}" for task in comparison.tasks}


def _other_row(first_name: str, first: Member, other_name: str, other: Member) -> Iterator[str]:
    for what in ("strategy", "version", "parameters"):
        ours, theirs = getattr(first, what), getattr(other, what)
        if ours != theirs:
            yield f"row {first.label}: {what} is {_plain(ours)} in {first_name} and {_plain(theirs)} in {other_name}"


def _plain(value: Any) -> str:
    return ", ".join(f"{k}={v}" for k, v in sorted(value.items())) if isinstance(value, Mapping) else str(value)


def _join(held: dict[int, Record], runs: Mapping[int, Record], pair: tuple[str, str], name: str) -> Iterator[str]:
    """Add runs; one that is there already must be the same run with the same journal."""
    for seed, record in runs.items():
        known = held.get(seed)
        if known is None or known.outcome == NOT_RUN:
            held[seed] = record
        elif record.outcome != NOT_RUN and (known.outcome, known.digest) != (record.outcome, record.digest):
            yield f"{pair[0]} on {pair[1]}, seed {seed}: {name} has another journal than the bundles before it"


def _joined(
    bundles: Mapping[str, Bundle],
    members: Mapping[str, tuple[str, Member]],
    records: Mapping[tuple[str, str], Mapping[int, Record]],
    seeds: Sequence[int],
    name: str | None,
) -> Bundle:
    first = next(iter(bundles.values()))
    environments: list[Mapping[str, Any]] = []
    sources: dict[str, bytes] = {}
    rows = []
    for number, (bundle_name, member) in enumerate(members.values()):
        bundle = bundles[bundle_name]
        environment = bundle.environments[member.environment]
        if environment not in environments:
            environments.append(environment)
        # Two people may have one plugin in different versions: then each has a folder of its own.
        folders = {source.split("/")[1] for source in member.sources}
        mine = {source: text for source, text in bundle.sources.items() if source.split("/")[1] in folders}
        clash = any(sources.get(source, text) != text for source, text in mine.items())
        names = {source: _apart(source, number) if clash else source for source in mine}
        sources |= {names[source]: text for source, text in mine.items()}
        rows.append(
            replace(
                member,
                environment=environments.index(environment),
                sources=tuple(names[source] for source in member.sources),
            )
        )
    comparison = replace(
        first.comparison,
        name=name or first.comparison.name,
        seeds=tuple(seeds),
        entries=tuple(Entry(row.label, row.strategy, row.parameters) for row in rows),
    )
    return Bundle(comparison, this_suite(), tuple(rows), first.sites, records, "", tuple(environments), sources)


def _apart(source: str, number: int) -> str:
    """Another name for a source file that two people have in different versions."""
    head, _, rest = source.partition("/")
    return f"{head}/row{number}.{rest}"
