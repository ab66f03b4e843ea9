"""Bayesian optimization with a Gaussian process and expected improvement (Jones, Schonlau & Welch 1998, EGO)."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from nasbench_strategies.acquisition import leading_improvement
from nasbench_strategies.candidates import Candidates, as_matrix, best_of
from nasbench_strategies.kernels import DecisionKernel
from nasbench_strategies.posterior import GaussianProcess
from nasbench_strategies.targets import log_regret
from nasbench_suite import Problem, Step, strategy


@strategy(
    "gaussian-process",
    family="bayesian",
    step=Step("a model-based proposal", "evaluations", "initial_design"),
    paper="https://doi.org/10.1023/A:1008306431147",
    tuning="kernel, scale of the targets and its floor, noise and schedule: mean validation accuracy after 12 epochs on CIFAR-10 "
    "(NAS-Bench-201's protocol, 12,000 s), 20 to 60 seeds each",
)
def gaussian_process(problem: Problem, rng: Generator, *, initial_design: int = 10, growth: float = 1.3) -> None:
    """Evaluate the candidate of the highest expected improvement under a Gaussian process, and learn from it.

    As in the paper: a stationary process with a length scale per variable and a constant mean, hyperparameters by
    maximum likelihood, expected improvement. What differs: decisions are categorical, so the covariance
    is one of equal and different options with an additive part; the observations have noise; the process models the log of
    the regret; the likelihood has a prior; the initial design is random, not a Latin hypercube; the
    predicted variance leaves out the term for the estimated mean (Jones et al. 1998, equation 9); improvement is
    maximised over all candidates (or a pool of samples and mutants) and not by branch and bound.

    Args:
        problem: the search.
        rng: all randomness.
        initial_design: random architectures to begin with.
        growth: hyperparameters are fitted anew when the observations have become this many times as many.
    """
    space = problem.space
    candidates = Candidates(space, rng)
    evaluations = problem.evaluate_many(candidates.first(initial_design))
    model = GaussianProcess(DecisionKernel(len(space.decisions)), growth=growth)
    while not candidates.exhausted:
        pool = as_matrix(candidates.pool(best_of(evaluations, 10)), space)
        observed = as_matrix([evaluation.architecture for evaluation in evaluations], space)
        values = log_regret(np.array([evaluation.accuracy for evaluation in evaluations]))
        mean, deviation = model.predict(observed, values, pool)
        (chosen,) = candidates.choose(leading_improvement(mean, deviation, values.max(), candidates.free))
        evaluations.append(problem.evaluate(chosen))
