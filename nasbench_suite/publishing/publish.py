"""From a leaderboard and the store of its runs to a bundle."""

from __future__ import annotations

import importlib
import json
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath
from typing import Any

from nasbench_suite.comparisons import Comparison, Entry, Task, read_written
from nasbench_suite.errors import BundleError, ComparisonError, ScoringError
from nasbench_suite.harness import Plan, Result, Row, Store, make_plan, with_scores
from nasbench_suite.leaderboards import render_json
from nasbench_suite.leaderboards.document import FORMAT
from nasbench_suite.plugins import BUILT_IN, Registry
from nasbench_suite.publishing.bundle import NOT_RUN, Bundle, Member, Record, Site, digest, this_suite, write_bundle
from nasbench_suite.publishing.differences import differences
from nasbench_suite.publishing.fields import parse_json
from nasbench_suite.publishing.reading import read_bundle
from nasbench_suite.scoring import score, trace
from nasbench_suite.search.budget import Budget
from nasbench_suite.search.journal import Event
from nasbench_suite.spaces import Architecture

SOURCE_BYTES = 4 * 2**20
"""The source of one plugin may not be larger; a plugin that is belongs on a registry."""


def publish(directory: Path, store: Store, registry: Registry) -> Bundle:
    """Make the bundle of a leaderboard.

    Args:
        directory: with the ``leaderboard.json`` to be published.
        store: with its runs.
        registry: with its strategies and benchmarks.

    Raises:
        BundleError: the file is no leaderboard, or not what the store's runs give today.
        SuiteError: strategies or benchmarks that are not installed.
    """
    text = read_leaderboard(directory)
    comparison = comparison_of(parse_json(text, "leaderboard.json"), registry)
    check_seeds(comparison.seeds)
    plan = with_scores(make_plan(comparison, registry), store)
    results = store.results(run.id for run in plan.all_runs)
    return make_bundle(plan, results, text)


def make_bundle(plan: Plan, results: Mapping[str, Result], leaderboard: str) -> Bundle:
    """Make a bundle of runs whose leaderboard is known.

    Args:
        plan: what was compared.
        results: run id -> result.
        leaderboard: the text of ``leaderboard.json``.

    Raises:
        BundleError: a leaderboard that these runs do not give.
    """
    recomputed = json.loads(render_json(score(plan, results)))
    if found := next(differences(parse_json(leaderboard, "leaderboard.json"), recomputed, plan.comparison.seeds), None):
        raise BundleError(
            f"the leaderboard is not what the store's runs give ({found}); write it again with nasbench leaderboard"
        )
    sources: dict[str, bytes] = {}
    members = []
    for row in plan.rows:
        own, files = _sources(row)
        sources |= files
        members.append(_member(row, own))
    records = {
        pair: {run.seed: _record(plan, results.get(run.id), run.id, pair[1]) for run in runs}
        for pair, runs in plan.runs.items()
    }
    sites = tuple(
        Site(
            benchmark.name,
            benchmark.identity,
            tuple(benchmark.fidelities),
            benchmark.space.name,
            benchmark.currency,
            dict(benchmark.provenance),
        )
        for benchmark in plan.benchmarks.values()
    )
    environment = this_environment(row.offered.plugin.package for row in plan.rows)
    entries = tuple(Entry(member.label, member.strategy, member.parameters) for member in members)
    comparison = replace(plan.comparison, entries=entries)
    return Bundle(comparison, this_suite(), tuple(members), sites, records, leaderboard, (environment,), sources)


def write_published(bundle: Bundle, path: Path) -> Path:
    """Write a bundle for others, and read it back: what nobody could read is not left behind.

    Raises:
        BundleError: a place that cannot be written, or what no reader of bundles accepts, with the place.
    """
    unread = write_bundle(bundle, path.with_name(f"{path.name}.unread"))
    try:
        read_bundle(unread)
        return unread.replace(path)
    except BundleError as error:
        raise BundleError(f"this leaderboard cannot be published, since no reader would accept it: {error}") from None
    except OSError as error:
        raise BundleError(f"bundle {path} cannot be written: {error.strerror or error}") from None
    finally:
        unread.unlink(missing_ok=True)


def read_leaderboard(directory: Path) -> str:
    """The text of ``leaderboard.json`` in a directory, or of the file itself.

    Raises:
        BundleError: it cannot be read.
    """
    path = directory / "leaderboard.json" if directory.is_dir() else directory
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise BundleError(f"leaderboard {path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise BundleError(f"leaderboard {path} is not UTF-8") from None


def comparison_of(document: Any, registry: Registry) -> Comparison:
    """The comparison that a leaderboard's document names, every strategy an entry of its own.

    Raises:
        BundleError: no document of a leaderboard, or a strategy that was changed since.
    """
    try:
        if document["format"] != FORMAT:
            raise BundleError(f"leaderboard.json has format {document['format']!r}, this release has {FORMAT}")
        held = document["comparison"]
        for row in document["strategies"]:
            version = registry.strategy(row["strategy"]).version
            if version != row["version"]:
                raise BundleError(
                    f"strategy {row['strategy']!r} is {version} here and {row['version']} in the leaderboard; "
                    "run the comparison again"
                )
        tasks = tuple(
            Task(board["name"], Budget(board["budget"]["amount"], board["budget"]["unit"]))
            for board in document["benchmarks"]
        )
        entries = tuple(Entry(row["label"], row["strategy"], row["parameters"]) for row in document["strategies"])
        return read_written(held, entries, tasks)
    except (KeyError, TypeError, AttributeError, ComparisonError) as error:
        raise BundleError(f"leaderboard.json is no leaderboard of this suite (near {error})") from None


def check_seeds(seeds: Sequence[int]) -> None:
    """Refuse seeds with a gap: nobody could see which were left out because they did badly.

    Raises:
        BundleError: seeds that are not one after the other.
    """
    held = set(seeds)
    if max(held) - min(held) >= len(held):
        gap = next(seed for seed in range(min(held), max(held)) if seed not in held)
        raise BundleError(
            f"seed {gap} is left out between {min(seeds)} and {max(seeds)}; the seeds of a published comparison "
            "follow one another"
        )


def _member(row: Row, sources: tuple[str, ...]) -> Member:
    strategy, plugin = row.offered.strategy, row.offered.plugin
    return Member(
        row.label,
        strategy.name,
        dict(row.parameters),
        row.offered.version,
        strategy.family,
        strategy.paper,
        strategy.summary,
        strategy.tuning,
        strategy.requires,
        dict(strategy.defaults),
        Path(plugin.package).name if plugin.origin == "file" else plugin.package,
        plugin.origin,
        0,
        sources,
        strategy.step,
        strategy.prior,
        row.offered.api,
    )


def _record(plan: Plan, result: Result | None, run: str, benchmark: str) -> Record:
    if result is None:
        return Record(run, NOT_RUN, digest=digest(()))
    spent, answer = outcome_of(result.journal, result.run.budget, plan.benchmarks[benchmark].fidelities[-1])
    return Record(
        run,
        result.outcome,
        result.reason,
        result.journal,
        result.own_seconds,
        result.wall_seconds,
        result.cpu_seconds,
        spent,
        answer,
        digest(result.journal),
    )


def outcome_of(journal: Sequence[Event], budget: Budget, full_epochs: int) -> tuple[float, Architecture | None]:
    """What a journal spent and its incumbent at the end; nothing of a journal that breaks its budget."""
    try:
        curve = trace(journal, budget, full_epochs)
    except ScoringError:
        return 0.0, None
    return curve.spent, curve.incumbents[-1] if curve.incumbents else None


def this_environment(packages: Iterable[str] = ()) -> dict[str, Any]:
    """Python, platform, and the versions of the suite, of these packages, and of all that they need."""
    versions: dict[str, str] = {}
    waiting = [BUILT_IN, *packages]
    while waiting:
        try:
            found = distribution(waiting.pop())
        except (PackageNotFoundError, ValueError):
            continue
        name = re.sub(r"[-_.]+", "-", found.name).lower()
        if name not in versions:
            versions[name] = found.version
            needs = [need for need in found.requires or () if "extra ==" not in need]
            waiting += [re.split(r"[^A-Za-z0-9._-]", need, maxsplit=1)[0] for need in needs]
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": f"{platform.system()} {platform.machine()}",
        "packages": dict(sorted(versions.items())),
    }


def _sources(row: Row) -> tuple[tuple[str, ...], dict[str, bytes]]:
    """The files that the version of a row is a hash of, in their order, and all files of its plugin by their names.

    None if its package came from a registry, where everybody finds it.
    """
    plugin = row.offered.plugin
    made = row.offered.sources.own
    if plugin.origin == "package" and _from_registry(plugin.package):
        return (), {}
    paths = [file.path for file in made if file.path is not None]
    if not paths or len(paths) < len(made):  # nothing, or something inside an archive
        return (), {}
    if plugin.origin == "file":
        root, folder = Path(plugin.package).parent, _safe(Path(plugin.package).stem)
        files = paths
    else:
        top = importlib.import_module(re.split("[./]", made[0].name)[0])
        start = Path(top.__file__ or paths[0])
        package = start.name == "__init__.py"
        root, folder = (start.parent.parent if package else start.parent), _safe(plugin.package)
        files = sorted({*start.parent.rglob("*.py"), *paths}) if package else paths

    def name_of(path: Path) -> str:
        inside = path.relative_to(root) if path.is_relative_to(root) else Path(path.name)
        return f"sources/{folder}/{PurePosixPath(*map(_safe, inside.parts))}"

    found = {name_of(path): path.read_bytes() for path in files}
    if sum(map(len, found.values())) > SOURCE_BYTES:
        raise BundleError(
            f"plugin {plugin.package!r} is on no registry and its source is larger than {SOURCE_BYTES // 2**20} MiB"
        )
    return tuple(map(name_of, paths)), found


def _from_registry(package: str) -> bool:
    """Whether a package was installed from a registry, and not from a path or a repository."""
    try:
        return distribution(package).read_text("direct_url.json") is None
    except (PackageNotFoundError, ValueError):
        return False


def _safe(name: str) -> str:
    """A name of the characters that a bundle allows."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name).lstrip(".-") or "_"
