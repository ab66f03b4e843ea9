"""Random search with parameter sharing (Li & Talwalkar, UAI 2019, https://arxiv.org/abs/1902.07638), called RSPS."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from numpy.random import Generator

from nasbench_suite import Architecture, Problem, Step, strategy

if TYPE_CHECKING:
    from nasbench_suite.training import Batch, Mixture, SupernetSearch


@strategy(
    "rsps",
    family="weight-sharing",
    step=Step("a finished schedule", "schedule", "epochs"),
    paper="https://arxiv.org/abs/1902.07638",
    requires=("cell", "training"),
)
def rsps(
    problem: Problem,
    rng: Generator,
    *,
    epochs: int = 100,
    seconds: float = 0.0,
    learning_rate: float = 0.025,
    candidates: int = 100,
) -> None:
    """Train a uniformly drawn cell at every step; judge drawn cells with the shared weights.

    The paper judges its draws once, after the last epoch, on the whole validation split, and trains the best of several
    searches of 150 to 300 epochs; here there are 100 epochs and one search, and the draws share one batch after every epoch, as in NAS-Bench-201's baseline, so that there is a
    recommendation at any time.

    Args:
        problem: the search.
        rng: all randomness.
        epochs: of the supernet, at most.
        seconds: a schedule for so many seconds at the recorded price of an epoch: as many epochs as they pay for, if
            that is less; 0 asks no price.
        learning_rate: of the shared weights, at the beginning.
        candidates: cells judged after each epoch.
    """
    from nasbench_suite.training import SharingRecipe, search_supernet

    relaxation = partial(UniformSharing, candidates=candidates)
    recipe = SharingRecipe(epochs=epochs, seconds=seconds, learning_rate=learning_rate)
    search_supernet(problem, relaxation, recipe, rng)


class UniformSharing:
    """Every step trains one cell drawn uniformly; after an epoch some drawn cells are judged with the shared weights.

    Args:
        search: not used; every relaxation is made with it.
        candidates: cells judged after each epoch, all on one validation batch.
    """

    kind = "random-sharing"

    def __init__(self, search: SupernetSearch, *, candidates: int = 100) -> None:
        self._candidates = candidates

    def training_mixture(self, search: SupernetSearch) -> Mixture:
        """One cell."""
        from nasbench_suite.training import single

        return single(search.space, search.space.sample(search.rng))

    def learn(self, search: SupernetSearch, training: Batch, validation: Batch) -> None:
        """Nothing but the shared weights learns."""

    def end_epoch(self, search: SupernetSearch) -> Architecture:
        """The best of some random cells."""
        from nasbench_suite.training import best_of

        cells = [search.space.sample(search.rng) for _ in range(self._candidates)]
        return best_of(search, cells)
