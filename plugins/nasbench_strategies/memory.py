"""What a run has asked so far: for strategies that pay for no question twice (within a run the answer is the same)."""

from __future__ import annotations

from numpy.random import Generator

from nasbench_suite import Architecture, Problem


class Memory(dict[Architecture, float]):
    """Architecture -> accuracy after full training, as far as it was asked for through :meth:`accuracy`.

    Args:
        problem: what is asked.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self._evaluate = problem.evaluate
        self._space = problem.space

    def __missing__(self, architecture: Architecture) -> float:
        accuracy = self[architecture] = self._evaluate(architecture).accuracy
        return accuracy

    @property
    def complete(self) -> bool:
        """Whether the whole space was seen, so that nothing is left to ask."""
        return len(self) >= self._space.size

    def sample_unseen(self, rng: Generator) -> Architecture:
        """Draw uniformly from what was not seen; ask :attr:`complete` before.

        Draws from the whole space are thrown away until a new one comes: hardly any in a space that is little
        explored, and ``n (1 + 1/2 + ... + 1/n)`` together for all of a space of ``n``.

        Raises:
            LookupError: the memory is complete.
        """
        if self.complete:
            raise LookupError(f"all {self._space.size:,} architectures of {self._space.name} were seen")
        while (architecture := self._space.sample(rng)) in self:
            pass
        return architecture
