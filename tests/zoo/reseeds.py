"""Strategies that reseed or use the global generators."""

import random

import numpy

from nasbench_suite import hookimpl, strategy


@strategy("zoo-reseeds")
def zoo_reseeds(problem, rng):
    """Reseed both global generators, then search at random."""
    random.seed(0)
    numpy.random.seed(0)
    while True:
        problem.evaluate(problem.space.sample(rng))


@strategy("zoo-draws-globally")
def zoo_draws_globally(problem, rng):
    """Draw from the global generator of NumPy."""
    while True:
        problem.evaluate(problem.space.architecture(int(numpy.random.randint(problem.space.size))))


@hookimpl
def nasbench_strategies():
    return [zoo_reseeds, zoo_draws_globally]
