"""Turning a comparison into runs, and naming beforehand what cannot run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nasbench_suite.benchmarks import Benchmark
from nasbench_suite.comparisons import Comparison, Entry
from nasbench_suite.errors import ComparisonError
from nasbench_suite.harness.runs import Run
from nasbench_suite.plugins import Offered, Registry


@dataclass(frozen=True)
class Row:
    """One strategy of a comparison: its label, its parameters (defaults included) and where it comes from."""

    label: str
    offered: Offered
    parameters: Mapping[str, object]


@dataclass(frozen=True)
class Skipped:
    """A pair that cannot run, and why."""

    label: str
    benchmark: str
    reason: str


@dataclass(frozen=True)
class Plan:
    """A comparison, resolved against what is installed.

    Attributes:
        comparison: what was asked for.
        rows: the strategies, in order of their labels.
        benchmarks: name -> opened benchmark, in the comparison's order.
        runs: ``(label, benchmark) -> runs in seed order`` for every pair that can run.
        skipped: the pairs that cannot.
        homes: benchmark -> key of the plugin that it comes from, where it does not come with the suite.
    """

    comparison: Comparison
    rows: tuple[Row, ...]
    benchmarks: Mapping[str, Benchmark]
    runs: Mapping[tuple[str, str], tuple[Run, ...]] = field(repr=False)
    skipped: tuple[Skipped, ...] = ()
    homes: Mapping[str, str] = field(default_factory=dict)

    def plugins(self, pair: tuple[str, str]) -> frozenset[str]:
        """Keys of the plugins that a pair of label and benchmark needs besides those that come with the suite."""
        label, benchmark = pair
        needed = {self.homes.get(benchmark, "")}
        needed |= {
            row.offered.plugin.key for row in self.rows if row.label == label and not row.offered.plugin.built_in
        }
        return frozenset(needed - {""})

    @property
    def all_runs(self) -> list[Run]:
        """Every run once, pair by pair."""
        return list({run.id: run for runs in self.runs.values() for run in runs}.values())


def make_plan(comparison: Comparison, registry: Registry) -> Plan:
    """Resolve names, open the benchmarks, check parameters, and match what strategies require with what there is.

    Raises:
        UsageError: an unknown strategy, benchmark or parameter.
        TableError: a benchmark whose table cannot be opened.
        ComparisonError: simulated and measured seconds in one comparison.
    """
    entries = comparison.entries
    if entries is None:
        entries = tuple(Entry(name, name, {}) for name in sorted(registry.strategies))
    offered = {entry.label: registry.strategy(entry.strategy) for entry in entries}
    rows = tuple(
        Row(entry.label, offered[entry.label], offered[entry.label].strategy.check_parameters(entry.parameters))
        for entry in sorted(entries, key=lambda entry: entry.label)
    )
    benchmarks = {task.benchmark: registry.benchmark(task.benchmark) for task in comparison.tasks}
    if comparison.unit == "seconds" and len({benchmark.currency for benchmark in benchmarks.values()}) > 1:
        raise ComparisonError(
            f"comparison {comparison.name!r} mixes simulated and measured seconds; compare them apart"
        )
    for name, benchmark in benchmarks.items():
        if comparison.unit not in (units := getattr(benchmark, "units", (comparison.unit,))):
            raise ComparisonError(
                f"benchmark {name!r} has no costs in {comparison.unit}; give a budget in {' or '.join(units)}, such as "
                "--budget '100 evaluations'"
            )
    runs: dict[tuple[str, str], tuple[Run, ...]] = {}
    skipped = []
    for task in comparison.tasks:
        benchmark = benchmarks[task.benchmark]
        for row in rows:
            strategy = row.offered.strategy
            lacking = sorted(strategy.requires - benchmark.capabilities - benchmark.space.capabilities)
            if lacking:
                reason = f"needs {', '.join(lacking)}, which {task.benchmark} does not offer"
                causes: Mapping[str, str] = getattr(benchmark, "missing", {})
                known = [causes[capability] for capability in lacking if capability in causes]
                skipped.append(Skipped(row.label, task.benchmark, ": ".join([reason, *known])))
                continue
            runs[row.label, task.benchmark] = tuple(
                Run(
                    strategy.name,
                    row.offered.version,
                    row.parameters,
                    task.benchmark,
                    benchmark.identity,
                    task.budget,
                    seed,
                    comparison.recommend,
                    row.offered.api,
                )
                for seed in comparison.seeds
            )
    homes = {
        name: plugin.key
        for plugin in registry.plugins
        if not plugin.built_in
        for name in plugin.adds.get("benchmarks", ())
    }
    return Plan(comparison, rows, benchmarks, runs, tuple(skipped), homes)
