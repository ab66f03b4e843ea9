"""An ensemble of small neural networks for regression, all trained at once in NumPy.

Written here because five networks on a hundred examples are too small for a library: its calls cost more than their
arithmetic, and members are trained one after the other.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


class Perceptrons:
    """Fully connected ReLU networks with one output, each from initial weights of its own.

    They are trained on all data at every step with Adam (Kingma & Ba 2015) on the mean squared error; the weights
    of all members are arrays ``[member, in, out]`` and every step is a few batched products.

    Args:
        width: of the input.
        hidden: widths of the hidden layers.
        members: networks in the ensemble.
        rng: initial weights (He et al. 2015).
    """

    def __init__(self, width: int, hidden: tuple[int, ...], members: int, rng: Generator) -> None:
        sizes = (width, *hidden, 1)
        self._weights = [
            rng.normal(0.0, np.sqrt(2.0 / fan_in), (members, fan_in, fan_out))
            for fan_in, fan_out in zip(sizes[:-1], sizes[1:], strict=True)
        ]
        self._biases = [np.zeros((members, 1, fan_out)) for fan_out in sizes[1:]]

    def fit(self, features: Matrix, values: NDArray[np.float64], steps: int, rate: float, decay: float) -> None:
        """Adam on the mean squared error with decoupled weight decay.

        Args:
            features: ``[observation, feature]``.
            values: ``[observation]``.
            steps: over all data.
            rate: learning rate, falling to 0 along a cosine.
            decay: of the weights per step, in units of the rate.
        """
        parameters = [*self._weights, *self._biases]
        moments = [np.zeros_like(parameter) for parameter in parameters]
        squares = [np.zeros_like(parameter) for parameter in parameters]
        layers = len(self._weights)
        for step in range(1, steps + 1):
            activations = self._forward(features)
            error = 2.0 * (activations[-1] - values[None, :, None]) / len(values)
            gradients: list[Matrix] = [np.empty(0)] * (2 * layers)
            for layer in reversed(range(layers)):
                before = activations[layer]
                gradients[layer] = np.swapaxes(before, -1, -2) @ error
                gradients[layers + layer] = error.sum(axis=1, keepdims=True)
                if layer:
                    error = (error @ np.swapaxes(self._weights[layer], 1, 2)) * (before > 0.0)
            now = rate * 0.5 * (1.0 + np.cos(np.pi * (step - 1) / steps))
            scale = now * np.sqrt(1.0 - 0.999**step) / (1.0 - 0.9**step)
            for place, (parameter, gradient) in enumerate(zip(parameters, gradients, strict=True)):
                moments[place] += 0.1 * (gradient - moments[place])
                squares[place] += 0.001 * (gradient * gradient - squares[place])
                if place < layers:
                    parameter *= 1.0 - now * decay
                parameter -= scale * moments[place] / (np.sqrt(squares[place]) + 1e-8)

    def predict(self, features: Matrix) -> Matrix:
        """What every member predicts, ``[member, architecture]``."""
        predictions: Matrix = self._forward(features)[-1][:, :, 0]
        return predictions

    def _forward(self, features: Matrix) -> list[Matrix]:
        """Input and output of every layer."""
        activations = [features]
        last = len(self._weights) - 1
        for layer, (weight, bias) in enumerate(zip(self._weights, self._biases, strict=True)):
            output = activations[-1] @ weight + bias
            activations.append(output if layer == last else np.maximum(output, 0.0))
        return activations
