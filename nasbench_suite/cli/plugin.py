"""``nasbench plugin new`` and ``nasbench plugin check``: beginning a plugin, and telling whether it keeps the rules."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from nasbench_suite.cli.options import json_option


@click.group()
def plugin() -> None:
    """Begin a plugin of your own, or check one."""


@plugin.command()
@click.argument("name")
@click.option("--benchmark", "kind", flag_value="benchmark", help="A benchmark and its space.")
@click.option("--adapter", "kind", flag_value="adapter", help="An optimizer of another library.")
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Where to put it. [default: here]",
)
def new(name: str, kind: str | None, directory: Path) -> None:
    """Write a package with a strategy to change, tests, CI and README.

    NAME is of lower-case words joined by hyphens.

    \b
    Examples:
      nasbench plugin new my-search
      nasbench plugin new my-bench --benchmark
      nasbench plugin new my-optimizer --adapter
    """
    from nasbench_suite.scaffold import write_package

    project = write_package(name, directory, kind or "strategy")
    for path in sorted(path for path in project.rglob("*") if path.is_file()):
        click.echo(path)
    click.echo(f"next: pip install -e {project}, then nasbench plugin check {name}", err=True)


@plugin.command()
@click.argument("target")
@click.option(
    "--time-limit",
    type=click.FloatRange(0, min_open=True),
    default=600.0,
    show_default=True,
    help="Seconds after which a check that hangs is ended.",
)
@click.option("--wheel", is_flag=True, help="Build the wheel, install it into a fresh environment, look for it there.")
@click.option("--all", "everything", is_flag=True, help="Show the checks that hold, too.")
@json_option
def check(target: str, time_limit: float, wheel: bool, everything: bool, as_json: bool) -> None:
    """Check that a plugin keeps the rules, and say how to mend it.

    TARGET is a plugin's name, or the path of a .py file or of a project.
    The plugin runs in a process of its own.

    \b
    Examples:
      nasbench plugin check nasbench-strategies
      nasbench plugin check ./my-search --wheel
      nasbench plugin check my_search.py --json
    """
    from nasbench_suite.testing.process import check_apart
    from nasbench_suite.testing.report import render

    sections = []
    subject = ""
    for section in check_apart(target, time_limit):
        sections.append(section)
        if not as_json:
            if section.subject != subject and (everything or not section.finding.passed):
                subject = section.subject
                click.echo(subject)
            if everything or not section.finding.passed:
                click.echo(render(section.finding))
    if wheel:
        sections += _wheel(target, as_json, everything)
    if as_json:
        click.echo(json.dumps([{"subject": s.subject, **asdict(s.finding)} for s in sections], indent=2))
    failed = sum(not section.finding.passed for section in sections)
    click.echo(f"{target}: {len(sections)} checks, {failed or 'none'} failed", err=as_json)
    if failed:
        raise click.exceptions.Exit(1)


def _wheel(target: str, as_json: bool, everything: bool) -> list[Any]:
    import tempfile

    from nasbench_suite.errors import UsageError
    from nasbench_suite.testing.report import Section, check_wheel, render

    if not (Path(target) / "pyproject.toml").is_file():
        raise UsageError(f"--wheel builds a project; {target!r} is no directory with a pyproject.toml")
    sections = []
    with tempfile.TemporaryDirectory() as scratch:
        for finding in check_wheel(Path(target).resolve(), Path(scratch)):
            sections.append(Section("wheel", finding))
            if not as_json and (everything or not finding.passed):
                click.echo(render(finding))
    return sections
