"""A genetic algorithm (Holland 1975, *Adaptation in Natural and Artificial Systems*; De Jong 1975 for elitism).

Tournaments are those of Goldberg & Deb 1991, crossover is uniform (Syswerda 1989).
"""

from __future__ import annotations

from numpy.random import Generator

from nasbench_strategies.bounds import at_least
from nasbench_strategies.memory import Memory
from nasbench_suite import Architecture, Problem, Step, strategy


@strategy(
    "genetic-algorithm",
    family="evolution",
    step=Step("a generation of offspring", "evaluations", "population_size"),
    paper="https://doi.org/10.7551/mitpress/1090.001.0001",
    tuning="all parameters: the best mean signal (12-epoch validation accuracy, NAS-Bench-201 on CIFAR-10, 12,000 s) "
    "over 300 seeds that are used for no report, among 24 settings; of two equally good ones the one with less spread",
)
def genetic_algorithm(
    problem: Problem,
    rng: Generator,
    *,
    population_size: int = 20,
    elites: int = 15,
    tournament_size: int = 5,
    crossover_rate: float = 0.9,
) -> None:
    """Breed each generation from the winners of tournaments; the best of the last one live on.

    Departures from the books: every child changes in exactly one decision, not each decision with a small probability, and
    one that was seen before, which would teach nothing, goes on changing until it is new. Ends when the whole space
    was seen.

    Args:
        problem: the search.
        rng: all randomness.
        population_size: members of a generation.
        elites: how many of the best survive into the next generation, unchanged and without a new evaluation.
        tournament_size: members drawn with replacement per parent, which is the best of them.
        crossover_rate: probability that a child takes its decisions from two parents, each from either (uniform
            crossover).
    """
    at_least(1, children=population_size - elites, tournament_size=tournament_size)
    at_least(0, elites=elites)
    space = problem.space
    accuracy = Memory(problem)

    def parent() -> Architecture:
        drawn = [population[int(rng.random() * len(population))] for _ in range(tournament_size)]
        return max(drawn, key=accuracy.__getitem__)

    population: list[Architecture] = []
    while len(population) < population_size and not accuracy.complete:
        population.append(accuracy.sample_unseen(rng))
        accuracy[population[-1]]
    while True:
        children: list[Architecture] = []
        while len(children) < population_size - elites:
            if accuracy.complete:
                return
            child = parent()
            if rng.random() < crossover_rate:
                child = space.crossover(child, parent(), rng)
            child = space.mutate(child, rng)
            while child in accuracy:
                child = space.mutate(child, rng)
            accuracy[child]
            children.append(child)
        population = sorted(population, key=accuracy.__getitem__, reverse=True)[:elites] + children
