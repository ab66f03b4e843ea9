"""Successive halving (Jamieson & Talwalkar, AISTATS 2016, https://arxiv.org/abs/1502.07943), figure 3, repeated."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from numpy.random import Generator

from nasbench_strategies.bounds import at_least
from nasbench_strategies.ladder import Ladder
from nasbench_suite import Evaluation, Problem, Step, strategy

accuracy = attrgetter("accuracy")


@strategy(
    "successive-halving",
    family="multi-fidelity",
    step=Step("a promotion", "fidelity"),
    paper="https://arxiv.org/abs/1502.07943",
    requires={"fidelities"},
)
def successive_halving(
    problem: Problem, rng: Generator, *, reduction: float = 2.0, candidates: int | None = None
) -> None:
    """Train many architectures briefly, the better ones longer, the best one fully; then begin anew with others.

    Every rung of a bracket costs about the same: if the next one trains η times longer, the best 1/η go on (1/2 in
    the paper). Rungs are those fidelities that are at least ``reduction`` apart; where a benchmark has fewer, η is
    what lies between them. Ends when the whole space was seen.

    Args:
        problem: the search.
        rng: all randomness.
        reduction: least ratio between the epochs of two rungs (η; 2 in the paper).
        candidates: architectures at the start of a bracket (n); by default so many that one is trained fully.
    """
    ladder = Ladder(problem, reduction)
    number = -(-ladder.rungs[-1] // ladder.rungs[0]) if candidates is None else candidates
    at_least(1, candidates=number)
    while not ladder.exhausted:
        run_bracket(ladder, ladder.rungs, number, rng)


def run_bracket(ladder: Ladder, rungs: Sequence[int], number: int, rng: Generator) -> None:
    """One bracket: new random architectures on the first rung, ever fewer on the later ones (ties: first come first).

    Args:
        ladder: of the search.
        rungs: epochs, rising.
        number: architectures on the first rung; fewer if the space has no more.
        rng: all randomness.
    """
    contestants: list[Evaluation] = []
    while len(contestants) < number and not ladder.exhausted:
        contestants.append(ladder.enter(rungs[0], rng))
    for survivors, epochs in zip(rung_sizes(rungs, len(contestants))[1:], rungs[1:], strict=True):
        contestants.sort(key=accuracy, reverse=True)
        contestants = [ladder.promote(survivor, epochs) for survivor in contestants[:survivors]]


def rung_sizes(rungs: Sequence[int], number: int) -> list[int]:
    """How many architectures are trained to each rung, so that no rung costs more than the first; at least one.

    With rungs that are η apart this is ``⌊n / ηⁱ⌋`` (Li et al. 2018, Hyperband, Algorithm 1).
    """
    return [max(1, number * rungs[0] // epochs) for epochs in rungs]
