"""What found architectures are worth where that has to be trained: runs of a kind of their own.

A table's scores are looked up. Those of a benchmark whose currency is measured are trainings: they are planned here
from the answers of the searches, done by an executor beside each other, kept in the store under a hash of all that
decides them, and never done twice. Scoring looks them up.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from nasbench_suite.benchmarks import Benchmark, Scores
from nasbench_suite.errors import SuiteError
from nasbench_suite.harness.plan import Plan
from nasbench_suite.harness.runs import MACHINE, Result, Run, is_machine_failure
from nasbench_suite.harness.store import Store
from nasbench_suite.plugins import Registry
from nasbench_suite.search.budget import Budget
from nasbench_suite.search.journal import Evaluation
from nasbench_suite.spaces import Architecture

SCORE = "score"
"""The kind of these runs."""

VERSION = "1"
"""Of how a score is kept; another one orphans the scores in stores."""

TIME_LIMIT = 24 * 3600.0
"""Seconds for one score: the limit of a comparison is for its searches."""


def score_run(benchmark: Benchmark, architecture: Architecture) -> Run:
    """The run that tells what an architecture is worth."""
    parameters = {"architecture": [int(option) for option in architecture]}
    budget = Budget(1, "evaluations")
    return Run(SCORE, VERSION, parameters, benchmark.name, benchmark.identity, budget, 0, kind=SCORE)


def execute_score(run: Run, registry: Registry) -> Result:
    """Do such a run in this process: its journal has one evaluation for each score, in the benchmark's order."""
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        benchmark = registry.benchmark(run.benchmark)
        if benchmark.identity != run.identity:
            return Result(run, "failed", "the benchmark was changed while the comparison ran; run it again")
        architecture = benchmark.space.check(run.parameters["architecture"])
        epochs = benchmark.fidelities[-1]
        journal = tuple(
            Evaluation(architecture, epochs, float(held.of(architecture)), 0.0, epochs)
            for held in benchmark.scores().values()
        )
    except SuiteError as error:
        return Result(run, "failed", str(error))
    except Exception as error:  # the benchmark may be a plugin's
        outcome = MACHINE if is_machine_failure(error) else "failed"
        return Result(run, outcome, f"raised {type(error).__name__}: {' '.join(str(error).split())[:200]}")
    return Result(
        run,
        "finished",
        "",
        journal,
        (0.0,) * len(journal),
        time.perf_counter() - wall,
        time.process_time() - cpu,
    )


def plan_scores(plan: Plan, found: Mapping[str, Iterable[Architecture]]) -> Plan:
    """The runs that score what was found.

    Args:
        plan: of the searches.
        found: benchmark -> architectures that a leaderboard shows scores of.
    """
    runs = {
        (SCORE, name): tuple(score_run(benchmark, architecture) for architecture in sorted(set(found.get(name, ()))))
        for name, benchmark in plan.benchmarks.items()
        if is_trained(benchmark)
    }
    comparison = replace(plan.comparison, time_limit=max(plan.comparison.time_limit, TIME_LIMIT))
    return Plan(comparison, (), plan.benchmarks, {pair: these for pair, these in runs.items() if these}, (), plan.homes)


def is_trained(benchmark: Benchmark) -> bool:
    """Whether a benchmark's scores are trainings and not look-ups."""
    return benchmark.currency == "measured"


def with_scores(plan: Plan, store: Store) -> Plan:
    """The plan with benchmarks whose trained scores are those in the store, and nothing is trained."""
    benchmarks = {
        name: _Scored(benchmark, store) if is_trained(benchmark) else benchmark
        for name, benchmark in plan.benchmarks.items()
    }
    return replace(plan, benchmarks=benchmarks)


class _Scored:
    """A benchmark whose scores are those that a store holds; NaN where it holds none."""

    def __init__(self, benchmark: Benchmark, store: Store) -> None:
        self._benchmark = benchmark
        self._store = store
        self._held: dict[Architecture, tuple[float, ...]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._benchmark, name)

    def scores(self) -> Mapping[str, Scores]:
        """As the benchmark's own, but looked up."""
        return {
            name: replace(held, of=partial(self._value, place))
            for place, (name, held) in enumerate(self._benchmark.scores().items())
        }

    def _value(self, place: int, architecture: Architecture) -> float:
        if architecture not in self._held:
            run = score_run(self._benchmark, architecture)
            result = self._store.results([run.id]).get(run.id)
            journal = result.journal if result is not None and result.outcome == "finished" else ()
            self._held[architecture] = tuple(event.accuracy for event in journal if isinstance(event, Evaluation))
        values = self._held[architecture]
        return values[place] if place < len(values) else math.nan
