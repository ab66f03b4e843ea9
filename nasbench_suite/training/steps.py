"""Single training steps: the descent, its precision, and steps recorded as CUDA graphs."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor
from torch.optim.sgd import sgd

from nasbench_suite.networks.members import Members
from nasbench_suite.tasks.task import Recipe

Precision = Literal["float32", "bfloat16"]


@contextmanager
def in_precision(device: str, precision: Precision) -> Iterator[None]:
    """Compute what is inside in this precision where that is safe (PyTorch's autocast)."""
    if precision == "float32":
        yield
        return
    with torch.autocast(torch.device(device).type, torch.bfloat16, cache_enabled=False):
        yield


@contextmanager
def algorithms(deterministic: bool) -> Iterator[None]:
    """Choose a GPU's algorithms: those that always give the same numbers, or the quickest for the sizes at hand."""
    if not torch.cuda.is_available():
        yield
        return
    before = torch.are_deterministic_algorithms_enabled()
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=not deterministic, deterministic=deterministic):
            yield
    finally:
        torch.use_deterministic_algorithms(before)


class Descent:
    """SGD with Nesterov momentum as a recipe says, by PyTorch's own function of it.

    ``torch.optim.SGD`` collects parameters, gradients and momenta anew at every step, which takes small networks longer
    than the step itself. On a GPU the learning rate is a tensor there, so that a captured step reads it.

    Args:
        network: whose parameters descend.
        recipe: learning rate, momentum, weight decay.
        device: of the network.

    Attributes:
        parameters: of the network, in its order.
        momenta: one per parameter; ``None`` before the first step.
    """

    def __init__(self, network: Members, recipe: Recipe, device: str = "cpu") -> None:
        gpu = torch.device(device).type == "cuda"
        self.parameters: list[Tensor] = list(network.parameters())
        self.momenta: list[Tensor | None] = [None for _ in self.parameters]
        self._recipe = recipe
        self._rate: float | Tensor = torch.tensor(recipe.learning_rate, device=device) if gpu else recipe.learning_rate
        # One kernel for everything; on the CPU several members are fewer, larger tensors, and are looped over.
        self._fused = network.members == 1 or gpu

    def set_progress(self, progress: float) -> None:
        """Set the learning rate: a cosine from the recipe's to 0 while the progress goes from 0 to 1."""
        rate = 0.5 * self._recipe.learning_rate * (1 + math.cos(math.pi * progress))
        if isinstance(self._rate, Tensor):
            self._rate.fill_(rate)
        else:
            self._rate = rate

    def step(self, loss: Tensor) -> None:
        """Go down the gradient of a loss by one step."""
        gradients = torch.autograd.grad(loss, self.parameters, allow_unused=True, materialize_grads=True)
        pairs = zip(gradients, self.parameters, strict=True)
        with torch.no_grad():
            sgd(
                self.parameters,
                [_laid_out(gradient, parameter) for gradient, parameter in pairs],
                self.momenta,
                lr=self._rate,  # type: ignore[arg-type]
                momentum=self._recipe.momentum,
                weight_decay=self._recipe.weight_decay,
                dampening=0.0,
                nesterov=True,
                maximize=False,
                fused=self._fused,
                foreach=not self._fused,
            )


def _laid_out(gradient: Tensor, parameter: Tensor) -> Tensor:
    """A gradient with its numbers in the order in which the parameter's lie, as a fused step needs it."""
    if gradient.stride() == parameter.stride():
        return gradient
    return torch.empty_like(parameter).copy_(gradient)


class CapturedStep:
    """A training step as a CUDA graph: its inputs are copied to where it was recorded, and its kernels replayed.

    Args:
        graph: that was recorded.
        batch, wanted: the inputs that it reads.
        scores, losses: the outputs that it writes.
    """

    def __init__(
        self, graph: torch.cuda.CUDAGraph, batch: Tensor, wanted: Tensor, scores: Tensor, losses: Tensor
    ) -> None:
        self._graph, self._batch, self._wanted = graph, batch, wanted
        self._scores, self._losses = scores, losses

    @classmethod
    def of(
        cls,
        step: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
        batch: Tensor,
        wanted: Tensor,
        stream: torch.cuda.Stream,
    ) -> CapturedStep | None:
        """Record a step (nothing is computed yet); ``None`` where it cannot be recorded."""
        batch, wanted = batch.clone(), wanted.clone()
        graph = torch.cuda.CUDAGraph()
        try:
            torch.cuda.synchronize()
            with torch.cuda.graph(graph, stream=stream):
                scores, losses = step(batch, wanted)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError:  # an operation that cannot be captured; steps go on one kernel at a time
            torch.cuda.synchronize()
            return None
        return cls(graph, batch, wanted, scores, losses)

    def fits(self, batch: Tensor) -> bool:
        """Whether a batch has the recorded size; the last one of an epoch may be smaller."""
        return batch.shape == self._batch.shape

    def replay(self, batch: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """One step; what it returns is overwritten by the next."""
        self._batch.copy_(batch)
        self._wanted.copy_(wanted)
        self._graph.replay()
        return self._scores, self._losses
