"""GDAS (Dong & Yang, CVPR 2019, https://arxiv.org/abs/1910.04465), Algorithm 1: one operation per edge, by Gumbel noise."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from numpy.random import Generator

from nasbench_strategies.darts import Differentiable
from nasbench_suite import Problem, Step, strategy

if TYPE_CHECKING:
    from nasbench_suite.training import Mixture, SupernetSearch


@strategy(
    "gdas",
    family="weight-sharing",
    step=Step("a finished schedule", "schedule", "epochs"),
    paper="https://arxiv.org/abs/1910.04465",
    requires=("cell", "training"),
)
def gdas(
    problem: Problem,
    rng: Generator,
    *,
    epochs: int = 250,
    seconds: float = 0.0,
    learning_rate: float = 0.025,
    travel: float = 3e-4 * 250 * 391,
    hottest: float = 10.0,
    coldest: float = 0.1,
) -> None:
    """Train only the sampled operation of each edge; gradients reach the probabilities straight through.

    Every edge of the cell is kept, as in NAS-Bench-201; the paper keeps two inputs of each node. The operations that
    were not sampled are not computed, and unlike in the authors' code they pass no constant gradient either.

    Args:
        problem: the search.
        rng: all randomness.
        epochs: of the supernet, at most (250 as in NAS-Bench-201's baseline).
        seconds: a schedule for so many seconds at the recorded price of an epoch: as many epochs as they pay for, if
            that is less; 0 asks no price.
        learning_rate: of the shared weights, at the beginning.
        travel: learning rate of the numbers times the steps of the search; the product of the authors' run is kept.
        hottest, coldest: temperature τ of the Gumbel softmax at the beginning and at the end.
    """
    from nasbench_suite.training import SharingRecipe, search_supernet

    relaxation = partial(GumbelHard, travel=travel, hottest=hottest, coldest=coldest)
    recipe = SharingRecipe(epochs=epochs, seconds=seconds, learning_rate=learning_rate)
    search_supernet(problem, relaxation, recipe, rng)


class GumbelHard(Differentiable):
    """One sampled operation per edge, straight through (equations 3 to 7); learned like the numbers of DARTS.

    Args:
        search: whose space it is for.
        hottest, coldest: temperature τ at the beginning and at the end; it falls linearly in between.
        travel: see :class:`Differentiable`.
    """

    def __init__(
        self, search: SupernetSearch, *, hottest: float = 10.0, coldest: float = 0.1, travel: float = 3e-4 * 250 * 391
    ) -> None:
        super().__init__(search, travel=travel)
        self.kind = "gdas"
        self._hottest, self._coldest = hottest, coldest

    def mixture(self, search: SupernetSearch) -> Mixture:
        """A fresh sample; gradients flow to ``numbers`` as if the sample were soft."""
        import torch
        from torch.nn.functional import one_hot

        from nasbench_suite.training import Mixture

        heat = self._hottest + (self._coldest - self._hottest) * search.progress
        noise = -torch.empty_like(self.numbers).exponential_(generator=search.generator).log()
        soft = ((self.numbers.log_softmax(1) + noise) / heat).softmax(1)
        chosen = soft.detach().argmax(1)
        hard = one_hot(chosen, soft.shape[1]).to(soft.dtype)
        return Mixture(hard - soft.detach() + soft, tuple((option,) for option in chosen.tolist()))
