"""``nasbench publish``, ``verify``, ``merge``, ``compare`` and ``serve``."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nasbench_suite.cli.options import (
    files_options,
    json_option,
    output_option,
    plugins_option,
    store_option,
    wanted_files,
)
from nasbench_suite.errors import SuiteError, UsageError

if TYPE_CHECKING:
    from nasbench_suite.leaderboards.badges import Badge
    from nasbench_suite.plugins import Registry
    from nasbench_suite.publishing import Bundle, Changes, Limits, Verification

SHOWN = 20
"""So many findings are printed; ``--json`` has all."""

bundle_type = click.Path(path_type=Path, dir_okay=False)
jobs_option = click.option("--jobs", type=click.IntRange(1), help="Worker processes. [default: number of cores]")


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--bundle", type=bundle_type, help="File to write. [default: DIRECTORY/<comparison>.nasbench.zip]")
@store_option
@plugins_option
@json_option
def publish(directory: Path, bundle: Path | None, store: Path, plugins_dir: Path | None, as_json: bool) -> None:
    """Make a bundle that anyone can replay and verify.

    DIRECTORY is a leaderboard as run-all wrote it; its runs are taken from
    the store. The bundle holds every journal, what was compared, hashes,
    versions, and the source of plugins that are on no registry.

    \b
    Example:
      nasbench publish leaderboards/nas-bench-201
    """
    from nasbench_suite.harness import Store
    from nasbench_suite.publishing import publish as make
    from nasbench_suite.publishing import write_published
    from nasbench_suite.publishing.bundle import NOT_RUN, SUFFIX

    if not store.is_file():
        raise UsageError(f"store {store} does not exist; give the --store that has the leaderboard's runs")
    with Store(store, read_only=True) as results:
        made = make(directory, results, _registry(plugins_dir))
    folder = directory if directory.is_dir() else directory.parent
    path = write_published(made, bundle or folder / f"{made.comparison.name}{SUFFIX}")
    outcomes = [record.outcome for runs in made.records.values() for record in runs.values()]
    told = {
        "bundle": str(path),
        "bytes": path.stat().st_size,
        "sha256": _sha256(path),
        "rows": len(made.members),
        "benchmarks": len(made.sites),
        "runs": len(outcomes),
        "not run": outcomes.count(NOT_RUN),
        "answers": made.answers,
        "sources": sorted(made.sources),
    }
    if as_json:
        click.echo(json.dumps(told, indent=2))
        return
    click.echo(f"{path}: {_held(made)}, {told['bytes']:,} bytes")
    click.echo(f"sha256 {told['sha256']}")
    if made.sources:
        click.echo(f"with the source of plugins that are on no registry: {len(made.sources)} files")
    if told["not run"]:
        click.echo(f"warning: {told['not run']} runs are not in the store; their rows are not ranked", err=True)


@click.command()
@click.argument("bundle", type=bundle_type)
@click.option(
    "--rerun",
    "count",
    type=click.IntRange(0),
    default=0,
    metavar="K",
    help="Of every row on every benchmark run K recorded seeds again (they must give the same journals) and K fresh "
    "seeds drawn now (their scores must agree with the claimed ones).",
)
@click.option(
    "--relabelled",
    is_flag=True,
    help="With --rerun: run K fresh seeds with the options of the space permuted, too, so that what a strategy "
    "remembers of the table is worth nothing.",
)
@click.option(
    "--time-limit",
    type=click.FloatRange(0, min_open=True),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="Of each run that is done again; a bundle cannot raise it.",
)
@click.option(
    "--memory-limit",
    type=click.IntRange(1),
    default=4096,
    show_default=True,
    metavar="MIB",
    help="Of each run that is done again; a bundle cannot raise it.",
)
@click.option(
    "--sources",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the bundle's source files into this new directory, to be read; nothing is run.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the recomputed leaderboard, its rows with their badges, into <comparison>/ of this directory.",
)
@files_options
@jobs_option
@plugins_option
@json_option
def verify(
    bundle: Path,
    count: int,
    relabelled: bool,
    time_limit: float,
    memory_limit: int,
    sources: Path | None,
    output: Path | None,
    pictures: str | None,
    parquet: bool,
    jobs: int | None,
    plugins_dir: Path | None,
    as_json: bool,
) -> None:
    """Check a bundle, trusting nothing in it.

    Every recorded answer is asked for again from the hashed table; costs,
    budgets, incumbents, scores, ranks and the leaderboard are recomputed and
    compared with what is claimed. With --rerun strategies run again, those
    whose very code is installed here. Exit code 1 if anything differs.
    With --output the page and the tables show how far each row was checked.

    \b
    Examples:
      nasbench verify theirs.nasbench.zip
      nasbench verify theirs.nasbench.zip --rerun 5
      nasbench verify theirs.nasbench.zip --rerun 5 --output leaderboards
    """
    from nasbench_suite.leaderboards import write_leaderboard
    from nasbench_suite.publishing import Limits, read_bundle

    if (pictures or parquet) and output is None:
        raise UsageError("--pictures and --parquet need --output, a directory that they are written to")
    if relabelled and not count:
        raise UsageError("--relabelled needs --rerun K: how many fresh seeds are run")
    files = wanted_files(pictures, parquet)
    held = read_bundle(bundle)
    if sources is not None:
        _write_sources(held, sources)
    limits = Limits(time_limit, memory_limit)
    found = _verified(held, _registry(plugins_dir), count, jobs, plugins_dir, limits, relabelled)
    if as_json:
        click.echo(json.dumps({"bundle": str(bundle), "sha256": _sha256(bundle), **_plain(found)}, indent=2))
    else:
        click.echo(f"{bundle}: {_held(held)}")
        click.echo(f"sha256 {_sha256(bundle)}")
        _tell(found)
    if not found.passed:
        raise click.exceptions.Exit(1)
    if output is not None:
        if found.scoreboard is None:
            raise UsageError(
                f"{bundle}: there is no leaderboard to write: nothing could be recomputed, or its seeds may have been chosen "
                "and no fresh ones were run (--rerun K)"
            )
        directory = output / held.comparison.name
        write_leaderboard(found.scoreboard, directory, badges=found.badges, **files)
        click.echo(f"leaderboard with badges written to {directory}", err=True)


@click.command()
@click.argument("bundles", type=bundle_type, nargs=-1, required=True)
@click.option("--name", help="Name of the joined comparison. [default: that of the first]")
@click.option(
    "--rerun", "count", type=click.IntRange(0), default=0, metavar="K", help="As of verify, for every bundle."
)
@output_option
@files_options
@jobs_option
@plugins_option
@json_option
def merge(
    bundles: tuple[Path, ...],
    name: str | None,
    count: int,
    output: Path,
    pictures: str | None,
    parquet: bool,
    jobs: int | None,
    plugins_dir: Path | None,
    as_json: bool,
) -> None:
    """Join BUNDLES of one comparison into one leaderboard.

    Each is verified first. Rows may come from different people, and so may
    the seeds of a row. What does not match (another budget, table, protocol,
    or version of a strategy) is refused, and the difference is named.

    \b
    Example:
      nasbench merge ours.nasbench.zip theirs.nasbench.zip --name joined
    """
    from nasbench_suite.leaderboards import write_leaderboard
    from nasbench_suite.leaderboards.badges import BADGES
    from nasbench_suite.publishing import merge as join
    from nasbench_suite.publishing import read_bundle, write_published
    from nasbench_suite.publishing.bundle import SUFFIX

    files = wanted_files(pictures, parquet)
    if len(set(bundles)) < max(2, len(bundles)):
        raise UsageError("give at least two different bundles")
    registry = _registry(plugins_dir)
    held: dict[str, Bundle] = {}
    badges: dict[str, Badge] = {}
    for path in bundles:
        bundle = held[str(path)] = read_bundle(path)
        found = _verified(bundle, registry, count, jobs, plugins_dir)
        if not found.passed:
            more = f" (and {len(found.findings) - 1} more)" if len(found.findings) > 1 else ""
            raise UsageError(f"{path} is refused: {found.findings[0]}{more}; see nasbench verify {path}")
        for label, badge in found.badges.items():
            badges[label] = min(badges.get(label, badge), badge, key=BADGES.index)
    joined, board = join(held, registry, name)
    directory = output / joined.comparison.name
    written = write_leaderboard(board, directory, badges=badges, **files)
    path = write_published(joined, directory / f"{joined.comparison.name}{SUFFIX}")
    if as_json:
        told = {"leaderboard": str(written[0].parent), "bundle": str(path), "badges": badges}
        click.echo(json.dumps(told, indent=2))
        return
    click.echo(f"{len(held)} bundles joined: {_held(joined)}")
    for label, badge in sorted(badges.items()):
        click.echo(f"  {label}: {badge}")
    click.echo(f"leaderboard and bundle written to {directory}", err=True)


@click.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option(
    "--row",
    "rows",
    multiple=True,
    metavar="OLD=NEW",
    help="Put this row of OLD beside that one of NEW (may be repeated). [default: every row beside its namesake]",
)
@click.option("--strategy", "only", multiple=True, help="Only this row (may be repeated).")
@click.option(
    "--level",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.05,
    show_default=True,
    help="Of significance, over all tests together.",
)
@click.option(
    "--fail-on",
    type=click.Choice(["worse", "change", "never"]),
    default="worse",
    show_default=True,
    help="When to exit with code 1: a row is significantly worse or lost its place; any score changed; never.",
)
@json_option
def compare(
    old: Path, new: Path, rows: tuple[str, ...], only: tuple[str, ...], level: float, fail_on: str, as_json: bool
) -> None:
    """Say what changed from one leaderboard to another, and if it matters.

    OLD and NEW are directories of leaderboards, leaderboard.json files, or
    bundles. Scores are compared over paired seeds: Wilcoxon's signed-rank
    test, corrected by Holm. Exit code: 0 nothing got worse, 1 something did
    (see --fail-on), 2 the two cannot be compared.

    \b
    Examples:
      nasbench compare before/my-comparison after/my-comparison
      nasbench compare leaderboards/x leaderboards/x --row old-version=my-strategy
    """
    from nasbench_suite.publishing import compare as changes_between

    pairs = []
    for row in rows:
        first, equals, second = row.partition("=")
        if not (first and equals and second):
            raise UsageError(f"--row {row!r}: expected OLD=NEW")
        pairs.append((first, second))
    try:
        found = changes_between(_leaderboard_text(old), _leaderboard_text(new), rows=pairs, only=only, level=level)
    except SuiteError as error:
        raise UsageError(str(error)) from None
    if as_json:
        click.echo(json.dumps(_plain_changes(found), indent=2))
    else:
        _tell_changes(found)
    changed = bool(set(found.counts) - {"same"})
    if (fail_on == "worse" and found.worse) or (fail_on == "change" and changed):
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), default=Path("leaderboards"))
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one.")
def serve(directory: Path, port: int) -> None:
    """Show the leaderboards of DIRECTORY on a local page, until stopped.

    Only this machine can see it, and it can change nothing.

    \b
    Example:
      nasbench serve leaderboards
    """
    from nasbench_suite.publishing import make_server

    with make_server(directory, port) as server:
        click.echo(f"http://localhost:{server.server_address[1]}/ (stop with Ctrl-C)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo("stopped", err=True)


def _registry(plugins_dir: Path | None) -> Registry:
    from nasbench_suite.plugins import load_registry

    registry = load_registry(plugins_dir)
    for problem in registry.problems:
        click.echo(f"warning: {problem}", err=True)
    return registry


def _verified(
    bundle: Bundle,
    registry: Registry,
    count: int,
    jobs: int | None,
    plugins_dir: Path | None,
    limits: Limits | None = None,
    relabelled: bool = False,
) -> Verification:
    from nasbench_suite.harness import LocalExecutor
    from nasbench_suite.publishing import LIMITS
    from nasbench_suite.publishing import verify as check

    if not count:
        return check(bundle, registry)
    with LocalExecutor(jobs or os.cpu_count() or 1, plugins_dir) as executor:
        return check(bundle, registry, count=count, executor=executor, limits=limits or LIMITS, relabelled=relabelled)


def _sha256(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def _held(bundle: Bundle) -> str:
    """What a bundle holds, in words."""
    comparison = bundle.comparison
    return (
        f"comparison {comparison.name}, {len(bundle.members)} rows × {len(bundle.sites)} benchmarks × "
        f"{len(comparison.seeds)} seeds, {bundle.answers:,} answers"
    )


def _write_sources(bundle: Bundle, directory: Path) -> None:
    """Write a bundle's sources below a directory that does not exist yet; their names were checked when it was read."""
    try:
        directory.mkdir(parents=True)
        for name, content in bundle.sources.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    except FileExistsError:
        raise UsageError(f"{directory} is there already; choose a new directory for the sources") from None
    except OSError as error:
        shutil.rmtree(directory, ignore_errors=True)
        raise UsageError(f"{directory} cannot be written: {error.strerror or error}") from None
    click.echo(f"{len(bundle.sources)} source files written to {directory}", err=True)


def _plain(found: Verification) -> dict[str, Any]:
    return {
        "passed": found.passed,
        "replayed": found.replayed,
        "badges": dict(found.badges),
        "unfinished": {label: dict(counts) for label, counts in found.unfinished.items()},
        "findings": [{"where": finding.where, "what": finding.what} for finding in found.findings],
        "notes": list(found.notes),
        "reruns": [
            {
                "row": repeated.label,
                "benchmark": repeated.benchmark,
                "recorded": list(repeated.recorded),
                "fresh": list(repeated.fresh),
                "claimed_mean": _known(repeated.claimed_mean),
                "fresh_mean": _known(repeated.fresh_mean),
                "p_value": _known(repeated.p_value),
            }
            for repeated in found.reruns
        ],
    }


def _known(value: float) -> float | None:
    return None if value != value else value


def _tell(found: Verification) -> None:
    if found.replayed:
        click.echo(f"replayed {found.replayed:,} answers against the tables of this machine")
    for repeated in found.reruns:
        line = f"{repeated.label} on {repeated.benchmark}: {len(repeated.recorded)} recorded seeds run again"
        if repeated.fresh:
            line += (
                f"; {len(repeated.fresh)} fresh seeds have a mean of {repeated.fresh_mean:.4f}, claimed "
                f"{repeated.claimed_mean:.4f} (p = {repeated.p_value:.2g})"
            )
        click.echo(line)
    for note in found.notes:
        click.echo(f"note: {note}")
    for finding in found.findings[:SHOWN]:
        click.echo(str(finding))
    if len(found.findings) > SHOWN:
        click.echo(f"and {len(found.findings) - SHOWN} more (see --json)")
    if found.passed:
        for label in sorted({*found.badges, *found.unfinished}):
            click.echo(f"  {label}: {', '.join(_standing(found, label))}")
        click.echo(
            "verified: all that can be checked is as claimed" if found.unfinished else "verified: all is as claimed"
        )
    else:
        click.echo(f"refused: {len(found.findings)} findings")


def _standing(found: Verification, label: str) -> list[str]:
    """How far a row was checked, and how many of its runs are said not to have finished, which nobody can check."""
    said = [found.badges.get(label, "nothing of it could be checked")]
    if counts := found.unfinished.get(label):
        many = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        said.append(f"{sum(counts.values())} runs claimed and not checked: {many}")
    return said


def _leaderboard_text(path: Path) -> str:
    """The text of a leaderboard's document, from a directory, a file or a bundle."""
    from nasbench_suite.publishing import read_bundle
    from nasbench_suite.publishing.publish import read_leaderboard

    return read_bundle(path).leaderboard if path.suffix == ".zip" else read_leaderboard(path)


def _plain_changes(found: Changes) -> dict[str, Any]:
    return {
        "worse": found.worse,
        "counts": dict(sorted(found.counts.items())),
        "level": found.level,
        "protocol": list(found.protocol),
        "changes": [
            {
                "row": change.label,
                "benchmark": change.benchmark,
                "verdict": change.verdict,
                "old": change.old,
                "new": change.new,
                "p_value": change.p_value,
                "effect": change.effect,
                "n": change.n,
                "places": list(change.places),
                "versions": list(change.versions),
            }
            for change in found.changes
        ],
    }


def _tell_changes(found: Changes) -> None:
    from rich.table import Table

    from nasbench_suite.cli.show import show

    by_benchmark: dict[str, list[Sequence[str]]] = {}
    for change in found.changes:
        tested = "" if change.p_value is None else f"{change.p_value:.2g}"
        old, new = ("" if value is None else f"{100 * value:.3f}" for value in (change.old, change.new))
        places = " → ".join(place or "–" for place in change.places)
        by_benchmark.setdefault(change.benchmark, []).append((change.label, old, new, places, tested, change.verdict))
    for benchmark, rows in by_benchmark.items():
        table = Table(title=benchmark, title_justify="left", box=None, pad_edge=False)
        for heading in ("row", "old %", "new %", "place", "p (Holm)", "verdict"):
            table.add_column(heading, justify="left" if heading in ("row", "verdict") else "right", overflow="fold")
        for row in rows:
            table.add_row(*row)
        show(table)
        click.echo()
    changed: Mapping[str, tuple[str, str]] = {change.label: change.versions for change in found.changes}
    for label, (before, after) in changed.items():
        if before != after and before and after:
            click.echo(f"{label}: version {before} → {after}")
    for line in found.protocol:
        click.echo(f"note: {line}")
    click.echo(", ".join(f"{count} {verdict}" for verdict, count in sorted(found.counts.items())))
