"""Nevergrad's optimizers (Rapin & Teytaud 2018, https://github.com/facebookresearch/nevergrad) as strategies.

Every decision is a choice; the optimizers are asked and told one architecture at a time.
"""

from __future__ import annotations

import random
import warnings

from numpy.random import Generator, RandomState

from nasbench_suite import Architecture, Evaluation, Problem, Strategy, ask_and_tell, hookimpl, strategy

NASBENCH_API = 2
KEPT = 40
"""So many of the best points the library keeps; see :func:`_ask_and_tell`."""
PAPER = "https://github.com/facebookresearch/nevergrad"


def _search(problem: Problem, rng: Generator, name: str) -> None:
    import numpy

    before = numpy.random.get_state(), random.getstate()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _ask_and_tell(problem, rng, name)
    finally:
        numpy.random.set_state(before[0])
        random.setstate(before[1])  # the library draws from the global generators


def _ask_and_tell(problem: Problem, rng: Generator, name: str) -> None:
    import nevergrad
    import numpy

    numpy.random.seed(int(rng.integers(2**32)))
    random.seed(int(rng.integers(2**32)))
    choices = [nevergrad.p.Choice(list(range(len(decision.options)))) for decision in problem.space.decisions]
    space = nevergrad.p.Tuple(*choices)
    space.random_state = RandomState(int(rng.integers(2**32)))
    # The budget is not known to a strategy; without one, these optimizers adapt as they go.
    optimizer = nevergrad.optimizers.registry[name](space, budget=None, num_workers=1)
    # Each point is a tree of ten objects and more per option: 450 KiB in a space of 30 decisions with 5 options. The
    # library keeps 1,000 of them before it lets the worse ones go; none of these optimizers looks at more than a few.
    optimizer.pruning = nevergrad.optimization.utils.Pruning(min_len=KEPT // 4, max_len=KEPT)
    current = []

    def ask() -> Architecture:
        current[:] = [optimizer.ask()]
        return tuple(int(option) for option in current[0].value)

    def tell(evaluation: Evaluation) -> None:
        optimizer.tell(current[0], 1.0 - evaluation.accuracy)

    ask_and_tell(problem, ask, tell)


@strategy("nevergrad-one-plus-one", family="evolution", paper=PAPER)
def nevergrad_one_plus_one(problem: Problem, rng: Generator) -> None:
    """Nevergrad's discrete (1+1) evolution."""
    _search(problem, rng, "DiscreteOnePlusOne")


@strategy("nevergrad-portfolio", family="evolution", paper=PAPER)
def nevergrad_portfolio(problem: Problem, rng: Generator) -> None:
    """Nevergrad's discrete (1+1) evolution with a mixture of mutation rates."""
    _search(problem, rng, "PortfolioDiscreteOnePlusOne")


@strategy("nevergrad-two-points-de", family="evolution", paper=PAPER)
def nevergrad_two_points_de(problem: Problem, rng: Generator) -> None:
    """Nevergrad's differential evolution with two-point crossover, over weights of the options."""
    _search(problem, rng, "TwoPointsDE")


@hookimpl
def nasbench_strategies() -> list[Strategy]:
    """The optimizers."""
    return [nevergrad_one_plus_one, nevergrad_portfolio, nevergrad_two_points_de]
