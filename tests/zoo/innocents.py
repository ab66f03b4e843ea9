"""Honest strategies that use a computer as people do; none of this is forbidden."""

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from nasbench_suite import hookimpl, strategy

MADE = []


def innocent(name):
    """Make a strategy that does something honest and then evaluates a little."""

    def made(body):
        def search(problem, rng):
            body(problem, rng)
            for _ in range(3):
                problem.evaluate(problem.space.sample(rng))

        search.__doc__ = body.__doc__
        MADE.append(strategy(name)(search))
        return body

    return made


@innocent("zoo-imports-late")
def imports_late(problem, rng):
    """Import libraries inside the search, which draw from the global generators as they are imported."""
    import rich.console  # noqa: F401
    import sklearn.ensemble  # noqa: F401


@innocent("zoo-fits-a-forest")
def fits(problem, rng):
    """Fit a seeded forest."""
    from sklearn.ensemble import RandomForestRegressor

    RandomForestRegressor(4, random_state=int(rng.integers(99))).fit(rng.random((20, 3)), rng.random(20))


@innocent("zoo-keeps-weights")
def keeps(problem, rng):
    """Keep weights in an HDF5 file of its own."""
    import h5py

    with h5py.File(Path(tempfile.gettempdir()) / "weights.h5", "w") as file:
        file["weights"] = rng.random(10)
    with h5py.File(Path(tempfile.gettempdir()) / "weights.h5") as file:
        assert len(file["weights"]) == 10


@innocent("zoo-computes-in-parallel")
def parallel(problem, rng):
    """Compute with two processes of joblib."""
    from joblib import Parallel, delayed

    assert Parallel(2)(delayed(abs)(number) for number in (-1, 2)) == [1, 2]


@innocent("zoo-keeps-a-pool")
def pool(problem, rng):
    """Compute with a pool that a server forks."""
    import multiprocessing

    with multiprocessing.get_context("forkserver").Pool(2) as processes:
        assert processes.map(abs, [-1, 2]) == [1, 2]


@innocent("zoo-asks-in-a-thread")
def threads(problem, rng):
    """Ask from a thread of a pool."""
    with ThreadPoolExecutor(1) as threads:
        list(threads.map(problem.evaluate, [problem.space.sample(rng) for _ in range(3)]))


@innocent("zoo-prints-bytes")
def prints(problem, rng):
    """Write bytes to the standard output."""
    sys.stdout.buffer.write(b"so far, so good\n")
    sys.stdout.flush()


@innocent("zoo-names-a-file-alike")
def alike(problem, rng):
    """Write a file whose name begins like that of a store."""
    (Path(tempfile.gettempdir()) / "store.notes").write_text("none")


@hookimpl
def nasbench_strategies():
    return MADE
