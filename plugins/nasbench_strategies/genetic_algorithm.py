"""A genetic algorithm (Holland 1975; Goldberg 1989): selection, crossover, mutation, elitism."""

from __future__ import annotations

from operator import attrgetter

from numpy.random import Generator

from nasbench_strategies.unseen import sample_unseen
from nasbench_suite import Architecture, Evaluation, Problem, strategy

accuracy = attrgetter("accuracy")


@strategy("genetic-algorithm", family="evolution")
def genetic_algorithm(
    problem: Problem,
    rng: Generator,
    *,
    population_size: int = 20,
    elites: int = 10,
    tournament_size: int = 3,
    crossover_rate: float = 0.5,
    mutation_rate: float = 1.0,
) -> None:
    """Breed each generation from the winners of tournaments; the best of the last one live on.

    A child whose genome was seen before would teach nothing: it mutates until it is new. Ends when the whole space
    was seen.

    Args:
        problem: the search.
        rng: all randomness.
        population_size: members of a generation.
        elites: how many of the best survive into the next generation, unchanged and without a new evaluation.
        tournament_size: members drawn with replacement per parent; the best of them is it.
        crossover_rate: probability that a child has two parents (uniform crossover).
        mutation_rate: probability that a child changes in one decision even if it is new.
    """
    space = problem.space
    seen: set[Architecture] = set()
    population: list[Evaluation] = []

    def meet(architecture: Architecture) -> Evaluation:
        seen.add(architecture)
        return problem.evaluate(architecture)

    def parent() -> Architecture:
        drawn = [population[int(rng.random() * len(population))] for _ in range(tournament_size)]
        return max(drawn, key=accuracy).architecture

    while len(population) < population_size and (first := sample_unseen(space, seen, rng)) is not None:
        population.append(meet(first))
    while True:
        children = []
        for _ in range(population_size - elites):
            if len(seen) >= space.size:
                return
            child = parent()
            if rng.random() < crossover_rate:
                child = space.crossover(child, parent(), rng)
            if rng.random() < mutation_rate:
                child = space.mutate(child, rng)
            while child in seen:
                child = space.mutate(child, rng)
            children.append(meet(child))
        population = sorted(population, key=accuracy, reverse=True)[:elites] + children
