"""The univariate marginal distribution algorithm (Mühlenbein & Paaß, PPSN 1996, https://doi.org/10.1007/3-540-61723-X_982).

For decisions of more than two options, with margins: Ben Jedidia, Doerr & Krejca, GECCO 2023, https://arxiv.org/abs/2302.14420.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from nasbench_strategies.bounds import at_least
from nasbench_strategies.memory import Memory
from nasbench_strategies.taking import taken_by
from nasbench_suite import Architecture, Problem, Space, Step, strategy


@strategy(
    "umda",
    family="evolution",
    step=Step("a draw from the learned distribution", "evaluations", "population_size"),
    paper="https://doi.org/10.1007/3-540-61723-X_982",
    tuning="all parameters: the best mean signal (12-epoch validation accuracy, NAS-Bench-201 on CIFAR-10, 12,000 s) "
    "over 300 seeds that are used for no report, among 28 settings",
)
def umda(
    problem: Problem,
    rng: Generator,
    *,
    population_size: int = 10,
    parents: int = 5,
    margin: float = 0.1,
) -> None:
    """Sample each decision by its frequency among the best so far.

    Departures from the paper: the parents are the best of all samples, not of the last generation, and nothing is
    asked twice. Ends when the whole space was seen.

    Args:
        problem: the search.
        rng: all randomness.
        population_size: samples per generation (λ).
        parents: the best of all samples so far, from which the frequencies are taken (μ).
        margin: weight of the uniform distribution in every marginal, so that no option is ever lost.
    """
    at_least(1, population_size=population_size, parents=parents)
    space = problem.space
    accuracy = Memory(problem)
    best: list[Architecture] = []
    while not accuracy.complete:
        best += draw_unseen(space, marginals(space, best, margin), population_size, accuracy, rng)
        best = sorted(best, key=accuracy.__getitem__, reverse=True)[:parents]


def marginals(space: Space, parents: Sequence[Architecture], margin: float) -> NDArray[np.float64]:
    """Probabilities ``[decision, option]``: frequency among the parents, mixed with the uniform distribution.

    Args:
        space: what the parents are architectures of.
        parents: any number; without any, all options of a decision are equally probable.
        margin: weight of the uniform distribution.
    """
    counts = np.array([len(decision.options) for decision in space.decisions])
    options = np.arange(counts.max())
    uniform: NDArray[np.float64] = (options < counts[:, None]) / counts[:, None]
    if not parents:
        return uniform
    frequencies: NDArray[np.float64] = (np.array(parents)[:, :, None] == options).mean(axis=0)
    mixed: NDArray[np.float64] = (1.0 - margin) * frequencies + margin * uniform
    return mixed


def draw_unseen(
    space: Space, probabilities: NDArray[np.float64], number: int, seen: Memory, rng: Generator
) -> list[Architecture]:
    """Draw from a product of marginals and evaluate what is new.

    Where the marginals hardly hold anything new, the rest comes from the whole space, uniformly.

    Args:
        space: of the architectures.
        probabilities: ``[decision, option]``.
        number: how many.
        seen: what is not new; the new ones are asked through it.
        rng: all randomness.

    Returns:
        ``number`` different architectures; fewer if the space has no more.
    """
    with np.errstate(divide="ignore"):
        logarithms = np.log(probabilities)
    fresh: list[Architecture] = []
    for _ in range(5):
        # The largest of logarithm plus Gumbel noise is a draw from the probabilities.
        options = (logarithms + rng.gumbel(size=(2 * number, *probabilities.shape))).argmax(axis=2)
        for architecture in (taken_by(space, choices) for choices in options.tolist()):
            if architecture not in seen:
                seen[architecture]
                fresh.append(architecture)
                if len(fresh) == number:
                    return fresh
    while len(fresh) < number and not seen.complete:
        fresh.append(seen.sample_unseen(rng))
        seen[fresh[-1]]
    return fresh
