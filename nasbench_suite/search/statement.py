"""What a benchmark says of itself, in one record; the only place that knows what an older plugin may lack.

A benchmark has optional members (``training``, ``missing``, ``objectives``), its answers have others (``resumes``,
``more``). Whoever needs them asks :func:`statement_of` and :func:`optional_answers`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from nasbench_suite.errors import PluginError
from nasbench_suite.search.answers import Answers, Benchmark, Currency, More, training_of
from nasbench_suite.search.objectives import ACCURACY, Objective
from nasbench_suite.spaces import Space, protocols_of

if TYPE_CHECKING:
    from nasbench_suite.tasks.task import Offer


@dataclass(frozen=True)
class Statement:
    """What a benchmark says of itself, without anything that leads to its answers or scores.

    Attributes:
        name: in comparisons and leaderboards.
        space: the architectures.
        fidelities: the epochs that may be asked for, rising.
        currency: whether seconds are looked up (``"simulated"``) or measured.
        identity: a hash of everything that decides the answers.
        objectives: what every answer has a value of; the first is what strategies see as the accuracy.
        capabilities: what it offers beyond an accuracy, the space's protocols included.
        missing: capability that could be there -> why it is not.
        prices: kind of training epoch -> stated seconds; ``None`` where nothing can be trained or the clock decides.
        provenance: table, hash, source, licence, signal and score split, in words.
    """

    name: str
    space: Space
    fidelities: tuple[int, ...]
    currency: Currency
    identity: str
    objectives: tuple[Objective, ...] = (ACCURACY,)
    capabilities: frozenset[str] = frozenset()
    missing: Mapping[str, str] = field(default_factory=dict)
    prices: Mapping[str, float] | None = None
    provenance: Mapping[str, str] = field(default_factory=dict)

    def lacks(self, needed: frozenset[str]) -> list[str]:
        """What a strategy needs and this does not offer, each with the reason where there is one."""
        return [
            f"{capability} ({self.missing[capability]})" if capability in self.missing else capability
            for capability in sorted(needed - self.capabilities)
        ]


def statement_of(benchmark: Benchmark, *, with_prices: bool = False) -> Statement:
    """What a benchmark says of itself; nothing is opened for it that need not be.

    Args:
        benchmark: of any API version.
        with_prices: whether to make the benchmark's training, which may read images, for its prices.

    Raises:
        PluginError: objectives of another form.
    """
    objectives = tuple(getattr(benchmark, "objectives", (ACCURACY,)))
    if not objectives or not all(isinstance(objective, Objective) for objective in objectives):
        raise PluginError(f"benchmark {benchmark.name!r}: objectives={objectives!r}; expected at least one Objective")
    offer = training_of(benchmark) if with_prices else None
    return Statement(
        name=benchmark.name,
        space=benchmark.space,
        fidelities=tuple(benchmark.fidelities),
        currency=benchmark.currency,
        identity=benchmark.identity,
        objectives=objectives,
        capabilities=frozenset(benchmark.capabilities) | benchmark.space.capabilities | protocols_of(benchmark.space),
        missing=dict(getattr(benchmark, "missing", {})),
        prices=None if offer is None else prices_of(offer),
        provenance=dict(benchmark.provenance),
    )


def prices_of(offer: Offer) -> dict[str, float] | None:
    """The stated seconds of training epochs by kind; ``None`` where the clock decides."""
    return None if offer.supernet_seconds is None else dict(offer.supernet_seconds)


class OptionalAnswers(NamedTuple):
    """What answers may have beside ``ask``.

    Attributes:
        resumes: ``resumes(origin, paid, epochs)``: whether ``ask`` would answer; ``None``: always.
        more: the values of further objectives; ``None`` where there is one.
    """

    resumes: Callable[[int, int, int], bool] | None
    more: More | None


def optional_answers(answers: Answers) -> OptionalAnswers:
    """The optional members of some answers."""
    return OptionalAnswers(getattr(answers, "resumes", None), getattr(answers, "more", None))
