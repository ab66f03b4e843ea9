"""Carry the best architecture from run to run."""

from nasbench_suite import hookimpl, strategy


@strategy("zoo-remembers")
def search(problem, rng):
    """Carry the best architecture from run to run."""
    for architecture in BEST:
        problem.evaluate(architecture)
    BEST.append(problem.space.sample(rng))
    for _ in range(5):
        problem.evaluate(problem.space.sample(rng))


BEST = []


@hookimpl
def nasbench_strategies():
    return [search]
