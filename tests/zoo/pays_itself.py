"""Pay a negative amount."""

from nasbench_suite import hookimpl, strategy


@strategy("zoo-pays-itself")
def search(problem, rng):
    """Pay a negative amount."""
    problem.charge("a refund", -1e6, 0)


@hookimpl
def nasbench_strategies():
    return [search]
