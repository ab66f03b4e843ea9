"""DrNAS (Chen et al., ICLR 2021, https://arxiv.org/abs/2006.10355): mixtures drawn from a Dirichlet that learns."""

from __future__ import annotations

from functools import partial

from numpy.random import Generator

from nasbench_suite import Problem, strategy


@strategy("drnas", family="weight-sharing", paper="https://arxiv.org/abs/2006.10355", requires=("cell", "training"))
def drnas(
    problem: Problem, rng: Generator, *, epochs: int = 100, learning_rate: float = 0.025, penalty: float = 1e-3
) -> None:
    """Draw the mixture of every step; learn its concentrations on validation images.

    Without the paper's partial channels and progressive pruning, which save memory on ImageNet. Gradients pass through
    the draw as in the paper, by PyTorch's pathwise derivative of the Dirichlet.

    Args:
        problem: the search.
        rng: all randomness.
        epochs: of the supernet.
        learning_rate: of the shared weights, at the beginning.
        penalty: weight of the distance from the flat Dirichlet (λ).
    """
    from nasbench_suite.training import DirichletMixture, SharingRecipe, search_supernet

    relaxation = partial(DirichletMixture, penalty=penalty)
    search_supernet(problem, relaxation, SharingRecipe(epochs=epochs, learning_rate=learning_rate), rng)
