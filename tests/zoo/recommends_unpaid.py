"""Recommend what was never trained."""

from nasbench_suite import hookimpl, strategy


@strategy("zoo-recommends-unpaid")
def search(problem, rng):
    """Recommend what was never trained."""
    problem.evaluate(problem.space.architecture(0))
    problem.recommend(problem.space.architecture(1))


@hookimpl
def nasbench_strategies():
    return [search]
