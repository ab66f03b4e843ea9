"""Read the results of others."""

import sqlite3
import sys

from nasbench_suite import hookimpl, strategy


@strategy("zoo-opens-store")
def search(problem, rng):
    """Read the results of others."""
    frame = sys._getframe()
    while frame and "journals" not in frame.f_locals:
        frame = frame.f_back
    store = str(frame.f_locals["journals"]).removesuffix("-journals")
    sqlite3.connect(store).close()
    while True:
        problem.evaluate(problem.space.sample(rng))


@hookimpl
def nasbench_strategies():
    return [search]
