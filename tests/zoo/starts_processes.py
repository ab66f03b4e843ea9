"""Start more and more processes."""

import subprocess

from nasbench_suite import hookimpl, strategy


@strategy("zoo-starts-processes")
def search(problem, rng):
    """Start more and more processes."""
    problem.evaluate(problem.space.sample(rng))
    while True:
        subprocess.Popen(["sleep", "30"])


@hookimpl
def nasbench_strategies():
    return [search]
