"""A small published comparison, and bundles taken apart and put together again."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from scored import search

from nasbench_suite.benchmarks import Benchmark
from nasbench_suite.comparisons import load_comparison
from nasbench_suite.errors import BundleError
from nasbench_suite.harness import make_plan
from nasbench_suite.harness.engine import Batch, Done
from nasbench_suite.harness.executing import execute
from nasbench_suite.leaderboards import render_json
from nasbench_suite.leaderboards.document import encode
from nasbench_suite.plugins import Registry, load_registry
from nasbench_suite.publishing import Bundle, read_bundle, verify, write_bundle
from nasbench_suite.publishing.publish import make_bundle
from nasbench_suite.scoring import score
from nasbench_suite.search.budget import Budget

Parts = dict[str, bytes]
STRATEGIES = ("local-search", "random-sampling", "random-search")


@lru_cache(maxsize=1)
def registry() -> Registry:
    found = load_registry()
    found.benchmarks = {
        name: lru_cache(maxsize=1)(partial(opened, open_it)) for name, open_it in found.benchmarks.items()
    }
    return found


def opened(open_it: Callable[[], Benchmark]) -> Benchmark:
    """A benchmark with its scores in a dictionary, so that it is scored hundreds of times in little time."""
    benchmark = open_it()
    known = {
        name: replace(scores, of={cell: scores.of(cell) for cell in benchmark.space.architectures()}.__getitem__)
        for name, scores in benchmark.scores().items()
    }
    benchmark.scores = lambda: known  # type: ignore[method-assign]
    return benchmark


def made(
    *,
    strategies: Sequence[str] = STRATEGIES,
    seeds: Sequence[int] = range(6),
    evaluations: int = 15,
    name: str = "small",
) -> Bundle:
    """A bundle of real searches on two data sets."""
    comparison = load_comparison("nas-bench-201").override(
        name=name,
        benchmarks=("nas-bench-201/cifar10", "nas-bench-201/cifar100"),
        strategies=tuple(strategies),
        budget=Budget(evaluations, "evaluations"),
        seeds=tuple(seeds),
    )
    plan = make_plan(comparison, registry())
    results = {run.id: search(plan, label, run) for (label, _), runs in plan.runs.items() for run in runs}
    return make_bundle(plan, results, render_json(score(plan, results)))


@lru_cache(maxsize=1)
def small_bundle() -> Bundle:
    return made()


def unzip(path: Path) -> Parts:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rezip(parts: Parts, path: Path) -> Path:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    path.write_bytes(held.getvalue())
    return path


def change_head(parts: Parts, change: Callable[[dict[str, Any]], None]) -> None:
    head = json.loads(parts["bundle.json"])
    change(head)
    parts["bundle.json"] = (encode(head) + "\n").encode()


def hash_again(parts: Parts) -> None:
    """What a forger does last: the list of hashes fits again."""

    def change(head: dict[str, Any]) -> None:
        head["parts"] = {n: hashlib.sha256(data).hexdigest() for n, data in parts.items() if n != "bundle.json"}

    change_head(parts, change)


def complaints(path: Path, count: int = 0) -> list[str]:
    """What is wrong with a bundle, in lines; none if it is accepted."""
    try:
        bundle = read_bundle(path)
    except BundleError as error:
        return [str(error)]
    found = verify(bundle, registry(), count=count, executor=DirectExecutor(), entropy=1)
    return [str(finding) for finding in found.findings]


class DirectExecutor:
    """Runs batches in this process, one after another."""

    slots = 1

    def __init__(self) -> None:
        self.waiting: list[Batch] = []

    @property
    def in_flight(self) -> int:
        return len(self.waiting)

    def submit(self, batch: Batch) -> None:
        self.waiting.append(batch)

    def collect(self, seconds: float) -> list[Done]:
        batch = self.waiting.pop(0)
        return [Done(batch, [execute(run, registry()).packed() for run in batch.runs])]

    def stop(self) -> None:
        self.waiting.clear()


@lru_cache(maxsize=1)
def written_parts(directory: Path) -> Parts:
    return unzip(write_bundle(small_bundle(), directory / "small.nasbench.zip"))
