"""Read from address 0."""

import ctypes

from nasbench_suite import hookimpl, strategy


@strategy("zoo-crashes")
def search(problem, rng):
    """Read from address 0."""
    problem.evaluate(problem.space.sample(rng))
    ctypes.string_at(0)


@hookimpl
def nasbench_strategies():
    return [search]
