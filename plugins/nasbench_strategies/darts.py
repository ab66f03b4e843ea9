"""DARTS (Liu, Simonyan & Yang, ICLR 2019, https://arxiv.org/abs/1806.09055), Algorithm 1, first and second order.

All edges of the cell are kept, each with its strongest operation, as NAS-Bench-201's baseline does; the paper keeps the two
strongest inputs of each node and never an absent edge. On NAS-Bench-201 it is known to end in cells of skip connections
(Dong & Yang 2020, table 5); that is the expected result, not a fault.
"""

from __future__ import annotations

from numpy.random import Generator

from nasbench_suite import Problem, strategy

PAPER = "https://arxiv.org/abs/1806.09055"
REQUIRES = ("cell", "training")


@strategy("darts", family="weight-sharing", paper=PAPER, requires=REQUIRES)
def darts(problem: Problem, rng: Generator, *, epochs: int = 50, learning_rate: float = 0.025) -> None:
    """Learn a mixture of operations on every edge while its shared weights learn (first order).

    Args:
        problem: the search.
        rng: all randomness.
        epochs: of the supernet; the learning rate falls over them.
        learning_rate: of the shared weights, at the beginning (ξ in the paper is the current one).
    """
    from nasbench_suite.training import Differentiable, SharingRecipe, search_supernet

    search_supernet(problem, Differentiable, SharingRecipe(epochs=epochs, learning_rate=learning_rate), rng)


@strategy("darts-second-order", family="weight-sharing", paper=PAPER, requires=REQUIRES)
def darts_second_order(problem: Problem, rng: Generator, *, epochs: int = 50, learning_rate: float = 0.025) -> None:
    """Learn the mixture by looking one step of the shared weights ahead (equations 7 and 8).

    Args:
        problem: the search.
        rng: all randomness.
        epochs: of the supernet; the learning rate falls over them.
        learning_rate: of the shared weights, at the beginning (ξ in the paper is the current one).
    """
    from functools import partial

    from nasbench_suite.training import Differentiable, SharingRecipe, search_supernet

    relaxation = partial(Differentiable, second_order=True)
    search_supernet(problem, relaxation, SharingRecipe(epochs=epochs, learning_rate=learning_rate), rng)
