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
        self._fitted = 0
        self._known = 0
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
        refitted = len(observed) >= self._growth * self._fitted and self.fit(observed, values)
        if refitted or candidates is not self._candidates:
            self._candidates = candidates
            self._known = 0
        self._extend(observed, candidates)
        count = self._known
        residual, scale, mean = _centred(self._factor[:count, :count], values)
        means: Vector = mean + residual @ self._weights[:count]
        deviations: Vector = np.sqrt(np.maximum(scale * self._unexplained, 0.0))
        return means, deviations

    def fit(self, observed: Any, values: Vector) -> bool:
        """Search for parameters, beginning from the present ones. Returns whether they changed."""
        self._fitted = len(observed)
        before = self.parameters
        parts = self._kernel.parts(observed, observed)
        best = self.log_posterior(parts, values, before)
        for _ in range(self._sweeps):
            at_start = best
            for place in range(len(before)):
                for step in (1.0, -1.0):
                    trial = self.parameters.copy()
                    trial[place] += step
                    if abs(trial[place] - self._prior[place]) > REACH:
                        continue
                    value = self.log_posterior(parts, values, trial)
                    if value > best + 1e-6:
                        best, self.parameters = value, trial
                        break
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
        covariance = self._noisy(self._kernel.combine(parts, parameters[:-1]), parameters)
        factor: Matrix = np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
        _, scale, _ = _centred(factor, values)
        likelihood = -0.5 * len(values) * np.log(scale) - np.log(np.diagonal(factor)).sum()
        return float(likelihood - 0.5 * np.sum(((parameters - self._prior) / SPREAD) ** 2))

    def _noisy(self, covariance: Matrix, parameters: Vector) -> Matrix:
        covariance[np.diag_indices_from(covariance)] += np.exp2(parameters[-1]) + JITTER
        return covariance

    def _extend(self, observed: Any, candidates: Any) -> None:
        """Bring ``L`` (with ``L L' = K``) and ``L⁻¹ k(observed, candidates)`` up to date, row by row where little is new."""
        from scipy.linalg import solve_triangular

        count, known = len(observed), self._known
        kernel, parameters = self._kernel, self.parameters
        if count > len(self._factor) or len(candidates) != len(self._unexplained):
            self._reserve(2 * count, len(candidates))
        factor, weights = self._factor, self._weights
        if known == 0:
            everything = kernel.combine(kernel.parts(observed, observed), parameters[:-1])
            factor[:count, :count] = np.linalg.cholesky(self._noisy(everything, parameters))
            across = kernel.combine(kernel.parts(observed, candidates), parameters[:-1])
            weights[:count] = solve_triangular(factor[:count, :count], across, lower=True, check_finite=False)
            self._unexplained = 1.0 - np.einsum("ij,ij->j", weights[:count], weights[:count])
        for place in range(known or count, count):
            new = observed[place : place + 1]
            before = kernel.combine(kernel.parts(new, observed[:place]), parameters[:-1])[0]
            row = solve_triangular(factor[:place, :place], before, lower=True, check_finite=False)
            pivot = np.sqrt(max(1.0 + np.exp2(parameters[-1]) + JITTER - row @ row, JITTER))
            factor[place, :place], factor[place, place] = row, pivot
            across = kernel.combine(kernel.parts(new, candidates), parameters[:-1])[0]
            weights[place] = (across - row @ weights[:place]) / pivot
            self._unexplained -= weights[place] ** 2
        self._known = count

    def _reserve(self, rows: int, columns: int) -> None:
        factor, weights, known = np.zeros((rows, rows)), np.empty((rows, columns)), self._known
        factor[:known, :known] = self._factor[:known, :known]
        if known:
            weights[:known] = self._weights[:known]
        self._factor, self._weights = factor, weights


def _centred(factor: Matrix, values: Vector) -> tuple[Vector, float, float]:
    """``L⁻¹ (y - m)``, the scale ``s²`` and the generalised least squares mean ``m``."""
    from scipy.linalg import solve_triangular

    both = np.column_stack((values, np.ones(len(values))))
    solved = np.asarray(solve_triangular(factor, both, lower=True, check_finite=False), dtype=np.float64)
    whitened, ones = solved[:, 0], solved[:, 1]
    mean = float(np.dot(ones, whitened) / np.dot(ones, ones))
    residual: Vector = whitened - mean * ones
    return residual, max(float(np.dot(residual, residual)) / len(values), 1e-12), mean
