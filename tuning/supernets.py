"""Tune the schedules of weight sharing on a task that no leaderboard reports: ``python tuning/supernets.py``.

The task is digits with another split, other clutter and other noise than the table digits-201 (nothing is read from
that table but the prices of operations). Each setting searches with a schedule for the seconds of the comparison; the
cell that it recommends is trained anew, live, with training seeds of its own, and scored on images that the search did
not see. What was computed stands in the file of results and is not computed again.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from nasbench_suite.benchmarks.digits import digits_table
from nasbench_suite.plugins import load_registry
from nasbench_suite.search.budget import Budget
from nasbench_suite.search.problem import Problem
from nasbench_suite.tasks.images import Images, digits
from nasbench_suite.tasks.task import Offer, Scattering, Task, standardised
from nasbench_suite.training import digits_task, train

RESULTS = Path(__file__).parent / "results" / "supernets.csv"
SALT = "digits, another split"
"""Orders the digits before they are split."""
NOISE = 7_000_000
"""Seed of clutter and noise."""
SEARCH_SEEDS = (900_000, 900_001)
TRAINING_SEEDS = (910_000, 910_001)
SECONDS = 20.0
FIELDS = ("strategy", "parameters", "seed", "cell", "score", "paid", "own_seconds")

RATES = (0.025, 0.1)
SHARES = (1 / 3, 1.0, 3.0)
"""Of the product of the paper: learning rate of the mixture times steps."""
GRID: dict[str, list[dict[str, float]]] = {
    name: [
        {"learning_rate": rate, "travel": share * 3e-4 * epochs * 391}
        for rate, share in itertools.product(RATES, SHARES)
    ]
    for name, epochs in {"darts": 50, "gdas": 250, "drnas": 100}.items()
} | {name: [{"learning_rate": rate} for rate in RATES] for name in ("rsps", "enas")}


@cache
def task() -> tuple[Task, Images]:
    """The task of the tuning, and the images that score it."""
    dataset = replace(digits(), name=SALT)
    rest = len(dataset.train) - 800
    scattering = Scattering()
    made = [
        scattering.scatter(part, times, np.random.default_rng([NOISE, number]))
        for number, (part, times) in enumerate(
            zip(dataset.splits(rest // 2, rest - rest // 2), scattering.placed, strict=True)
        )
    ]
    mean, deviation = (np.array([value], dtype=np.float32) for value in (made[0].pixels.mean(), made[0].pixels.std()))
    train_images, valid, test = (standardised(part, mean, deviation) for part in made)
    return replace(digits_task()[0], name=SALT, train=train_images, valid=valid), test


def run(name: str, parameters: dict[str, float], seed: int) -> dict[str, Any]:
    """One search, and the score of what it recommends."""
    from nasbench_suite.search.journal import Charge, Recommendation

    benchmark, (made, test) = digits_table(), task()
    offer = Offer(made, benchmark.training().supernet_seconds)
    problem = Problem(benchmark.space, benchmark.fidelities, benchmark.answers(seed), Budget(1e6), training=offer)
    started = time.perf_counter()
    load_registry().strategies[name].strategy.run(problem, np.random.default_rng(seed), seconds=SECONDS, **parameters)
    own = time.perf_counter() - started
    cell = [event for event in problem.journal if isinstance(event, Recommendation)][-1].architecture
    paid = sum(event.cost for event in problem.journal if isinstance(event, Charge))
    trainings = train(benchmark.space, cell, made, TRAINING_SEEDS, held_out={"test": test})
    score = float(np.mean([training.epochs[-1].splits["test"].accuracy for training in trainings]))
    words = " ".join(f"{key}={value:.4g}" for key, value in parameters.items())
    return dict(zip(FIELDS, (name, words, seed, benchmark.space.format(cell), score, paid, own), strict=True))


def main() -> None:
    """Compute what is missing, then print the mean score of every setting."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2)
    jobs = parser.parse_args().jobs
    rows: list[dict[str, Any]] = []
    if RESULTS.exists():
        with RESULTS.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    done = {(row["strategy"], row["parameters"], int(row["seed"])) for row in rows}
    with ProcessPoolExecutor(jobs) as pool, RESULTS.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        if not rows:
            writer.writeheader()
        waiting = [
            pool.submit(run, name, parameters, seed)
            for seed in SEARCH_SEEDS
            for name, settings in GRID.items()
            for parameters in settings
            if (name, " ".join(f"{k}={v:.4g}" for k, v in parameters.items()), seed) not in done
        ]
        for finished in as_completed(waiting):
            row = finished.result()
            rows.append(row)
            writer.writerow(row)
            file.flush()
    scores: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        scores.setdefault((row["strategy"], row["parameters"]), []).append(float(row["score"]))
    for (name, words), values in sorted(scores.items()):
        print(f"{name:8} {words:32} {100 * np.mean(values):6.2f}  n={len(values)}")
    hours = sum(float(row["own_seconds"]) for row in rows) / 3600
    print(f"{len(rows)} searches, {hours:.2f} core-hours")


if __name__ == "__main__":
    main()
