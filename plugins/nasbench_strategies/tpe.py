"""Tree-structured Parzen estimator (Bergstra, Bardenet, Bengio & Kégl, NIPS 2011), sections 4 to 4.2."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator

from nasbench_strategies.candidates import DECIMALS, Candidates, as_matrix, best_of
from nasbench_strategies.parzen import DecisionDensity
from nasbench_strategies.taking import taken_by
from nasbench_suite import Problem, Step, strategy


@strategy(
    "tpe",
    family="bayesian",
    step=Step("a model-based proposal", "evaluations", "initial_design"),
    paper="https://papers.nips.cc/paper/4443-algorithms-for-hyper-parameter-optimization",
    tuning="gamma and prior: mean validation accuracy after 12 epochs on CIFAR-10 (NAS-Bench-201's protocol, 12,000 s), 150 "
    "seeds; it hardly changes between gamma 0.1 and 0.2 of all (or 0.5 and 1 of the root) and a prior of 1 to 8",
)
def tpe(
    problem: Problem,
    rng: Generator,
    *,
    initial_design: int = 10,
    gamma: float = 0.5,
    draws: int = 24,
    prior: float = 4.0,
) -> None:
    """Draw from the density of good architectures; evaluate the draw that bad ones are least likely to give.

    The expected improvement is the greater, the greater ``l(x) / g(x)`` is, with ``l`` the density of the good and ``g`` that
    of all others (equation 5). As in the paper a density treats decisions as independent. What differs: the number of
    good ones grows with the square root of the evaluations, as in the authors' later implementation (hyperopt), and
    not in proportion; nothing is evaluated twice.

    Args:
        problem: the search.
        rng: all randomness.
        initial_design: random architectures to begin with.
        gamma: ``gamma sqrt(n)`` of ``n`` evaluations count as good, rounded up.
        draws: from the good density per proposal.
        prior: how many examples the uniform prior of a density weighs.
    """
    space = problem.space
    counts = [len(decision.options) for decision in space.decisions]
    candidates = Candidates(space, rng)
    evaluations = problem.evaluate_many(candidates.first(initial_design))
    while not candidates.exhausted:
        good_ones = math.ceil(gamma * math.sqrt(len(evaluations)))
        ranked = as_matrix(best_of(evaluations, len(evaluations)), space)
        good = DecisionDensity(ranked[:good_ones], counts, prior)
        bad = DecisionDensity(ranked[good_ones:], counts, prior)
        drawn = good.sample(draws, rng)
        promise = np.round(good.log_density(drawn) - bad.log_density(drawn), DECIMALS)
        proposals = (taken_by(space, drawn[place].tolist()) for place in np.argsort(-promise, kind="stable"))
        chosen = next((proposal for proposal in proposals if not candidates.is_taken(proposal)), None)
        if chosen is None:
            chosen = candidates.random()
        candidates.take(chosen)
        evaluations.append(problem.evaluate(chosen))
