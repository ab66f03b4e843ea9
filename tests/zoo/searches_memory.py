"""Look for scores in the memory of the process."""

import gc

from nasbench_suite import hookimpl, strategy


@strategy("zoo-searches-memory")
def search(problem, rng):
    """Look for scores in the memory of the process."""
    assert gc.get_objects()
    while True:
        problem.evaluate(problem.space.sample(rng))


@hookimpl
def nasbench_strategies():
    return [search]
