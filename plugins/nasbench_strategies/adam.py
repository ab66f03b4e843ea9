"""Adam (Kingma & Ba, ICLR 2015, https://arxiv.org/abs/1412.6980), Algorithm 1, on one NumPy array."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


class Adam:
    """The optimizer's state for one array of parameters, which it changes in place.

    Args:
        parameters: what to optimise, of any shape.
        learning_rate: length of a step (α in the paper).
        momentum: decay of the mean gradient (β1 in the paper).
        memory: decay of the mean squared gradient (β2 in the paper).
    """

    EPSILON = 1e-8

    def __init__(
        self,
        parameters: NDArray[np.float64],
        learning_rate: float,
        *,
        momentum: float = 0.9,
        memory: float = 0.999,
    ) -> None:
        self.parameters = parameters
        self._learning_rate = learning_rate
        self._momentum = momentum
        self._memory = memory
        self._mean = np.zeros_like(parameters)
        self._square = np.zeros_like(parameters)
        self._scratch = np.empty_like(parameters)
        self._momentum_power = 1.0
        self._memory_power = 1.0

    def descend(self, gradient: NDArray[np.float64]) -> None:
        """One step against the gradient of a loss (an array of the parameters' shape; it is kept)."""
        self._momentum_power *= self._momentum
        self._memory_power *= self._memory
        mean, square, scratch = self._mean, self._square, self._scratch
        mean *= self._momentum
        np.multiply(gradient, 1.0 - self._momentum, out=scratch)
        mean += scratch
        square *= self._memory
        np.multiply(gradient, gradient, out=scratch)
        scratch *= 1.0 - self._memory
        square += scratch
        # The paper's two corrections for the start at 0, taken out of the arrays (its end of section 2).
        correction = math.sqrt(1.0 - self._memory_power)
        np.sqrt(square, out=scratch)
        scratch += self.EPSILON * correction
        np.divide(mean, scratch, out=scratch)
        scratch *= self._learning_rate * correction / (1.0 - self._momentum_power)
        self.parameters -= scratch
