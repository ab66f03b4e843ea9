"""Covariance functions between architectures, with unit variance; their parameters are logarithms to base 2."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nasbench_strategies.weisfeiler_lehman import GraphFeatures, similarities

Matrix = NDArray[np.float64]

TABULATED = 12
"""With at most so many decisions, covariances are looked up by the pattern of what differs."""


class Kernel(Protocol):
    """A covariance function with ``k(x, x) = 1`` on features of some kind (anything with a length and slices)."""

    @property
    def start(self) -> NDArray[np.float64]:
        """The centre of the prior of the parameters, ``[parameter]``: logarithms to base 2."""

    def parts(self, first: Any, second: Any) -> NDArray[Any]:
        """What does not depend on the parameters, ``[part, first, second]``; ``first`` is the smaller set."""

    def combine(self, parts: NDArray[Any], parameters: NDArray[np.float64]) -> Matrix:
        """Covariances ``[first, second]`` from parts and parameters."""


def matern(squared_distance: Matrix) -> Matrix:
    """The Matérn covariance of smoothness 5/2, ``(1 + r + r²/3) exp(-r)`` with ``r² = 5 d²``."""
    distance = np.sqrt(5.0 * squared_distance)
    covariance: Matrix = (1.0 + distance + distance * distance / 3.0) * np.exp(-distance)
    return covariance


class DecisionKernel:
    """A sum over decisions plus a product over decisions, with one weight per decision.

    ``k(x, y) = (1 - a) sum_d w_d [x_d = y_d] / sum_d w_d + a Matérn(sum_d w_d [x_d != y_d])``. The first term lets every
    decision have an effect of its own, whatever the others are (one-hot linear regression); the second is Matérn 5/2
    on one-hot features with a length scale per decision (automatic relevance determination), for what decisions
    do together. Their shares and the weights are found from the data.

    The features are option numbers, ``[architecture, decision]``; the parameters are ``log2 w_d`` and ``log2 a / (1 - a)``.

    Which decisions differ is one of ``2^d`` patterns; where these are few, covariances are looked up and not computed.

    Args:
        decisions: how many.
    """

    def __init__(self, decisions: int) -> None:
        self.start = np.append(np.full(decisions, np.round(-np.log2(decisions))), -1.0)
        bits = np.arange(decisions)
        self._patterns = (np.arange(1 << decisions)[:, None] >> bits & 1).T if decisions <= TABULATED else None

    def parts(self, first: NDArray[Any], second: NDArray[Any]) -> NDArray[Any]:
        """Whether a decision differs: as the bits of one number, ``[first, second]``, or as ``[decision, first, second]``."""
        if self._patterns is None:
            differs: NDArray[np.bool_] = first.T[:, :, None] != second.T[:, None, :]
            return differs
        patterns = np.zeros((len(first), len(second)), dtype=np.uint16)
        narrow = first.astype(second.dtype, copy=False)
        for place in range(first.shape[1]):
            patterns |= (narrow[:, place, None] != second[:, place]) * np.uint16(1 << place)
        return patterns

    def combine(self, parts: NDArray[Any], parameters: NDArray[np.float64]) -> Matrix:
        """Covariances ``[first, second]``."""
        differs = parts if self._patterns is None else self._patterns
        weights = np.exp2(parameters[:-1])
        together = 1.0 / (1.0 + np.exp2(-parameters[-1]))
        differing = weights[0] * differs[0]
        for weight, part in zip(weights[1:], differs[1:], strict=True):
            differing += weight * part
        covariance: Matrix = (1.0 - together) * (1.0 - differing / weights.sum()) + together * matern(differing)
        return covariance if self._patterns is None else covariance.take(parts)


class WeisfeilerLehmanKernel:
    """Matérn 5/2 of the distance between Weisfeiler-Lehman features, with one weight per round of relabelling.

    ``k(G, G') = Matérn(sum_h w_h |f_h(G) - f_h(G')|²)``, where ``f_h`` are the label counts of round ``h`` scaled to
    length 1. The features are :class:`~nasbench_strategies.weisfeiler_lehman.GraphFeatures`; the parameters are
    ``log2 w_h``.

    Args:
        rounds: of relabelling (H).
    """

    def __init__(self, rounds: int) -> None:
        self.start = np.full(rounds + 1, -1.0)

    def parts(self, first: GraphFeatures, second: GraphFeatures) -> NDArray[np.float64]:
        """Squared distances, ``[round, first, second]``, in [0, 2]."""
        return np.maximum(2.0 - 2.0 * similarities(first, second), 0.0)

    def combine(self, parts: NDArray[Any], parameters: NDArray[np.float64]) -> Matrix:
        """Covariances ``[first, second]``."""
        return matern(np.tensordot(np.exp2(parameters), parts, axes=1))
