"""Progressive neural architecture search (Liu et al., ECCV 2018, https://arxiv.org/abs/1712.00559), Algorithm 1."""

from __future__ import annotations

from typing import Protocol, cast

from numpy.random import Generator

from nasbench_strategies.candidates import most_promising
from nasbench_strategies.perceptrons import Surrogate, encoding
from nasbench_suite import Architecture, Problem, strategy


class GrowingSpace(Protocol):
    """A space of the capability ``"levels"``."""

    @property
    def levels(self) -> int:
        """How many levels of complexity there are."""

    def grow(self, architecture: Architecture | None, level: int) -> list[Architecture]:
        """The architectures of a level that keep what one of the level before has."""


@strategy(
    "pnas",
    family="progressive",
    paper="https://arxiv.org/abs/1712.00559",
    requires={"levels"},
    tuning="beam and encoding: mean validation accuracy after 12 epochs on CIFAR-10 (NAS-Bench-201's protocol, 12,000 s), 25 "
    "seeds each; batches within a beam: best validation accuracy seen after 200 epochs on CIFAR-10 (one training seed, "
    "200,000 s, 10 to 30 seeds from 100 on) and after 12 epochs (16 to 30 seeds from 1100 on, which the protocol's preset "
    "of seeds 1000 to 1499 contains)",
)
def pnas(
    problem: Problem, rng: Generator, *, beam: int = 40, batch: int = 5, members: int = 5, floor: float = 0.1
) -> None:
    """Grow architectures level by level; a surrogate picks which expansions of the trained ones are trained next.

    As in the paper: all of the simplest are trained, the surrogate is an ensemble of networks, its mean ranks all expansions
    of what was trained at the level before, ``beam`` of the best are trained, and the surrogate is fitted anew. What
    differs: a beam is trained ``batch`` by ``batch`` with a new surrogate in between, because the paper's simplest are
    hundreds of cells and these are a handful, from which nothing can be said of a whole beam; the networks see paths from
    input to output (one-hot decisions where the space has no paths) and not a sequence of embeddings, and are fitted from
    new weights to all evaluations, on the log of the regret. The last level has no beam: it goes on until the budget ends
    or all expansions are trained.

    Args:
        problem: the search.
        rng: all randomness.
        beam: trained per level (K in the paper).
        batch: trained between two surrogates.
        members: networks in the ensemble.
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
            predicted = surrogate.predict_encoded(features).mean(axis=0)
            chosen = most_promising(waiting, predicted, min(batch, room))
            trained.update(zip(chosen, problem.evaluate_many(chosen), strict=True))
            grown += chosen
            room -= len(chosen)
            left = [place for place, expansion in enumerate(waiting) if expansion not in trained]
            waiting, features = [waiting[place] for place in left], features[left]
