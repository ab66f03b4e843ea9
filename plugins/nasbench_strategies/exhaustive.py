"""Exhaustive enumeration: every architecture once, the only strategy that is sure to find the best of a small space."""

from __future__ import annotations

from math import gcd

from numpy.random import Generator

from nasbench_suite import Problem, strategy


@strategy("exhaustive", family="reference")
def exhaustive(problem: Problem, rng: Generator, *, in_order: bool = False) -> None:
    """Evaluate every architecture of the space once, then return.

    The default order steps through the indices by a random stride that has no divisor in common with the size, so
    that it meets each exactly once, and needs no list of the space.

    Args:
        problem: the search.
        rng: all randomness.
        in_order: follow the index of the space instead; independent of the run's seed.
    """
    space = problem.space
    place, stride = 0, 1
    if not in_order:
        place = _below(space.size, rng)
        while gcd(stride := _below(space.size, rng), space.size) != 1:
            pass
    for _ in range(space.size):
        problem.evaluate(space.architecture(place))
        place = (place + stride) % space.size


def _below(bound: int, rng: Generator) -> int:
    """A random number of any length from 0 to ``bound - 1`` (8 bytes more than needed make the bias vanish)."""
    return int.from_bytes(rng.bytes(bound.bit_length() // 8 + 9), "little") % bound
