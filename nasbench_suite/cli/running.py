"""``nasbench run``, ``run-all``, ``status`` and ``leaderboard``."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nasbench_suite.cli.options import (
    BudgetType,
    ParameterType,
    SeedsType,
    comparison_options,
    execution_options,
    files_options,
    json_option,
    output_option,
    plugins_option,
    store_option,
    wanted_files,
)
from nasbench_suite.cli.progress import Progress
from nasbench_suite.errors import SuiteError, UsageError
from nasbench_suite.search.budget import Budget

if TYPE_CHECKING:
    from nasbench_suite.comparisons import Comparison
    from nasbench_suite.harness import Executor, Plan, Store, Summary
    from nasbench_suite.plugins import Registry
    from nasbench_suite.scoring import Scoreboard

DEFAULT = "nas-bench-201"
SHIPPED = (DEFAULT, "digits")
"""The comparisons on the tables that come with the suite."""


@click.command()
@click.argument("strategy", required=False)
@click.option("--command", help="A program that is the strategy: it speaks JSON lines.")
@click.option("--benchmark", required=True, help="Where to search, e.g. nas-bench-201/cifar10.")
@click.option("--budget", type=BudgetType(), required=True, help="What a run may spend: 12000s, 3h, 100evaluations.")
@click.option(
    "--seeds", type=SeedsType(), default="1", show_default=True, help="How many (30), a range (5-9) or a list (0,3,7)."
)
@click.option(
    "--parameter",
    "-p",
    "parameters",
    type=ParameterType(),
    multiple=True,
    help="A parameter of the strategy, name=value (may be repeated).",
)
@execution_options
@store_option
@plugins_option
@json_option
def run(
    strategy: str | None,
    command: str | None,
    benchmark: str,
    budget: Budget,
    seeds: tuple[int, ...],
    parameters: tuple[tuple[str, Any], ...],
    store: Path,
    plugins_dir: Path | None,
    as_json: bool,
    **execution: Any,
) -> None:
    """Run one STRATEGY, or a program in any language, on one benchmark.

    \b
    Examples:
      nasbench run random-search --benchmark nas-bench-201/cifar10 --budget 200000s
      nasbench run regularized-evolution --benchmark nas-bench-201/cifar100 \\
          --budget 100evaluations --seeds 10 -p population_size=20
      nasbench run --command 'node my-search.js' \\
          --benchmark nas-bench-201/cifar10 --budget 200000s
    """
    from nasbench_suite.comparisons import Comparison, Entry, Task
    from nasbench_suite.comparisons.comparison import entry_label

    if (strategy is None) == (command is None):
        raise UsageError("give either the name of a strategy or --command with a program")
    if command is not None:
        from nasbench_suite.plugins import load_registry

        *_, strategy = load_registry(plugins_dir, command=command).strategies  # the one added last
    assert strategy is not None
    chosen = dict(parameters)
    entry = Entry(entry_label(strategy, chosen), strategy, chosen)
    comparison = Comparison("run", f"{strategy} on {benchmark}", "", "", (Task(benchmark, budget),), (entry,), seeds)
    plan, board, summary = _carry_out(comparison, store, plugins_dir, command=command, **execution)
    if plan.skipped:
        raise UsageError(f"{entry.label} cannot run on {benchmark}: it {plan.skipped[0].reason}")
    if as_json:
        _print_json(board)
    else:
        _print_board(board)
    click.echo(_told(summary), err=True)
    if summary.unfinished:
        raise click.exceptions.Exit(1)


@click.command("run-all")
@click.argument("comparisons", nargs=-1)
@comparison_options
@execution_options
@store_option
@output_option
@files_options
@plugins_option
@json_option
def run_all(
    comparisons: tuple[str, ...],
    store: Path,
    output: Path,
    pictures: str | None,
    parquet: bool,
    plugins_dir: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Compare every strategy, and write a leaderboard.

    COMPARISONS are presets or TOML files (benchmarks, budgets, seeds,
    strategies with parameters); without any, those on the shipped tables:
    nas-bench-201 and digits. What was done before is not done again, and
    what a bundle beside the leaderboard holds is loaded. Exit code 1 if
    runs did not finish.

    \b
    Examples:
      nasbench run-all
      nasbench run-all nas-bench-201 --seeds 100 --jobs 2
      nasbench run-all my-comparison.toml --strategy random-search
      nasbench run-all --pictures svg
    """
    from nasbench_suite.comparisons import load_comparison
    from nasbench_suite.leaderboards import render_json, write_leaderboard
    from nasbench_suite.leaderboards.write import check_writable

    files = wanted_files(pictures, parquet)
    chosen = comparisons or ((options["name"] or options["benchmarks"]) and (DEFAULT,)) or SHIPPED
    if len(chosen) > 1 and options["name"]:
        raise UsageError(f"--name names one comparison, but {len(chosen)} were given; run them one by one")
    for name in chosen:
        load_comparison(name)  # a mistake in any is told before anything runs
    check_writable(output)
    boards = []
    unfinished = 0
    for name in chosen:
        changed, execution = _changed(name, dict(options))
        check_writable(output / changed.name)
        _, board, summary = _carry_out(changed, store, plugins_dir, published=output, **execution)
        unfinished += summary.unfinished
        boards.append(render_json(board))
        written = write_leaderboard(board, output / changed.name, **files)
        if not as_json:
            _print_board(board)
        click.echo(f"{changed.name}: {_told(summary)}", err=True)
        click.echo(f"leaderboard written to {written[0].parent}", err=True)
    if as_json:
        click.echo(boards[0] if len(boards) == 1 else f"[{','.join(boards)}]\n", nl=False)
    if unfinished:
        click.echo(f"error: {unfinished} runs did not finish; see nasbench status", err=True)
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("comparison", default=DEFAULT)
@comparison_options
@store_option
@output_option
@files_options
@plugins_option
@json_option
def leaderboard(
    comparison: str,
    store: Path,
    output: Path,
    pictures: str | None,
    parquet: bool,
    plugins_dir: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Write the leaderboard of what is in the store, without running anything.

    A store that has none of its runs is refused: what is there stays.

    \b
    Examples:
      nasbench leaderboard nas-bench-201 --output /tmp/boards
      nasbench leaderboard nas-bench-201 --pictures both --parquet
    """
    from nasbench_suite.leaderboards import write_leaderboard
    from nasbench_suite.leaderboards.write import check_writable

    files = wanted_files(pictures, parquet)
    changed, _ = _changed(comparison, options)
    check_writable(output / changed.name)
    plan, registry = _planned(changed, plugins_dir)
    with _store_to_read(store) as results:
        if not results.outcomes(run.id for run in plan.all_runs):
            _say_others(plan, results)
            raise UsageError(
                f"store {store} has none of the {len(plan.all_runs)} runs of {changed.name}, so there is no leaderboard to "
                f"write; compute them with nasbench run-all {comparison}, or give the --store that has them"
            )
        board = _scored(plan, results, registry, plugins_dir)
    written = write_leaderboard(board, output / changed.name, **files)
    if as_json:
        _print_json(board)
    else:
        _print_board(board)
    click.echo(f"leaderboard written to {written[0].parent}", err=True)


@click.command()
@click.argument("comparison", default=DEFAULT)
@comparison_options
@store_option
@plugins_option
@json_option
def status(comparison: str, store: Path, plugins_dir: Path | None, as_json: bool, **options: Any) -> None:
    """Tell what of a comparison is done, missing or failed, and why.

    \b
    Example:
      nasbench status nas-bench-201
    """
    changed, _ = _changed(comparison, options)
    plan, _ = _planned(changed, plugins_dir)
    with _store_to_read(store) as results:
        found = results.results(run.id for run in plan.all_runs)
        loaded = Counter(results.loaded(found).values())
        if len(found) < len(plan.all_runs):
            _say_others(plan, results)
    rows: list[dict[str, Any]] = []
    for (label, benchmark), runs in plan.runs.items():
        outcomes = Counter(found[run.id].outcome if run.id in found else "missing" for run in runs)
        reasons = dict.fromkeys(found[run.id].reason for run in runs if run.id in found and found[run.id].reason)
        rows.append(
            {
                "strategy": label,
                "benchmark": benchmark,
                "outcomes": dict(sorted(outcomes.items())),
                "reasons": list(reasons),
            }
        )
    skipped = [{"strategy": s.label, "benchmark": s.benchmark, "reason": s.reason} for s in plan.skipped]
    done = sum(run.id in found for run in plan.all_runs)
    total = len(plan.all_runs)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "comparison": changed.name,
                    "done": done,
                    "total": total,
                    "loaded": dict(sorted(loaded.items())),
                    "pairs": rows,
                    "skipped": skipped,
                },
                indent=2,
            )
        )
        return
    click.echo(f"{changed.name}: {done} of {total} runs done, {total - done} missing")
    for source, count in sorted(loaded.items()):
        click.echo(f"  {count} of them were loaded from {source}")
    for row in rows:
        if set(row["outcomes"]) != {"finished"}:
            counts = ", ".join(f"{count} {outcome}" for outcome, count in row["outcomes"].items())
            click.echo(f"{row['strategy']} on {row['benchmark']}: {counts}")
            for reason in row["reasons"]:
                click.echo(f"  {reason}")
    for pair in skipped:
        click.echo(f"{pair['strategy']} on {pair['benchmark']}: skipped, {pair['reason']}")


def _changed(comparison: str, options: dict[str, Any]) -> tuple[Comparison, dict[str, Any]]:
    """The comparison with the options put in, and the options that are not of the comparison."""
    from nasbench_suite.comparisons import load_comparison

    names = ("benchmarks", "strategies", "budget", "seeds", "name")
    changes = {name: options.pop(name) for name in names}
    return load_comparison(comparison).override(**changes), options


def _planned(comparison: Comparison, plugins_dir: Path | None, command: str | None = None) -> tuple[Plan, Registry]:
    """The plan and what it was made from; the problems of plugins are told on stderr."""
    from nasbench_suite.harness import make_plan
    from nasbench_suite.plugins import load_registry

    registry = load_registry(plugins_dir, command=command)
    for problem in registry.problems:
        click.echo(f"warning: {problem}", err=True)
    return make_plan(comparison, registry), registry


def _store_to_read(store: Path) -> Store:
    from nasbench_suite.harness import Store

    return Store(store, read_only=True)


def _carry_out(
    comparison: Comparison,
    store: Path,
    plugins_dir: Path | None,
    *,
    jobs: int | None,
    time_limit: float | None,
    memory_limit: int | None,
    retry_failed: bool,
    show_output: bool,
    engine: str = "local",
    curves: Path | None = None,
    trust: tuple[str, ...] = (),
    command: str | None = None,
    published: Path | None = None,
) -> tuple[Plan, Scoreboard, Summary]:
    """Plan, load what was published, run, train what scores need, and score."""
    from nasbench_suite.harness import EngineSettings, Store, make_executor, plan_scores
    from nasbench_suite.harness.scores import is_trained
    from nasbench_suite.scoring import found_architectures

    limited = comparison.override(name=comparison.name, time_limit=time_limit, memory_limit=memory_limit)
    plan, registry = _planned(limited, plugins_dir, command)
    settings = EngineSettings(jobs, plugins_dir, show_output, trust, command)
    engines = registry.engines
    executor = make_executor(engine, settings, engines)
    with Store(store) as results:
        if published is not None:
            _load_published(plan, results, published)
        _say_others(plan, results)
        summary = _done(plan, results, executor, retry_failed, curves)
        trained = [name for name, benchmark in plan.benchmarks.items() if is_trained(benchmark)]
        scores = plan_scores(plan, found_architectures(plan, results, trained))
        if scores.runs:
            told = _done(scores, results, make_executor(engine, settings, engines), retry_failed, None)
            click.echo(f"scores of found architectures: {_told(told)}", err=True)
        return plan, _scored(plan, results, registry, plugins_dir), summary


def _done(plan: Plan, results: Store, executor: Executor, retry_failed: bool, curves: Path | None) -> Summary:
    """Run what is left of a plan, with progress; an interruption says how far it came."""
    from nasbench_suite.harness import run_plan

    try:
        with Progress() as progress:
            return run_plan(plan, results, executor, retry_failed=retry_failed, report=progress.report, curves=curves)
    except KeyboardInterrupt:
        done = len(results.outcomes(run.id for run in plan.all_runs))
        click.echo(
            f"stopped: {done} of {len(plan.all_runs)} runs are done; the same command goes on from here", err=True
        )
        raise click.exceptions.Exit(130) from None


def _load_published(plan: Plan, results: Store, output: Path) -> None:
    """Load the runs of the bundle that lies beside a leaderboard, if it has any that are missing, and say so."""
    from nasbench_suite.publishing import load_runs, read_bundle
    from nasbench_suite.publishing.bundle import SUFFIX

    name = plan.comparison.name
    wanted = {run.id for run in plan.all_runs}
    for path in (output / f"{name}{SUFFIX}", output / name / f"{name}{SUFFIX}"):
        if not path.is_file() or results.outcomes(wanted).keys() == wanted:
            continue
        try:
            count = load_runs(read_bundle(path), plan, results, str(path))
        except SuiteError as error:
            click.echo(f"warning: {path} was not loaded: {error}", err=True)
            continue
        left = len(wanted) - len(results.outcomes(wanted))
        click.echo(f"{name}: {count} runs loaded from {path}, {left} are left to compute", err=True)


def _say_others(plan: Plan, results: Store) -> None:
    """Say why runs that look like the missing ones cannot be used, if the store has such."""
    from nasbench_suite.harness.identity import why_not_reused

    for line in why_not_reused(plan, results):
        click.echo(f"note: {line}", err=True)


def _scored(plan: Plan, store: Store, registry: Registry, plugins_dir: Path | None) -> Scoreboard:
    """The scoreboard; computed apart where plugins of others were imported here."""
    from nasbench_suite.scoring import score_store

    others = any(not plugin.built_in and plugin.origin != "command" for plugin in registry.plugins)
    return score_store(plan, store, plugins_dir, apart=others)


def _told(summary: Summary) -> str:
    """What was done, in one line."""
    new = summary.outcomes.total()
    if not new and not summary.not_tried and not summary.machine:
        return f"nothing was left to do: all {summary.total} runs are in the store"
    parts = [f"{count} {outcome}" for outcome, count in sorted(summary.outcomes.items())]
    if summary.not_tried:
        parts.append(f"{summary.not_tried} not tried after repeated faults (see nasbench status; --retry-failed)")
    told = f"{new} runs done ({', '.join(parts)}), {summary.before} were done before"
    for reason, count in summary.machine.most_common():
        told += (
            f"; {count} were not done because the machine failed ({reason}): see to it and give the same command again"
        )
    return told


def _print_board(board: Scoreboard) -> None:
    from nasbench_suite.cli.show import show
    from nasbench_suite.leaderboards import render_terminal

    show(render_terminal(board))


def _print_json(board: Scoreboard) -> None:
    from nasbench_suite.leaderboards import render_json

    click.echo(render_json(board), nl=False)
