"""``nasbench table``: get tables, look at them, check them, compare them, and give them away."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nasbench_suite.cli.options import plugins_option

if TYPE_CHECKING:
    from nasbench_suite.spaces import Space
    from nasbench_suite.tables.importers.from_files import Words
    from nasbench_suite.tables.importers.from_nats_bench import Imported
    from nasbench_suite.tables.importers.staging import Progress

PATH = click.Path(path_type=Path)
JSON = click.option("--json", "as_json", is_flag=True, help="Write JSON for programs.")
NAME = click.option("--name", default="", help="Name of the table (by default that of its source).")
TARGET = click.option(
    "--target", type=PATH, help="Directory of the table (by default the first in NASBENCH_TABLES, or the user's)."
)
SPACE = click.option(
    "--space", required=True, help="A space of the suite or of a plugin, or a .toml file that describes one."
)
SINGLE = click.option(
    "--single", is_flag=True, help="Keep curves as float32: half the size, numbers to seven digits instead of exactly."
)


@click.group()
def table() -> None:
    """Get, check, compare and export tables.

    \b
    Examples:
      nasbench table pull nats-bench-tss
      nasbench table import nats-bench ~/Downloads/NATS-tss-v1_0-3ffb9-simple
      nasbench table info nas-bench-201
    """


@table.group("import")
def import_() -> None:
    """Make a table of official files or of your own results.

    \b
    Examples:
      nasbench table import nas-bench-201 NAS-Bench-201-v1_1-096897.pth
      nasbench table import csv results.csv --space my-space.toml
    """


@import_.command("nats-bench")
@click.argument("source", type=PATH)
@NAME
@TARGET
@SINGLE
@JSON
def import_nats_bench(source: Path, name: str, target: Path | None, single: bool, as_json: bool) -> None:
    """Import NATS-Bench's official directory (…-simple), or its single .pickle.pbz2 file.

    An interrupted import goes on where it was when the same command is given again.

    \b
    Example:
      nasbench table import nats-bench NATS-tss-v1_0-3ffb9-simple
    """
    from nasbench_suite.tables.importers.from_nats_bench import import_directory, import_file

    reader = import_file if source.is_file() else import_directory
    with _bar("bytes" if source.is_file() else "architectures") as progress:
        made = reader(source, _target(target), name=name, double=not single, progress=progress)
    _report(made, as_json)


@import_.command("nas-bench-201")
@click.argument("source", type=PATH)
@NAME
@TARGET
@SINGLE
@JSON
def import_nas_bench_201(source: Path, name: str, target: Path | None, single: bool, as_json: bool) -> None:
    """Import NAS-Bench-201's official .pth file, without PyTorch and without loading it as a whole.

    An interrupted import goes on where it was when the same command is given again.

    \b
    Example:
      nasbench table import nas-bench-201 NAS-Bench-201-v1_1-096897.pth
    """
    from nasbench_suite.tables.importers.from_nas_bench_201 import import_pth

    with _bar("bytes") as progress:
        made = import_pth(source, _target(target), name=name, double=not single, progress=progress)
    _report(made, as_json)


def _space(name_or_path: str, plugins_dir: Path | None) -> Space:
    """A space that a file describes, or one of the suite's or a plugin's by name."""
    from nasbench_suite.plugins import load_registry
    from nasbench_suite.spaces import read_space

    if name_or_path.endswith(".toml"):
        return read_space(name_or_path)
    return load_registry(plugins_dir).space(name_or_path)


def words_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options for what a file of results does not say, handed on as ``words``."""

    @click.option("--title", default="", help="The table in words.")
    @click.option("--licence", default="", help="Terms of the numbers.")
    @click.option("--citation", default="", help="Who is to be cited.")
    @click.option("--replace", is_flag=True, help="Replace a table of the same name.")
    @click.option("--into", help="Join the columns to a TABLE of the same architectures instead of making one.")
    @wraps(command)
    def worded(
        title: str, licence: str, citation: str, replace: bool, into: str | None, **arguments: Any
    ) -> None:  # fmt: skip
        from nasbench_suite.tables import open_table
        from nasbench_suite.tables.importers.from_files import Words

        joined = None if into is None else open_table(into)
        command(words=Words(title, licence, citation, replace, joined), **arguments)

    return worded


def _import_rows(
    source: Path,
    space: str,
    plugins_dir: Path | None,
    name: str,
    target: Path | None,
    as_json: bool,
    words: Words,
) -> None:
    from nasbench_suite.tables.importers.from_files import import_rows

    with _bar("bytes") as progress:
        made = import_rows(
            source, _space(space, plugins_dir), _target(target), name or source.stem, words=words, progress=progress
        )
    _report(made, as_json)


@import_.command("csv")
@click.argument("source", type=PATH)
@words_options
@SPACE
@plugins_option
@NAME
@TARGET
@JSON
def import_csv(
    source: Path, space: str, plugins_dir: Path | None, name: str, target: Path | None, as_json: bool, words: Words
) -> None:
    """Import your own results: columns architecture, seed, epochs, seconds, and metrics such as valid-accuracy.

    \b
    Example:
      nasbench table import csv mine.csv --space nas-bench-201
    """
    _import_rows(source, space, plugins_dir, name, target, as_json, words)


@import_.command("parquet")
@click.argument("source", type=PATH)
@words_options
@SPACE
@plugins_option
@NAME
@TARGET
@JSON
def import_parquet(
    source: Path, space: str, plugins_dir: Path | None, name: str, target: Path | None, as_json: bool, words: Words
) -> None:
    """Import your own results from Parquet; the columns are those of CSV.

    \b
    Example:
      nasbench table import parquet mine.parquet --space nas-bench-201
    """
    _import_rows(source, space, plugins_dir, name, target, as_json, words)


@import_.command("npz")
@click.argument("source", type=PATH)
@words_options
@SPACE
@plugins_option
@click.option("--mapping", type=PATH, help="TOML file that says what the arrays are, if they are not columns.")
@NAME
@TARGET
@JSON
def import_npz(
    source: Path, space: str, plugins_dir: Path | None, mapping: Path | None, name: str, target: Path | None, as_json: bool, words: Words
) -> None:  # fmt: skip
    """Import your own results from NumPy: arrays as columns, or with --mapping one row per architecture.

    \b
    Example:
      nasbench table import npz mine.npz --space space.toml
    """
    from nasbench_suite.tables.importers.from_files import import_arrays

    if mapping is None:
        _import_rows(source, space, plugins_dir, name, target, as_json, words)
    else:
        made = import_arrays(
            source, mapping, _space(space, plugins_dir), _target(target), name or source.stem, words=words
        )
        _report(made, as_json)


@table.command()
@click.argument("name")
@click.option("--url", "urls", multiple=True, help="A mirror of your own, tried first; may be given several times.")
@click.option("--sha256", help="What the fetched file must have.")
@TARGET
@JSON
def pull(name: str, urls: tuple[str, ...], sha256: str | None, target: Path | None, as_json: bool) -> None:
    """Fetch an official benchmark and make its table: nats-bench-tss, nats-bench-sss or nas-bench-201-pth.

    Mirrors are tried one after the other; a directory of tables may have a mirrors.toml with more of them.

    \b
    Examples:
      nasbench table pull nats-bench-tss
      nasbench table pull mine --url https://example.org/mine.h5 --sha256 51dfe6…
    """
    from nasbench_suite.tables.importers.pull import pull as pull_table

    with _bar("bytes") as fetched, _bar("architectures") as imported:
        made = pull_table(name, urls=urls, sha256=sha256, target=_target(target), fetched=fetched, imported=imported)
    _report(made, as_json)


@table.command()
@click.argument("name")
@JSON
def info(name: str, as_json: bool) -> None:
    """Say what a table holds: metrics, splits, training seeds, epochs, source and licence.

    \b
    Example:
      nasbench table info nas-bench-201
    """
    from nasbench_suite.tables import open_table
    from nasbench_suite.tables.export import describe

    told = describe(open_table(name))
    if as_json:
        click.echo(json.dumps(told, indent=2))
        return
    for key in ("name", "title", "space", "architectures", "source", "licence", "citation", "path", "bytes", "sha256"):
        click.echo(f"{key:<14}{told[key]}")
    click.echo(f"{'listed':<14}{'yes' if told['listed'] else 'no: no manifest vouches for the file'}")
    for dataset_name, dataset in told["datasets"].items():
        click.echo(f"\n{dataset_name}: {dataset['title']}")
        if dataset["constants"]:
            click.echo(f"  {', '.join(dataset['constants'])}")
        for training_name, training in dataset["trainings"].items():
            click.echo(f"  {training_name}, training seeds {', '.join(map(str, training['seeds']))}")
            for metric, held in training["metrics"].items():
                split = f" on {held['split']}" if held["split"] else ""
                click.echo(f"    {metric} at epochs {held['epochs']}{split}")


@table.command()
@click.argument("name")
@JSON
def verify(name: str, as_json: bool) -> None:
    """Hash the whole file, read every value and check every rule.

    \b
    Example:
      nasbench table verify nas-bench-201
    """
    from nasbench_suite.tables import verify_table

    checked = verify_table(name)
    if as_json:
        click.echo(json.dumps({"name": checked.name, "sha256": checked.sha256, "listed": checked.listed}))
    else:
        vouched = "as listed" if checked.listed else "not listed in a manifest"
        click.echo(f"{checked.name}: sound, sha256 {checked.sha256} ({vouched})")


@table.command()
@click.argument("name")
@click.argument("target", type=PATH)
def export(name: str, target: Path) -> None:
    """Write a table as rows into a .csv or .parquet file (which 'import' reads again).

    \b
    Example:
      nasbench table export nas-bench-201 cells.csv
    """
    from nasbench_suite.tables import open_table
    from nasbench_suite.tables.export import export as export_table

    click.echo(f"{target}: {export_table(open_table(name), target):,} rows")


@table.command()
@click.argument("first")
@click.argument("second")
@click.option("--tolerance", default=0.0, show_default=True, help="Differences up to this are none.")
@JSON
def diff(first: str, second: str, tolerance: float, as_json: bool) -> None:
    """Say in which architectures two tables of one space differ, and by how much.

    \b
    Example:
      nasbench table diff nats-bench-tss mine.h5 --tolerance 0.001
    """
    from nasbench_suite.tables import open_table
    from nasbench_suite.tables.export import difference

    found = difference(open_table(first), open_table(second), tolerance)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for side, label in (("only_first", first), ("only_second", second)):
        for metric in found[side]:
            click.echo(f"only in {label}: {metric}")
    for metric, apart in found["metrics"].items():
        click.echo(
            f"{metric}: {apart['values']:,} values of {apart['architectures']:,} architectures differ, by up to "
            f"{apart['largest']:g} ({apart['missing']:,} measured in one only)"
        )
        for text in apart["first"]:
            click.echo(f"  {text}")
    if not (found["metrics"] or found["only_first"] or found["only_second"]):
        click.echo("no differences")


def _target(target: Path | None) -> Path:
    from nasbench_suite.tables.manifest import own_directory

    return target or own_directory()


def _report(made: Imported, as_json: bool) -> None:
    told: dict[str, Any] = {
        "name": made.name,
        "path": str(made.path),
        "architectures": made.architectures,
        "measured": made.measured,
        "missing": made.missing,
    }
    if as_json:
        click.echo(json.dumps(told))
        return
    gap = f", {made.missing:,} missing" if made.missing else ""
    click.echo(f"{made.name}: {made.measured:,} of {made.architectures:,} architectures{gap}, in {made.path}")


@contextmanager
def _bar(what: str) -> Iterator[Progress]:
    """A progress bar on stderr that appears with the first step."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task: list[Any] = []

        def step(done: int, total: int) -> None:
            if not task:
                task.append(bar.add_task(what, total=total or None))
            bar.update(task[0], completed=done, total=total or None)

        yield step
