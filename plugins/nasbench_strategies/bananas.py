"""BANANAS (White, Neiswanger & Savani, AAAI 2021, https://arxiv.org/abs/1910.11858), Algorithm 1."""

from __future__ import annotations

from numpy.random import Generator

from nasbench_strategies.candidates import Candidates, best_of, most_promising
from nasbench_strategies.perceptrons import Surrogate
from nasbench_suite import Architecture, Problem, Step, strategy


@strategy(
    "bananas",
    family="bayesian",
    step=Step("a model-based proposal", "evaluations", "initial_design"),
    paper="https://arxiv.org/abs/1910.11858",
    tuning="initial design, batch, mutants, spread and floor: mean validation accuracy after 12 epochs on CIFAR-10 "
    "(NAS-Bench-201's protocol, 12,000 s), 40 to 60 seeds each",
)
def bananas(
    problem: Problem,
    rng: Generator,
    *,
    initial_design: int = 20,
    batch: int = 5,
    members: int = 5,
    parents: int = 10,
    mutants: int = 200,
    again: float = 0.5,
    spread: float = 1.0,
    floor: float = 0.1,
) -> None:
    """Train those mutants of the best that do best in independent draws from an ensemble of networks on paths.

    As in the paper: five networks on the path encoding, candidates are mutants of the best, independent Thompson sampling
    picks a batch of them. What differs: batches of 5, not 10, from 20 random architectures (the paper's searches are of
    150); two layers of 20 units and full-batch Adam in place of ten layers and many epochs; the networks predict the log
    of the regret; a mutant may have several changes.

    Args:
        problem: the search.
        rng: all randomness.
        initial_design: random architectures to begin with (t_0 in the paper).
        batch: trained between two ensembles (k in the paper).
        members: networks in the ensemble (M in the paper).
        parents: how many of the best are mutated.
        mutants: candidates per batch.
        again: probability that a mutant is changed once more.
        spread: standard deviation of a draw, in those of the ensemble (1 in the paper).
        floor: share of the median regret below which the networks see little difference.
    """
    space = problem.space
    candidates = Candidates(space, rng)
    evaluations = problem.evaluate_many(candidates.first(initial_design))
    while not candidates.exhausted:
        best = best_of(evaluations, parents)
        pool: dict[Architecture, None] = {}
        for number in range(mutants):
            mutant = space.mutate(best[number % len(best)], rng)
            while rng.random() < again:
                mutant = space.mutate(mutant, rng)
            pool[mutant] = None
        fresh = [mutant for mutant in pool if not candidates.is_taken(mutant)]
        if fresh:
            predictions = Surrogate(space, evaluations, rng, members=members, floor=floor).predict(fresh)
            noise = rng.standard_normal(len(fresh))
            draws = predictions.mean(axis=0) + spread * predictions.std(axis=0) * noise
            chosen = most_promising(fresh, draws, batch)
        else:
            chosen = [candidates.random()]
        for architecture in chosen:
            candidates.take(architecture)
            evaluations.append(problem.evaluate(architecture))
