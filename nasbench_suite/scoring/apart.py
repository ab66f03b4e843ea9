"""Scoring in a process that has imported no strategy of others, so that no import of theirs changes a published number.

The process that plans a comparison imports every plugin. What scoring needs of a strategy is words and plain values; they
are handed to a fresh process, which imports the suite, the plugins that benchmarks come from, and nothing else.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nasbench_suite.comparisons import Comparison
from nasbench_suite.errors import ScoringError, SuiteError
from nasbench_suite.harness import Plan, Row, Run, Skipped, Store, with_scores
from nasbench_suite.plugins import Offered, Plugin, load_registry
from nasbench_suite.scoring.board import Scoreboard
from nasbench_suite.scoring.curves import trace
from nasbench_suite.scoring.score import score
from nasbench_suite.search.strategies import Step, Strategy
from nasbench_suite.spaces import Architecture

_CODE = "import sys; sys.path[:] = {path!r}; from nasbench_suite.scoring.apart import main; main()"


@dataclass(frozen=True)
class _Words:
    """A row without its code."""

    label: str
    parameters: Mapping[str, Any]
    fields: Mapping[str, Any]
    summary: str
    step: Step | None
    plugin: Plugin
    version: str

    @classmethod
    def of(cls, row: Row) -> _Words:
        strategy = row.offered.strategy
        names = ("name", "family", "paper", "requires", "tuning", "defaults", "prior")
        fields = {name: getattr(strategy, name) for name in names}
        return cls(
            row.label,
            dict(row.parameters),
            fields,
            strategy.summary,
            strategy.step,
            row.offered.plugin,
            row.offered.version,
        )

    def row(self) -> Row:
        def absent(problem: object, rng: object) -> None:
            raise ScoringError("this process scores; it has no code of strategies")

        absent.__doc__ = self.summary
        strategy = Strategy(function=absent, step=self.step, **self.fields)
        return Row(self.label, Offered(strategy, self.plugin, self.version), self.parameters)


@dataclass(frozen=True)
class _Order:
    """What the other process is to score."""

    comparison: Comparison
    rows: tuple[_Words, ...]
    benchmarks: tuple[str, ...]
    runs: Mapping[tuple[str, str], tuple[Run, ...]]
    skipped: tuple[Skipped, ...]
    homes: Mapping[str, str]
    store: Path
    plugins_dir: Path | None


def score_store(plan: Plan, store: Store, plugins_dir: Path | None = None, *, apart: bool = False) -> Scoreboard:
    """Score what a store holds of a plan.

    Args:
        plan: what was compared.
        store: with the results, and with the scores that were trained.
        apart: in another process, because this one has imported plugins of others.
        plugins_dir: loose plugins that benchmarks may come from.

    Raises:
        ScoringError: a benchmark without scores, or the other process was lost.
        SuiteError: a benchmark that cannot be opened.
    """
    if not apart:
        return score(with_scores(plan, store), store.results(run.id for run in plan.all_runs))
    order = _Order(
        plan.comparison,
        tuple(map(_Words.of, plan.rows)),
        tuple(plan.benchmarks),
        plan.runs,
        plan.skipped,
        plan.homes,
        store.path,
        plugins_dir,
    )
    code = _CODE.format(path=sys.path)
    done = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(order), capture_output=True, check=False)
    try:
        found = pickle.loads(done.stdout)  # written by main() below, and by no plugin of strategies
    except Exception:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise ScoringError(f"the process that scores was lost (status {done.returncode}): {last[:300]}") from None
    if isinstance(found, SuiteError):
        raise found
    board: Scoreboard = replace(found, comparison=plan.comparison)
    return board


def main() -> None:
    """Read an order from stdin and write its scoreboard, or the error of the suite, to stdout."""
    order: _Order = pickle.load(sys.stdin.buffer)
    answers, sys.stdout = sys.stdout.buffer, sys.stderr  # a benchmark's plugin may print
    found: Scoreboard | SuiteError
    try:
        registry = load_registry(order.plugins_dir, only=frozenset(order.homes.values()))
        benchmarks = {name: registry.benchmark(name) for name in order.benchmarks}
        rows = tuple(words.row() for words in order.rows)
        plan = Plan(order.comparison, rows, benchmarks, order.runs, order.skipped, order.homes)
        with Store(order.store, read_only=True) as store:
            found = score(with_scores(plan, store), store.results(run.id for run in plan.all_runs))
    except SuiteError as error:
        found = error
    answers.write(pickle.dumps(found))
    answers.flush()


def found_architectures(plan: Plan, store: Store, benchmarks: Iterable[str]) -> dict[str, set[Architecture]]:
    """Benchmark -> all that its finished runs would have answered at some moment, which is what a leaderboard scores."""
    found: dict[str, set[Architecture]] = {name: set() for name in benchmarks}
    for (_, name), runs in plan.runs.items():
        if name not in found:
            continue
        full = plan.benchmarks[name].fidelities[-1]
        for result in store.results(run.id for run in runs).values():
            if result.outcome != "finished":
                continue
            try:
                found[name].update(trace(result.journal, result.run.budget, full).incumbents)
            except ScoringError:  # scoring says what is wrong with it
                continue
    return found
