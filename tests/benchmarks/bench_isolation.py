"""What isolation costs: regularized evolution as a stranger's plugin, isolated and trusted, in the same run.

``python tests/benchmarks/bench_isolation.py [RUNS]`` prints processor seconds per run (this process and its workers
together) and their ratio. The start of the workers, which both have once, is taken out: both do RUNS runs and twice as
many, and the difference counts.
"""

from __future__ import annotations

import resource
import statistics
import sys
import tempfile
from pathlib import Path

from nasbench_suite import Budget
from nasbench_suite.comparisons import Comparison, Entry, Task
from nasbench_suite.harness import LocalExecutor, Store, make_plan, run_plan
from nasbench_suite.plugins import load_registry

NAME = "stranger-evolution"
PLUGIN = '''
"""The suite's regularized evolution, from a stranger."""

from nasbench_strategies.regularized_evolution import regularized_evolution
from nasbench_suite import hookimpl, strategy


@strategy("stranger-evolution", paper="https://arxiv.org/abs/1802.01548")
def search(problem, rng):
    """The suite's regularized evolution, from a stranger."""
    regularized_evolution.run(problem, rng)


@hookimpl
def nasbench_strategies():
    return [search]
'''


def processor_seconds() -> float:
    """Of this process and of all children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def compare(directory: Path, runs: int, trusted: bool) -> float:
    """Processor seconds of so many runs on CIFAR-10 for 200,000 simulated seconds, about 95 evaluations each."""
    task = Task("nas-bench-201/cifar10", Budget(200_000))
    comparison = Comparison("isolation", "", "", "", (task,), (Entry(NAME, NAME, {}),), tuple(range(runs)))
    plan = make_plan(comparison, load_registry(directory))
    before = processor_seconds()
    with tempfile.TemporaryDirectory() as scratch, Store(Path(scratch) / "store.sqlite3") as store:
        executor = LocalExecutor(1, directory, trust=["stranger"] if trusted else [])
        with executor:
            summary = run_plan(plan, store, executor)
    assert summary.outcomes == {"finished": runs}, summary.outcomes
    return processor_seconds() - before


def per_run(directory: Path, runs: int, trusted: bool) -> float:
    """Processor seconds of one run, without the start of the workers."""
    return (compare(directory, 2 * runs, trusted) - compare(directory, runs, trusted)) / runs


def main(runs: int = 1000, rounds: int = 3) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "stranger.py").write_text(PLUGIN)
        pairs = [[per_run(Path(directory), runs, trusted) for trusted in (True, False)] for _ in range(rounds)]
    trusted, isolated = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"trusted   {1e3 * trusted:7.3f} ms of processor time per run")
    print(f"isolated  {1e3 * isolated:7.3f} ms")
    print(f"overhead  {100 * (statistics.median(b / a for a, b in pairs) - 1):5.1f} %")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
