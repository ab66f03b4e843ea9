"""Maximum entropy sampling (Shewry & Wynn 1987, Journal of Applied Statistics 14(2)), annealed toward the best."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from nasbench_strategies.acquisition import normal_entropy
from nasbench_strategies.candidates import Candidates, as_matrix, best_of
from nasbench_strategies.kernels import DecisionKernel
from nasbench_strategies.posterior import GaussianProcess
from nasbench_strategies.targets import log_regret
from nasbench_suite import Problem, Step, strategy


@strategy(
    "maximum-entropy",
    family="entropy",
    step=Step("a model-based proposal", "evaluations", "initial_design"),
    paper="https://doi.org/10.1080/02664768700000020",
    tuning="temperature, cooling and floor: mean validation accuracy after 12 epochs on CIFAR-10 (NAS-Bench-201's "
    "protocol, 12,000 s), 20 to 40 seeds each",
)
def maximum_entropy(
    problem: Problem,
    rng: Generator,
    *,
    initial_design: int = 10,
    temperature: float = 16.0,
    cooling: float = 1.0,
    floor: float = 0.03,
    growth: float = 1.3,
) -> None:
    """Evaluate where the prediction has the most entropy; as the search cools, where it is best.

    The next architecture maximises ``m(x) + T_n H(x)``, with ``m`` the mean and ``H = log(s sqrt(2 pi e))`` the differential
    entropy of a Gaussian process' prediction, and the temperature ``T_n = T (n_0 / n)^c`` after ``n`` evaluations. While the
    temperature is high this is maximum entropy sampling, the design that learns most about a process (Shewry & Wynn
    1987); as it falls, the free energy is that of simulated annealing (Kirkpatrick, Gelatt & Vecchi 1983), and the search
    goes where it expects the best. The process is the one of ``gaussian-process``; only the acquisition differs.

    Args:
        problem: the search.
        rng: all randomness.
        initial_design: random architectures to begin with (n_0).
        temperature: after the initial design, in deviations of the targets per nat (T).
        cooling: exponent of the schedule (c).
        floor: share of the median regret below which the process sees little difference.
        growth: hyperparameters are fitted anew when the observations have become this many times as many.
    """
    space = problem.space
    candidates = Candidates(space, rng)
    evaluations = problem.evaluate_many(candidates.first(initial_design))
    model = GaussianProcess(DecisionKernel(len(space.decisions)), growth=growth)
    while not candidates.exhausted:
        pool = as_matrix(candidates.pool(best_of(evaluations, 10)), space)
        observed = as_matrix([evaluation.architecture for evaluation in evaluations], space)
        values = log_regret(np.array([evaluation.accuracy for evaluation in evaluations]), floor)
        mean, deviation = model.predict(observed, values, pool)
        heat = temperature * (initial_design / len(evaluations)) ** cooling
        (chosen,) = candidates.choose(mean + heat * normal_entropy(deviation))
        evaluations.append(problem.evaluate(chosen))
