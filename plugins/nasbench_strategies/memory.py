"""What a run has asked so far: for strategies that pay for no question twice (within a run the answer is the same)."""

from __future__ import annotations

from collections.abc import Collection

from numpy.random import Generator

from nasbench_strategies.taking import taken_by
from nasbench_suite import Architecture, Problem, Space


class Memory(dict[Architecture, float]):
    """Architecture -> accuracy after full training, as far as it was asked for through :meth:`accuracy`.

    What the space does not take is answered for by the nearest architecture that it does.

    Args:
        problem: what is asked.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self._evaluate = problem.evaluate
        self._space = problem.space

    def __missing__(self, architecture: Architecture) -> float:
        taken = taken_by(self._space, architecture)
        if taken != architecture:
            return self[taken]
        accuracy = self[architecture] = self._evaluate(architecture).accuracy
        return accuracy

    @property
    def complete(self) -> bool:
        """Whether the whole space was seen, so that nothing is left to ask."""
        return len(self) >= self._space.size

    def sample_unseen(self, rng: Generator) -> Architecture:
        """Draw uniformly from what was not seen (see :func:`sample_unseen`)."""
        return sample_unseen(self._space, self, rng)


def sample_unseen(space: Space, seen: Collection[Architecture], rng: Generator) -> Architecture:
    """Draw uniformly from what was not seen.

    Draws from the whole space are thrown away until a new one comes: hardly any in a space that is little explored,
    and ``n (1 + 1/2 + ... + 1/n)`` together for all of a space of ``n``.

    Args:
        space: where to draw.
        seen: different architectures of that space, with a fast ``in``.
        rng: all randomness.

    Raises:
        LookupError: the whole space was seen.
    """
    if len(seen) >= space.size:
        raise LookupError(f"all {space.size:,} architectures of {space.name} were seen")
    while (architecture := space.sample(rng)) in seen:
        pass
    return architecture
