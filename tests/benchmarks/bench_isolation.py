"""What isolation costs: regularized evolution as a stranger's plugin, isolated and trusted, in the same run.

``python tests/benchmarks/bench_isolation.py [RUNS] [MILLISECONDS]`` prints wall-clock time per run and per question:
once for runs that take what evolution takes, and once for runs that compute so many milliseconds besides. The start of
the workers, which both have once, is taken out: both do RUNS runs and twice as many, and the difference counts.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from nasbench_suite import Budget
from nasbench_suite.comparisons import Comparison, Entry, Task
from nasbench_suite.harness import LocalExecutor, Store, make_plan, run_plan
from nasbench_suite.plugins import load_registry

NAME = "stranger-evolution"
PLUGIN = '''
"""The suite's regularized evolution, from a stranger."""

import time

from nasbench_strategies.regularized_evolution import regularized_evolution
from nasbench_suite import hookimpl, strategy


@strategy("stranger-evolution", paper="https://arxiv.org/abs/1802.01548")
def search(problem, rng, *, milliseconds=0.0):
    """The suite's regularized evolution, from a stranger."""
    until = time.process_time() + milliseconds / 1000
    while time.process_time() < until:
        pass
    regularized_evolution.run(problem, rng)


@hookimpl
def nasbench_strategies():
    return [search]
'''


def compare(directory: Path, runs: int, trusted: bool, milliseconds: float) -> tuple[float, int]:
    """Seconds of so many runs on CIFAR-10 for 200,000 simulated seconds, and how many questions they asked."""
    task = Task("nas-bench-201/cifar10", Budget(200_000))
    entry = Entry(NAME, NAME, {"milliseconds": milliseconds})
    comparison = Comparison("isolation", "", "", "", (task,), (entry,), tuple(range(runs)))
    plan = make_plan(comparison, load_registry(directory))
    with tempfile.TemporaryDirectory() as scratch, Store(Path(scratch) / "store.sqlite3") as store:
        with LocalExecutor(1, directory, trust=["stranger"] if trusted else []) as executor:
            before = time.perf_counter()
            summary = run_plan(plan, store, executor)
            took = time.perf_counter() - before
        assert summary.outcomes == {"finished": runs}, summary.outcomes
        results = store.results(run.id for run in plan.all_runs).values()
        return took, sum(len(result.journal) for result in results)


def per_run(directory: Path, runs: int, trusted: bool, milliseconds: float) -> tuple[float, float]:
    """Seconds and questions of one run, without the start of the workers."""
    twice, once = (compare(directory, times * runs, trusted, milliseconds) for times in (2, 1))
    return (twice[0] - once[0]) / runs, (twice[1] - once[1]) / runs


def main(runs: int = 200, milliseconds: float = 50.0, rounds: int = 3) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "stranger.py").write_text(PLUGIN)
        for computing in (0.0, milliseconds):
            pairs = [[per_run(directory, runs, trusted, computing) for trusted in (True, False)] for _ in range(rounds)]
            trusted, isolated = (statistics.median(pair[side][0] for pair in pairs) for side in (0, 1))
            questions = pairs[0][1][1]
            print(f"runs that compute {computing:g} ms and ask {questions:.0f} questions")
            print(f"  trusted   {1e3 * trusted:7.2f} ms per run")
            print(f"  isolated  {1e3 * isolated:7.2f} ms per run")
            print(f"  overhead  {100 * (isolated / trusted - 1):5.1f} %")
            print(
                f"  per question, the start of the run's process included: {1e6 * (isolated - trusted) / questions:.0f} µs"
            )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
