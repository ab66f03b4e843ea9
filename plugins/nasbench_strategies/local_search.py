"""Local search (White, Nolen & Savani, UAI 2021, https://arxiv.org/abs/2004.08996), Algorithm 1, with restarts."""

from __future__ import annotations

from numpy.random import Generator

from nasbench_strategies.unseen import sample_unseen
from nasbench_suite import Architecture, Problem, strategy


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
        initial_samples: unseen random architectures per climb; the best of them is where it starts (1 in Algorithm 1).
        first_improvement: go to the first better neighbour, in random order, instead of to the best one after a look
            at all (the paper's Algorithm 1; it has both).
    """
    space = problem.space
    known: dict[Architecture, float] = {}

    def accuracy(architecture: Architecture) -> float:
        if (value := known.get(architecture)) is None:
            value = known[architecture] = problem.evaluate(architecture).accuracy
        return value

    while len(known) < space.size:
        top = -1.0
        for _ in range(initial_samples):
            if (start := sample_unseen(space, known, rng)) is not None and accuracy(start) > top:
                here, top = start, accuracy(start)
        climbing = True
        while climbing:
            climbing = False
            neighbours = space.neighbours(here)
            if first_improvement:
                neighbours = [neighbours[place] for place in rng.permutation(len(neighbours)).tolist()]
            for neighbour in neighbours:
                if accuracy(neighbour) > top:
                    here, top, climbing = neighbour, accuracy(neighbour), True
                    if first_improvement:
                        break
