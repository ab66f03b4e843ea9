"""Made-up tasks on any space, of any size: for conformance checks and for studying a strategy where truth is known.

The accuracy is a smooth function of the decisions: every option has an effect, and so has every pair of options of
neighbouring decisions. It rises with the epochs and is blurred by training noise.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import sys
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from nasbench_suite.errors import QuestionError
from nasbench_suite.search.answers import Currency, Scores
from nasbench_suite.sources import code_hash, record_hash
from nasbench_suite.spaces import Architecture, Space, space_identity


class SyntheticBenchmark:
    """A task whose answers are computed by a formula (nothing is trained, nothing is stored).

    Args:
        name: decides the effects: the same name gives the same task everywhere.
        space: any.
        fidelities: the epochs that may be asked for; several make it a multi-fidelity task that can be resumed.
        noise: standard deviation of an answer over training seeds; the effects of the decisions together have 0.1.
    """

    currency: Currency = "simulated"

    def __init__(
        self, name: str, space: Space, *, fidelities: Sequence[int] = (1, 4, 16), noise: float = 0.005
    ) -> None:
        self.name = name
        self.space = space
        self.fidelities = tuple(sorted(fidelities))
        several = {"fidelities", "resume"} if len(self.fidelities) > 1 else set()
        self.capabilities = frozenset(several) | space.capabilities
        self.noise = noise
        rng = np.random.default_rng(_number(f"effects of {name}"))
        counts = [len(decision.options) for decision in space.decisions]
        scale = 0.1 / math.sqrt(2 * len(counts))
        self._single: list[list[float]] = [(rng.standard_normal(count) * scale).tolist() for count in counts]
        self._pairs: list[list[list[float]]] = [
            (rng.standard_normal(pair) * scale).tolist() for pair in itertools.pairwise(counts)
        ]

    @cached_property
    def identity(self) -> str:
        """A hash of everything that decides the answers."""
        code = code_hash(type(self), rooms=())
        return record_hash(self.name, space_identity(self.space), self.fidelities, self.noise, code)

    @cached_property
    def provenance(self) -> Mapping[str, str]:
        """That nothing here was measured."""
        return {
            "source": "computed by a formula (nasbench_suite.benchmarks.synthetic)",
            "signal": "formula with noise",
            "score": "formula without noise",
        }

    def truth(self, architecture: Architecture, epochs: int) -> float:
        """The expected accuracy after so many epochs, in [0, 1]."""
        effect = together = 0.0  # plain additions: the built-in sum rounds otherwise from Python 3.12 on
        for effects, option in zip(self._single, architecture, strict=True):
            effect += effects[option]
        for pairs, a, b in zip(self._pairs, architecture, architecture[1:], strict=False):
            together += pairs[a][b]
        return min(1.0, max(0.0, 0.6 + (effect + together) - 0.2 * (1.0 - epochs / self.fidelities[-1]) ** 2))

    def answers(self, seed: int) -> SyntheticAnswers:
        """The answers for one run seed."""
        return SyntheticAnswers(self, seed)

    def scores(self) -> Mapping[str, Scores]:
        """The formula without noise, after the full training."""
        sys.audit("nasbench_suite.scores", self.name)
        words = "formula without noise after the full training"
        return {"truth": Scores(words, self._score, self._best)}

    def _score(self, architecture: Architecture) -> float:
        return self.truth(architecture, self.fidelities[-1])

    @cached_property
    def _best(self) -> float:
        """Exact: the best chain of options, by dynamic programming over neighbouring decisions."""
        best = list(self._single[0])
        for effects, single in zip(self._pairs, self._single[1:], strict=True):
            best = [
                max(value + row[b] for value, row in zip(best, effects, strict=True)) + own
                for b, own in enumerate(single)
            ]
        return min(1.0, max(0.0, 0.6 + max(best)))


class SyntheticAnswers:
    """The formula with the training noise that one run sees."""

    def __init__(self, benchmark: SyntheticBenchmark, seed: int) -> None:
        self._check = benchmark.space.check
        self._truth = benchmark.truth
        self._fidelities = benchmark.fidelities
        self._noise = benchmark.noise
        self._name = benchmark.name
        self._key = f"{benchmark.name}\0{seed}"

    def ask(
        self, architecture: Sequence[int], epochs: int, origin: int, paid: int
    ) -> tuple[Architecture, float, float]:
        """Compute an answer (see :class:`~nasbench_suite.benchmarks.Answers`); an epoch costs 1 to 2 seconds."""
        options = self._check(architecture)
        if epochs not in self._fidelities:
            raise QuestionError(
                f"{self._name}: {epochs!r} epochs do not exist; it has {', '.join(map(str, self._fidelities))}"
            )
        draw = _number(f"{self._key}\0{options}\0{origin}")
        deviation = np.random.default_rng(draw).standard_normal() * self._noise
        accuracy = min(1.0, max(0.0, self._truth(options, epochs) + deviation))
        return options, float(accuracy), (1.0 + options[0] / (options[0] + 1.0)) * (epochs - paid)


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
