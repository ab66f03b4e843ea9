"""Drawing architectures that a run has not asked about yet, for strategies that remember what they know."""

from __future__ import annotations

from collections.abc import Collection

from numpy.random import Generator

from nasbench_suite import Architecture, Space


def sample_unseen(space: Space, seen: Collection[Architecture], rng: Generator) -> Architecture | None:
    """Draw uniformly from what was not seen, or return ``None`` when there is nothing else.

    Draws from the whole space are thrown away until a new one comes: 1 draw in a space that is hardly explored, and
    ``n (1 + 1/2 + ... + 1/n)`` for all of a space of ``n`` together.

    Args:
        space: where to draw.
        seen: different architectures of that space, with a fast ``in`` (a set or a dict).
        rng: all randomness.
    """
    if len(seen) >= space.size:
        return None
    while (architecture := space.sample(rng)) in seen:
        pass
    return architecture
