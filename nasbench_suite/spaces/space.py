"""The space protocol, and the space of independent categorical decisions that serves most benchmarks.

A strategy is written against :class:`Space` and runs on cells, layer sizes, macro networks or any other space
that can be said as *one categorical choice per decision*. What only some spaces have (a graph, levels of
complexity) is a small protocol each (:mod:`nasbench_suite.spaces.protocols`); a strategy that needs one says so in
``requires``.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.errors import SpaceError, unknown
from nasbench_suite.sources import SPACE_ROOMS, code_hash, record_hash
from nasbench_suite.spaces.protocols import Architecture, protocols_of
from nasbench_suite.spaces.texts import join_choices, split_choices

ENUMERABLE = 2**17
"""Spaces up to this size may be listed in memory; larger ones are sampled."""


@dataclass(frozen=True)
class Decision:
    """One categorical choice: a name and the names of its options.

    Attributes:
        name: of the decision.
        options: what may be chosen; an architecture names one by its place.
        values: rising numbers, one per option, where the options are ordered (a width, a rate).
        when: ``(name of an earlier decision, options of it under which this one counts)``; ``None`` where it always
            counts. See :class:`~nasbench_suite.spaces.ConditionalSpace`.

    Raises:
        SpaceError: no option, two options of the same name, values that do not rise or are not one per option, or a
            condition of another form.
    """

    name: str
    options: tuple[str, ...]
    values: tuple[float, ...] | None = None
    when: tuple[str, tuple[str, ...]] | None = None

    def __post_init__(self) -> None:
        if not self.options:
            raise SpaceError(f"decision {self.name!r} has no options; give at least one")
        if len(set(self.options)) != len(self.options):
            raise SpaceError(f"decision {self.name!r} names an option twice: {', '.join(self.options)}")
        if self.values is not None:
            self._check_values(self.values)
        if self.when is not None:
            self._check_condition(self.when)

    def __repr__(self) -> str:
        """Without what is not there, so that a decision reads as it was written."""
        given = {"values": self.values, "when": self.when}
        rest = "".join(f", {name}={value!r}" for name, value in given.items() if value is not None)
        return f"Decision(name={self.name!r}, options={self.options!r}{rest})"

    def _check_values(self, values: Sequence[float]) -> None:
        numbers = all(isinstance(value, int | float) and math.isfinite(value) for value in values)
        if len(values) != len(self.options) or not numbers:
            raise SpaceError(
                f"decision {self.name!r}: values {values!r}; expected one finite number for each of its "
                f"{len(self.options)} options"
            )
        if any(after <= before for before, after in itertools.pairwise(values)):
            raise SpaceError(f"decision {self.name!r}: values {values!r} do not rise; list the options in that order")

    def _check_condition(self, when: object) -> None:
        match when:
            case (str(), tuple() as under) if under and all(isinstance(option, str) for option in under):
                return
        raise SpaceError(
            f"decision {self.name!r}: when={when!r}; expected (an earlier decision, options of it under which this one "
            "counts), such as ('depth', ('2', '3'))"
        )


@runtime_checkable
class Space(Protocol):
    """What a strategy may know of a search space. Nothing here costs budget."""

    @property
    def name(self) -> str:
        """The name under which tables and benchmarks refer to it."""

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """The decisions; an architecture has one option number for each."""

    @property
    def size(self) -> int:
        """How many architectures there are (an exact integer, however large)."""

    @property
    def capabilities(self) -> frozenset[str]:
        """What the space offers beyond this protocol: ``"cell"``, ``"graph"``, ``"levels"``."""

    @property
    def encodings(self) -> tuple[str, ...]:
        """Names that :meth:`encode` knows; the first is the default."""

    def check(self, architecture: Sequence[int]) -> Architecture:
        """Return it as a plain tuple of ``int``, or raise :class:`SpaceError` saying which decision is wrong."""

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw uniformly from the whole space."""

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """Change one decision, chosen uniformly, to another of its options, chosen uniformly."""

    def crossover(self, first: Architecture, second: Architecture, rng: np.random.Generator) -> Architecture:
        """Take each decision from either parent with probability one half (uniform crossover)."""

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """All architectures that differ in exactly one decision, in a fixed order."""

    def index(self, architecture: Sequence[int]) -> int:
        """The architecture's place in ``0 .. size - 1`` (the last decision varies fastest)."""

    def architecture(self, index: int) -> Architecture:
        """The architecture at an index; the inverse of :meth:`index`."""

    def architectures(self) -> Sequence[Architecture]:
        """Every architecture in index order; raises :class:`SpaceError` if there are more than ``2**17``."""

    def format(self, architecture: Sequence[int]) -> str:
        """The field's own text for it."""

    def parse(self, text: str) -> Architecture:
        """The inverse of :meth:`format`."""

    def canonical(self, architecture: Sequence[int]) -> str:
        """A text that is equal for two architectures exactly if they compute the same kind of network."""

    def encode(self, architectures: Sequence[Architecture], encoding: str | None = None) -> NDArray[np.float64]:
        """Features for a surrogate: ``[n architectures, width]``; raises ``UsageError`` for an unknown encoding."""


def space_identity(space: Space) -> str:
    """A hash of all that decides what a space samples, mutates and calls its architectures: its record and its class."""
    made_from = space.__reduce__()[1] if isinstance(space, CategoricalSpace) else None
    return record_hash(space.name, space.decisions, made_from, code_hash(type(space), rooms=SPACE_ROOMS))


class CategoricalSpace:
    """Independent categorical decisions: the general :class:`Space`, and the base of special ones.

    Args:
        name: under which tables and benchmarks refer to it.
        decisions: at least one, each of another name.

    Raises:
        SpaceError: no decision, a name twice, or a decision with a condition
            (:class:`~nasbench_suite.spaces.ConditionalSpace` has those).
    """

    encodings: tuple[str, ...] = ("one-hot",)

    def __init__(self, name: str, decisions: Sequence[Decision]) -> None:
        if not decisions:
            raise SpaceError(f"space {name!r} has no decisions; give at least one")
        self.name = name
        self.decisions = tuple(decisions)
        self._check_decisions()
        if any(decision.values is not None for decision in self.decisions):
            self.encodings = (*self.encodings, "ordered")
        self._counts = tuple(len(decision.options) for decision in self.decisions)
        self._mutable = tuple(position for position, count in enumerate(self._counts) if count > 1)
        self._resize(math.prod(self._counts))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {len(self.decisions)} decisions, {self.size:,} architectures>"

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.name, self.decisions)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and (self.name, self.decisions) == (other.name, other.decisions)

    def __hash__(self) -> int:
        return hash((self.name, self.decisions))

    def _resize(self, size: int) -> None:
        self.size = size
        self._enumerable = size <= ENUMERABLE

    def _check_decisions(self) -> None:
        conditional = next((decision for decision in self.decisions if decision.when is not None), None)
        if conditional is not None:
            raise SpaceError(
                f"decision {conditional.name!r} of {self.name!r} has a condition; make the space a ConditionalSpace"
            )

    @property
    def capabilities(self) -> frozenset[str]:
        """The protocols that the space fulfils: ``"cell"``, ``"graph"``, ``"levels"``."""
        return protocols_of(self)

    @cached_property
    def _all(self) -> list[Architecture]:
        if not self._enumerable:
            raise SpaceError(f"space {self.name!r} has {self.size:,} architectures, too many to list; sample instead")
        return list(self)

    def check(self, architecture: Sequence[int]) -> Architecture:
        """Return it as a plain tuple of ``int``, or raise :class:`SpaceError` saying which decision is wrong."""
        try:
            options = tuple(map(operator.index, architecture))
        except TypeError:
            raise SpaceError(
                f"{architecture!r} is not an architecture of {self.name}; expected a tuple of "
                f"{len(self.decisions)} integers, one option number per decision"
            ) from None
        if len(options) != len(self._counts):
            raise SpaceError(
                f"{options!r} has {len(options)} decisions; {self.name} has {len(self._counts)}: "
                + ", ".join(decision.name for decision in self.decisions)
            )
        for option, decision in zip(options, self.decisions, strict=True):
            if not 0 <= option < len(decision.options):
                raise SpaceError(
                    f"{options!r}: decision {decision.name!r} of {self.name} has options 0 to "
                    f"{len(decision.options) - 1}, not {option}"
                )
        return options

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw uniformly from the whole space.

        One double decides where it has bits enough: ``int(u * n)`` is uniform to within ``n / 2**53``.
        """
        if self._enumerable:
            return self._all[int(rng.random() * self.size)]
        draws = rng.random(len(self._counts)).tolist()
        return tuple([int(draw * count) for draw, count in zip(draws, self._counts, strict=True)])

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """Change one decision, chosen uniformly among those with a choice, to another of its options.

        The only architecture of a space is its own mutant.
        """
        if not self._mutable:
            return architecture
        position = self._mutable[int(rng.random() * len(self._mutable))]
        option = int(rng.random() * (self._counts[position] - 1))
        if option >= architecture[position]:
            option += 1
        return (*architecture[:position], option, *architecture[position + 1 :])

    def crossover(self, first: Architecture, second: Architecture, rng: np.random.Generator) -> Architecture:
        """Take each decision from either parent with probability one half (uniform crossover)."""
        draws = rng.random(len(self._counts)).tolist()
        return tuple([a if draw < 0.5 else b for a, b, draw in zip(first, second, draws, strict=True)])

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """All architectures that differ in exactly one decision, by position and then by option."""
        return [
            (*architecture[:position], option, *architecture[position + 1 :])
            for position, count in enumerate(self._counts)
            for option in range(count)
            if option != architecture[position]
        ]

    def index(self, architecture: Sequence[int]) -> int:
        """The architecture's place in ``0 .. size - 1`` (the last decision varies fastest)."""
        place = 0
        for option, count in zip(self.check(architecture), self._counts, strict=True):
            place = place * count + option
        return place

    def architecture(self, index: int) -> Architecture:
        """The architecture at an index; raises :class:`SpaceError` outside ``0 .. size - 1``."""
        self._check_index(index)
        options = []
        for count in reversed(self._counts):
            index, option = divmod(index, count)
            options.append(option)
        return tuple(reversed(options))

    def _check_index(self, index: int) -> None:
        if not 0 <= index < self.size:
            raise SpaceError(f"index {index} is outside {self.name}; expected 0 to {self.size - 1}")

    def architectures(self) -> Sequence[Architecture]:
        """Every architecture in index order; raises :class:`SpaceError` if there are more than ``2**17``."""
        return self._all

    def __iter__(self) -> Iterator[Architecture]:
        return itertools.product(*(range(count) for count in self._counts))

    def choices(self, architecture: Sequence[int]) -> dict[str, str | float]:
        """Decision -> what was chosen: the value where the options are ordered, otherwise the option's name."""
        return {
            decision.name: decision.options[option] if decision.values is None else decision.values[option]
            for decision, option in zip(self.decisions, self.check(architecture), strict=True)
        }

    def format(self, architecture: Sequence[int]) -> str:
        """``decision=option`` pairs joined by commas; ``,``, ``=`` and ``\\`` in names follow a ``\\``."""
        options = self.check(architecture)
        return join_choices((d.name, d.options[o]) for d, o in zip(self.decisions, options, strict=True))

    def parse(self, text: str) -> Architecture:
        """The inverse of :meth:`format`; raises :class:`SpaceError` naming the part that does not fit."""
        parts = split_choices(text)
        if len(parts) != len(self.decisions):
            raise SpaceError(f"{text!r} has {len(parts)} parts; {self.name} has {len(self.decisions)} decisions")
        return tuple(
            self._option(decision, name, option) for decision, (name, option) in zip(self.decisions, parts, strict=True)
        )

    def _option(self, decision: Decision, name: str, option: str) -> int:
        """The number of an option by its name, which may stand between blanks."""
        if decision.name in (name, name.strip()):
            for chosen in (option, option.strip()):
                if chosen in decision.options:
                    return decision.options.index(chosen)
        raise SpaceError(
            f"{join_choices([(name, option)])!r} does not fit decision {decision.name!r} of {self.name}; "
            f"expected {decision.name}= one of {', '.join(decision.options)}"
        )

    def canonical(self, architecture: Sequence[int]) -> str:
        """The formatted text: no two architectures of a general space are known to be the same."""
        return self.format(architecture)

    def encode(self, architectures: Sequence[Architecture], encoding: str | None = None) -> NDArray[np.float64]:
        """Features for a surrogate: ``[n architectures, width]``.

        ``"one-hot"``: one column per option of each decision, in order; the width is the number of all options.
        ``"ordered"``, where some decisions have values: a decision with values is one column instead, from 0 for its
        first option in equal steps to 1 for its last.

        Raises:
            UsageError: an encoding that is not in ``encodings``.
        """
        chosen = self.encodings[0] if encoding is None else encoding
        if chosen not in self.encodings:
            raise unknown(f"encoding of {self.name}", chosen, self.encodings)
        options = np.asarray(architectures, dtype=np.intp).reshape(-1, len(self._counts))
        return self._encode(options, chosen)

    def _encode(self, options: NDArray[np.intp], encoding: str) -> NDArray[np.float64]:
        if encoding == "ordered":
            columns = [self._column(options[:, place], decision) for place, decision in enumerate(self.decisions)]
            return np.concatenate(columns, axis=1)
        offsets = np.concatenate(([0], np.cumsum(self._counts)[:-1]))
        features = np.zeros((len(options), sum(self._counts)))
        features[np.arange(len(options))[:, None], options + offsets] = 1.0
        return features

    @staticmethod
    def _column(chosen: NDArray[np.intp], decision: Decision) -> NDArray[np.float64]:
        """The columns of one decision: its option's rank from 0 to 1, or one column per option."""
        if decision.values is None:
            return np.eye(len(decision.options))[chosen]
        rank: NDArray[np.float64] = chosen[:, None] / max(len(decision.options) - 1, 1)
        return rank
