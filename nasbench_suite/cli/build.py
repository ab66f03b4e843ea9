"""``nasbench table build`` and ``nasbench table audit``: training a space into a table, and checking one by training."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nasbench_suite.cli.options import json_option
from nasbench_suite.cli.progress import Progress

if TYPE_CHECKING:
    from nasbench_suite.building.build import Report

seeds_option = click.option(
    "--seeds", type=click.IntRange(1), help="Training seeds. [default: as many as the shipped table has]"
)
jobs_option = click.option(
    "--jobs", type=click.IntRange(1), help="Processes, one core each. [default: number of cores]"
)


@click.command("build")
@click.argument("table", type=click.Choice(["dense-100", "digits"]))
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("tabular_data"),
    show_default=True,
    help="Directory that gets <table>.h5 and its manifest entry.",
)
@click.option(
    "--work",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".nasbench/build"),
    show_default=True,
    help="Where results are kept on the way; the same command goes on from there.",
)
@click.option("--sample", type=click.IntRange(1), help="Train only so many random architectures, with their isomorphs.")
@click.option("--estimate", "only_estimate", is_flag=True, help="Tell how long it will take, and stop.")
@seeds_option
@jobs_option
@click.option(
    "--device", "devices", multiple=True, help="Where to train, e.g. cuda:0; one process each (may be repeated)."
)
def build_table(
    table: str,
    output: Path,
    work: Path,
    sample: int | None,
    only_estimate: bool,
    seeds: int | None,
    jobs: int | None,
    devices: tuple[str, ...],
) -> None:
    """Train a space into a TABLE, network by network, resumable.

    Some networks are timed first, and the whole is estimated from them. What was
    trained before is not trained again.

    \b
    Examples:
      nasbench table build digits --estimate
      nasbench table build digits --sample 100 --output tables
      nasbench table build digits --jobs 2
      nasbench table build dense-100
      nasbench table build digits --device cuda:0 --device cuda:1
    """
    import math

    import numpy as np

    from nasbench_suite.training import check_torch

    check_torch()
    from nasbench_suite.building.build import estimate, run_build, write_build
    from nasbench_suite.building.known import KNOWN_BUILDS
    from nasbench_suite.building.supernet_costs import supernet_prices
    from nasbench_suite.errors import UsageError
    from nasbench_suite.networks.cells.builder import CellBuilder
    from nasbench_suite.networks.machine import check_devices
    from nasbench_suite.tables.manifest import Entry, list_in_manifest
    from nasbench_suite.tables.table import file_sha256

    if devices and jobs:
        raise UsageError("--jobs takes cores of the CPU, --device names devices; give one of them")
    build, chosen = KNOWN_BUILDS[table].build(seeds, sample), devices or ("cpu",) * (jobs or os.cpu_count() or 1)
    check_devices(chosen)
    directory = work / build.name
    with Progress() as progress:
        expected = estimate(build, directory, report=_reporter(progress))
    hours = expected.seconds / 3600
    click.echo(
        f"{expected.left:,} of {expected.cells:,} networks are left, {len(build.seeds)} seeds each: at most {hours:.2g} hours of one core, "
        f"{hours / len(chosen):.2g} with {len(chosen)} processes of that speed",
        err=True,
    )
    click.echo(expected.costs.words, err=True)
    if only_estimate:
        return
    try:
        with Progress() as progress:
            run_build(build, directory, devices=chosen, report=_reporter(progress))
    except KeyboardInterrupt:
        click.echo("stopped; the same command goes on from here", err=True)
        raise click.exceptions.Exit(130) from None
    supernets = None
    if isinstance(build.builder, CellBuilder):
        steps = math.ceil(len(build.task.train) / build.task.recipe.batch_size)
        supernets = supernet_prices(build.builder.cells, np.array(expected.costs.train), steps)
    path = write_build(build, directory, output, supernets)
    made_by = f"nasbench table build {table}" + (f" --sample {sample}" if sample else "")
    list_in_manifest(Entry(build.name, path, file_sha256(path), build.words["source"], build.words["licence"], made_by))
    click.echo(str(path))


@click.command("audit")
@click.argument("table")
@click.option("--cells", type=click.IntRange(2), default=30, show_default=True, help="How many to train again.")
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Which cells, and their training seeds."
)
@seeds_option
@json_option
def audit(table: str, cells: int, seed: int, seeds: int | None, as_json: bool) -> None:
    """Train random architectures of a TABLE again and compare.

    Each is trained with a seed of its own that the table does not have; the
    differences must be those of training seeds. TABLE is a name or a path. The
    exit code is 1 if they disagree.

    \b
    Examples:
      nasbench table audit digits-201
      nasbench table audit digits-201 --cells 10 --seed 3
      nasbench table audit dense-100
    """
    from nasbench_suite.training import check_torch

    check_torch()
    from nasbench_suite.building.build import audit_table
    from nasbench_suite.building.known import KNOWN_BUILDS, build_of
    from nasbench_suite.errors import UsageError
    from nasbench_suite.tables import open_table

    opened = open_table(table)
    known = build_of(opened.name)
    if known is None:
        raise UsageError(
            f"table {opened.name!r} was not trained by this suite, so it cannot be audited; it trains "
            + ", ".join(each.build().name for each in KNOWN_BUILDS.values())
        )
    build = known.build(seeds)
    with Progress() as progress:
        found = audit_table(opened, build, cells=cells, seed=seed, report=_reporter(progress))
    if as_json:
        values = {
            "cells": [build.space.format(cell) for cell in found.cells],
            "seeds": found.seeds,
            "table": found.table,
            "again": found.again,
            "noise": found.noise,
            "ratio": found.ratio,
            "shift": found.shift,
            "seconds": found.seconds,
            "agrees": found.agrees,
        }
        click.echo(json.dumps(values, indent=2))
    else:
        for cell, recorded, again in zip(found.cells, found.table, found.again, strict=True):
            click.echo(f"{build.space.format(cell)}  table {recorded:.4f}  again {again:.4f}  {again - recorded:+.4f}")
        click.echo(
            f"differences are {found.ratio:.2f} times what training seeds give ({found.noise:.4f}), their mean "
            f"{found.shift:+.2f} standard errors; seconds differ by {sum(found.seconds) / cells:+.1%} on average"
        )
        click.echo("table and training agree" if found.agrees else "table and training DISAGREE")
    if not found.agrees:
        raise click.exceptions.Exit(1)


def _reporter(progress: Progress) -> Report:
    def report(what: str, done: int, total: int) -> None:
        progress.report(done, total, what)

    return report
