"""Maximum entropy sampling (Shewry & Wynn 1987, J. Applied Statistics 14(2)), annealed toward the best."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from nasbench_strategies.acquisition import normal_entropy
from nasbench_strategies.candidates import Candidates, as_matrix, best_of
from nasbench_strategies.kernels import DecisionKernel
from nasbench_strategies.posterior import GaussianProcess, log_regret
from nasbench_suite import Problem, strategy


@strategy("maximum-entropy", family="entropy", paper="https://doi.org/10.1080/02664768700000020")
def maximum_entropy(
    problem: Problem, rng: Generator, *, initial_design: int = 10, temperature: float = 1.0, cooling: float = 1.0, floor: float=0.03, growth: float=1.3
) -> None:
    space = problem.space
    candidates = Candidates(space, rng)
    evaluations = problem.evaluate_many(candidates.first(initial_design))
    model = GaussianProcess(DecisionKernel(len(space.decisions)), growth=growth)
    while not candidates.exhausted:
        pool = as_matrix(candidates.pool(best_of(evaluations, 10)), space)
        observed = as_matrix([evaluation.architecture for evaluation in evaluations], space)
        values = log_regret(np.array([evaluation.accuracy for evaluation in evaluations]), floor)
        mean, deviation = model.predict(observed, values, pool)
        weight = temperature * (len(evaluations)/initial_design)**-cooling
        (chosen,) = candidates.choose(mean + weight * normal_entropy(deviation))
        evaluations.append(problem.evaluate(chosen))
