"""Regularized evolution (Real, Aggarwal, Huang & Le, AAAI 2019, https://arxiv.org/abs/1802.01548), Algorithm 1."""

from __future__ import annotations

from collections import deque
from operator import attrgetter

from numpy.random import Generator

from nasbench_suite import Evaluation, Problem, strategy

accuracy = attrgetter("accuracy")


@strategy("regularized-evolution", family="evolution", paper="https://arxiv.org/abs/1802.01548")
def regularized_evolution(
    problem: Problem, rng: Generator, *, population_size: int = 10, tournament_size: int = 3
) -> None:
    """Mutate the winner of a random tournament; forget the oldest.

    As in the paper, contestants are drawn with replacement. A mutation changes one decision, chosen uniformly over
    the edges of a cell (not a node first), and always to another option. The population and the tournament are
    those that NAS-Bench-201 used (Dong & Yang 2020, section 4); the paper's own, for searches of 20,000
    evaluations, are 100 and 25.

    Args:
        problem: the search.
        rng: all randomness.
        population_size: architectures alive (P in the paper).
        tournament_size: contestants per mutation (S in the paper).
    """
    population: deque[Evaluation] = deque(maxlen=population_size)
    for _ in range(population_size):
        population.append(problem.evaluate(problem.space.sample(rng)))
    while True:
        contestants = [population[int(rng.random() * len(population))] for _ in range(tournament_size)]
        parent = max(contestants, key=accuracy)
        population.append(problem.evaluate(problem.space.mutate(parent.architecture, rng)))
