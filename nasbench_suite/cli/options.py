"""Options that several commands share, and the types of their values."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from nasbench_suite.errors import SuiteError, UsageError
from nasbench_suite.search.budget import Budget

Command = TypeVar("Command", bound=Callable[..., Any])


class BudgetType(click.ParamType):  # type: ignore[type-arg]  # generic only since click 8.2
    """``12000s``, ``3h``, ``100evaluations``, ``2400epochs``."""

    name = "budget"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Budget:
        try:
            return value if isinstance(value, Budget) else Budget.parse(value)
        except SuiteError as error:
            self.fail(str(error), param, ctx)


class SeedsType(click.ParamType):  # type: ignore[type-arg]  # generic only since click 8.2
    """``30`` for seeds 0 to 29, ``5-9``, or ``0,3,7``."""

    name = "seeds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        if re.fullmatch(r"[1-9][0-9]*", value):
            return tuple(range(int(value)))
        if match := re.fullmatch(r"([0-9]+)-([0-9]+)", value):
            seeds = tuple(range(int(match[1]), int(match[2]) + 1))
        elif re.fullmatch(r"[0-9]+(,[0-9]+)+,?|[0-9]+,", value):
            seeds = tuple(dict.fromkeys(int(part) for part in value.split(",") if part))
        else:
            seeds = ()
        if not seeds:
            self.fail(f"{value!r}: expected how many (30), a range (5-9) or a list (0,3,7)", param, ctx)
        return seeds


class ParameterType(click.ParamType):  # type: ignore[type-arg]  # generic only since click 8.2
    """``name=value``, the value read as TOML (a bare word is text)."""

    name = "name=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        if isinstance(value, tuple):
            return value
        name, equals, text = value.partition("=")
        if not equals or not name:
            self.fail(f"{value!r}: expected name=value", param, ctx)
        for kind in (int, float):
            try:
                return name, kind(text)
            except ValueError:
                continue
        return name, {"true": True, "false": False}.get(text, text)


class LocalPath(click.Path):
    """A path on this machine. What looks like an address is refused, or it would name a directory ``s3:``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str):
            value = self._local(value, param, ctx)
            if not value or "\0" in value:
                self.fail(f"{value!r} is no path", param, ctx)
        return super().convert(value, param, ctx)

    def _local(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if match := re.match(r"([A-Za-z][A-Za-z0-9+.-]+):/", value):
            self.fail(f"{value!r} is an address ({match[1]}); expected a path on this machine", param, ctx)
        return value


class StorePath(LocalPath):
    """A path, or what other tools write for it: ``sqlite:///relative.db``, ``sqlite:////absolute.db``."""

    def _local(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return super()._local(value.removeprefix("sqlite:///"), param, ctx)


def _combined(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


plugins_option = click.option(
    "--plugins-dir",
    type=click.Path(path_type=Path),
    envvar="NASBENCH_PLUGINS_DIR",
    help="Also load the plugins in this directory's .py files.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
store_option = click.option(
    "--store",
    type=StorePath(path_type=Path, dir_okay=False),
    default=Path(".nasbench/runs.sqlite3"),
    show_default=True,
    envvar="NASBENCH_STORE",
    help="Where results are kept.",
)
output_option = click.option(
    "--output",
    type=LocalPath(path_type=Path, file_okay=False),
    default=Path("leaderboards"),
    show_default=True,
    help="Directory that gets <comparison>/.",
)
execution_options = _combined(
    click.option("--engine", default="local", show_default=True, help="What executes the runs; plugins bring others."),
    click.option("--jobs", type=click.IntRange(1), help="Worker processes. [default: number of cores]"),
    click.option("--time-limit", type=click.FloatRange(0, min_open=True), help="Seconds of wall clock for one run."),
    click.option("--memory-limit", type=click.IntRange(64), help="MiB that one run may allocate."),
    click.option("--retry-failed", is_flag=True, help="Do runs again that did not finish."),
    click.option(
        "--curves",
        type=LocalPath(path_type=Path, file_okay=False),
        help="Directory that gets the curves of live trainings, one JSON line per epoch, while they run.",
    ),
    click.option("--show-output", is_flag=True, help="Let strategies print, to stderr."),
    click.option("--trust", multiple=True, help="Run this plugin without isolation (may be repeated)."),
)
comparison_options = _combined(
    click.option("--benchmark", "benchmarks", multiple=True, help="Only this benchmark (may be repeated)."),
    click.option("--strategy", "strategies", multiple=True, help="Only this strategy (may be repeated)."),
    click.option("--budget", type=BudgetType(), help="Budget of every run: 12000s, 3h, 100evaluations."),
    click.option("--seeds", type=SeedsType(), help="How many (30), a range (5-9) or a list (0,3,7)."),
    click.option("--name", help="Name of the changed comparison and its directory."),
)
files_options = _combined(
    click.option(
        "--pictures",
        type=click.Choice(["svg", "png", "both"]),
        help="Also draw all pictures, as SVG, PNG or both (needs matplotlib).",
    ),
    click.option("--parquet", is_flag=True, help="Also write every step of every run, as Parquet (needs pyarrow)."),
)


def wanted_files(pictures: str | None, parquet: bool) -> dict[str, Any]:
    """What :data:`files_options` ask :func:`nasbench_suite.leaderboards.write_leaderboard` for.

    Raises:
        UsageError: a library that it needs is not there; told before anything runs.
    """
    needs = (("--pictures", pictures, "matplotlib", "plots"), ("--parquet", parquet, "pyarrow", "parquet"))
    for option, wanted, library, extra in needs:
        if wanted and not _importable(library):
            raise UsageError(f"{option} needs {library}: pip install 'nasbench-suite[{extra}]'")
    kinds = {None: (), "both": ("svg", "png")}.get(pictures, (pictures,))
    return {"pictures": kinds, "parquet": parquet}


def _importable(library: str) -> bool:
    from importlib.util import find_spec

    try:
        return find_spec(library) is not None
    except ValueError:  # its place among the modules is blocked
        return False
