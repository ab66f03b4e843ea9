"""DrNAS (Chen et al., ICLR 2021, https://arxiv.org/abs/2006.10355): mixtures drawn from a Dirichlet that learns."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from numpy.random import Generator

from nasbench_strategies.darts import Differentiable
from nasbench_suite import Problem, Step, strategy

if TYPE_CHECKING:
    from torch import Tensor
    from torch.distributions import Dirichlet

    from nasbench_suite.training import Mixture, SupernetSearch


@strategy(
    "drnas",
    family="weight-sharing",
    step=Step("a finished schedule", "schedule", "epochs"),
    paper="https://arxiv.org/abs/2006.10355",
    requires=("cell", "training"),
)
def drnas(
    problem: Problem,
    rng: Generator,
    *,
    epochs: int = 100,
    seconds: float = 0.0,
    learning_rate: float = 0.025,
    travel: float = 3e-4 * 100 * 391,
    penalty: float = 1e-3,
) -> None:
    """Draw the mixture of every step; learn its concentrations on validation images.

    Without the paper's partial channels and progressive pruning, which save memory on ImageNet. Gradients pass through
    the draw as in the paper, by PyTorch's pathwise derivative of the Dirichlet. The penalty is the mean of the divergences
    over the edges, where the authors' code sums them; for NAS-Bench-201 their script penalises an L2 norm instead.

    Args:
        problem: the search.
        rng: all randomness.
        epochs: of the supernet, at most.
        seconds: a schedule for so many seconds at the recorded price of an epoch: as many epochs as they pay for, if
            that is less; 0 asks no price.
        learning_rate: of the shared weights, at the beginning.
        travel: learning rate of the numbers times the steps of the search; the product of the authors' run is kept.
        penalty: weight of the distance from the flat Dirichlet (λ).
    """
    from nasbench_suite.training import SharingRecipe, search_supernet

    relaxation = partial(DirichletMixture, travel=travel, penalty=penalty)
    recipe = SharingRecipe(epochs=epochs, seconds=seconds, learning_rate=learning_rate)
    search_supernet(problem, relaxation, recipe, rng)


class DirichletMixture(Differentiable):
    """A draw from one Dirichlet per edge, whose concentrations are ``elu(numbers) + 1``.

    Args:
        search: whose space it is for.
        penalty: weight of the distance from the flat Dirichlet (λ).
        travel: see :class:`Differentiable`.
    """

    def __init__(self, search: SupernetSearch, *, penalty: float = 1e-3, travel: float = 3e-4 * 100 * 391) -> None:
        super().__init__(search, travel=travel, weight_decay=0.0)
        self.kind = "drnas"
        self._penalty = penalty

    def mixture(self, search: SupernetSearch) -> Mixture:
        """A fresh draw; gradients flow to ``numbers``."""
        import torch

        from nasbench_suite.training import Mixture

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(search.rng.integers(2**62)))
            drawn = self._dirichlet().rsample()
        return Mixture(drawn, self.all_operations)

    def penalty(self) -> Tensor:
        """λ times the Kullback-Leibler divergence from the flat Dirichlet, mean over the edges."""
        import torch
        from torch.distributions import Dirichlet, kl_divergence

        flat = Dirichlet(torch.ones_like(self.numbers), validate_args=False)
        distance: Tensor = kl_divergence(self._dirichlet(), flat)
        return self._penalty * distance.mean()

    def _dirichlet(self) -> Dirichlet:
        from torch.distributions import Dirichlet
        from torch.nn.functional import elu

        return Dirichlet(elu(self.numbers) + 1.0, validate_args=False)
