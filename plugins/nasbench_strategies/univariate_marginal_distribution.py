"""The univariate marginal distribution algorithm (Mühlenbein & Paaß, PPSN 1996, https://doi.org/10.1007/3-540-61723-X_982).

For decisions of more than two options, with margins: Ben Jedidia, Doerr & Krejca 2024, https://arxiv.org/abs/2302.14420.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from nasbench_strategies.unseen import sample_unseen
from nasbench_suite import Architecture, Evaluation, Problem, Space, strategy

accuracy = attrgetter("accuracy")


@strategy("univariate-marginal-distribution", family="evolution", paper="https://doi.org/10.1007/3-540-61723-X_982")
def univariate_marginal_distribution(
    problem: Problem,
    rng: Generator,
    *,
    population_size: int = 20,
    parents: int = 10,
    margin: float = 0.1,
) -> None:
    """Sample each decision by its frequency among the best so far.

    Args:
        problem: the search.
        rng: all randomness.
        population_size: samples per generation (λ).
        parents: the best of all samples so far, from which the frequencies are taken (μ).
        margin: weight of the uniform distribution in every marginal, so that no option is ever lost.
    """
    space = problem.space
    best: list[Evaluation] = []
    seen: set[Architecture] = set()
    probabilities = marginals(space, [], 1.0)
    while len(seen) < space.size:
        for architecture in draw(space, probabilities, population_size, seen, rng):
            seen.add(architecture)
            best.append(problem.evaluate(architecture))
        best = sorted(best, key=accuracy, reverse=True)[:parents]
        probabilities = marginals(space, [parent.architecture for parent in best], margin)


def marginals(space: Space, parents: Sequence[Architecture], margin: float) -> NDArray[np.float64]:
    """Probabilities ``[decision, option]``: frequency among the parents, mixed with the uniform distribution.

    Args:
        space: what the parents are architectures of.
        parents: any number; without any, all options of a decision are equally probable.
        margin: weight of the uniform distribution.
    """
    counts = np.array([len(decision.options) for decision in space.decisions])
    options = np.arange(counts.max())
    uniform = (options < counts[:, None]) / counts[:, None]
    if not parents:
        return uniform
    frequencies = (np.array(parents)[:, :, None] == options).mean(axis=0)
    return (1.0 - margin) * frequencies + margin * uniform


def draw(
    space: Space, probabilities: NDArray[np.float64], number: int, seen: set[Architecture], rng: Generator
) -> list[Architecture]:
    """Draw unseen architectures from a product of marginals.

    Where the marginals hardly hold anything new, the rest comes from the whole space, uniformly.

    Returns:
        ``number`` different architectures; fewer if the space has no more.
    """
    shape = (2 * number, *probabilities.shape)
    with np.errstate(divide="ignore"):
        logarithms = np.log(probabilities)
    fresh: dict[Architecture, None] = {}
    for _ in range(5):
        # The largest of logarithm plus Gumbel noise is a draw from the probabilities.
        options = (logarithms + rng.gumbel(size=shape)).argmax(axis=2).tolist()
        fresh.update(dict.fromkeys(architecture for architecture in map(tuple, options) if architecture not in seen))
        if len(fresh) >= number:
            return list(fresh)[:number]
    while len(fresh) < number and (architecture := sample_unseen(space, fresh.keys() | seen, rng)) is not None:
        fresh[architecture] = None
    return list(fresh)
