"""Recommend what is no architecture."""

from nasbench_suite import hookimpl, strategy


@strategy("zoo-recommends-nonsense")
def search(problem, rng):
    """Recommend what is no architecture."""
    problem.evaluate(problem.space.sample(rng))
    problem.recommend([7])


@hookimpl
def nasbench_strategies():
    return [search]
