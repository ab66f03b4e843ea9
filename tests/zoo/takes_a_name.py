"""Call itself what another is called."""

from nasbench_suite import hookimpl, strategy


@strategy("random-search")
def search(problem, rng):
    """Pass for another."""


@hookimpl
def nasbench_strategies():
    return [search]
