"""How much a candidate promises, from the mean and the deviation that a surrogate predicts for it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

_HALF_LOG_TWO_PI = 0.5 * np.log(2.0 * np.pi)
LEAST_DEVIATION = 1e-9


def log_expected_improvement(mean: Vector, deviation: Vector, best: float) -> Vector:
    """The logarithm of the expected improvement over the best value so far, for a normal prediction.

    The improvement is ``EI = s (u Phi(u) + phi(u))`` with ``u = (mean - best) / s`` (Jones, Schonlau & Welch 1998,
    equation 15). Its logarithm orders candidates the same way and does not underflow to 0 where little is promised;
    the form for negative ``u`` is that of Ament et al. 2023 (NeurIPS, arXiv 2310.20708, equation 9).

    Args:
        mean: ``[candidate]``.
        deviation: ``[candidate]``, at least 0; 0 counts as 1e-9.
        best: the highest value observed (or predicted) so far.
    """
    from scipy.special import erfcx, ndtr

    deviation = np.maximum(deviation, LEAST_DEVIATION)
    u = (mean - best) / deviation
    density = np.exp(-0.5 * u * u - _HALF_LOG_TWO_PI)
    near = u > -1.0
    # For u < -1, with h = u Phi(u) + phi(u): log h = log phi(u) + log(1 + u sqrt(pi/2) erfcx(-u / sqrt 2)); the
    # bracket tends to 1 / u² and loses all its digits below about u = -1e5.
    tail = np.minimum(u, -1.0)
    bracket = np.where(tail > -1e4, 1.0 + tail * np.sqrt(np.pi / 2) * erfcx(-tail / np.sqrt(2.0)), 1.0 / (tail * tail))
    log_tail = -0.5 * tail * tail - _HALF_LOG_TWO_PI + np.log(bracket)
    log_near = np.log(np.where(near, u * ndtr(u) + density, 1.0))
    values: Vector = np.log(deviation) + np.where(near, log_near, log_tail)
    return values


def normal_entropy(deviation: Vector) -> Vector:
    """The differential entropy of normal predictions in nats, ``log(s sqrt(2 pi e))``.

    Args:
        deviation: ``[candidate]``, at least 0; 0 counts as 1e-9.
    """
    entropy: Vector = np.log(np.maximum(deviation, LEAST_DEVIATION)) + _HALF_LOG_TWO_PI + 0.5
    return entropy
