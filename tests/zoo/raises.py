"""A strategy that raises after its first answer."""

from nasbench_suite import hookimpl, strategy


@strategy("zoo-raises")
def zoo_raises(problem, rng):
    """Evaluate once, then divide by zero."""
    problem.evaluate(problem.space.sample(rng))
    1 / 0  # noqa: B018


@hookimpl
def nasbench_strategies():
    return [zoo_raises]
