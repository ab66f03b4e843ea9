"""``nasbench show``: all that is known of one strategy."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import click

from nasbench_suite.cli.listing import load
from nasbench_suite.cli.options import json_option, plugins_option


@click.command("show")
@click.argument("name")
@plugins_option
@json_option
def describe(name: str, plugins_dir: Path | None, as_json: bool) -> None:
    """Show one strategy: parameters with defaults and meaning, paper, package.

    \b
    Example:
      nasbench show regularized-evolution
    """
    offered = load(plugins_dir).strategy(name)
    strategy, plugin = offered.strategy, offered.plugin
    text = inspect.getdoc(strategy.function) or ""
    found = {
        "name": name,
        "family": strategy.family,
        "summary": strategy.summary,
        "description": text.partition("Args:\n")[0].strip(),
        "paper": strategy.paper,
        "requires": sorted(strategy.requires),
        "tuning": strategy.tuning,
        "package": plugin.package,
        "plugin": plugin.name,
        "version": offered.version,
        "parameters": [
            {"name": parameter, "default": strategy.defaults[parameter], "meaning": meaning}
            for parameter, meaning in strategy.meanings.items()
        ],
    }
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    click.echo(f"{name} ({strategy.family})\n")
    click.echo(click.wrap_text(str(found["description"]) or "no description", 80, preserve_paragraphs=True) + "\n")
    click.echo(f"paper     {strategy.paper or 'none named'}")
    click.echo(f"requires  {', '.join(sorted(strategy.requires)) or 'nothing'}")
    click.echo(f"defaults  {strategy.tuning or 'as in the paper (no tuning is declared)'}")
    click.echo(f"package   {plugin.package}, version {offered.version}")
    if strategy.defaults:
        click.echo("\nparameters (-p name=value)")
    for parameter, meaning in strategy.meanings.items():
        click.echo(f"  {parameter}={json.dumps(strategy.defaults[parameter])}")
        click.echo(click.wrap_text(meaning or "the docstring does not say", 80, "      ", "      "))
