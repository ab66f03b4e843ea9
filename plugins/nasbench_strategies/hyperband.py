"""Hyperband (Li, Jamieson, DeSalvo, Rostamizadeh & Talwalkar, JMLR 2018, https://arxiv.org/abs/1603.06560), Algorithm 1."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.random import Generator

from nasbench_strategies.ladder import Ladder
from nasbench_strategies.successive_halving import run_bracket
from nasbench_suite import Problem, Step, strategy


@strategy(
    "hyperband",
    family="multi-fidelity",
    step=Step("a promotion", "fidelity"),
    paper="https://arxiv.org/abs/1603.06560",
    requires={"fidelities"},
)
def hyperband(problem: Problem, rng: Generator, *, reduction: float = 3.0) -> None:
    """Successive halving in several brackets, from many architectures trained briefly to few trained fully.

    After the last bracket the first comes again. Rungs are those fidelities that are at least ``reduction`` apart; what
    lies between two of them is η there, where the paper has one η for all. Ends when the whole space was seen.

    Args:
        problem: the search.
        rng: all randomness.
        reduction: least ratio between the epochs of two rungs (η in the paper, where it is 3).
    """
    ladder = Ladder(problem, reduction)
    while not ladder.exhausted:
        for rungs, number in brackets(ladder.rungs):
            run_bracket(ladder, rungs, number, rng)


def brackets(rungs: Sequence[int]) -> list[tuple[Sequence[int], int]]:
    """Rungs and number of architectures of each bracket: ``n = ⌈(s_max + 1) / (s + 1) · R / r⌉``, s falling.

    With rungs that are η apart, ``R / r`` is the paper's ``η^s``.

    Args:
        rungs: epochs, rising; all of them are climbed by the first bracket, the last one alone by the last.
    """
    chosen = []
    for start in range(len(rungs)):
        length = len(rungs) - start
        chosen.append((rungs[start:], -(-len(rungs) * rungs[-1] // (length * rungs[start]))))
    return chosen
