"""How long and how much memory a leaderboard of synthetic journals takes, with its statistics and its page.

Journals are made one at a time when scoring asks for them, as a store reads them; the processor time of making them is
told apart and is not counted. Run ``python tests/benchmarks/bench_leaderboard.py [strategies benchmarks seeds evaluations]``; the default is
100 × 20 × 100 runs of 30 evaluations.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from nasbench_suite.benchmarks.synthetic import SyntheticBenchmark
from nasbench_suite.comparisons import Comparison
from nasbench_suite.comparisons import Task as Search
from nasbench_suite.harness import Plan, Result, Row, Run
from nasbench_suite.leaderboards import write_leaderboard
from nasbench_suite.plugins import Offered, Plugin
from nasbench_suite.scoring import score
from nasbench_suite.search.budget import Budget
from nasbench_suite.search.journal import Evaluation
from nasbench_suite.search.strategies import FAMILIES, Strategy
from nasbench_suite.spaces import nas_bench_201


class Journals(Mapping[str, Result]):
    """Made when asked for, as a store reads them when asked for."""

    def __init__(self, plan: Plan, evaluations: int) -> None:
        self.plan, self.evaluations, self.making = plan, evaluations, 0.0
        self.runs = {run.id: (label, run) for (label, _), runs in plan.runs.items() for run in runs}
        self.architectures = nas_bench_201().architectures()
        self.truths = {
            name: np.array([held.truth(a, held.fidelities[-1]) for a in self.architectures])  # type: ignore[attr-defined]
            for name, held in plan.benchmarks.items()
        }
        self.orders = {name: np.argsort(truth) for name, truth in self.truths.items()}

    def __getitem__(self, key: str) -> Result:
        begun = time.process_time()
        result = self.made(*self.runs[key])
        self.making += time.process_time() - begun
        return result

    def made(self, label: str, run: Run) -> Result:
        """One search: draws that are the better the higher the strategy's number is."""
        strength = int(label.removeprefix("strategy-"))
        rng = np.random.default_rng([strength, run.seed])
        order, truths = self.orders[run.benchmark], self.truths[run.benchmark]
        places = order[(len(order) * rng.random(self.evaluations) ** (1 / (1 + strength / 20))).astype(int)]
        signals = (truths[places] + 0.005 * rng.standard_normal(self.evaluations)).clip(0, 1).tolist()
        cost = run.budget.amount / self.evaluations * 0.999
        journal = tuple(
            Evaluation(self.architectures[place], 16, signal, cost, 16)
            for place, signal in zip(places.tolist(), signals, strict=True)
        )
        return Result(run, "finished", journal=journal, own_seconds=(0.001,) * self.evaluations)

    def __iter__(self) -> Iterator[str]:
        return iter(self.runs)

    def __len__(self) -> int:
        return len(self.runs)


def synthetic_plan(strategies: int, benchmarks: int, seeds: int) -> Plan:
    """A plan of made-up strategies on made-up tasks."""
    space, budget = nas_bench_201(), Budget(3000.0)
    plugin = Plugin("made-up", "made-up", "1.0", "package")
    rows = []
    for number in range(strategies):
        made_up = Strategy(f"strategy-{number:03}", FAMILIES[number % len(FAMILIES)], lambda problem, rng: None)
        rows.append(Row(made_up.name, Offered(made_up, plugin, f"1.0+{number:08x}"), {}))
    held = {f"task-{number:02}": SyntheticBenchmark(f"task-{number:02}", space) for number in range(benchmarks)}
    searches = tuple(Search(name, budget) for name in held)
    runs = {
        (row.label, name): tuple(
            Run(row.label, row.offered.version, {}, name, benchmark.identity, budget, seed) for seed in range(seeds)
        )
        for name, benchmark in held.items()
        for row in rows
    }
    comparison = Comparison("scale", "Synthetic journals", "", "", searches, None, tuple(range(seeds)))
    return Plan(comparison, tuple(rows), held, runs)


def main(strategies: int = 100, benchmarks: int = 20, seeds: int = 100, evaluations: int = 30) -> None:
    """Measure and print."""
    plan = synthetic_plan(strategies, benchmarks, seeds)
    results = Journals(plan, evaluations)
    begun, busy = time.perf_counter(), time.process_time()
    board = score(plan, results)
    scored, scoring = time.perf_counter(), time.process_time() - busy - results.making
    with tempfile.TemporaryDirectory() as directory:
        sizes = {path.name: path.stat().st_size for path in write_leaderboard(board, Path(directory))}
        if len(sys.argv) > 5:
            Path(sys.argv[5]).write_bytes((Path(directory) / "index.html").read_bytes())
    written, busy = time.perf_counter(), time.process_time() - busy - results.making
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{len(results):,} journals of {evaluations} evaluations (made in {results.making:.1f} s, not counted below)")
    print(f"processor: scoring {scoring:.1f} s, writing {busy - scoring:.1f} s, together {busy:.1f} s")
    print(
        f"wall clock with the making: {scored - begun:.1f} s and {written - scored:.1f} s; peak memory {memory:.2f} GiB"
    )
    print(f"page {sizes['index.html'] / 1e6:.2f} MB, json {sizes['leaderboard.json'] / 1e6:.2f} MB")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:5]))
