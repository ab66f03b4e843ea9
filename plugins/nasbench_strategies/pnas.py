"""Progressive neural architecture search (Liu et al., ECCV 2018, https://arxiv.org/abs/1712.00559), Algorithm 1."""

from __future__ import annotations

from typing import cast

from numpy.random import Generator

from nasbench_strategies.candidates import most_promising
from nasbench_strategies.growing import GrowingSpace
from nasbench_strategies.perceptrons import Surrogate, encoding
from nasbench_suite import Problem, Step, strategy


@strategy(
    "pnas",
    family="progressive",
    paper="https://arxiv.org/abs/1712.00559",
    requires={"levels"},
    step=Step("a second level", "level"),
)
def pnas(problem: Problem, rng: Generator, *, beam: int = 40, members: int = 5) -> None:
    """Train all of the simplest; per level, rank all expansions of the last beam by one surrogate and train the best.

    Algorithm 1: the surrogate is an ensemble, its mean is the rank, it is fitted once per level to all evaluations, and
    the search ends with the beam of the last level. What differs: ``beam`` is 40 and not 256, which would spend a budget of
    about 110 trainings before the third level (a comparison with another budget sets about 0.4 of its trainings); the
    simplest are the cells of one edge, not those of one block; the networks see paths from input to output (one-hot
    decisions where the space has no paths), not a sequence of embeddings, and are fitted from new weights on the log of
    the regret.

    Args:
        problem: the search.
        rng: all randomness.
        beam: trained per level (K in the paper).
        members: networks in the ensemble.
    """
    space = problem.space
    growing = cast(GrowingSpace, space)
    # A dictionary, because the order of arrival decides between equals.
    trained = {evaluation.architecture: evaluation for evaluation in problem.evaluate_many(growing.grow(None, 0))}
    parents = list(trained)
    for level in range(1, growing.levels):
        expansions = dict.fromkeys(expansion for parent in parents for expansion in growing.grow(parent, level))
        # What a level adds may be nothing; such an expansion was trained before and may grow further.
        parents = [expansion for expansion in expansions if expansion in trained]
        waiting = [expansion for expansion in expansions if expansion not in trained]
        if not waiting:
            continue
        surrogate = Surrogate(space, list(trained.values()), rng, members=members)
        scores = surrogate.predict_encoded(space.encode(waiting, encoding(space))).mean(axis=0)
        chosen = most_promising(waiting, scores, beam)
        trained.update(zip(chosen, problem.evaluate_many(chosen), strict=True))
        parents += chosen
