"""Spaces in which some decisions count only under some options of earlier ones, and spaces that refuse combinations.

An architecture stays one flat tuple. A decision that does not count is at option 0, so every different architecture
is exactly one tuple; sizes, indices and sampling are over different architectures. The conditions form a forest (a
decision has at most one other to depend on), in which everything can be counted exactly without listing anything.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.errors import SpaceError
from nasbench_suite.spaces.protocols import Architecture
from nasbench_suite.spaces.space import CategoricalSpace, Decision
from nasbench_suite.spaces.texts import join_choices, split_choices

TRIES = 10_000
"""Draws after which a space counts as one that refuses everything."""


class ConditionalSpace(CategoricalSpace):
    """Categorical decisions of which some count only under some options of an earlier one (``Decision.when``).

    What does not count is put to option 0 by :meth:`check`, so nothing that a strategy builds is refused for it.

    Args:
        name: under which tables and benchmarks refer to it.
        decisions: at least one, each of another name; a condition names an earlier decision and options of it.

    Raises:
        SpaceError: no decision, a name twice, or a condition on what is not there.
    """

    def __init__(self, name: str, decisions: Sequence[Decision]) -> None:
        super().__init__(name, decisions)
        places = {decision.name: place for place, decision in enumerate(self.decisions)}
        self._parents: list[int | None] = []
        self._under: list[frozenset[int]] = []
        for decision in self.decisions:
            parent = None if decision.when is None else places[decision.when[0]]
            options = () if parent is None else self.decisions[parent].options
            self._parents.append(parent)
            self._under.append(frozenset(map(options.index, () if decision.when is None else decision.when[1])))
        self._count()

    def _count(self) -> None:
        """Count the architectures below every option of every decision, exactly, from the last to the first."""
        below = [[1] * count for count in self._counts]
        for place, parent in reversed(list(enumerate(self._parents))):
            if parent is not None:
                for option in self._under[place]:
                    below[parent][option] *= sum(below[place])
        self._below = below
        self._before = [[0, *accumulate(counts)] for counts in below]
        self._totals = [sums[-1] for sums in self._before]
        self._shares = [[part / sums[-1] for part in sums[1:]] for sums in self._before]
        self._resize(math.prod(t for t, parent in zip(self._totals, self._parents, strict=True) if parent is None))

    def _check_decisions(self) -> None:
        earlier: dict[str, tuple[str, ...]] = {}
        for decision in self.decisions:
            who = f"decision {decision.name!r} of space {self.name!r}"
            if decision.name in earlier:
                raise SpaceError(f"{who} is there twice; give every decision a name of its own")
            if decision.when is not None:
                name, under = decision.when
                if name not in earlier:
                    raise SpaceError(
                        f"{who} depends on {name!r}; expected one before it: {', '.join(earlier) or 'none'}"
                    )
                if strange := [option for option in under if option not in earlier[name]]:
                    raise SpaceError(
                        f"{who} depends on {name!r} being {', '.join(strange)}; expected among {', '.join(earlier[name])}"
                    )
            earlier[decision.name] = decision.options

    def counting(self, architecture: Sequence[int]) -> tuple[bool, ...]:
        """Per decision, whether it counts."""
        return self._counting(super().check(architecture))

    def _counting(self, options: Architecture) -> tuple[bool, ...]:
        counts: list[bool] = []
        for parent, under in zip(self._parents, self._under, strict=True):
            counts.append(parent is None or (counts[parent] and options[parent] in under))
        return tuple(counts)

    def check(self, architecture: Sequence[int]) -> Architecture:
        """Return it with option 0 where a decision does not count, or raise :class:`SpaceError` saying what is wrong."""
        return self._settled(architecture)

    def _settled(self, architecture: Sequence[int]) -> Architecture:
        options = super().check(architecture)
        return tuple(option if counts else 0 for option, counts in zip(options, self._counting(options), strict=True))

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw uniformly from all different architectures."""
        return super().sample(rng) if self._enumerable else self._draw(rng)

    def _draw(self, rng: np.random.Generator) -> Architecture:
        draws = rng.random(len(self._counts)).tolist()
        return self._walk(lambda place: bisect_right(self._shares[place], draws[place]))

    def _walk(self, choose: Callable[[int], int]) -> Architecture:
        """Decide from the first decision to the last; what does not count is at option 0."""
        options: list[int] = []
        counts: list[bool] = []
        for place, (parent, under) in enumerate(zip(self._parents, self._under, strict=True)):
            counts.append(parent is None or (counts[parent] and options[parent] in under))
            options.append(choose(place) if counts[place] else 0)
        return tuple(options)

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """Change one decision that counts, chosen uniformly among those with a choice, to another of its options.

        What begins to count by that is drawn as :meth:`sample` would draw it.
        """
        options = self._settled(architecture)
        before = self._counting(options)
        choices = [place for place in self._mutable if before[place]]
        if not choices:
            return options
        changed = choices[int(rng.random() * len(choices))]
        option = int(rng.random() * (self._counts[changed] - 1))
        option += option >= options[changed]

        def choose(place: int) -> int:
            if place == changed:
                return option
            return options[place] if before[place] else bisect_right(self._shares[place], rng.random())

        return self._walk(choose)

    def crossover(self, first: Architecture, second: Architecture, rng: np.random.Generator) -> Architecture:
        """Take each decision that counts from either parent with probability one half, from the one where it counts."""
        one, other = self._settled(first), self._settled(second)
        in_one, in_other = self._counting(one), self._counting(other)
        draws = rng.random(len(self._counts)).tolist()

        def choose(place: int) -> int:
            from_one = draws[place] < 0.5 if in_one[place] and in_other[place] else in_one[place]
            return one[place] if from_one else other[place]

        return self._walk(choose)

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """All that differ in one decision that counts, by position and then by option.

        What begins to count by that is at option 0.
        """
        options = self._settled(architecture)
        counts = self._counting(options)
        return [
            self._settled(neighbour)
            for place, choices in enumerate(self._counts)
            if counts[place]
            for option in range(choices)
            if option != options[place]
            for neighbour in [(*options[:place], option, *options[place + 1 :])]
        ]

    def index(self, architecture: Sequence[int]) -> int:
        """The architecture's place among all different ones, in the order of their tuples."""
        options = self.check(architecture)
        counts = self._counting(options)
        index = 0
        for place, (option, left) in enumerate(zip(options, self._left(options), strict=True)):
            if counts[place]:
                index += self._before[place][option] * left
        return index

    def _left(self, options: Architecture) -> Iterator[int]:
        """Per decision, how many ways there are to decide what lies after it and not below it."""
        counts = self._counting(options)
        left = self._open()
        for place, option in enumerate(options):
            if counts[place]:
                left //= self._totals[place]
            yield left
            if counts[place]:
                left *= self._below[place][option]

    def _open(self) -> int:
        return math.prod(t for t, parent in zip(self._totals, self._parents, strict=True) if parent is None)

    def architecture(self, index: int) -> Architecture:
        """The architecture at an index; raises :class:`SpaceError` outside ``0 .. size - 1``."""
        self._check_index(index)
        return self._at(index)

    def _at(self, index: int) -> Architecture:
        left = self._open()

        def choose(place: int) -> int:
            nonlocal index, left
            left //= self._totals[place]
            option = bisect_right(self._before[place], index // left) - 1
            index -= self._before[place][option] * left
            left *= self._below[place][option]
            return option

        return self._walk(choose)

    def __iter__(self) -> Iterator[Architecture]:
        return map(self._at, range(self.size))

    def choices(self, architecture: Sequence[int]) -> dict[str, str | float]:
        """Decision -> what was chosen, of those that count."""
        chosen = super().choices(architecture)
        counts = self._counting(self.check(architecture))
        return {name: choice for (name, choice), counting in zip(chosen.items(), counts, strict=True) if counting}

    def format(self, architecture: Sequence[int]) -> str:
        """``decision=option`` pairs of the decisions that count, joined by commas."""
        options = self.check(architecture)
        return join_choices(
            (decision.name, decision.options[option])
            for decision, option, counts in zip(self.decisions, options, self._counting(options), strict=True)
            if counts
        )

    def parse(self, text: str) -> Architecture:
        """The inverse of :meth:`format`; what does not count may be said and does not matter."""
        given = dict(split_choices(text))
        names = {name.strip(): name for name in given}
        known = {decision.name for decision in self.decisions} | {d.name.strip() for d in self.decisions}
        strange = [name for name in names if name not in known]
        if strange or len(names) != len(split_choices(text)):
            raise SpaceError(
                f"{text!r}: {strange[0]!r} is no decision of {self.name}"
                if strange
                else f"{text!r} names a decision twice"
            )

        def choose(place: int) -> int:
            decision = self.decisions[place]
            name = decision.name if decision.name in given else names.get(decision.name.strip(), "")
            if name not in given:
                raise SpaceError(f"{text!r} does not say {decision.name!r} of {self.name}, which counts there")
            return self._option(decision, name, given[name])

        return self._walk(choose)

    def _encode(self, options: NDArray[np.intp], encoding: str) -> NDArray[np.float64]:
        """As in the base class, with zeros for what does not count."""
        features = super()._encode(options, encoding)
        counts = np.ones(options.shape, dtype=np.bool_)
        for place, (parent, under) in enumerate(zip(self._parents, self._under, strict=True)):
            if parent is not None:
                counts[:, place] = counts[:, parent] & np.isin(options[:, parent], sorted(under))
        widths = [
            1 if encoding == "ordered" and decision.values is not None else len(decision.options)
            for decision in self.decisions
        ]
        return features * np.repeat(counts, widths, axis=1)


class ConstrainedSpace(ConditionalSpace):
    """A space that refuses some combinations, and samples and mutates among the others.

    Where the decisions allow at most ``2**17`` architectures, size, index and sampling are those of the valid ones
    alone. A larger space cannot be counted: its size and indices include what it refuses, and :meth:`architecture`
    gives the first valid one from an index on.

    Args:
        name: under which tables and benchmarks refer to it.
        decisions: as of :class:`ConditionalSpace`.
        refuse: why an architecture is not one of the space, in words; empty text if it is. A function of a module, so
            that the space can be handed to other processes.

    Raises:
        SpaceError: as of :class:`ConditionalSpace`, or everything is refused.
    """

    def __init__(self, name: str, decisions: Sequence[Decision], refuse: Callable[[Architecture], str]) -> None:
        super().__init__(name, decisions)
        self.refuse = refuse
        self._valid: list[Architecture] | None = None
        if self._enumerable:
            self._valid = [options for options in super().__iter__() if not refuse(options)]
            if not self._valid:
                raise SpaceError(f"space {name!r} refuses every architecture")
            self._places = {options: place for place, options in enumerate(self._valid)}
            self._resize(len(self._valid))

    def __iter__(self) -> Iterator[Architecture]:
        if self._valid is not None:
            return iter(self._valid)
        return (options for options in super().__iter__() if not self.refuse(options))

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.name, self.decisions, self.refuse)

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other) and isinstance(other, ConstrainedSpace) and self.refuse == other.refuse

    __hash__ = ConditionalSpace.__hash__

    def check(self, architecture: Sequence[int]) -> Architecture:
        """As of :class:`ConditionalSpace`; raises :class:`SpaceError` with the reason for what is refused."""
        options = self._settled(architecture)
        if reason := self.refuse(options):
            raise SpaceError(f"{options!r} is not an architecture of {self.name}: {reason}")
        return options

    def is_valid(self, architecture: Sequence[int]) -> bool:
        """Whether the space takes the combination; raises :class:`SpaceError` for what is no combination."""
        return not self.refuse(self._settled(architecture))

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw uniformly from the valid architectures; raises :class:`SpaceError` if it finds none."""
        if self._valid is not None:
            return super().sample(rng)
        for _ in range(TRIES):
            options = self._draw(rng)
            if not self.refuse(options):
                return options
        raise SpaceError(f"space {self.name!r} refused {TRIES:,} draws in a row; it takes too few to be searched")

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """A mutant that the space takes; where no single change leads to one, further changes follow.

        It is the architecture itself if :data:`TRIES` changes lead nowhere.
        """
        start = self._settled(architecture)
        single = 2 * sum(self._counts)  # so many draws of one change before changes add up
        options = start
        for tried in range(TRIES):
            options = super().mutate(start if tried < single else options, rng)
            if options != start and not self.refuse(options):
                return options
        return start

    def crossover(self, first: Architecture, second: Architecture, rng: np.random.Generator) -> Architecture:
        """A child that the space takes, drawn again until it does; the first parent if :data:`TRIES` draws do not."""
        for _ in range(TRIES):
            child = super().crossover(first, second, rng)
            if not self.refuse(child):
                return child
        return self._settled(first)

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """Those of :class:`ConditionalSpace` that the space takes."""
        return [options for options in super().neighbours(architecture) if not self.refuse(options)]

    def index(self, architecture: Sequence[int]) -> int:
        """The place among the valid architectures, or among all that the decisions allow where those cannot be listed."""
        options = self.check(architecture)
        return super().index(options) if self._valid is None else self._places[options]

    def architecture(self, index: int) -> Architecture:
        """The architecture at an index, or the next valid one after it (around the end) where they cannot be listed."""
        self._check_index(index)
        if self._valid is not None:
            return self._valid[index]
        for place in range(index, index + TRIES):
            options = self._at(place % self.size)
            if not self.refuse(options):
                return options
        raise SpaceError(f"space {self.name!r} refuses {TRIES:,} architectures from index {index} on; sample instead")

    def parse(self, text: str) -> Architecture:
        """As of :class:`ConditionalSpace`; raises :class:`SpaceError` with the reason for what is refused."""
        return self.check(super().parse(text))
