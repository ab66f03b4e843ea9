"""A strategy that ends its process without a word."""

import os

from nasbench_suite import hookimpl, strategy


@strategy("zoo-exits")
def zoo_exits(problem, rng):
    """Evaluate once, then leave."""
    problem.evaluate(problem.space.sample(rng))
    os._exit(7)


@hookimpl
def nasbench_strategies():
    return [zoo_exits]
