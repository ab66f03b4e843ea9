"""Local search (White, Nolen & Savani, UAI 2021, https://arxiv.org/abs/2004.08996), Algorithm 1, with restarts."""

from __future__ import annotations

from numpy.random import Generator

from nasbench_strategies.memory import Memory
from nasbench_suite import Problem, strategy


@strategy("local-search", family="other", paper="https://arxiv.org/abs/2004.08996")
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
    space = problem.space
    accuracy = Memory(problem)
    while not accuracy.complete:
        samples = []
        while len(samples) < initial_samples and not accuracy.complete:
            samples.append(accuracy.sample_unseen(rng))
            accuracy[samples[-1]]
        here = max(samples, key=accuracy.__getitem__)
        climbing = True
        while climbing:
            neighbours = space.neighbours(here)
            if first_improvement:
                neighbours = [neighbours[place] for place in rng.permutation(len(neighbours)).tolist()]
                better = next((neighbour for neighbour in neighbours if accuracy[neighbour] > accuracy[here]), here)
            else:
                better = max([here, *neighbours], key=accuracy.__getitem__)
            climbing, here = better != here, better
