"""Search by weight sharing: the loop over epochs of a supernet, once; what differs between methods is a small piece.

A :class:`Relaxation` says how a cell is drawn or mixed and how its own parameters learn. The loop trains the shared
weights on training images, lets the relaxation learn on validation images, pays for each epoch, and recommends.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nasbench_suite.errors import QuestionError
from nasbench_suite.networks.cells.builder import CellBuilder
from nasbench_suite.networks.cells.supernet import Mixture, Supernet, single
from nasbench_suite.networks.machine import cpu_threads, keep_freed_memory
from nasbench_suite.spaces import Architecture, CellSpace
from nasbench_suite.tasks.task import Arrays, Offer, Task
from nasbench_suite.training import log as curves
from nasbench_suite.training.steps import Precision, in_precision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nasbench_suite.spaces import Space

Batch = tuple[Tensor, Tensor]
"""Arrays ``[image, channel, height, width]`` and labels ``[image]``."""


class Relaxation(Protocol):
    """What one method of weight sharing adds to the loop."""

    kind: str
    """The name under which its epochs are charged."""

    def training_mixture(self, search: SupernetSearch) -> Mixture:
        """The mixture under which the shared weights take their next step."""

    def learn(self, search: SupernetSearch, training: Batch, validation: Batch) -> None:
        """Called before every step of the shared weights."""

    def end_epoch(self, search: SupernetSearch) -> Architecture:
        """Called after every epoch; returns the cell to recommend."""


@dataclass(frozen=True)
class SharingRecipe:
    """How the shared weights learn. The defaults are those of NAS-Bench-201's weight-sharing baselines.

    Attributes:
        epochs: of the supernet.
        batch_size: images per step; 0 takes the task's.
        learning_rate, least_learning_rate: cosine from the one to the other over the epochs.
        momentum, weight_decay: of SGD with Nesterov momentum.
        clip: largest norm of a gradient.
    """

    epochs: int = 50
    batch_size: int = 0
    learning_rate: float = 0.025
    least_learning_rate: float = 0.001
    momentum: float = 0.9
    weight_decay: float = 5e-4
    clip: float = 5.0


class SupernetSearch:
    """A supernet under training.

    Args:
        cells: the space that is searched, and the network around a cell.
        task: the images.
        recipe: how the shared weights learn.
        rng: all randomness.
        device: of the shared weights and the images; what the relaxation learns stays on the CPU.
        precision: as for :class:`~nasbench_suite.training.trainer.Trainer`.

    Attributes:
        network: the shared weights.
        optimizer: of the shared weights.
        progress: from 0 to 1 over the search.
        generator: PyTorch's randomness, drawn from ``rng``.
    """

    def __init__(
        self,
        cells: CellBuilder,
        task: Task,
        recipe: SharingRecipe,
        rng: np.random.Generator,
        *,
        device: str = "cpu",
        precision: Precision = "float32",
    ) -> None:
        self.space, self.task, self.recipe, self.rng = cells.cells, task, recipe, rng
        self.device, self.precision = device, precision
        seeds = rng.integers(2**62, size=2).tolist()
        self.network = Supernet(cells.cells, cells.macro, seeds[0]).to(device)
        self.generator = torch.Generator().manual_seed(seeds[1])
        self.optimizer = torch.optim.SGD(
            self.network.parameters(),
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
            nesterov=True,
        )
        self.progress = 0.0
        self.epoch = 0
        self._losses: list[Tensor] = []
        self._training, self._validation = _tensors(task.train, device), _tensors(task.valid, device)
        self.batch_size = recipe.batch_size or task.recipe.batch_size
        self._validation_batches = self._endless(self._validation)

    @property
    def steps(self) -> int:
        """Steps in an epoch."""
        return math.ceil(len(self._training[1]) / self.batch_size)

    def run_epoch(self, relaxation: Relaxation, steps: int | None = None) -> Architecture:
        """One epoch (or only its first steps); returns the cell that the relaxation recommends."""
        self.network.train()
        self._losses = []
        total = self.steps
        for step, training in enumerate(_batches(self._training, self.batch_size, self.rng)):
            if step == steps:
                break
            self.progress = min(1.0, (self.epoch + step / total) / self.recipe.epochs)
            self._set_learning_rate()
            relaxation.learn(self, training, self.next_validation())
            self.weight_step(training, relaxation.training_mixture(self))
        self.epoch += 1
        self.progress = min(1.0, self.epoch / self.recipe.epochs)
        return relaxation.end_epoch(self)

    def weight_step(self, batch: Batch, mixture: Mixture) -> None:
        """One step of the shared weights; the mixture stays as it is."""
        self.optimizer.zero_grad(set_to_none=True)
        fixed = Mixture(mixture.weights.detach(), mixture.active)
        loss = self.loss(batch, fixed)
        self._losses.append(loss.detach())
        torch.autograd.backward(loss)
        parameters = [p for p in self.network.parameters() if p.grad is not None]
        torch.nn.utils.clip_grad_norm_(parameters, self.recipe.clip)
        self.optimizer.step()

    def loss(self, batch: Batch, mixture: Mixture) -> Tensor:
        """Cross-entropy of a batch under a mixture."""
        return F.cross_entropy(self.scores(batch[0], mixture), batch[1])

    def scores(self, images: Tensor, mixture: Mixture) -> Tensor:
        """Class scores under a mixture that may lie on another device."""
        there = Mixture(mixture.weights.to(self.device), mixture.active)
        with in_precision(self.device, self.precision):
            found = self.network.mixed(images, there)
        return found.to(torch.get_default_dtype())

    def mean_loss(self) -> float:
        """Training loss of the last epoch, mean over its steps."""
        return float(torch.stack(self._losses).mean()) if self._losses else math.nan

    def accuracy(self, batch: Batch, cell: Architecture) -> float:
        """Of one cell with the shared weights, normalised by the batch."""
        with torch.no_grad():
            scores = self.scores(batch[0], single(self.space, cell))
        return float((scores.argmax(1) == batch[1]).double().mean())

    def next_validation(self) -> Batch:
        """The next batch of validation images, around and around in random order."""
        return next(self._validation_batches)

    def learning_rate(self) -> float:
        """Of the shared weights, now."""
        span = self.recipe.learning_rate - self.recipe.least_learning_rate
        return self.recipe.least_learning_rate + span * (1 + math.cos(math.pi * self.progress)) / 2

    def _set_learning_rate(self) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()

    def _endless(self, images: Batch) -> Iterator[Batch]:
        while True:
            yield from _batches(images, self.batch_size, self.rng)


class Trainable(Protocol):
    """What :func:`search_supernet` needs of a :class:`~nasbench_suite.search.problem.Problem`."""

    @property
    def space(self) -> Space:
        """What is searched."""

    @property
    def training(self) -> Offer | None:
        """What the supernet is trained on."""

    def charge(self, what: str, cost: float, epochs: float, *, measured: bool = False) -> None:
        """Pay for an epoch."""

    def recommend(self, architecture: Sequence[int]) -> None:
        """Name the answer so far."""


def search_supernet(
    problem: Trainable,
    make: Callable[[SupernetSearch], Relaxation],
    recipe: SharingRecipe,
    rng: np.random.Generator,
) -> None:
    """Train a supernet epoch by epoch, pay for each, and recommend after each.

    An epoch whose price is recorded is paid before it is trained; otherwise its measured seconds are paid after it.

    Args:
        problem: what is searched; it is charged and given the recommendations.
        make: makes the relaxation.
        recipe: how the shared weights learn.
        rng: all randomness.

    Raises:
        QuestionError: nothing can be trained on this benchmark, or it is no cell space.
    """
    offer, space = problem.training, problem.space
    if offer is None or not isinstance(space, CellSpace):
        raise QuestionError("weight sharing needs a benchmark that offers 'training' and a cell space")
    keep_freed_memory()
    with cpu_threads(1):
        search = SupernetSearch(offer.builder, offer.task, recipe, rng)
        relaxation = make(search)
        prices: Mapping[str, float] | None = offer.supernet_seconds
        if prices is not None and relaxation.kind not in prices:
            raise QuestionError(f"no price of a supernet epoch of kind {relaxation.kind!r} is recorded")
        for _ in range(recipe.epochs):
            what = f"supernet epoch, {relaxation.kind}"
            if prices is not None:
                problem.charge(what, prices[relaxation.kind], 1.0)
            started = time.perf_counter()
            cell = search.run_epoch(relaxation)
            if prices is None:
                problem.charge(what, time.perf_counter() - started, 1.0, measured=True)
            curves.note(
                "supernet",
                kind=relaxation.kind,
                epoch=search.epoch,
                train_loss=search.mean_loss(),
                cell=space.format(cell),
                seconds=time.perf_counter() - started,
            )
            problem.recommend(cell)


class Differentiable:
    """A relaxation with one number per edge and operation, learned by Adam on validation batches.

    DARTS (Liu, Simonyan & Yang, ICLR 2019, https://arxiv.org/abs/1806.09055), Algorithm 1: a softmax mixture; the
    second order differentiates through one step of the shared weights, by the finite difference of equation 8.
    Subclasses mix otherwise.

    Args:
        search: whose space it is for.
        second_order: whether to look one step of the shared weights ahead.
        learning_rate, weight_decay: of Adam, whose β are 0.5 and 0.999.
    """

    def __init__(
        self,
        search: SupernetSearch,
        *,
        second_order: bool = False,
        learning_rate: float = 3e-4,
        weight_decay: float = 1e-3,
    ) -> None:
        space = search.space
        self.kind = "darts-second-order" if second_order else "darts-first-order"
        self._second_order = second_order
        drawn = torch.randn(len(space.edges), len(space.operations), generator=search.generator)
        self.numbers = (1e-3 * drawn).requires_grad_()
        self._all = tuple(tuple(range(len(space.operations))) for _ in space.edges)
        self._optimizer = torch.optim.Adam(
            [self.numbers], lr=learning_rate, betas=(0.5, 0.999), weight_decay=weight_decay
        )

    def mixture(self, search: SupernetSearch) -> Mixture:
        """The mixture of now; gradients flow to ``numbers``."""
        return Mixture(self.numbers.softmax(1), self._all)

    def penalty(self) -> Tensor | None:
        """What is added to the validation loss."""
        return None

    def training_mixture(self, search: SupernetSearch) -> Mixture:
        with torch.no_grad():
            return self.mixture(search)

    def learn(self, search: SupernetSearch, training: Batch, validation: Batch) -> None:
        if self._second_order:
            gradient = unrolled_gradient(search, self.numbers, lambda: self.mixture(search), training, validation)
        else:
            loss = search.loss(validation, self.mixture(search))
            penalty = self.penalty()
            # A sampled cell through which nothing flows teaches nothing.
            (gradient,) = torch.autograd.grad(
                loss if penalty is None else loss + penalty, [self.numbers], allow_unused=True, materialize_grads=True
            )
        self.numbers.grad = gradient
        self._optimizer.step()

    def end_epoch(self, search: SupernetSearch) -> Architecture:
        # Rounded, so that the last bits of a sum do not decide between operations.
        rounded = torch.round(self.numbers.detach().double(), decimals=6)
        return tuple(int(option) for option in rounded.argmax(1))


def unrolled_gradient(
    search: SupernetSearch,
    numbers: Tensor,
    mixture: Callable[[], Mixture],
    training: Batch,
    validation: Batch,
    reach: float = 0.01,
) -> Tensor:
    """Gradient of the validation loss after one step of the shared weights, with respect to the numbers.

    DARTS, equations 7 and 8: the step is that of the optimizer (momentum and weight decay included, without Nesterov's
    look-ahead, as in the authors' code); the product with the second derivatives is a central difference.

    Args:
        search: holds the shared weights; they are back where they were afterwards.
        numbers: what ``mixture`` depends on.
        mixture: makes the mixture of now.
        training, validation: one batch each.
        reach: norm of the difference's step (the paper's choice; ReLU and pooling bend within it, so it is not exact).
    """
    weights = [p for p in search.network.parameters() if p.requires_grad]
    rate, momentum, decay = search.learning_rate(), search.recipe.momentum, search.recipe.weight_decay
    now = mixture()
    fixed = Mixture(now.weights.detach(), now.active)
    gradients = torch.autograd.grad(search.loss(training, fixed), weights, allow_unused=True)
    before = [weight.detach().clone() for weight in weights]
    with torch.no_grad():
        for weight, gradient in zip(weights, gradients, strict=True):
            if gradient is None:
                continue
            moving = search.optimizer.state.get(weight, {}).get("momentum_buffer")
            step = gradient + decay * weight
            weight.sub_(rate * (step if moving is None else step + momentum * moving))
    (direct, *ahead) = torch.autograd.grad(search.loss(validation, now), [numbers, *weights], allow_unused=True)
    known = [vector for vector in ahead if vector is not None]
    length = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(vector) for vector in known]))
    small = reach / float(length.clamp_min(1e-12))
    sides = []
    for sign in (1.0, -1.0):
        with torch.no_grad():
            for weight, old, vector in zip(weights, before, ahead, strict=True):
                weight.copy_(old if vector is None else old + sign * small * vector)
        (side,) = torch.autograd.grad(search.loss(training, mixture()), [numbers], materialize_grads=True)
        sides.append(side)
    with torch.no_grad():
        for weight, old in zip(weights, before, strict=True):
            weight.copy_(old)
    correction: Tensor = (sides[0] - sides[1]) * (rate / (2 * small))
    gradient_ahead: Tensor = direct - correction
    return gradient_ahead


class GumbelHard(Differentiable):
    """GDAS (Dong & Yang, CVPR 2019, https://arxiv.org/abs/1910.04465): one sampled operation per edge, straight through.

    The temperature falls linearly from 10 to 0.1. Only the sampled operation is computed; unlike in the authors' code
    the others pass no constant gradient.
    """

    def __init__(self, search: SupernetSearch, *, hottest: float = 10.0, coldest: float = 0.1) -> None:
        super().__init__(search)
        self.kind = "gdas"
        self._hottest, self._coldest = hottest, coldest

    def mixture(self, search: SupernetSearch) -> Mixture:
        heat = self._hottest + (self._coldest - self._hottest) * search.progress
        noise = -torch.empty_like(self.numbers).exponential_(generator=search.generator).log()
        soft = ((self.numbers.log_softmax(1) + noise) / heat).softmax(1)
        chosen = soft.detach().argmax(1)
        hard = F.one_hot(chosen, soft.shape[1]).to(soft.dtype)
        return Mixture(hard - soft.detach() + soft, tuple((option,) for option in chosen.tolist()))


class DirichletMixture(Differentiable):
    """DrNAS (Chen et al., ICLR 2021, https://arxiv.org/abs/2006.10355): mixtures drawn from a learned Dirichlet.

    Concentrations are ``elu(numbers) + 1``; their distance from the flat Dirichlet is penalised (λ = 0.001). Without
    the paper's partial channels and progressive pruning, which serve memory.
    """

    def __init__(self, search: SupernetSearch, *, penalty: float = 1e-3) -> None:
        super().__init__(search, weight_decay=0.0)
        self.kind = "drnas"
        self._penalty = penalty

    def _dirichlet(self) -> torch.distributions.Dirichlet:
        return torch.distributions.Dirichlet(F.elu(self.numbers) + 1.0, validate_args=False)

    def mixture(self, search: SupernetSearch) -> Mixture:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(search.rng.integers(2**62)))
            drawn = self._dirichlet().rsample()
        return Mixture(drawn, self._all)

    def penalty(self) -> Tensor:
        flat = torch.distributions.Dirichlet(torch.ones_like(self.numbers), validate_args=False)
        distance: Tensor = torch.distributions.kl_divergence(self._dirichlet(), flat)
        return self._penalty * distance.mean()


class UniformSharing:
    """Random search with parameter sharing (Li & Talwalkar, UAI 2019, https://arxiv.org/abs/1902.07638).

    Every step trains one cell drawn uniformly; after an epoch some drawn cells are judged with the shared weights.

    Args:
        candidates: cells judged after each epoch, each on one validation batch.
    """

    kind = "random-sharing"

    def __init__(self, search: SupernetSearch, *, candidates: int = 100) -> None:
        self._candidates = candidates

    def training_mixture(self, search: SupernetSearch) -> Mixture:
        return single(search.space, search.space.sample(search.rng))

    def learn(self, search: SupernetSearch, training: Batch, validation: Batch) -> None:
        pass

    def end_epoch(self, search: SupernetSearch) -> Architecture:
        cells = [search.space.sample(search.rng) for _ in range(self._candidates)]
        return best_of(search, cells)


class Controller:
    """ENAS (Pham et al., ICML 2018, https://arxiv.org/abs/1802.03268): a recurrent controller learns which cells are good.

    Shared weights train on cells that the controller draws; after each epoch the controller takes steps of REINFORCE
    with the validation accuracy under shared weights as the reward, a moving average as the baseline, and an entropy
    bonus. The controller is an LSTM with one step per edge, as in NAS-Bench-201's baseline.

    Args:
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
        with torch.no_grad():
            return single(search.space, self.draw(search)[0])

    def learn(self, search: SupernetSearch, training: Batch, validation: Batch) -> None:
        pass

    def end_epoch(self, search: SupernetSearch) -> Architecture:
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


def best_of(search: SupernetSearch, cells: Sequence[Architecture]) -> Architecture:
    """The cell with the best accuracy on one validation batch under the shared weights; the first of equals."""
    batch = search.next_validation()
    return max(cells, key=lambda cell: search.accuracy(batch, cell))


def _tensors(images: Arrays, device: str) -> Batch:
    pixels = torch.from_numpy(images.inputs).to(device, torch.get_default_dtype())
    return pixels, torch.from_numpy(images.targets).to(device)


def _batches(images: Batch, size: int, rng: np.random.Generator) -> Iterator[Batch]:
    for places in torch.split(torch.from_numpy(rng.permutation(len(images[1]))).to(images[0].device), size):
        yield images[0][places], images[1][places]
