"""Gaussian process regression over a set of candidates that is updated one observation at a time.

Rasmussen & Williams 2006, *Gaussian Processes for Machine Learning*, algorithm 2.1, with a constant mean and a scale
that are found in closed form (Jones, Schonlau & Welch 1998, equations 4 to 6). Written here because a library's regressor
starts from nothing at every observation: it factorises, multiplies with all candidates and searches for hyperparameters
anew. Here an observation adds one row to the Cholesky factor and one to its product with the candidates, and
hyperparameters are searched for each time the observations have grown by a third. ``tests/benchmarks/bench_surrogates.py``
measures the difference.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench_strategies.kernels import Kernel, Matrix

Vector = NDArray[np.float64]

JITTER = 1e-8
SPREAD = 3.0
"""Standard deviation of the normal prior of every parameter, in powers of two."""

REACH = 8.0
"""How far a parameter may go from the centre of its prior, in powers of two."""


class GaussianProcess:
    """A normal prediction for every candidate.

    Observations have the covariance ``s² (k(x, x') + noise [x = x'])`` about an unknown constant mean. Mean and ``s²`` are
    estimated in closed form; the kernel's parameters and the noise maximise the concentrated likelihood times a
    log-normal prior. They are searched for on the grid of powers of two by moving one at a time to a neighbouring
    point as long as that helps: the result cannot depend on the last bits of the arithmetic.

    Args:
        kernel: of unit variance.
        noise: centre of the prior of the noise's share, a power of two.
        growth: parameters are searched for anew when the observations have become this many times as many.
        sweeps: at most this many rounds over all parameters per search.
    """

    def __init__(self, kernel: Kernel, *, noise: float = -4.0, growth: float = 1.3, sweeps: int = 3) -> None:
        self._kernel = kernel
        self._prior = np.append(kernel.start, noise)
        self._growth = growth
        self._sweeps = sweeps
        self._fitted = 0  # observations at the last search for parameters
        self._factored = 0  # rows of the factor that are up to date
        self._known = 0  # rows of its product with the candidates that are
        self._candidates: Any = None
        self._factor: Matrix = np.empty((0, 0))
        self._weights: Matrix = np.empty((0, 0))
        self._unexplained: Vector = np.empty(0)
        self.parameters = self._prior.copy()

    def predict(self, observed: Any, values: Vector, candidates: Any) -> tuple[Vector, Vector]:
        """Mean and deviation of the underlying function at the candidates, each ``[candidate]``.

        Args:
            observed: features of the observations; those of earlier calls come first and are unchanged.
            values: ``[observation]``; these may all change from call to call.
            candidates: features of the candidates. What is known of them is kept as long as it is the same object.
        """
        count = len(observed)
        if count >= self._growth * self._fitted and self.fit(observed, values):
            self._factored = self._known = 0
        if candidates is not self._candidates:
            self._candidates = candidates
            self._known = 0
        self._factorise(observed)
        self._project(observed, candidates)
        residual, scale, mean = _centred(self._factor[:count, :count], values)
        means: Vector = residual @ self._weights[:count]
        means += mean
        deviations: Vector = np.sqrt(np.maximum(scale * self._unexplained, 0.0))
        return means, deviations

    def fit(self, observed: Any, values: Vector) -> bool:
        """Search for parameters, beginning from the present ones. Returns whether they changed."""
        self._fitted = len(observed)
        before = self.parameters
        parts = self._kernel.parts(observed, observed)
        best = self.log_posterior(parts, values, before)
        refused: set[bytes] = set()
        for _ in range(self._sweeps):
            at_start = best
            for place in range(len(before)):
                for step in (1.0, -1.0):
                    trial = self.parameters.copy()
                    trial[place] += step
                    # What was no better than an earlier best is no better than a later one.
                    if abs(trial[place] - self._prior[place]) > REACH or trial.tobytes() in refused:
                        continue
                    value = self.log_posterior(parts, values, trial)
                    if value > best + 1e-6:
                        best, self.parameters = value, trial
                        break
                    refused.add(trial.tobytes())
            if best == at_start:
                break
        return not np.array_equal(before, self.parameters)

    def log_posterior(self, parts: NDArray[Any], values: Vector, parameters: Vector) -> float:
        """The concentrated log likelihood plus the log prior, up to a constant.

        Args:
            parts: the kernel's, of all pairs of observations.
            values: ``[observation]``.
            parameters: the kernel's and the noise's, logarithms to base 2.
        """
        factor = _cholesky(self._noisy(self._kernel.combine(parts, parameters[:-1]), parameters))
        _, scale, _ = _centred(factor, values)
        likelihood = -0.5 * len(values) * np.log(scale) - np.log(np.diagonal(factor)).sum()
        return float(likelihood - 0.5 * np.sum(((parameters - self._prior) / SPREAD) ** 2))

    def _noisy(self, covariance: Matrix, parameters: Vector) -> Matrix:
        diagonal = np.einsum("ii->i", covariance)
        diagonal += np.exp2(parameters[-1]) + JITTER
        return covariance

    def _covariance(self, first: Any, second: Any) -> Matrix:
        return self._kernel.combine(self._kernel.parts(first, second), self.parameters[:-1])

    def _factorise(self, observed: Any) -> None:
        """Bring ``L`` (with ``L L' = K``) up to date; what is known of it stays."""
        count, known = len(observed), self._factored
        if count > len(self._factor):
            larger = np.zeros((2 * count, 2 * count), order="F")
            larger[:known, :known] = self._factor[:known, :known]
            self._factor = larger
        if known < count:
            across = self._covariance(observed[known:], observed)
            rows = _solved(self._factor[:known, :known], across[:, :known])
            corner = self._noisy(across[:, known:] - rows @ rows.T, self.parameters)
            self._factor[known:count, :known] = rows
            self._factor[known:count, known:count] = _cholesky(corner)
            self._factored = count

    def _project(self, observed: Any, candidates: Any) -> None:
        """Bring ``L⁻¹ k(observed, candidates)`` and the variance that it leaves up to date; what is known of them stays."""
        count, known = len(observed), self._known
        if count > len(self._weights) or len(candidates) != self._weights.shape[1]:
            larger = np.empty((2 * count, len(candidates)))
            if known:
                larger[:known] = self._weights[:known]
            self._weights = larger
        if known == 0:
            self._unexplained = np.ones(len(candidates))
        if known < count:
            across = self._covariance(observed[known:], candidates)
            if known:
                across -= self._factor[known:count, :known] @ self._weights[:known]
            weights = _solved(self._factor[known:count, known:count], across.T).T
            self._weights[known:count] = weights
            self._unexplained -= np.einsum("ij,ij->j", weights, weights)
            self._known = count


def _cholesky(covariance: Matrix) -> Matrix:
    """``L`` with ``L L'`` the given matrix, which is overwritten."""
    from scipy.linalg.lapack import dpotrf

    factor, wrong = dpotrf(covariance.T, lower=1, overwrite_a=1)
    if wrong:
        raise np.linalg.LinAlgError(f"covariance of {len(covariance)} observations is not positive definite")
    return np.asarray(factor, dtype=np.float64)


def _solved(factor: Matrix, right: Matrix) -> Matrix:
    """``X`` with ``X L' = B``, ``[row, column of L]``; ``B`` is overwritten where its layout is Fortran's."""
    from scipy.linalg.blas import dtrsm

    if not len(factor):
        return right
    solution: Matrix = dtrsm(1.0, factor, right, side=1, lower=1, trans_a=1, overwrite_b=1)
    return solution


def _centred(factor: Matrix, values: Vector) -> tuple[Vector, float, float]:
    """``L⁻¹ (y - m)``, the scale ``s²`` and the generalised least squares mean ``m``."""
    from scipy.linalg.lapack import dtrtrs

    both = np.ones((len(values), 2), order="F")
    both[:, 0] = values
    solved, _ = dtrtrs(factor, both, lower=1, overwrite_b=1)
    whitened, ones = solved[:, 0], solved[:, 1]
    mean = float(np.dot(ones, whitened) / np.dot(ones, ones))
    residual: Vector = whitened - mean * ones
    return residual, max(float(np.dot(residual, residual)) / len(values), 1e-12), mean
