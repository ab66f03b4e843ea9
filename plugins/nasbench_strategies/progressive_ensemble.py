"""Progressive search with a surrogate that is fitted anew within a beam and is optimistic.

It descends from progressive neural architecture search (Liu et al., ECCV 2018, https://arxiv.org/abs/1712.00559), which
``pnas`` is as published; what each departure is worth is in ``tuning/``.
"""

from __future__ import annotations

from typing import cast

from numpy.random import Generator

from nasbench_strategies.candidates import most_promising
from nasbench_strategies.growing import GrowingSpace
from nasbench_strategies.perceptrons import Surrogate, encoding
from nasbench_suite import Problem, Step, strategy


@strategy(
    "progressive-ensemble",
    family="progressive",
    paper="https://arxiv.org/abs/1712.00559",
    requires={"levels"},
    step=Step("a second level", "level"),
    tuning="optimism 0 to 3, members 5 and 10, batch 3 to 40, beam 25 to 60, floor: mean validation accuracy after 12 epochs on "
    "CIFAR-10 at 6,000 and 12,000 s (NAS-Bench-201's protocol, 50 seeds each); optimism and batch also looked at with the best "
    "validation accuracy after 200 epochs on CIFAR-10 (one training seed, 200,000 s, 30 to 50 seeds)",
)
def progressive_ensemble(
    problem: Problem,
    rng: Generator,
    *,
    beam: int = 40,
    batch: int = 5,
    members: int = 10,
    optimism: float = 2.0,
    floor: float = 0.1,
) -> None:
    """Grow architectures level by level; a surrogate picks which expansions of the trained ones are trained next.

    As in PNAS: all of the simplest are trained, the surrogate is an ensemble of networks, it ranks all expansions of
    what was trained at the level before, ``beam`` of the best are trained, and the surrogate is fitted anew. What differs:

    - A beam is trained ``batch`` by ``batch`` with a new surrogate in between, because the paper's simplest are hundreds
      of cells and these are a handful, from which nothing can be said of a whole beam.
    - Expansions are ranked by the ensemble's mean plus ``optimism`` times its deviation; the paper has the mean alone (0)
      and 5 members. The mean fills a beam with relatives of the first good cells, and what the best cells grow from may
      not be among them.
    - The networks see paths from input to output (one-hot decisions where the space has no paths) and not a sequence of
      embeddings, and are fitted from new weights to all evaluations, on the log of the regret.
    - The last level has no beam: it goes on until the budget ends or all expansions are trained.

    Args:
        problem: the search.
        rng: all randomness.
        beam: trained per level (K in the paper).
        batch: trained between two surrogates.
        members: networks in the ensemble.
        optimism: deviations between the members that are added to their mean.
        floor: share of the median regret below which the surrogate sees little difference.
    """
    space = problem.space
    growing = cast(GrowingSpace, space)
    # A dictionary, because the order of arrival decides between equals.
    trained = {evaluation.architecture: evaluation for evaluation in problem.evaluate_many(growing.grow(None, 0))}
    grown = list(trained)
    for level in range(1, growing.levels):
        last = level == growing.levels - 1
        expansions = dict.fromkeys(expansion for parent in grown for expansion in growing.grow(parent, level))
        # What a level adds may be nothing; such an expansion was trained before and may grow further.
        grown = [expansion for expansion in expansions if expansion in trained]
        waiting = [expansion for expansion in expansions if expansion not in trained]
        features = space.encode(waiting, encoding(space))
        room = len(waiting) if last else min(beam, len(waiting))
        while room:
            surrogate = Surrogate(space, list(trained.values()), rng, members=members, floor=floor)
            predicted = surrogate.predict_encoded(features)
            scores = predicted.mean(axis=0) + optimism * predicted.std(axis=0)
            chosen = most_promising(waiting, scores, min(batch, room))
            trained.update(zip(chosen, problem.evaluate_many(chosen), strict=True))
            grown += chosen
            room -= len(chosen)
            left = [place for place, expansion in enumerate(waiting) if expansion not in trained]
            waiting, features = [waiting[place] for place in left], features[left]
