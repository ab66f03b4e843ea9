"""The recurrent controller (Zoph & Le, ICLR 2017, https://arxiv.org/abs/1611.01578), sections 3.1 and 3.2, in NumPy."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from nasbench_strategies.adam import Adam
from nasbench_strategies.bounds import at_least
from nasbench_strategies.memory import Memory
from nasbench_suite import Problem, Space, Step, strategy

IMPOSSIBLE = -1e9
"""The logit of an option that a decision does not have; its probability is exactly 0."""


@strategy(
    "recurrent-controller",
    family="reinforcement-learning",
    step=Step("an update of the policy", "evaluations", "batch_size"),
    paper="https://arxiv.org/abs/1611.01578",
    tuning="all parameters: the best mean signal (12-epoch validation accuracy, NAS-Bench-201 on CIFAR-10, 12,000 s) "
    "over 200 to 300 seeds that are used for no report, among about 30 settings",
)
def recurrent_controller(
    problem: Problem,
    rng: Generator,
    *,
    hidden_size: int = 16,
    batch_size: int = 5,
    learning_rate: float = 0.1,
    baseline_decay: float = 0.9,
    entropy_weight: float = 1.0,
    patience: int = 3,
) -> None:
    """An LSTM writes an architecture, one decision after another; REINFORCE makes rewarded ones more probable.

    Departures from the paper: one layer instead of two; the reward is the accuracy, not its cube; the baseline is
    corrected for its start at 0 and its differences are divided by the running deviation of the rewards, so that
    the entropy bonus means the same on every benchmark. The entropy bonus is that of its successors (Williams &
    Peng 1991; Pham et al. 2018). An architecture that is drawn again is answered from memory and not paid for again.

    Args:
        problem: the search.
        rng: all randomness.
        hidden_size: numbers in the LSTM's state, and in the embedding of a choice (35 in the paper).
        batch_size: architectures per gradient step (m in the paper, where it is 8 for each of 100 controllers).
        learning_rate: of Adam (0.0006 in the paper, for 12,800 evaluations).
        baseline_decay: of the moving average of the rewards, per evaluation.
        entropy_weight: weight of the mean entropy of a decision against a reward of one deviation.
        patience: batches without a new architecture after which the controller counts as converged and a new one
            begins.
    """
    at_least(1, hidden_size=hidden_size, batch_size=batch_size, patience=patience)
    accuracy = Memory(problem)
    while not accuracy.complete:
        controller = Controller(problem.space, hidden_size, rng)
        optimizer = Adam(controller.parameters, learning_rate)
        mean = square = weight = 0.0
        stale = 0
        while stale < patience:
            episodes = controller.sample(batch_size, rng)
            before = len(accuracy)
            rewards = [accuracy[tuple(choices)] for choices in episodes.choices.tolist()]
            stale = 0 if len(accuracy) > before else stale + 1
            for reward in rewards:
                weight += (1.0 - baseline_decay) * (1.0 - weight)
                mean += (1.0 - baseline_decay) * (reward - mean)
                square += (1.0 - baseline_decay) * (reward * reward - square)
            baseline = mean / weight
            deviation = max(square / weight - baseline * baseline, 1e-12) ** 0.5
            advantages = (np.array(rewards) - baseline) / deviation
            optimizer.descend(controller.gradient(episodes, advantages, entropy_weight))


@dataclass(frozen=True)
class Episodes:
    """Architectures with everything that the LSTM computed while it wrote them.

    With ``D`` decisions, ``B`` architectures and a state of ``H`` numbers:

    Attributes:
        choices: ``[B, D]`` option numbers.
        reads: ``[D, B, 2H + 1]``: input, last state and 1.
        gates: ``[D, B, 4, H]``: input gate, forget gate, candidate, output gate.
        memories: ``[D + 1, B, H]``: the cell before each step and after the last one.
        bends: ``[D, B, H]``: the hyperbolic tangent of the cell after each step.
        states: ``[D, B, H + 1]``: the state after each step, and 1.
        logits: ``[D, B, O]``.
    """

    choices: NDArray[np.intp]
    reads: NDArray[np.float64]
    gates: NDArray[np.float64]
    memories: NDArray[np.float64]
    bends: NDArray[np.float64]
    states: NDArray[np.float64]
    logits: NDArray[np.float64]


class Controller:
    """A one-layer LSTM with, for each decision, an embedding of its options and a softmax over them.

    With ``D`` decisions of at most ``O`` options and a state of ``H`` numbers, the parts of the parameters are

    - ``embeddings [D, O, H]``: what the LSTM reads at decision ``t`` is ``embeddings[t - 1, choice]``; the first
      reads ``embeddings[-1, 0]``, which no choice uses;
    - ``cell [2H + 1, 4H]``: from input, state and 1 to input gate, forget gate, candidate and output gate;
    - ``heads [D, H + 1, O]``: from state and 1 to logits.

    Args:
        space: whose decisions are written.
        hidden_size: ``H``.
        rng: draws the first parameters, uniformly from -0.08 to 0.08 as in the paper.
    """

    def __init__(self, space: Space, hidden_size: int, rng: Generator) -> None:
        counts = np.array([len(decision.options) for decision in space.decisions])
        decisions, options, hidden = len(counts), int(counts.max()), hidden_size
        self._hidden = hidden
        self._mask = np.where(np.arange(options) < counts[:, None], 0.0, IMPOSSIBLE)
        # The logistic function of x is (1 + tanh(x / 2)) / 2: one hyperbolic tangent serves all four gates.
        self._scale = np.repeat([0.5, 0.5, 1.0, 0.5], hidden)
        self._shift = np.repeat([0.5, 0.5, 0.0, 0.5], hidden)
        self._shapes = ((decisions, options, hidden), (2 * hidden + 1, 4 * hidden), (decisions, hidden + 1, options))
        self.parameters = rng.uniform(-0.08, 0.08, sum(map(math.prod, self._shapes)))
        self._embeddings, self._cell, self._heads = self.parts(self.parameters)

    def parts(self, flat: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """Views of a flat array in the shapes of the parameters: embeddings, cell, heads."""
        ends = list(itertools.accumulate(map(math.prod, self._shapes)))
        starts = [0, *ends]
        return [flat[start:end].reshape(s) for start, end, s in zip(starts, ends, self._shapes, strict=False)]

    def sample(self, number: int, rng: Generator) -> Episodes:
        """Write architectures."""
        decisions, options, _ = self._shapes[0]
        # The largest of logit plus Gumbel noise is a draw from the softmax.
        noise = rng.gumbel(size=(decisions, number, options))
        return self._write(np.empty((number, decisions), dtype=np.intp), noise)

    def replay(self, choices: NDArray[np.intp]) -> Episodes:
        """Compute as if these architectures, ``[B, D]`` option numbers, were written."""
        return self._write(choices, None)

    def _write(self, choices: NDArray[np.intp], noise: NDArray[np.float64] | None) -> Episodes:
        """Go through the decisions; with noise, the choices are made on the way."""
        number, decisions = choices.shape
        hidden, options = self._hidden, self._shapes[0][1]
        reads = np.ones((decisions, number, 2 * hidden + 1))
        gates = np.empty((decisions, number, 4 * hidden))
        memories = np.zeros((decisions + 1, number, hidden))
        bends = np.empty((decisions, number, hidden))
        states = np.ones((decisions, number, hidden + 1))
        logits = np.empty((decisions, number, options))
        reads[0, :, hidden:-1] = 0.0
        previous = np.zeros(number, dtype=np.intp)
        for step in range(decisions):
            read, gate, bend = reads[step], gates[step], bends[step]
            read[:, :hidden] = self._embeddings[step - 1].take(previous, axis=0)
            if step:
                read[:, hidden:-1] = states[step - 1, :, :-1]
            np.matmul(read, self._cell, out=gate)
            gate *= self._scale
            np.tanh(gate, out=gate)
            gate *= self._scale
            gate += self._shift
            memory = memories[step + 1]
            np.multiply(gate[:, hidden : 2 * hidden], memories[step], out=memory)
            memory += gate[:, :hidden] * gate[:, 2 * hidden : 3 * hidden]
            np.tanh(memory, out=bend)
            np.multiply(gate[:, 3 * hidden :], bend, out=states[step, :, :-1])
            np.matmul(states[step], self._heads[step], out=logits[step])
            logits[step] += self._mask[step]
            if noise is not None:
                choices[:, step] = (logits[step] + noise[step]).argmax(axis=1)
            previous = choices[:, step]
        return Episodes(choices, reads, gates.reshape(decisions, number, 4, hidden), memories, bends, states, logits)

    def loss(self, episodes: Episodes, advantages: NDArray[np.float64], entropy_weight: float) -> float:
        """``- mean over architectures of (advantage · log π(choices) + weight · mean entropy of its decisions)``."""
        logarithms = _log_softmax(episodes.logits)
        chosen = np.take_along_axis(logarithms, episodes.choices.T[:, :, None], axis=2)[:, :, 0]
        entropies = -(np.exp(logarithms) * logarithms).sum(axis=2)
        return -float((advantages * chosen.sum(axis=0) + entropy_weight * entropies.mean(axis=0)).mean())

    def gradient(
        self, episodes: Episodes, advantages: NDArray[np.float64], entropy_weight: float
    ) -> NDArray[np.float64]:
        """The gradient of :meth:`loss` with respect to the flat parameters, by back-propagation through time.

        Args:
            episodes: written with the parameters as they are now.
            advantages: ``[B]``.
            entropy_weight: of the mean entropy.
        """
        number, decisions = episodes.choices.shape
        hidden = self._hidden
        gradient = np.zeros_like(self.parameters)
        to_embeddings, to_cell, to_heads = self.parts(gradient)

        logarithms = _log_softmax(episodes.logits)
        probabilities = np.exp(logarithms)
        d_logits = advantages[:, None] * probabilities
        steps, rows = np.ogrid[:decisions, :number]
        d_logits[steps, rows, episodes.choices.T] -= advantages
        if entropy_weight:
            weighted = probabilities * logarithms
            weighted -= probabilities * weighted.sum(axis=2, keepdims=True)
            d_logits += (entropy_weight / decisions) * weighted
        d_logits /= number
        np.matmul(episodes.states.transpose(0, 2, 1), d_logits, out=to_heads)
        d_states = d_logits @ self._heads[:, :-1].transpose(0, 2, 1)

        gates, bends = episodes.gates, episodes.bends
        candidates = gates[:, :, 2]
        # What a change of each gate's argument does: to the cell by the first three, to the state by the last.
        slopes = gates * (1.0 - gates)
        slopes[:, :, 2] = 1.0 - candidates * candidates
        slopes[:, :, 0] *= candidates
        slopes[:, :, 1] *= episodes.memories[:-1]
        slopes[:, :, 2] *= gates[:, :, 0]
        slopes[:, :, 3] *= bends
        to_memory = gates[:, :, 3] * (1.0 - bends * bends)
        d_gates = np.empty((decisions, number, 4, hidden))
        from_state = self._cell[hidden:-1].T
        d_memory = np.zeros((number, hidden))
        for step in reversed(range(decisions)):
            d_state, d_gate = d_states[step], d_gates[step]
            if step < decisions - 1:
                d_state += d_gates[step + 1].reshape(number, -1) @ from_state
            d_memory += d_state * to_memory[step]
            d_gate[:, :3] = d_memory[:, None]
            d_gate[:, 3] = d_state
            d_gate *= slopes[step]
            d_memory *= gates[step, :, 1]
        flat = d_gates.reshape(decisions * number, 4 * hidden)
        np.matmul(episodes.reads.reshape(decisions * number, -1).T, flat, out=to_cell)
        d_inputs = (flat @ self._cell[:hidden].T).reshape(decisions, number, hidden)
        to_embeddings[-1, 0] = d_inputs[0].sum(axis=0)
        np.add.at(to_embeddings, (steps[:-1], episodes.choices.T[:-1]), d_inputs[1:])
        return gradient


def _log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Over the last axis."""
    shifted: NDArray[np.float64] = logits - logits.max(axis=-1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return shifted
