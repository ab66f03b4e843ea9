"""SMAC: a random forest, expected improvement, local search and random interleaving (Hutter, Hoos & Leyton-Brown, LION 2011)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from nasbench_strategies.acquisition import log_expected_improvement
from nasbench_strategies.candidates import DECIMALS, Candidates, as_matrix, best_of
from nasbench_strategies.forests import Forest
from nasbench_strategies.posterior import log_regret
from nasbench_suite import Architecture, Problem, Space, strategy


@strategy("random-forest", family="bayesian", paper="https://doi.org/10.1007/978-3-642-25566-3_40")
def random_forest(
    problem: Problem,
    rng: Generator,
    *,
    initial_design: int = 10,
    trees: int = 10,
    share: float = 5 / 6,
    least: int = 3,
    bootstrap: bool = True,
    floor: float = 0.3,
    starts: int = 10,
    random_share: float = 0.1,
    samples: int = 200,
    dev: float = 0.0,
) -> None:
    """Climb to the highest expected improvement of a random forest; now and then evaluate at random."""
    space = problem.space
    counts = [len(decision.options) for decision in space.decisions]
    candidates = Candidates(space, rng)
    evaluations = problem.evaluate_many(candidates.first(initial_design))
    while not candidates.exhausted:
        chosen = None
        if rng.random() >= random_share:
            observed = as_matrix([evaluation.architecture for evaluation in evaluations], space)
            values = log_regret(np.array([evaluation.accuracy for evaluation in evaluations]), floor)
            forest = Forest(observed, values, counts, rng, trees=trees, share=share, least=least, bootstrap=bootstrap)

            def promise(architectures: list[Architecture]) -> NDArray[np.float64]:
                mean, deviation = forest.predict(as_matrix(architectures, space))
                return np.round(log_expected_improvement(mean, np.sqrt(deviation**2+dev**2), values.max()), DECIMALS)

            begin = [*best_of(evaluations, starts), *(space.sample(rng) for _ in range(samples))]
            scored = climb(begin, promise, space, starts)
            fresh = (a for a in sorted(scored, key=lambda a: -scored[a]) if not candidates.is_taken(a))
            chosen = next(fresh, None)
        if chosen is None:
            chosen = candidates.random()
        candidates.take(chosen)
        evaluations.append(problem.evaluate(chosen))


def climb(begin, promise, space, starts):
    scored = dict(zip(begin, promise(begin).tolist()))
    fronts = [*begin[:starts], max(scored, key=scored.__getitem__)]
    fronts = list(dict.fromkeys(fronts))
    while fronts:
        around = [space.neighbours(a) for a in fronts]
        new = list(dict.fromkeys(n for ns in around for n in ns if n not in scored))
        if new:
            scored.update(zip(new, promise(new).tolist()))
        ups = [max(ns, key=scored.__getitem__, default=a) for a, ns in zip(fronts, around)]
        fronts = list(dict.fromkeys(u for u, a in zip(ups, fronts) if scored[u] > scored[a]))
    return scored
