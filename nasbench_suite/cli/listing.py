"""``nasbench list`` and ``nasbench query``: what there is, and what a benchmark says of one architecture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nasbench_suite.cli.options import json_option, plugins_option

if TYPE_CHECKING:
    from nasbench_suite.plugins import Registry


@click.group("list")
def list_group() -> None:
    """List what there is to compare, and where it comes from."""


@list_group.command()
@plugins_option
@json_option
def strategies(plugins_dir: Path | None, as_json: bool) -> None:
    """Strategies with family, requirements, package and paper.

    \b
    Example:
      nasbench list strategies --json
    """
    registry = load(plugins_dir)
    rows = [
        {
            "name": name,
            "family": offered.strategy.family,
            "requires": sorted(offered.strategy.requires),
            "package": offered.plugin.package,
            "version": offered.version,
            "paper": offered.strategy.paper,
            "summary": offered.strategy.summary,
            "parameters": dict(offered.strategy.defaults),
        }
        for name, offered in sorted(registry.strategies.items())
    ]
    _show(rows, ("name", "family", "requires", "package"), as_json)


@list_group.command()
@plugins_option
@json_option
def benchmarks(plugins_dir: Path | None, as_json: bool) -> None:
    """Benchmarks, and whether they can be opened here.

    \b
    Example:
      nasbench list benchmarks
    """
    from nasbench_suite.errors import SuiteError

    registry = load(plugins_dir)
    rows: list[dict[str, Any]] = []
    for name in sorted(registry.benchmarks):
        try:
            benchmark = registry.benchmark(name)
        except SuiteError as error:
            rows.append(
                {"name": name, "space": "", "epochs": [], "offers": [], "state": "not here", "reason": str(error)}
            )
            continue
        own = sorted(benchmark.capabilities - benchmark.space.capabilities)
        rows.append(
            {
                "name": name,
                "space": benchmark.space.name,
                "epochs": list(benchmark.fidelities),
                "offers": own,
                "state": f"ready, {measured}" if (measured := benchmark.provenance.get("measured")) else "ready",
                "provenance": dict(benchmark.provenance),
            }
        )
    _show(rows, ("name", "space", "epochs", "state"), as_json)
    if not as_json:
        for reason in dict.fromkeys(row["reason"] for row in rows if "reason" in row):
            click.echo(reason, err=True)


@list_group.command()
@plugins_option
@json_option
def spaces(plugins_dir: Path | None, as_json: bool) -> None:
    """Search spaces with their decisions and size.

    \b
    Example:
      nasbench list spaces
    """
    from nasbench_suite.errors import SuiteError

    registry = load(plugins_dir)
    rows = []
    for name in sorted(registry.spaces):
        try:
            space = registry.space(name)
        except SuiteError as error:
            click.echo(f"warning: {error}", err=True)
            continue
        rows.append(
            {
                "name": name,
                "architectures": space.size,
                "decisions": len(space.decisions),
                "offers": sorted(space.capabilities),
                "encodings": list(space.encodings),
                "options": {decision.name: list(decision.options) for decision in space.decisions},
            }
        )
    _show(rows, ("name", "architectures", "decisions", "offers"), as_json)


@list_group.command()
@plugins_option
@json_option
def builders(plugins_dir: Path | None, as_json: bool) -> None:
    """Network builders: what makes a network of an architecture.

    \b
    Example:
      nasbench list builders
    """
    _show_added("builders", plugins_dir, as_json)


@list_group.command()
@plugins_option
@json_option
def tasks(plugins_dir: Path | None, as_json: bool) -> None:
    """Tasks: what networks learn.

    \b
    Example:
      nasbench list tasks
    """
    _show_added("tasks", plugins_dir, as_json)


@list_group.command()
@plugins_option
@json_option
def goals(plugins_dir: Path | None, as_json: bool) -> None:
    """Goals: what a training minimizes, and what is measured.

    \b
    Example:
      nasbench list goals
    """
    _show_added("goals", plugins_dir, as_json)


@list_group.command()
@plugins_option
@json_option
def engines(plugins_dir: Path | None, as_json: bool) -> None:
    """Engines: what executes runs.

    \b
    Example:
      nasbench list engines
    """
    _show_added("engines", plugins_dir, as_json)


def _show_added(kind: str, plugins_dir: Path | None, as_json: bool) -> None:
    """The names of one kind, and the package that each comes from."""
    registry = load(plugins_dir)
    homes = {name: plugin.package for plugin in registry.plugins for name in plugin.adds.get(kind, ())}
    rows = [{"name": name, "package": homes.get(name, "nasbench-suite")} for name in sorted(getattr(registry, kind))]
    _show(rows, ("name", "package"), as_json)


@list_group.command()
@plugins_option
@json_option
def plugins(plugins_dir: Path | None, as_json: bool) -> None:
    """Plugins with version, origin, what each adds, and what is wrong with it.

    \b
    Example:
      nasbench list plugins --plugins-dir my-plugins
    """
    registry = load(plugins_dir, warn=False)
    rows = [
        {
            "name": plugin.name,
            "version": plugin.version,
            "origin": plugin.package,
            "adds": [f"{len(names)} {kind}" for kind, names in plugin.adds.items()],
            "names": {kind: list(names) for kind, names in plugin.adds.items()},
            "problem": plugin.problem,
        }
        for plugin in registry.plugins
    ]
    _show(rows, ("name", "version", "origin", "adds"), as_json)
    if not as_json:
        for problem in registry.problems:
            click.echo(f"warning: {problem}", err=True)


@click.command()
@click.argument("benchmark")
@click.argument("architecture")
@click.option("--epochs", type=int, help="The fidelity. [default: the full training]")
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Run seed whose training seed answers."
)
@plugins_option
@json_option
def query(
    benchmark: str, architecture: str, epochs: int | None, seed: int, plugins_dir: Path | None, as_json: bool
) -> None:
    """Tell what a BENCHMARK says of one ARCHITECTURE.

    ARCHITECTURE is the space's own text, its index, or option numbers
    joined by commas.

    \b
    Examples:
      nasbench query nas-bench-201/cifar10 3,3,2,1,3,3
      nasbench query nas-bench-201/cifar100 1462 --json
    """
    opened = load(plugins_dir).benchmark(benchmark)
    space = opened.space
    if architecture.isdecimal():
        options = space.architecture(int(architecture))
    elif architecture.replace(",", "").replace(" ", "").isdecimal():
        options = space.check([int(part) for part in architecture.split(",")])
    else:
        options = space.parse(architecture)
    asked = opened.fidelities[-1] if epochs is None else epochs
    _, accuracy, cost = opened.answers(seed).ask(options, asked, asked, 0)
    found: dict[str, Any] = {
        "benchmark": benchmark,
        "architecture": space.format(options),
        "options": list(options),
        "index": space.index(options),
        "epochs": asked,
        "run seed": seed,
        "signal accuracy": accuracy,
        "cost in seconds": cost,
        "scores": {name: scores.of(options) for name, scores in opened.scores().items()},
        "best scores": {name: scores.best for name, scores in opened.scores().items()},
        "provenance": dict(opened.provenance),
    }
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    click.echo(found["architecture"])
    click.echo(f"index {found['index']}, options {','.join(map(str, options))}, {space.name}")
    click.echo(f"signal  {accuracy:.4%} after {asked} epochs, {cost:,.1f} s (run seed {seed})")
    for name, value in found["scores"].items():
        best = found["best scores"][name]
        click.echo(f"score   {value:.4%} {name}" + (f" (best in table {best:.4%})" if best is not None else ""))
    for key in ("signal", *(f"score {name}" for name in found["scores"])):
        if key in opened.provenance:
            click.echo(f"{key}: {opened.provenance[key]}")


def load(plugins_dir: Path | None, warn: bool = True) -> Registry:
    """The plugins' offers; what is wrong with a plugin is told on stderr."""
    from nasbench_suite.plugins import load_registry

    registry = load_registry(plugins_dir)
    if warn:
        for problem in registry.problems:
            click.echo(f"warning: {problem}", err=True)
    return registry


def _show(rows: list[dict[str, Any]], columns: tuple[str, ...], as_json: bool) -> None:
    """Rows as JSON (all fields) or as a table (these columns)."""
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    from rich.table import Table

    from nasbench_suite.cli.show import show

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column == "name")
    for row in rows:
        table.add_row(*(_cell(row[column]) for column in columns))
    show(table)


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "–"
    return f"{value:,}" if isinstance(value, int) else str(value)
