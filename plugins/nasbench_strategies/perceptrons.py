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

    They are trained on all data at every step with Adam (Kingma & Ba 2015) on the mean squared error. All parameters of
    all members are one array, so that a step of Adam is a few operations; the first layers, which see the same
    features, are one product.

    Args:
        width: of the input.
        members: networks in the ensemble.
        rng: initial weights (He et al. 2015).
        hidden: widths of the hidden layers.
    """

    def __init__(self, width: int, members: int, rng: Generator, *, hidden: tuple[int, ...] = HIDDEN) -> None:
        sizes = (width, *hidden, 1)
        steps = list(itertools.pairwise(sizes))
        self._parameters = np.zeros(members * sum((fan_in + 1) * fan_out for fan_in, fan_out in steps))
        self._weights, self._biases = self._views(self._parameters, members, steps)
        for weights, (fan_in, fan_out) in zip(self._weights, steps, strict=True):
            weights[:] = rng.normal(0.0, np.sqrt(2.0 / fan_in), (members, fan_in, fan_out))
        self._shape = members, steps

    @staticmethod
    def _views(flat: Vector, members: int, steps: Sequence[tuple[int, int]]) -> tuple[list[Matrix], list[Matrix]]:
        """Weights ``[member, in, out]`` and biases ``[member, 1, out]`` of every layer within one array, weights first.

        The weights of the first layer lie there as ``[in, member, out]``.
        """
        weights, biases, start = [], [], 0
        for layer, (fan_in, fan_out) in enumerate(steps):
            piece = flat[start : (start := start + members * fan_in * fan_out)]
            first = piece.reshape(fan_in, members, fan_out).transpose(1, 0, 2)
            weights.append(first if layer == 0 else piece.reshape(members, fan_in, fan_out))
        for _, fan_out in steps:
            biases.append(flat[start : (start := start + members * fan_out)].reshape(members, 1, fan_out))
        return weights, biases

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
        parameters, (members, shapes) = self._parameters, self._shape
        gradient, moment, square = np.empty_like(parameters), np.zeros_like(parameters), np.zeros_like(parameters)
        by_weight, by_bias = self._views(gradient, members, shapes)
        first = by_weight[0].transpose(1, 0, 2).reshape(features.shape[1], -1)
        decayed = parameters[: sum(weights.size for weights in self._weights)]
        transposed = np.ascontiguousarray(features.T)
        for step in range(1, steps + 1):
            activations = self._forward(features)
            error = (2.0 / len(values)) * (activations[-1] - values[None, :, None])
            for layer in reversed(range(len(shapes))):
                error.sum(axis=1, keepdims=True, out=by_bias[layer])
                if layer:
                    before = activations[layer]
                    np.matmul(before.transpose(0, 2, 1), error, out=by_weight[layer])
                    error = (error @ self._weights[layer].transpose(0, 2, 1)) * (before > 0.0)
                else:
                    np.matmul(transposed, error.transpose(1, 0, 2).reshape(len(values), -1), out=first)
            now = rate * 0.5 * (1.0 + np.cos(np.pi * (step - 1) / steps))
            moment += 0.1 * (gradient - moment)
            square += 0.001 * (gradient * gradient - square)
            decayed *= 1.0 - now * decay
            scale = now * np.sqrt(1.0 - 0.999**step) / (1.0 - 0.9**step)
            parameters -= scale * moment / (np.sqrt(square) + 1e-8)

    def predict(self, features: Matrix) -> Matrix:
        """What every member predicts, ``[member, architecture]``."""
        predictions: Matrix = self._forward(features)[-1][:, :, 0]
        return predictions

    def _forward(self, features: Matrix) -> list[Matrix]:
        """Input and output of every layer, ``[member, architecture, unit]`` but for the first input."""
        first, bias = self._weights[0], self._biases[0]
        members, width, units = first.shape
        joint = features @ first.transpose(1, 0, 2).reshape(width, members * units)
        joint += bias.reshape(-1)
        activations = [features, joint.reshape(-1, members, units).transpose(1, 0, 2)]
        for weight, bias in zip(self._weights[1:], self._biases[1:], strict=True):
            np.maximum(activations[-1], 0.0, out=activations[-1])
            activations.append(activations[-1] @ weight + bias)
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
        features = self._encoded([evaluation.architecture for evaluation in evaluations])
        self._ensemble = Perceptrons(features.shape[1], members, rng)
        self._ensemble.fit(features, log_regret(np.array([evaluation.accuracy for evaluation in evaluations]), floor))

    def predict(self, architectures: Sequence[Architecture]) -> Matrix:
        """What every member predicts, ``[member, architecture]``."""
        return self.predict_encoded(self._encoded(architectures))

    def predict_encoded(self, features: Matrix) -> Matrix:
        """The same for architectures in the ensemble's encoding (see :func:`encoding`), ``[architecture, feature]``."""
        return self._ensemble.predict(features)

    def _encoded(self, architectures: Sequence[Architecture]) -> Matrix:
        return self._space.encode(architectures, encoding(self._space))


def encoding(space: Space) -> str:
    """Paths where a space has them, else its first encoding."""
    return "paths" if "paths" in space.encodings else space.encodings[0]
