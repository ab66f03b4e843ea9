"""Answer its own questions."""

from nasbench_suite import hookimpl, strategy


@strategy("zoo-replaces-answers")
def search(problem, rng):
    """Answer its own questions."""
    problem._ask = lambda architecture, epochs, origin, paid: (tuple(architecture), 1.0, 0.001)
    for _ in range(5):
        problem.evaluate(problem.space.sample(rng))


@hookimpl
def nasbench_strategies():
    return [search]
