"""DARTS (Liu, Simonyan & Yang, ICLR 2019, https://arxiv.org/abs/1806.09055), Algorithm 1, first and second order.

All edges of the cell are kept, each with its strongest operation, as NAS-Bench-201's baseline does; the paper keeps the two
strongest inputs of each node. As in the paper no edge ends as the absent one; NAS-Bench-201's baseline allows that. On NAS-Bench-201 it is known to end in cells of skip connections
(Dong & Yang 2020, table 5); that is the expected result, not a fault.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from numpy.random import Generator

from nasbench_suite import Architecture, Problem, Step, strategy

if TYPE_CHECKING:
    from torch import Tensor

    from nasbench_suite.training import Batch, Mixture, SupernetSearch

PAPER = "https://arxiv.org/abs/1806.09055"
REQUIRES = ("cell", "training")
EPOCHS = 50
TRAVEL = 3e-4 * EPOCHS * 391
"""The paper's rate of 3e-4 times its steps: 50 epochs of 25,000 images in batches of 64."""


@strategy(
    "darts",
    family="weight-sharing",
    step=Step("a finished schedule", "schedule", "epochs"),
    paper=PAPER,
    requires=REQUIRES,
)
def darts(
    problem: Problem,
    rng: Generator,
    *,
    epochs: int = EPOCHS,
    seconds: float = 0.0,
    learning_rate: float = 0.025,
    travel: float = TRAVEL,
) -> None:
    """Learn a mixture of operations on every edge while its shared weights learn (first order).

    Args:
        problem: the search.
        rng: all randomness.
        epochs: of the supernet, at most; the learning rate falls over them.
        seconds: a schedule for so many seconds at the recorded price of an epoch: as many epochs as they pay for, if
            that is less; 0 asks no price.
        learning_rate: of the shared weights, at the beginning (ξ in the paper is the current one).
        travel: learning rate of the mixture times the steps of the search. The paper's product is kept where a data set
            or a budget has fewer steps than its 19,550; its rate would leave the mixture where it began.
    """
    from nasbench_suite.training import SharingRecipe, search_supernet

    recipe = SharingRecipe(epochs=epochs, seconds=seconds, learning_rate=learning_rate)
    search_supernet(problem, partial(Differentiable, travel=travel), recipe, rng)


@strategy(
    "darts-second-order",
    family="weight-sharing",
    step=Step("a finished schedule", "schedule", "epochs"),
    paper=PAPER,
    requires=REQUIRES,
)
def darts_second_order(
    problem: Problem,
    rng: Generator,
    *,
    epochs: int = EPOCHS,
    seconds: float = 0.0,
    learning_rate: float = 0.025,
    travel: float = TRAVEL,
) -> None:
    """Learn the mixture by looking one step of the shared weights ahead (equations 7 and 8).

    Args:
        problem: the search.
        rng: all randomness.
        epochs: of the supernet, at most; the learning rate falls over them.
        seconds: a schedule for so many seconds at the recorded price of an epoch: as many epochs as they pay for, if
            that is less; 0 asks no price.
        learning_rate: of the shared weights, at the beginning (ξ in the paper is the current one).
        travel: learning rate of the mixture times the steps of the search. The paper's product is kept where a data set
            or a budget has fewer steps than its 19,550; its rate would leave the mixture where it began.
    """
    from nasbench_suite.training import SharingRecipe, search_supernet

    recipe = SharingRecipe(epochs=epochs, seconds=seconds, learning_rate=learning_rate)
    search_supernet(problem, partial(Differentiable, second_order=True, travel=travel), recipe, rng)


class Differentiable:
    """One number per edge and operation (α in the paper), learned by Adam on validation batches; a softmax mixes.

    The relaxations of GDAS and DrNAS are subclasses that mix otherwise.

    Args:
        search: whose space it is for.
        second_order: whether to look one step of the shared weights ahead.
        travel: learning rate of Adam (β 0.5 and 0.999) times steps of the search: how far a number can go.
        weight_decay: of Adam.

    Attributes:
        kind: the name under which its epochs are priced.
        numbers: ``[edge, operation]``.
    """

    def __init__(
        self,
        search: SupernetSearch,
        *,
        second_order: bool = False,
        travel: float = TRAVEL,
        weight_decay: float = 1e-3,
    ) -> None:
        import torch

        from nasbench_suite.training import everything

        space = search.space
        self.kind = "darts-second-order" if second_order else "darts-first-order"
        self._second_order = second_order
        drawn = torch.randn(len(space.edges), len(space.operations), generator=search.generator)
        self.numbers = (1e-3 * drawn).requires_grad_()
        self.all_operations = everything(space)
        self._travel = travel
        self._optimizer = torch.optim.Adam([self.numbers], lr=0.0, betas=(0.5, 0.999), weight_decay=weight_decay)

    def mixture(self, search: SupernetSearch) -> Mixture:
        """The mixture of now (equation 2); gradients flow to ``numbers``."""
        from nasbench_suite.training import Mixture

        return Mixture(self.numbers.softmax(1), self.all_operations)

    def penalty(self) -> Tensor | None:
        """What is added to the validation loss."""
        return None

    def training_mixture(self, search: SupernetSearch) -> Mixture:
        """The mixture of now, without gradients: the shared weights learn under it."""
        import torch

        with torch.no_grad():
            return self.mixture(search)

    def learn(self, search: SupernetSearch, training: Batch, validation: Batch) -> None:
        """Step 1 of Algorithm 1: go down the gradient of the validation loss with respect to the numbers."""
        import torch

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
        for group in self._optimizer.param_groups:
            group["lr"] = self._travel / (search.recipe.epochs * search.steps)
        self._optimizer.step()

    def end_epoch(self, search: SupernetSearch) -> Architecture:
        """The strongest operation of every edge that is not the absent edge (section 2.4)."""
        import torch

        # Rounded, so that the last bits of a sum do not decide between operations.
        rounded = torch.round(self.numbers.detach().double(), decimals=6)
        if search.space.zero is not None:
            rounded[:, search.space.zero] = -torch.inf
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

    Equations 7 and 8: the step is that of the optimizer (momentum and weight decay included, without Nesterov's
    look-ahead, as in the authors' code); the product with the second derivatives is a central difference.

    Args:
        search: holds the shared weights; they are back where they were afterwards.
        numbers: what ``mixture`` depends on.
        mixture: makes the mixture of now.
        training, validation: one batch each.
        reach: norm of the difference's step (the paper's choice; ReLU and pooling bend within it, so it is not exact).
    """
    import torch

    weights = [p for p in search.network.parameters() if p.requires_grad]
    rate, momentum, decay = search.learning_rate(), search.recipe.momentum, search.recipe.weight_decay
    now = mixture()
    fixed = now._replace(weights=now.weights.detach())
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
