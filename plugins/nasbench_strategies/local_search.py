"""Local search (White, Nolen & Savani, UAI 2021, https://arxiv.org/abs/2004.08996), Algorithm 1, with restarts."""

from __future__ import annotations

from collections.abc import Mapping

from numpy.random import Generator

from nasbench_strategies.bounds import at_least
from nasbench_strategies.memory import Memory
from nasbench_suite import Architecture, Problem, Space, Step, strategy


@strategy(
    "local-search",
    family="reference",
    step=Step("a step to a neighbour", "evaluations", "initial_samples"),
    paper="https://arxiv.org/abs/2004.08996",
    tuning="both parameters: the best mean signal (12-epoch validation accuracy, NAS-Bench-201 on CIFAR-10, 12,000 s) "
    "over 300 seeds that are used for no report; 1, 10 or 20 samples, first or best improvement",
)
def local_search(
    problem: Problem, rng: Generator, *, initial_samples: int = 10, first_improvement: bool = True
) -> None:
    """Climb from neighbour to better neighbour; at a local optimum begin anew elsewhere.

    A neighbour differs in one decision. Nothing is asked twice within a run: what was seen is remembered and free,
    also when a later climb comes across it. Ends when the whole space was seen.

    Args:
        problem: the search.
        rng: all randomness.
        initial_samples: new random architectures per climb; it starts at the best of them (1 in Algorithm 1).
        first_improvement: go to the first better neighbour, in random order, instead of to the best of all
            neighbours (Algorithm 1; the paper has both).
    """
    at_least(1, initial_samples=initial_samples)
    accuracy = Memory(problem)
    while not accuracy.complete:
        samples: list[Architecture] = []
        while len(samples) < initial_samples and not accuracy.complete:
            samples.append(accuracy.sample_unseen(rng))
            accuracy[samples[-1]]
        climb(problem.space, accuracy, max(samples, key=accuracy.__getitem__), rng, first_improvement)


def climb(
    space: Space, accuracy: Mapping[Architecture, float], here: Architecture, rng: Generator, first_improvement: bool
) -> Architecture:
    """Go to better and better neighbours until none is better, and return where that is.

    Args:
        space: whose neighbourhoods.
        accuracy: what is climbed.
        here: where to begin.
        rng: the order in which neighbours are looked at, if the first better one counts.
        first_improvement: take the first better one instead of the best.
    """
    while True:
        neighbours = space.neighbours(here)
        if first_improvement:
            order = rng.permutation(len(neighbours)).tolist()
            better = next((neighbours[n] for n in order if accuracy[neighbours[n]] > accuracy[here]), here)
        else:
            better = max([here, *neighbours], key=accuracy.__getitem__)
        if better == here:
            return here
        here = better
