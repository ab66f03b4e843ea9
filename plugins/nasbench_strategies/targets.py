"""What surrogates learn in place of accuracies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


def log_regret(accuracies: Vector, floor: float = 0.03) -> Vector:
    """Accuracies on a scale that spreads what is near the best: minus the log of the regret, standardised.

    ``-log(r / median(r) + floor)`` with the regret ``r`` to the best observed. On the raw scale a few cells that learn
    nothing decide mean, variance and hyperparameters.

    Args:
        accuracies: ``[observation]``.
        floor: share of the median regret below which differences count little.
    """
    regret = accuracies.max() - accuracies
    unit = float(np.median(regret)) or float(regret.mean())
    if unit == 0.0:
        return np.zeros_like(accuracies)
    scaled = -np.log(regret / unit + floor)
    standardised: Vector = (scaled - scaled.mean()) / scaled.std()
    return standardised
