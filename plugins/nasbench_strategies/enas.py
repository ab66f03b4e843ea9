"""ENAS (Pham et al., ICML 2018, https://arxiv.org/abs/1802.03268), section 2.2: reinforcement learning with shared weights.

The controller is that of NAS-Bench-201's baseline (Dong & Yang 2020): one step of the LSTM per edge, which chooses an
operation; the paper's cell controller chooses the edges, too.
"""

from __future__ import annotations

from functools import partial

from numpy.random import Generator

from nasbench_suite import Problem, strategy


@strategy("enas", family="weight-sharing", paper="https://arxiv.org/abs/1802.03268", requires=("cell", "training"))
def enas(
    problem: Problem,
    rng: Generator,
    *,
    epochs: int = 50,
    learning_rate: float = 0.025,
    controller_steps: int = 10,
    draws: int = 4,
    candidates: int = 20,
) -> None:
    """Train cells that a recurrent controller draws; train the controller by REINFORCE on validation accuracy.

    The two phases take turns epoch by epoch, as in the paper. What differs: the controller takes ``controller_steps``
    steps of ``draws`` cells after an epoch instead of the paper's 2,000 steps; the moving average that is its baseline begins at the
    first reward; the cell to recommend is chosen among drawn ones after every epoch, not only after the last.

    Args:
        problem: the search.
        rng: all randomness.
        epochs: of the supernet.
        learning_rate: of the shared weights, at the beginning.
        controller_steps: after each epoch.
        draws: cells per controller step.
        candidates: cells judged for the recommendation.
    """
    from nasbench_suite.training import Controller, SharingRecipe, search_supernet

    relaxation = partial(Controller, steps=controller_steps, draws=draws, candidates=candidates)
    search_supernet(problem, relaxation, SharingRecipe(epochs=epochs, learning_rate=learning_rate), rng)
