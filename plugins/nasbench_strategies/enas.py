"""ENAS (Pham et al., ICML 2018, https://arxiv.org/abs/1802.03268), section 2.2: reinforcement learning with shared weights.

The controller is that of NAS-Bench-201's baseline (Dong & Yang 2020): one step of the LSTM per edge, which chooses an
operation; the paper's cell controller chooses the edges, too.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from numpy.random import Generator

from nasbench_suite import Architecture, Problem, Step, strategy

if TYPE_CHECKING:
    from torch import Tensor

    from nasbench_suite.training import Batch, Mixture, SupernetSearch


@strategy(
    "enas",
    family="weight-sharing",
    step=Step("a finished schedule", "schedule", "epochs"),
    paper="https://arxiv.org/abs/1802.03268",
    requires=("cell", "training"),
)
def enas(
    problem: Problem,
    rng: Generator,
    *,
    epochs: int = 50,
    seconds: float = 0.0,
    learning_rate: float = 0.025,
    controller_steps: int = 10,
    draws: int = 4,
    candidates: int = 20,
) -> None:
    """Train cells that a recurrent controller draws; train the controller by REINFORCE on validation accuracy.

    The two phases take turns epoch by epoch, as in the paper. What differs: the controller takes ``controller_steps``
    steps of ``draws`` cells after an epoch instead of the paper's 2,000 steps of one cell; its LSTM has one layer of 32 units
    (the authors' two of 64 or one of 100), its Adam a rate of 1e-3 (0.00035 in the paper), its baseline a decay of 0.95
    (0.99 in the authors' code); 50 epochs, not 310, and 20 cells to choose from, not 10 after the end; the moving average that is its baseline begins at the
    first reward; the cell to recommend is chosen among drawn ones after every epoch, not only after the last.

    Args:
        problem: the search.
        rng: all randomness.
        epochs: of the supernet, at most.
        seconds: a schedule for so many seconds at the recorded price of an epoch: as many epochs as they pay for, if
            that is less; 0 asks no price.
        learning_rate: of the shared weights, at the beginning.
        controller_steps: after each epoch.
        draws: cells per controller step.
        candidates: cells judged for the recommendation.
    """
    from nasbench_suite.training import SharingRecipe, search_supernet

    relaxation = partial(Controller, steps=controller_steps, draws=draws, candidates=candidates)
    recipe = SharingRecipe(epochs=epochs, seconds=seconds, learning_rate=learning_rate)
    search_supernet(problem, relaxation, recipe, rng)


class Controller:
    """An LSTM with one step per edge, whose cells train the shared weights, and which learns which of them are good.

    After each epoch it takes steps of REINFORCE: the reward is the validation accuracy under shared weights, its
    baseline a moving average, and there is a bonus for entropy.

    Args:
        search: whose space it is for.
        steps: of the controller after each epoch.
        draws: cells per step.
        width: of the LSTM.
        entropy: weight of the bonus.
        candidates: cells drawn and judged for the recommendation.
    """

    kind = "enas"

    def __init__(
        self,
        search: SupernetSearch,
        *,
        steps: int = 10,
        draws: int = 4,
        width: int = 32,
        entropy: float = 1e-4,
        candidates: int = 20,
    ) -> None:
        import torch

        self._steps, self._draws, self._entropy, self._candidates = steps, draws, entropy, candidates
        kinds = len(search.space.operations)
        self._edges = len(search.space.edges)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(search.rng.integers(2**62)))
            self._cell = torch.nn.LSTMCell(width, width)
            self._words = torch.nn.Embedding(kinds + 1, width)  # the last one starts a cell
            self._guess = torch.nn.Linear(width, kinds)
        parameters = [*self._cell.parameters(), *self._words.parameters(), *self._guess.parameters()]
        self._optimizer = torch.optim.Adam(parameters, lr=1e-3, betas=(0.0, 0.999), eps=1e-3)
        self._baseline: float | None = None

    def draw(self, search: SupernetSearch) -> tuple[Architecture, Tensor, Tensor]:
        """A cell, its log-probability and the entropy of the choices."""
        import torch

        state: tuple[Tensor, Tensor] | None = None
        word = torch.tensor([self._words.num_embeddings - 1])
        options, likelihood, entropy = [], [], []
        for _ in range(self._edges):
            state = self._cell(self._words(word), state)
            logs = (2.5 * torch.tanh(self._guess(state[0]) / 5.0)).log_softmax(1)[0]
            option = int(torch.multinomial(logs.detach().exp(), 1, generator=search.generator))
            options.append(option)
            likelihood.append(logs[option])
            entropy.append(-(logs.exp() * logs).sum())
            word = torch.tensor([option])
        return tuple(options), torch.stack(likelihood).sum(), torch.stack(entropy).sum()

    def training_mixture(self, search: SupernetSearch) -> Mixture:
        """One drawn cell."""
        import torch

        from nasbench_suite.training import single

        with torch.no_grad():
            return single(search.space, self.draw(search)[0])

    def learn(self, search: SupernetSearch, training: Batch, validation: Batch) -> None:
        """Nothing: the controller learns after the epoch."""

    def end_epoch(self, search: SupernetSearch) -> Architecture:
        """The controller's steps, then the best of some cells that it draws."""
        import torch

        from nasbench_suite.training import best_of

        for _ in range(self._steps):
            terms = []
            for _ in range(self._draws):
                cell, likelihood, entropy = self.draw(search)
                reward = search.accuracy(search.next_validation(), cell)
                self._baseline = reward if self._baseline is None else 0.95 * self._baseline + 0.05 * reward
                terms.append(-likelihood * (reward - self._baseline) - self._entropy * entropy)
            self._optimizer.zero_grad()
            torch.autograd.backward(torch.stack(terms).mean())
            self._optimizer.step()
        with torch.no_grad():
            return best_of(search, [self.draw(search)[0] for _ in range(self._candidates)])
