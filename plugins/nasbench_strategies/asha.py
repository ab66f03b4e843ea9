"""ASHA, asynchronous successive halving (Li et al., MLSys 2020, https://arxiv.org/abs/1810.05934), Algorithm 2."""

from __future__ import annotations

from bisect import bisect_left, insort
from heapq import heappop, heappush

from numpy.random import Generator

from nasbench_strategies.ladder import Ladder
from nasbench_suite import Evaluation, Problem, Step, strategy


@strategy(
    "asha",
    family="multi-fidelity",
    step=Step("a promotion", "fidelity"),
    paper="https://arxiv.org/abs/1810.05934",
    requires={"fidelities"},
)
def asha(problem: Problem, rng: Generator, *, reduction: float = 4.0) -> None:
    """Promote whatever is among the best of its rung so far, the highest rung first; otherwise train a new one.

    The form for one worker: every job sees the answers of all before. The share of a rung that is promoted is the
    ratio of its epochs to those of the next, 1/η in the paper. Ends when the whole space was seen and nothing is
    left to promote.

    Args:
        problem: the search.
        rng: all randomness.
        reduction: least ratio between the epochs of two rungs (η in the paper, where it is 4).
    """
    ladder = Ladder(problem, reduction)
    rungs = [Rung() for _ in ladder.rungs]
    while True:
        for level in reversed(range(len(rungs) - 1)):
            epochs, longer = ladder.rungs[level : level + 2]
            candidate = rungs[level].promotable(len(rungs[level]) * epochs // longer)
            if candidate is not None:
                rungs[level + 1].add(ladder.promote(candidate, longer))
                break
        else:
            if ladder.exhausted:
                return
            rungs[0].add(ladder.enter(ladder.rungs[0], rng))


class Rung:
    """The answers on one rung, in order of accuracy (ties: first come first), and which of them went on."""

    def __init__(self) -> None:
        self._answers: list[Evaluation] = []
        self._ranked: list[tuple[float, int]] = []
        self._waiting: list[tuple[float, int]] = []

    def __len__(self) -> int:
        return len(self._answers)

    def add(self, evaluation: Evaluation) -> None:
        """Put an answer on the rung."""
        key = (-evaluation.accuracy, len(self._answers))
        self._answers.append(evaluation)
        insort(self._ranked, key)
        heappush(self._waiting, key)

    def promotable(self, best: int) -> Evaluation | None:
        """The best answer that was not returned before, if it is among the ``best`` of all on the rung."""
        if self._waiting and bisect_left(self._ranked, self._waiting[0]) < best:
            return self._answers[heappop(self._waiting)[1]]
        return None
