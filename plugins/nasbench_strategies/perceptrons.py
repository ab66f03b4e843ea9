"""An ensemble of small neural networks for regression, all trained at once in NumPy.

Written here because five networks on a hundred examples are too small for a library: its calls cost more than their
arithmetic, and members are trained one after the other.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from nasbench_strategies.targets import log_regret
from nasbench_suite import Architecture, Evaluation, Space

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

HIDDEN = (20, 20)
STEPS = 150
RATE = 0.01
DECAY = 0.1


class Perceptrons:
    """Fully connected ReLU networks with one output, each from initial weights of its own.

    They are trained on all data at every step with Adam (Kingma & Ba 2015) on the mean squared error; the weights
    of all members are arrays ``[member, in, out]`` and every step is a few batched products.

    Args:
        width: of the input.
        members: networks in the ensemble.
        rng: initial weights (He et al. 2015).
        hidden: widths of the hidden layers.
    """

    def __init__(self, width: int, members: int, rng: Generator, *, hidden: tuple[int, ...] = HIDDEN) -> None:
        sizes = (width, *hidden, 1)
        self._weights = [
            rng.normal(0.0, np.sqrt(2.0 / fan_in), (members, fan_in, fan_out))
            for fan_in, fan_out in itertools.pairwise(sizes)
        ]
        self._biases = [np.zeros((members, 1, fan_out)) for fan_out in sizes[1:]]

    def fit(
        self, features: Matrix, values: Vector, *, steps: int = STEPS, rate: float = RATE, decay: float = DECAY
    ) -> None:
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


class Surrogate:
    """An ensemble that predicts the log of the regret from the paths of an architecture (White et al. 2021).

    Where a space has no paths, the ensemble sees its first encoding.

    Args:
        space: of the architectures.
        evaluations: what is known.
        rng: initial weights.
        members: networks in the ensemble.
        floor: share of the median regret below which there is little difference (see
            :func:`~nasbench_strategies.targets.log_regret`).
    """

    def __init__(
        self, space: Space, evaluations: Sequence[Evaluation], rng: Generator, *, members: int = 5, floor: float = 0.1
    ) -> None:
        self._space = space
        self._encoding = "paths" if "paths" in space.encodings else space.encodings[0]
        features = self._encoded([evaluation.architecture for evaluation in evaluations])
        self._ensemble = Perceptrons(features.shape[1], members, rng)
        self._ensemble.fit(features, log_regret(np.array([evaluation.accuracy for evaluation in evaluations]), floor))

    def predict(self, architectures: Sequence[Architecture]) -> Matrix:
        """What every member predicts, ``[member, architecture]``."""
        return self._ensemble.predict(self._encoded(architectures))

    def _encoded(self, architectures: Sequence[Architecture]) -> Matrix:
        return self._space.encode(architectures, self._encoding)
