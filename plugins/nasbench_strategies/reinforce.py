"""REINFORCE (Williams 1992, https://doi.org/10.1007/BF00992696) as the baseline of NAS-Bench-201 uses it.

The baseline: Dong & Yang, ICLR 2020, https://arxiv.org/abs/2001.00326, section 4: one softmax per decision, a moving
average of the accuracy as the baseline of the reward, Adam.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from nasbench_strategies.adam import Adam
from nasbench_strategies.taking import taken_by
from nasbench_suite import Problem, Space, Step, strategy


@strategy(
    "reinforce",
    family="reinforcement-learning",
    step=Step("an update of the policy", "evaluations", 1),
    paper="https://doi.org/10.1007/BF00992696",
    tuning="learning_rate: of 0.01, 0.03, 0.05, 0.07, 0.08, 0.1 and 0.2 the one with the best mean signal (12-epoch "
    "validation accuracy, NAS-Bench-201 on CIFAR-10, 12,000 s) over 300 to 1,000 seeds that are used for no report",
)
def reinforce(
    problem: Problem,
    rng: Generator,
    *,
    learning_rate: float = 0.07,
    baseline_decay: float = 0.9,
) -> None:
    """Make rewarded choices more probable, each decision for itself.

    After each evaluation the logits ascend ``(R - b) ∇ log π``. The baseline ``b`` is the moving average of the
    rewards so far, this one included and corrected for its start at 0, as in the authors' code of NAS-Bench-201. What
    differs: the learning rate is larger than theirs (0.001, for NATS-Bench 0.01), with which a hundred evaluations move the policy little.

    Args:
        problem: the search.
        rng: all randomness.
        learning_rate: of Adam.
        baseline_decay: of the moving average of rewards (0.9 in NAS-Bench-201).
    """
    logits = equal_logits(problem.space)
    optimizer = Adam(logits, learning_rate)
    mean = weight = 0.0
    while True:
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        # Of the odds, each over an exponential variate, the largest is at an option with the softmax's probability.
        choices = (odds / rng.standard_exponential(odds.shape)).argmax(axis=1)
        reward = problem.evaluate(taken_by(problem.space, choices.tolist())).accuracy
        mean += (1.0 - baseline_decay) * (reward - mean)
        weight += (1.0 - baseline_decay) * (1.0 - weight)
        gradient = log_probability_gradient(odds, choices)
        gradient *= mean / weight - reward
        optimizer.descend(gradient)


def equal_logits(space: Space) -> NDArray[np.float64]:
    """Logits ``[decision, option]`` under which all options of a decision are equally probable, others impossible."""
    counts = np.array([len(decision.options) for decision in space.decisions])
    return np.where(np.arange(counts.max()) < counts[:, None], 0.0, -np.inf)


def log_probability_gradient(odds: NDArray[np.float64], choices: NDArray[np.intp]) -> NDArray[np.float64]:
    """The gradient of ``log π(choices)`` with respect to the logits: ``[decision, option]``, one-hot minus softmax.

    Args:
        odds: ``[decision, option]``, the exponentials of the logits up to a factor per decision.
        choices: ``[decision]``.
    """
    gradient: NDArray[np.float64] = odds / -odds.sum(axis=1, keepdims=True)
    gradient[np.arange(len(choices)), choices] += 1.0
    return gradient
