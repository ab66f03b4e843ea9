"""SMAC: a random forest, expected improvement, local search and random interleaving (Hutter, Hoos & Leyton-Brown, LION 2011)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from nasbench_strategies.acquisition import log_expected_improvement
from nasbench_strategies.candidates import DECIMALS, Candidates, as_matrix, best_of
from nasbench_strategies.forests import Forest
from nasbench_strategies.targets import log_regret
from nasbench_suite import Architecture, Problem, Space, Step, strategy

Scoring = Callable[[Sequence[Architecture]], NDArray[np.float64]]


@strategy(
    "random-forest",
    family="bayesian",
    step=Step("a model-based proposal", "evaluations", "initial_design"),
    paper="https://doi.org/10.1007/978-3-642-25566-3_40",
    tuning="trees, share, bootstrap, smallest split, random share, initial design and floor: mean validation accuracy after 12 "
    "epochs on CIFAR-10 (NAS-Bench-201's protocol, 12,000 s), 30 to 60 seeds each",
)
def random_forest(
    problem: Problem,
    rng: Generator,
    *,
    initial_design: int = 20,
    trees: int = 20,
    share: float = 0.2,
    least: int = 4,
    starts: int = 5,
    samples: int = 200,
    random_share: float = 0.05,
    floor: float = 0.3,
) -> None:
    """Climb to the highest expected improvement under a random forest; now and then evaluate at random.

    As in the paper: the forest's mean and the deviation between its trees give an expected improvement, which local searches
    from the best architectures seen (and the best of some random ones) maximise; random architectures are
    interleaved. What differs: trees split by single options, see all data and differ by the questions that a node may
    ask (with 100 observations, bootstrap samples lose a third of them); one in twenty is random, not every other; the
    targets are the log of the regret; there are no instances and no racing.

    Args:
        problem: the search.
        rng: all randomness.
        initial_design: random architectures to begin with.
        trees: in the forest.
        share: of the questions that a node may choose from.
        least: a node of fewer observations is not split.
        starts: local searches begin from this many of the best.
        samples: random architectures among which another local search begins.
        random_share: probability that an architecture is drawn uniformly.
        floor: share of the median regret below which the forest sees little difference.
    """
    space = problem.space
    counts = [len(decision.options) for decision in space.decisions]
    candidates = Candidates(space, rng)
    evaluations = problem.evaluate_many(candidates.first(initial_design))
    while not candidates.exhausted:
        chosen = None
        if rng.random() >= random_share:
            observed = as_matrix([evaluation.architecture for evaluation in evaluations], space)
            values = log_regret(np.array([evaluation.accuracy for evaluation in evaluations]), floor)
            forest = Forest(observed, values, counts, rng, trees=trees, share=share, least=least, bootstrap=False)

            def promise(
                architectures: Sequence[Architecture], forest: Forest = forest, best: float = values.max()
            ) -> NDArray[np.float64]:
                mean, deviation = forest.predict(as_matrix(architectures, space))
                return log_expected_improvement(mean, deviation, best)

            begin = [*best_of(evaluations, starts), *(space.sample(rng) for _ in range(samples))]
            scores = climb(begin, starts, promise, space)
            free = (architecture for architecture in scores if not candidates.is_taken(architecture))
            chosen = max(free, key=scores.__getitem__, default=None)
        if chosen is None:
            chosen = candidates.random()
        candidates.take(chosen)
        evaluations.append(problem.evaluate(chosen))


def climb(begin: Sequence[Architecture], starts: int, scoring: Scoring, space: Space) -> dict[Architecture, float]:
    """Go to the best neighbour until none is better, from several places at once.

    Args:
        begin: architectures to score at first.
        starts: the first so many of them are climbed from, and the best of all.
        scoring: of architectures; higher is better.
        space: of the architectures.

    Returns:
        All that were scored, with their scores, in the order of scoring.
    """
    scores: dict[Architecture, float] = {}

    def score(architectures: Sequence[Architecture]) -> None:
        new = [architecture for architecture in dict.fromkeys(architectures) if architecture not in scores]
        if new:
            scores.update(zip(new, np.round(scoring(new), DECIMALS).tolist(), strict=True))

    score(begin)
    fronts = list(dict.fromkeys([*begin[:starts], max(scores, key=scores.__getitem__)]))
    while fronts:
        around = [space.neighbours(front) for front in fronts]
        score([neighbour for neighbours in around for neighbour in neighbours])
        steps = [
            max([front, *neighbours], key=scores.__getitem__) for front, neighbours in zip(fronts, around, strict=True)
        ]
        fronts = list(dict.fromkeys(step for step, front in zip(steps, fronts, strict=True) if step != front))
    return scores
