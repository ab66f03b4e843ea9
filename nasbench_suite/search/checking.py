"""Checks of what a benchmark that does not come with the suite says of itself and answers, when it says it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import numpy as np

from nasbench_suite.errors import PluginError
from nasbench_suite.search.answers import Answers, Benchmark, Currency
from nasbench_suite.spaces import Architecture, Space

SUITE = "nasbench_suite."


def comes_with_the_suite(benchmark: Benchmark) -> bool:
    """Whether its class is one of the suite's own."""
    return type(benchmark).__module__.startswith(SUITE)


def check_benchmark(benchmark: Benchmark, name: str) -> None:
    """Check the members of a benchmark; raises :class:`PluginError` with the first that is not as it has to be."""

    def take(member: str) -> Any:
        try:
            return getattr(benchmark, member)
        except Exception as error:
            raise PluginError(f"benchmark {name!r}: its {member} raises {type(error).__name__}") from None

    def refuse(member: str, expected: str) -> PluginError:
        return PluginError(f"benchmark {name!r}: its {member} is {_shown(take(member))}, expected {expected}")

    if not isinstance(take("space"), Space):
        raise PluginError(f"benchmark {name!r}: its space lacks members of the Space protocol")
    held = take("fidelities")
    whole = isinstance(held, tuple) and held and all(type(epochs) is int and epochs > 0 for epochs in held)
    if not whole or list(held) != sorted(set(held)):
        raise refuse("fidelities", "a tuple of rising whole numbers of epochs")
    held = take("capabilities")
    if not isinstance(held, (set, frozenset)) or not all(isinstance(word, str) for word in held):
        raise refuse("capabilities", "a frozenset of words")
    if take("currency") not in get_args(Currency):
        raise refuse("currency", " or ".join(get_args(Currency)))
    held = take("identity")
    if not isinstance(held, str) or not held.isascii() or not 8 <= len(held) <= 128:
        raise refuse("identity", "the 8 to 128 characters of a hash")
    held = take("provenance")
    if not isinstance(held, Mapping) or not all(_is_text(key) and _is_text(text) for key, text in held.items()):
        raise refuse("provenance", "a mapping of texts to texts")


def _is_text(text: object) -> bool:
    return isinstance(text, str) and not any(0xD800 <= ord(character) < 0xE000 for character in text)


def _shown(value: object) -> str:
    """A value in a message, whatever its ``__repr__`` does."""
    try:
        return ascii(value)[:100]
    except Exception:
        return f"a {type(value).__name__}"


class CheckedAnswers:
    """The answers of a benchmark, each checked when it comes.

    Args:
        answers: the benchmark's own.
        name: of the benchmark, for messages.
    """

    def __init__(self, answers: Answers, name: str) -> None:
        self._answers, self._name = answers, name
        if hasattr(answers, "resumes"):
            self.resumes = answers.resumes

    def ask(
        self, architecture: Sequence[int], epochs: int, origin: int, paid: int
    ) -> tuple[Architecture, float, float]:
        """The benchmark's answer (see :class:`~nasbench_suite.benchmarks.Answers`) in plain numbers.

        Raises:
            PluginError: an answer that is no triple, an accuracy that is no fraction, or a cost that is no number of
                seconds of at least 0.
        """
        answer = self._answers.ask(architecture, epochs, origin, paid)
        if not isinstance(answer, tuple) or len(answer) != 3:
            raise PluginError(
                f"benchmark {self._name!r} answered {_shown(answer)}, expected (architecture, accuracy, cost)"
            )
        options, accuracy, cost = answer
        return options, self._number(accuracy, "accuracy", 1.0), self._number(cost, "cost", math.inf)

    def _number(self, value: object, what: str, most: float) -> float:
        if not isinstance(value, (int, float, np.integer, np.floating)) or isinstance(value, bool):
            raise PluginError(f"benchmark {self._name!r}: the {what} is {_shown(value)}, expected a plain number")
        number = float(value)
        if not 0.0 <= number <= most or math.isinf(number):
            expected = "a fraction from 0 to 1" if most == 1.0 else "finite seconds of at least 0"
            raise PluginError(f"benchmark {self._name!r}: the {what} is {number}, expected {expected}")
        return number


def answers_of(benchmark: Benchmark, seed: int) -> Answers:
    """The answers for one run seed, checked as they come unless the benchmark comes with the suite."""
    answers = benchmark.answers(seed)
    return answers if comes_with_the_suite(benchmark) else CheckedAnswers(answers, benchmark.name)
