"""What the multi-fidelity strategies share: rungs among a benchmark's fidelities, and climbing them."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.random import Generator

from nasbench_strategies.memory import sample_unseen
from nasbench_suite import Architecture, Evaluation, Problem


def choose_rungs(fidelities: Sequence[int], reduction: float) -> tuple[int, ...]:
    """Epochs that about follow ``R, R / η, R / η², …`` down from the full training, in rising order.

    Below each rung comes the longest training that is at least ``reduction`` times shorter. Of 1, 2, …, 200 epochs
    and with a reduction of 3, these are 2, 7, 22, 66 and 200.

    Args:
        fidelities: what the benchmark offers, rising.
        reduction: more than 1 (η in the papers).

    Raises:
        ValueError: a reduction of 1 or less.
    """
    if reduction <= 1:
        raise ValueError(f"reduction is {reduction}; expected more than 1")
    rungs = [fidelities[-1]]
    for epochs in reversed(fidelities):
        if epochs * reduction <= rungs[-1]:
            rungs.append(epochs)
    return tuple(reversed(rungs))


class Ladder:
    """Trains new architectures up to a rung, trains them on to a higher one, and recommends the best so far.

    The best is the most accurate of those on the highest rung that was reached. Where the benchmark can, a training
    is resumed and only the difference paid; otherwise it begins anew. No architecture enters twice: what is known of
    it would be paid again.

    Args:
        problem: the search.
        reduction: between one rung and the next (η in the papers).

    Attributes:
        rungs: epochs, rising.
        entered: every architecture that was trained.
    """

    def __init__(self, problem: Problem, reduction: float) -> None:
        self.rungs = choose_rungs(problem.fidelities, reduction)
        self._problem = problem
        self.entered: set[Architecture] = set()
        self._best = (0, -1.0)

    @property
    def exhausted(self) -> bool:
        """Whether every architecture of the space has entered."""
        return len(self.entered) >= self._problem.space.size

    def enter(self, epochs: int, rng: Generator) -> Evaluation:
        """Train a new architecture from scratch; ask :attr:`exhausted` before."""
        architecture = self.propose(rng)
        self.entered.add(architecture)
        return self._seen(self._problem.evaluate(architecture, epochs))

    def propose(self, rng: Generator) -> Architecture:
        """A uniform draw among those that have not entered."""
        return sample_unseen(self._problem.space, self.entered, rng)

    def promote(self, evaluation: Evaluation, epochs: int) -> Evaluation:
        """Train an architecture on to more epochs."""
        if self._problem.can_resume(evaluation, epochs):
            return self._seen(self._problem.resume(evaluation, epochs))
        return self._seen(self._problem.evaluate(evaluation.architecture, epochs))

    def _seen(self, evaluation: Evaluation) -> Evaluation:
        if (evaluation.epochs, evaluation.accuracy) > self._best:
            self._best = (evaluation.epochs, evaluation.accuracy)
            self._problem.recommend(evaluation.architecture)
        return evaluation
