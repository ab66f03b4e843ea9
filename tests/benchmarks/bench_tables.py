"""Tables against their peers in one run: opening, memory, single and vectorised queries, as ratios.

Run: ``python tests/benchmarks/bench_tables.py DIRECTORY`` with the official directory (or a part of it); the peer
nats_bench must be installed. A table of the full size is made with the structure of the
official one and random values.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import timeit
from pathlib import Path

import numpy as np

from nasbench_suite.tables import DatasetRecord, TableRecord, TrainingRecord, open_table, write_table
from nasbench_suite.tables.from_nats_bench import import_directory
from nasbench_suite.tables.nats_bench_api import create

OPENING = """
import resource, sys, time
import h5py, numpy
from nasbench_suite.tables import open_table
from nasbench_suite.tables.manifest import read_manifest
import platformdirs
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter(); table = open_table(sys.argv[1]); seconds = time.perf_counter() - start
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(f"opening the full-size table: {1e3 * seconds:.1f} ms, {(after - before) / 1024:.1f} MB more than its imports")
start = time.perf_counter(); table.column("cifar10-valid", "200-epochs", "valid-accuracy", 200)
print(f"one column of it: {1e3 * (time.perf_counter() - start):.1f} ms")
"""


class Noise:
    """Random values of a metric, made when written."""

    def __init__(self, seed: int, epochs: int) -> None:
        self._seed, self._epochs = seed, epochs

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        return np.random.default_rng(self._seed).random((15625, 3, self._epochs), dtype=np.float32)


def full_size(path: Path) -> None:
    datasets = {}
    for number, name in enumerate(("cifar10-valid", "cifar10", "cifar100", "ImageNet16-120")):
        prefixes = {"cifar10-valid": ["train", "valid"], "cifar10": ["train", "test"]}.get(
            name, ["train", "valid-and-test"]
        )
        names = [f"{prefix}-{ending}" for prefix in prefixes for ending in ("accuracy", "loss")]
        trainings = {
            f"{epochs}-epochs": TrainingRecord(
                epochs,
                (777, 888, 999),
                {n: (tuple(range(1, epochs + 1)), Noise(number, epochs)) for n in names},  # type: ignore[misc]
            )
            for epochs in (12, 200)
        }
        datasets[name] = DatasetRecord(trainings, dict.fromkeys(names, "random values"))
    write_table(TableRecord("full", "nas-bench-201", 15625, datasets), path)


def microseconds(statement: object, number: int) -> float:
    return min(timeit.repeat(statement, number=number, repeat=5)) / number * 1e6  # type: ignore[arg-type]


def main(directory: Path) -> None:
    import nats_bench

    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "full.h5"
        start = time.perf_counter()
        full_size(path)
        print(f"full-size table: {path.stat().st_size / 1e6:.0f} MB, made in {time.perf_counter() - start:.0f} s")
        open_table(path)
        subprocess.run([sys.executable, "-c", OPENING, str(path)], check=True)
        made = import_directory(directory, Path(scratch))
        ours = create(str(made.path), "tss")
        theirs = nats_bench.create(str(directory), "tss", fast_mode=True, verbose=False)
        start = time.perf_counter()
        theirs.simulate_train_eval(11, "cifar10", hp="12")
        cold = time.perf_counter() - start
        ours.simulate_train_eval(11, "cifar10", hp="12")
        slow = microseconds(lambda: theirs.simulate_train_eval(11, "cifar10", hp="12"), 100)
        fast = microseconds(lambda: ours.simulate_train_eval(11, "cifar10", hp="12"), 10_000)
        print(
            f"simulate_train_eval: nats_bench {1e3 * cold:.1f} ms cold, {slow:.0f} µs warm; ours {fast:.2f} µs, {slow / fast:.0f}×"
        )
    column = open_table("nas-bench-201").metric("cifar10", "200-epochs", "valid-accuracy")
    cell = (1, 2, 3, 4, 0, 1)
    single = microseconds(lambda: column[cell], 100_000)
    print(f"single query: {single:.3f} µs")
    rows = np.random.default_rng(0).integers(0, 15625, 1_000_000)
    bare = microseconds(lambda: column.values[rows], 5)
    many = microseconds(lambda: column.many(rows), 5)
    print(f"10^6 vectorised: {many / 1e3:.2f} ms, bare gather {bare / 1e3:.2f} ms, {bare / many:.2f} of its speed")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
