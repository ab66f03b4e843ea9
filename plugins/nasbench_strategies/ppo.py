"""Proximal policy optimisation (Schulman et al. 2017, https://arxiv.org/abs/1707.06347), Algorithm 1, equations 7 and 9."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from nasbench_strategies.adam import Adam
from nasbench_strategies.bounds import at_least
from nasbench_strategies.memory import Memory
from nasbench_suite import Problem, Space, Step, strategy

IMPOSSIBLE = -1e9
"""The logit of an option that a decision does not have; its probability is exactly 0."""

TINY = 1e-6
"""Deviations far below this are rounding errors and do not become advantages."""


@strategy(
    "ppo",
    family="reinforcement-learning",
    step=Step("an update of the policy", "evaluations", "batch_size"),
    paper="https://arxiv.org/abs/1707.06347",
    tuning="batch_size, passes, learning_rate, entropy_weight, patience: a good mean signal (12-epoch validation accuracy, "
    "NAS-Bench-201 on CIFAR-10, 12,000 s) at little computing, over 200 to 300 seeds that are used for no report, among "
    "about 25 settings",
)
def ppo(
    problem: Problem,
    rng: Generator,
    *,
    batch_size: int = 10,
    passes: int = 5,
    learning_rate: float = 0.05,
    clip: float = 0.2,
    value_weight: float = 0.5,
    entropy_weight: float = 0.05,
    trace_decay: float = 0.95,
    patience: int = 3,
) -> None:
    """Take several gradient steps per batch of architectures, none of which may move the policy far.

    An episode decides one option after another and is rewarded at its end with the accuracy, not discounted. The
    state is what was decided so far. What differs from the paper: policy and value are linear in the state instead of
    networks; rewards are standardised by all of them so far, advantages within a batch; a batch is not split into
    smaller ones; a policy that finds nothing new is replaced by a fresh one; an architecture that is drawn
    again is answered from memory and not paid for again.

    Args:
        problem: the search.
        rng: all randomness.
        batch_size: architectures between two updates of the policy (N actors in the paper).
        passes: gradient steps per batch (K epochs in the paper).
        learning_rate: of Adam.
        clip: how far the probability ratio may leave 1 to any gain (ε in the paper).
        value_weight: weight of the squared error of the values (c1 in the paper).
        entropy_weight: weight of the entropy (c2 in the paper).
        trace_decay: of the generalised advantage estimation (λ in the paper).
        patience: batches without a new architecture after which the policy counts as converged and a new one begins.
    """
    at_least(1, batch_size=batch_size, passes=passes, patience=patience)
    accuracy = Memory(problem)
    while not accuracy.complete:
        policy = Policy(problem.space)
        optimizer = Adam(policy.parameters, learning_rate)
        stale = 0
        count = total = squares = 0.0
        while stale < patience:
            choices = policy.sample(batch_size, rng)
            before = len(accuracy)
            rewards = [accuracy[tuple(options)] for options in choices.tolist()]
            stale = 0 if len(accuracy) > before else stale + 1
            count += batch_size
            total += sum(rewards)
            squares += sum(reward * reward for reward in rewards)
            mean = total / count
            deviation = max(squares / count - mean * mean, 0.0) ** 0.5
            scaled = (np.array(rewards) - mean) / (deviation + TINY)
            states = policy.states(choices)
            old, values = policy.log_probabilities(states, choices), policy.values(states)
            advantages = generalised_advantages(scaled, values, trace_decay)
            targets = advantages + values
            advantages = (advantages - advantages.mean()) / (advantages.std() + TINY)
            for _ in range(passes):
                optimizer.descend(
                    policy.gradient(states, choices, old, advantages, targets, clip, value_weight, entropy_weight)
                )


def generalised_advantages(
    rewards: NDArray[np.float64], values: NDArray[np.float64], trace_decay: float
) -> NDArray[np.float64]:
    """Advantages ``[architecture, decision]`` (equations 11 and 12 of the paper) with a reward at the end only.

    Args:
        rewards: ``[architecture]``.
        values: ``[architecture, decision]``, expected before the decision is taken.
        trace_decay: λ; the discount γ is 1.
    """
    errors = np.diff(values, axis=1, append=rewards[:, None])
    for step in reversed(range(values.shape[1] - 1)):
        errors[:, step] += trace_decay * errors[:, step + 1]
    return errors


class Policy:
    """For each decision a softmax over its options, and a value, both linear in the decisions before it.

    With ``D`` decisions of at most ``O`` options, a state is ``[1 + D·O]``: a 1 and the decisions as one-hot numbers.
    The weights of what is not decided yet are 0 and stay it, so that one product gives all decisions of an episode.
    The first policy draws uniformly.

    Args:
        space: whose decisions are taken.
    """

    def __init__(self, space: Space) -> None:
        counts = np.array([len(decision.options) for decision in space.decisions])
        self._decisions, self._options = len(counts), int(counts.max())
        possible = np.arange(self._options) < counts[:, None]
        self._logit_mask = np.where(possible, 0.0, IMPOSSIBLE)
        width = self._decisions * self._options
        earlier = np.arange(self._decisions)[:, None] < np.arange(self._decisions)
        known = np.vstack([np.ones((1, self._decisions), dtype=bool), earlier.repeat(self._options, axis=0)])
        # Columns: the logits of all decisions, then their values.
        self._known = np.hstack([known.repeat(self._options, axis=1), known]).astype(np.float64)
        self._width = width
        self.parameters = np.zeros_like(self._known)

    def sample(self, number: int, rng: Generator) -> NDArray[np.intp]:
        """Take all decisions of some episodes: ``[number, decision]`` option numbers."""
        # The largest of logit plus Gumbel noise is a draw from the softmax.
        noise = rng.gumbel(size=(self._decisions, number, self._options)) + self._logit_mask[:, None]
        choices = np.empty((number, self._decisions), dtype=np.intp)
        logits = np.tile(self.parameters[0, : self._width], (number, 1))
        for step in range(self._decisions):
            start = step * self._options
            chosen = (logits[:, start : start + self._options] + noise[step]).argmax(axis=1)
            choices[:, step] = chosen
            logits += self.parameters[1 + start + chosen, : self._width]
        return choices

    def states(self, choices: NDArray[np.intp]) -> NDArray[np.float64]:
        """``[architecture, decision]`` option numbers as states ``[architecture, 1 + D·O]``."""
        states = np.zeros((len(choices), 1 + self._width))
        states[:, 0] = 1.0
        states[np.arange(len(choices))[:, None], 1 + np.arange(self._decisions) * self._options + choices] = 1.0
        return states

    def values(self, states: NDArray[np.float64]) -> NDArray[np.float64]:
        """What reward is expected before each decision: ``[architecture, decision]``."""
        values: NDArray[np.float64] = states @ self.parameters[:, self._width :]
        return values

    def log_probabilities(self, states: NDArray[np.float64], choices: NDArray[np.intp]) -> NDArray[np.float64]:
        """``log π`` of each decision taken: ``[architecture, decision]``."""
        return _of(self._log_softmax(states @ self.parameters), choices)

    def loss(
        self,
        states: NDArray[np.float64],
        choices: NDArray[np.intp],
        old: NDArray[np.float64],
        advantages: NDArray[np.float64],
        targets: NDArray[np.float64],
        clip: float,
        value_weight: float,
        entropy_weight: float,
    ) -> float:
        """The negative of equation 9, mean over architectures and decisions.

        Args:
            states: of the episodes.
            choices, old, advantages, targets: ``[architecture, decision]``: what was decided, its ``log π`` then, how
                much better it was than expected, and what should have been expected.
            clip, value_weight, entropy_weight: ε, c1 and c2.
        """
        outputs = states @ self.parameters
        logarithms = self._log_softmax(outputs)
        ratios = np.exp(_of(logarithms, choices) - old)
        gains = np.minimum(ratios * advantages, ratios.clip(1.0 - clip, 1.0 + clip) * advantages)
        errors = (outputs[:, self._width :] - targets) ** 2
        entropies = -(np.exp(logarithms) * logarithms).sum(axis=2)
        return float((-gains + value_weight * errors - entropy_weight * entropies).mean())

    def gradient(
        self,
        states: NDArray[np.float64],
        choices: NDArray[np.intp],
        old: NDArray[np.float64],
        advantages: NDArray[np.float64],
        targets: NDArray[np.float64],
        clip: float,
        value_weight: float,
        entropy_weight: float,
    ) -> NDArray[np.float64]:
        """The gradient of :meth:`loss` with respect to the parameters, in their shape."""
        outputs = states @ self.parameters
        logarithms = self._log_softmax(outputs)
        probabilities = np.exp(logarithms)
        ratios = np.exp(_of(logarithms, choices) - old)
        # Where the clipped term is the smaller one and constant, nothing is gained by moving on.
        free = ratios * advantages <= ratios.clip(1.0 - clip, 1.0 + clip) * advantages
        gains = np.where(free, ratios * advantages, 0.0)
        weighted = probabilities * logarithms
        d_logits = probabilities * (gains[:, :, None] - entropy_weight * weighted.sum(axis=2, keepdims=True))
        d_logits += entropy_weight * weighted
        rows, columns = np.ogrid[: len(choices), : self._decisions]
        d_logits[rows, columns, choices] -= gains
        d_outputs = np.empty_like(outputs)
        d_outputs[:, : self._width] = d_logits.reshape(len(choices), self._width)
        d_outputs[:, self._width :] = (2.0 * value_weight) * (outputs[:, self._width :] - targets)
        d_outputs /= choices.size
        gradient: NDArray[np.float64] = (states.T @ d_outputs) * self._known
        return gradient

    def _log_softmax(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """``[architecture, decision, option]`` from the outputs of the linear map."""
        logits = outputs[:, : self._width].reshape(-1, self._decisions, self._options) + self._logit_mask
        logits -= logits.max(axis=2, keepdims=True)
        logits -= np.log(np.exp(logits).sum(axis=2, keepdims=True))
        return logits


def _of(logarithms: NDArray[np.float64], choices: NDArray[np.intp]) -> NDArray[np.float64]:
    """The entries of the options that were chosen: ``[architecture, decision]``."""
    chosen: NDArray[np.float64] = np.take_along_axis(logarithms, choices[:, :, None], axis=2)[:, :, 0]
    return chosen
