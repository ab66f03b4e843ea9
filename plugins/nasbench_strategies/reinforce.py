"""REINFORCE (Williams 1992, https://doi.org/10.1007/BF00992696) as the baseline of NAS-Bench-201 uses it.

The baseline: Dong & Yang, ICLR 2020, https://arxiv.org/abs/2001.00326, section 4: one softmax per decision, a moving
average of the accuracy as the baseline of the reward, Adam.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from nasbench_strategies.adam import Adam
from nasbench_suite import Problem, Space, strategy

IMPOSSIBLE = -1e9
"""The logit of an option that a decision does not have; its probability is exactly 0."""


@strategy("reinforce", family="reinforcement-learning", paper="https://doi.org/10.1007/BF00992696")
def reinforce(
    problem: Problem,
    rng: Generator,
    *,
    learning_rate: float = 0.05,
    baseline_decay: float = 0.9,
    memory: float = 0.999,
) -> None:
    """Make rewarded choices more probable, each decision for itself.

    After each evaluation the logits ascend ``(R - b) ∇ log π``. The baseline ``b`` is the moving average of the
    rewards so far, this one included, corrected for its start at 0.

    Args:
        problem: the search.
        rng: all randomness.
        learning_rate: of Adam.
        baseline_decay: of the moving average of rewards (0.9 in NAS-Bench-201).
        memory: Adam's decay of squared gradients (β2).
    """
    logits = equal_logits(problem.space)
    optimizer = Adam(logits, learning_rate, memory=memory)
    total = weight = 0.0
    while True:
        # The largest of logit plus Gumbel noise is a draw from the softmax.
        choices = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
        reward = problem.evaluate(tuple(choices.tolist())).accuracy
        total += (1.0 - baseline_decay) * (reward - total)
        weight += (1.0 - baseline_decay) * (1.0 - weight)
        optimizer.descend((total / weight - reward) * log_probability_gradient(logits, choices))


def equal_logits(space: Space) -> NDArray[np.float64]:
    """Logits ``[decision, option]`` under which all options of a decision are equally probable."""
    counts = np.array([len(decision.options) for decision in space.decisions])
    return np.where(np.arange(counts.max()) < counts[:, None], 0.0, IMPOSSIBLE)


def log_probability_gradient(logits: NDArray[np.float64], choices: NDArray[np.intp]) -> NDArray[np.float64]:
    """The gradient of ``log π(choices)`` with respect to the logits: ``[decision, option]``, one-hot minus softmax."""
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities /= -probabilities.sum(axis=1, keepdims=True)
    probabilities[np.arange(len(choices)), choices] += 1.0
    return probabilities
