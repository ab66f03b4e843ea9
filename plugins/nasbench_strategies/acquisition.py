"""How much a candidate promises, from the mean and the deviation that a surrogate predicts for it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

_HALF_LOG_TWO_PI = 0.5 * np.log(2.0 * np.pi)
_ROOT_HALF_PI = np.sqrt(np.pi / 2.0)
_ROOT_HALF = np.sqrt(0.5)
_STEPS = np.concatenate((np.arange(0.02, 1.0, 0.02), np.arange(1.0, 8.0, 0.25)))
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
    deviation = np.maximum(deviation, LEAST_DEVIATION)
    result: Vector = _log_improvement((mean - best) / deviation) + np.log(deviation)
    return result


def leading_improvement(mean: Vector, deviation: Vector, best: float, free: NDArray[np.bool_]) -> Vector:
    """:func:`log_expected_improvement` of those free candidates that may have the greatest; ``-inf`` for all others.

    Improvement rises with ``u`` and with the deviation: who would not lead even with the greatest deviation of all
    cannot lead. This spares most of the special functions.

    Args:
        mean, deviation, best: as in :func:`log_expected_improvement`.
        free: ``[candidate]``, whether it counts.
    """
    result = np.full_like(mean, -np.inf)
    if not free.any():
        return result
    deviation = np.maximum(deviation, LEAST_DEVIATION)
    u = np.where(free, (mean - best) / deviation, -np.inf)
    first = int(u.argmax())
    spread = np.log(deviation[first] / deviation.max())
    lower = u[first] - _STEPS
    too_low = _log_improvement(lower) < _log_improvement(u[first : first + 1]) + spread - 1e-6
    leading = np.flatnonzero(free & (u >= lower[too_low].max(initial=-np.inf)))
    result[leading] = _log_improvement(u[leading]) + np.log(deviation[leading])
    return result


def _log_improvement(u: Vector) -> Vector:
    """``log(u Phi(u) + phi(u))``."""
    from scipy.special import erfcx, ndtr

    near = u > -1.0
    values = np.empty_like(u)
    close = u[near]
    values[near] = np.log(close * ndtr(close) + np.exp(-0.5 * close * close - _HALF_LOG_TWO_PI))
    # For u <= -1, h = u Phi(u) + phi(u) is phi(u) (1 + u sqrt(pi/2) erfcx(-u / sqrt 2)). The bracket is a small
    # difference of numbers near 1; below -100 the first terms of its series are exact to eleven digits.
    tail = u[~near]
    inverse = 1.0 / (tail * tail)
    bracket = np.where(
        tail > -100.0,
        1.0 + tail * _ROOT_HALF_PI * erfcx(-tail * _ROOT_HALF),
        inverse * (1.0 - 3.0 * inverse * (1.0 - 5.0 * inverse)),
    )
    values[~near] = np.log(bracket) - 0.5 * tail * tail - _HALF_LOG_TWO_PI
    return values


def normal_entropy(deviation: Vector) -> Vector:
    """The differential entropy of normal predictions in nats, ``log(s sqrt(2 pi e))``.

    Args:
        deviation: ``[candidate]``, at least 0; 0 counts as 1e-9.
    """
    entropy: Vector = np.log(np.maximum(deviation, LEAST_DEVIATION)) + _HALF_LOG_TWO_PI + 0.5
    return entropy
