"""A strategy that asks for what does not exist."""

from nasbench_suite import hookimpl, strategy


@strategy("zoo-asks-nonsense")
def zoo_asks_nonsense(problem, rng):
    """Ask for an architecture with option 99."""
    problem.evaluate([99] * len(problem.space.decisions))


@hookimpl
def nasbench_strategies():
    return [zoo_asks_nonsense]
