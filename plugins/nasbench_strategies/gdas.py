"""GDAS (Dong & Yang, CVPR 2019, https://arxiv.org/abs/1910.04465), Algorithm 1: one operation per edge, by Gumbel noise."""

from __future__ import annotations

from functools import partial

from numpy.random import Generator

from nasbench_suite import Problem, strategy


@strategy("gdas", family="weight-sharing", paper="https://arxiv.org/abs/1910.04465", requires=("cell", "training"))
def gdas(
    problem: Problem,
    rng: Generator,
    *,
    epochs: int = 250,
    learning_rate: float = 0.025,
    hottest: float = 10.0,
    coldest: float = 0.1,
) -> None:
    """Train only the sampled operation of each edge; gradients reach the probabilities straight through.

    Every edge of the cell is kept, as in NAS-Bench-201; the paper keeps two inputs of each node. The operations that
    were not sampled are not computed, and unlike in the authors' code they pass no constant gradient either.

    Args:
        problem: the search.
        rng: all randomness.
        epochs: of the supernet (250 as in NAS-Bench-201's baseline).
        learning_rate: of the shared weights, at the beginning.
        hottest, coldest: temperature τ of the Gumbel softmax at the beginning and at the end.
    """
    from nasbench_suite.training import GumbelHard, SharingRecipe, search_supernet

    relaxation = partial(GumbelHard, hottest=hottest, coldest=coldest)
    search_supernet(problem, relaxation, SharingRecipe(epochs=epochs, learning_rate=learning_rate), rng)
