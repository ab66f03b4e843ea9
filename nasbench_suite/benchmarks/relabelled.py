"""A benchmark whose architectures answer for one another: what a strategy remembers of the table is worth nothing.

A secret permutes options that only their names tell apart, the same on every edge of a cell, and decisions that only
their places tell apart. What the space itself says stays: its graph, the operations that cut or pass on an edge, and
the order of options that are numbers. So a search that learns from its answers does as well as on the plain benchmark.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from nasbench_suite.errors import UsageError
from nasbench_suite.search.answers import Answers, Benchmark, Currency, Scores
from nasbench_suite.spaces import Architecture, CategoricalSpace, CellSpace, Decision, Space

MARK = "@relabelled-"
"""Between the name of a benchmark and the secret, as 32 hexadecimal digits."""


class Relabelling:
    """A bijection of a space onto itself.

    Attributes:
        places: ``[decision]``: which decision of the plain architecture takes the option of this one.
        options: ``[decision][option]``: which option that is there.
    """

    def __init__(self, places: Sequence[int], options: Sequence[Sequence[int]]) -> None:
        self.places = tuple(places)
        self.options = tuple(map(tuple, options))

    def __call__(self, architecture: Sequence[int]) -> Architecture:
        """The plain architecture that answers for this one."""
        plain = [0] * len(self.places)
        for place, options, option in zip(self.places, self.options, architecture, strict=True):
            plain[place] = options[option]
        return tuple(plain)

    @property
    def changes(self) -> bool:
        """Whether any architecture is another one."""
        return self.places != tuple(range(len(self.places))) or any(
            options != tuple(range(len(options))) for options in self.options
        )


def draw_relabelling(space: Space, secret: int) -> Relabelling | None:
    """The relabelling that a secret gives; ``None`` where nothing is left to permute (or it is not known what is).

    Args:
        space: its options and decisions are permuted as far as its type leaves them equal.
        secret: any number of at least 0; the same secret gives the same relabelling.
    """
    rng = np.random.default_rng(secret)
    for draw in (_of_cells, _of_choices):
        for _ in range(100):  # all but the identity are equally probable
            drawn = draw(space, rng)
            if drawn is None:
                break
            if drawn.changes:
                return drawn
    return None


def _of_cells(space: Space, rng: np.random.Generator) -> Relabelling | None:
    """One permutation for all edges of the operations that neither cut nor pass on."""
    if not isinstance(space, CellSpace):
        return None
    free = [option for option in range(len(space.operations)) if option not in (space.zero, space.identity)]
    if len(free) < 2:
        return None
    options = list(range(len(space.operations)))
    for old, new in zip(free, rng.permutation(free).tolist(), strict=True):
        options[old] = new
    return Relabelling(range(len(space.decisions)), [options] * len(space.decisions))


def _of_choices(space: Space, rng: np.random.Generator) -> Relabelling | None:
    """Decisions among those with the same options, and within each the options that have no order."""
    if isinstance(space, CellSpace) or not isinstance(space, CategoricalSpace):
        return None
    alike: dict[tuple[str, ...], list[int]] = {}
    for place, decision in enumerate(space.decisions):
        alike.setdefault(decision.options, []).append(place)
    places = list(range(len(space.decisions)))
    for held in alike.values():
        for old, new in zip(held, rng.permutation(held).tolist(), strict=True):
            places[old] = new
    options = [_permuted(decision, rng) for decision in space.decisions]
    drawn = Relabelling(places, options)
    possible = any(len(held) > 1 for held in alike.values()) or any(map(_has_no_order, space.decisions))
    return drawn if possible else None


def _permuted(decision: Decision, rng: np.random.Generator) -> list[int]:
    count = len(decision.options)
    return rng.permutation(count).tolist() if _has_no_order(decision) else list(range(count))


def _has_no_order(decision: Decision) -> bool:
    """Whether options are names alone; numbers have an order that a search may use."""

    def is_number(option: str) -> bool:
        try:
            float(option)
        except ValueError:
            return False
        return True

    return len(decision.options) > 1 and not all(map(is_number, decision.options))


class RelabelledBenchmark:
    """A benchmark under a relabelling. Strategies that train for themselves cannot be relabelled and get no offer.

    Args:
        inner: the plain benchmark.
        secret: of the relabelling.

    Raises:
        UsageError: a space in which nothing is left to permute.
    """

    def __init__(self, inner: Benchmark, secret: int) -> None:
        relabelling = draw_relabelling(inner.space, secret)
        if relabelling is None:
            raise UsageError(f"benchmark {inner.name!r} is not relabelable: its space leaves nothing to permute")
        self._inner, self._relabelling, self._secret = inner, relabelling, secret
        self.name = f"{inner.name}{MARK}{secret:032x}"
        self.space: Space = inner.space
        self.fidelities = inner.fidelities
        self.capabilities = inner.capabilities - {"training"}
        self.currency: Currency = inner.currency

    @property
    def identity(self) -> str:
        """A hash of the plain benchmark's identity and of the secret."""
        return hashlib.sha256(f"{self._inner.identity}\0{self._secret}".encode()).hexdigest()

    @property
    def provenance(self) -> Mapping[str, str]:
        """The plain benchmark's, and that it was relabelled."""
        return {**self._inner.provenance, "relabelled": "options and decisions permuted by a secret"}

    def answers(self, seed: int) -> Answers:
        """The plain benchmark's answers for one run seed, for the architecture that answers for the one asked about."""
        return RelabelledAnswers(self._inner.answers(seed), self.space, self._relabelling)

    def scores(self) -> Mapping[str, Scores]:
        """The plain benchmark's, likewise."""
        return {
            name: replace(scores, of=_after(self._relabelling, scores.of), of_run=None)
            for name, scores in self._inner.scores().items()
        }


class RelabelledAnswers:
    """Answers for one run seed under a relabelling."""

    def __init__(self, inner: Answers, space: Space, relabelling: Relabelling) -> None:
        self._inner, self._check, self._relabelling = inner.ask, space.check, relabelling
        if hasattr(inner, "resumes"):
            self.resumes: Callable[[int, int, int], bool] = inner.resumes

    def ask(
        self, architecture: Sequence[int], epochs: int, origin: int, paid: int
    ) -> tuple[Architecture, float, float]:
        """Look up what answers for the architecture (see :class:`~nasbench_suite.search.answers.Answers`)."""
        asked = self._check(architecture)
        _, accuracy, cost = self._inner(self._relabelling(asked), epochs, origin, paid)
        return asked, accuracy, cost


def _after(relabelling: Relabelling, of: Callable[[Architecture], float]) -> Callable[[Architecture], float]:
    return lambda architecture: of(relabelling(architecture))
