"""What the suite's books cost: per evaluation, per opened table, per comparison.

Every figure is taken against a baseline in the same process or run::

    python tests/benchmarks/bench_problem.py
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from nasbench_suite import Budget, OutOfBudget, Problem
from nasbench_suite.comparisons import load_comparison
from nasbench_suite.harness import LocalExecutor, Store, make_plan, run_plan
from nasbench_suite.plugins import load_registry
from nasbench_suite.tables import open_table

EVALUATIONS = 20_000


def best_of(repeats: int, function: Callable[[], None]) -> float:
    """The least seconds of several calls."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        function()
        times.append(time.perf_counter() - started)
    return min(times)


def per_evaluation() -> None:
    """A search through ``Problem`` against a loop over NumPy arrays that keeps no books, same architectures."""
    benchmark = load_registry().benchmark("nas-bench-201/cifar10")
    table = open_table("nas-bench-201")
    accuracy = table.column("cifar10", "200-epochs", "valid-accuracy", 200)
    rng = np.random.default_rng(0)
    cells = [benchmark.space.sample(rng) for _ in range(EVALUATIONS)]
    rows = [benchmark.space.index(cell) for cell in cells]

    def bare() -> None:
        best = 0.0
        for row in rows:
            value = accuracy[row, 0]
            if value > best:
                best = value

    def metered() -> None:
        problem = Problem(benchmark.space, benchmark.fidelities, benchmark.answers(0), Budget(1e12))
        best = 0.0
        for cell in cells:
            value = problem.evaluate(cell).accuracy
            if value > best:
                best = value

    loop, books = (best_of(7, function) / EVALUATIONS * 1e6 for function in (bare, metered))
    print(
        f"per evaluation: bare loop {loop:.2f} µs, through Problem {books:.2f} µs, added {books - loop:.2f} µs (at most 8)"
    )
    for name in ("random-search", "regularized-evolution"):
        function = load_registry().strategy(name).strategy

        def search(function=function) -> None:  # type: ignore[no-untyped-def]
            problem = Problem(
                benchmark.space, benchmark.fidelities, benchmark.answers(0), Budget(EVALUATIONS, "evaluations")
            )
            with suppress(OutOfBudget):
                function.run(problem, np.random.default_rng(0))

        print(f"  {name}: {best_of(5, search) / EVALUATIONS * 1e6:.2f} µs per evaluation, all included")


OPENING = """
import os, time
import h5py, numpy, nasbench_suite.plugins
registry = nasbench_suite.plugins.load_registry()
def resident(): return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20
before, started = resident(), time.perf_counter()
benchmark = registry.benchmark("nas-bench-201/cifar10")
opened = time.perf_counter()
benchmark.answers(0).ask((0,) * 6, 200, 200, 0)
print(opened - started, time.perf_counter() - started, resident() - before)
"""


def opening() -> None:
    """Opening a shipped table in a fresh process, hash included, against reading the bytes of the file."""
    path = open_table("nas-bench-201").path
    reading = best_of(20, lambda: (path.read_bytes(), None)[1])
    lines = [
        subprocess.run([sys.executable, "-c", OPENING], capture_output=True, text=True, check=True).stdout
        for _ in range(5)
    ]
    figures = np.array([list(map(float, line.split())) for line in lines])
    opened, answered, memory = np.median(figures, axis=0)
    print(
        f"opening a shipped table: {opened * 1e3:.1f} ms, to the first answer {answered * 1e3:.1f} ms, "
        f"{memory:.1f} MiB (at most 30 ms, 30 MiB; reading its bytes alone {reading * 1e3:.2f} ms)"
    )


def scaling(seeds: int) -> None:
    """The shipped comparison on one and on two workers."""
    comparison = load_comparison("nas-bench-201").override(seeds=tuple(range(seeds)))
    plan = make_plan(comparison, load_registry())
    seconds = []
    for jobs in (1, 2):
        with tempfile.TemporaryDirectory() as directory, Store(Path(directory) / "store") as store:
            started = time.perf_counter()
            run_plan(plan, store, LocalExecutor(jobs))
            seconds.append(time.perf_counter() - started)
    runs = len(plan.all_runs)
    print(
        f"{runs} runs: {seconds[0]:.1f} s on 1 worker, {seconds[1]:.1f} s on 2, ratio {seconds[0] / seconds[1]:.2f} (at least 1.7)"
    )


if __name__ == "__main__":
    per_evaluation()
    opening()
    scaling(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
    print(f"peak memory of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
