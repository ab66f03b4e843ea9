"""Densities over architectures, estimated from examples: decision by decision, or with a kernel around each example."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Options = NDArray[np.int64]


class DecisionDensity:
    """Independent decisions, each with smoothed relative frequencies (Bergstra et al. 2011, section 4.2).

    ``p_d(o) = (count of o in decision d + prior / options of d) / (examples + prior)``: the examples reweight a uniform
    prior.

    Args:
        examples: ``[example, decision]``.
        counts: options per decision.
        prior: how many examples the uniform prior weighs.

    Attributes:
        logarithms: per decision ``log p_d``, ``[option]``.
    """

    def __init__(self, examples: Options, counts: Sequence[int], prior: float = 1.0) -> None:
        self.logarithms: list[Vector] = [
            np.log((np.bincount(examples[:, place], minlength=count) + prior / count) / (len(examples) + prior))
            for place, count in enumerate(counts)
        ]

    def log_density(self, options: Options) -> Vector:
        """``log p``, ``[architecture]``."""
        total: Vector = np.zeros(len(options))
        for place, logarithms in enumerate(self.logarithms):
            total += logarithms[options[:, place]]
        return total

    def sample(self, count: int, rng: Generator) -> Options:
        """Independent draws, ``[count, decision]``."""
        draws = np.empty((count, len(self.logarithms)), dtype=np.int64)
        for place, logarithms in enumerate(self.logarithms):
            steps = np.cumsum(np.exp(logarithms))
            steps[-1] = 1.0
            draws[:, place] = np.searchsorted(steps, rng.random(count), side="right").clip(max=len(steps) - 1)
        return draws


class KernelDensity:
    """A mixture of product kernels, one around every example (Falkner, Klein & Hutter 2018, equation 5).

    The kernel is Aitchison and Aitken's: an option keeps ``1 - bandwidth`` of the mass of its decision, the rest is spread evenly
    over the others. Other than the density of independent decisions it knows which options go together.

    Args:
        examples: ``[example, decision]``.
        counts: options per decision.
        bandwidths: ``[decision]``; 0 keeps to the example, ``1 - 1 / options`` is uniform.
    """

    def __init__(self, examples: Options, counts: Sequence[int], bandwidths: Vector) -> None:
        self.examples = examples
        self._counts = np.asarray(counts)
        self._bandwidths = np.where(self._counts > 1, bandwidths, 0.0)

    def log_density(self, options: Options) -> Vector:
        """``log p``, ``[architecture]``."""
        stay = np.log(1.0 - self._bandwidths)
        leave = np.log(np.maximum(self._bandwidths, 1e-300) / np.maximum(self._counts - 1, 1))
        logarithms = np.full((len(self.examples), len(options)), stay.sum())
        for place, step in enumerate(leave - stay):
            logarithms += step * (self.examples[:, place, None] != options[None, :, place])
        highest = logarithms.max(axis=0)
        total: Vector = highest + np.log(np.exp(logarithms - highest).mean(axis=0))
        return total

    def sample(self, count: int, rng: Generator) -> Options:
        """Independent draws, ``[count, decision]``: an example, of which some decisions change."""
        draws = self.examples[(rng.random(count) * len(self.examples)).astype(np.int64)]
        change = rng.random(draws.shape) < self._bandwidths
        others = 1 + (rng.random(draws.shape) * (self._counts - 1)).astype(np.int64)
        changed: Options = np.where(change, (draws + others) % self._counts, draws)
        return changed


def reference_bandwidths(examples: Options, counts: Sequence[int], least: float = 1e-3) -> Vector:
    """Bandwidths by the normal reference rule, ``1.06 s n^(-1 / (4 + d))``, ``[decision]``.

    ``s²`` is the probability that two draws from the examples differ in a decision, halved, which is the variance where
    there are two options. (The paper takes the variance of option numbers, which depends on their order.)

    Args:
        examples: ``[example, decision]``.
        counts: options per decision.
        least: no bandwidth is smaller.
    """
    observations, decisions = examples.shape
    shares = [np.bincount(examples[:, place], minlength=count) / observations for place, count in enumerate(counts)]
    variances = np.array([0.5 * (1.0 - share @ share) for share in shares])
    return limited(np.maximum(1.06 * np.sqrt(variances) * observations ** (-1 / (4 + decisions)), least), counts)


def limited(bandwidths: Vector, counts: Sequence[int]) -> Vector:
    """Bandwidths not beyond ``1 - 1 / options``, at which a kernel is uniform."""
    return np.minimum(bandwidths, 1.0 - 1.0 / np.asarray(counts))
