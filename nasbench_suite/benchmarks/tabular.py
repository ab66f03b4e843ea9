"""Benchmarks that answer from a table: the honest signal during the search, the scores afterwards."""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.errors import NotMeasured, QuestionError, UsageError
from nasbench_suite.search.answers import Currency, Scores
from nasbench_suite.sources import record_hash
from nasbench_suite.spaces import Architecture, Space, space_identity
from nasbench_suite.spaces.measured import measured_part
from nasbench_suite.spaces.nas_bench_201 import DESIGNED
from nasbench_suite.spaces.space import ENUMERABLE
from nasbench_suite.tables import Table
from nasbench_suite.tables.column import mean_over_seeds
from nasbench_suite.tables.schema import CUMULATIVE, VALIDATION

if TYPE_CHECKING:
    from nasbench_suite.tasks.task import Offer

_MASK = (1 << 64) - 1
_ROW, _ORIGIN, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xD1B54A32D192ED03, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB

LOOKED_THROUGH = 20_000_000
"""A signal of so many numbers is looked through for gaps at every epoch; of a larger one the last epoch counts."""
DETACHABLE = 4_000_000
"""A signal of so many numbers is read as a whole when a benchmark is detached; a larger one keeps its table open."""


@dataclass(frozen=True)
class Measure:
    """One metric of one training in a table.

    Attributes:
        dataset, training, metric: names in the table.
        epochs: as a signal, the epochs that may be asked for; by default all that the table holds. As a score the
            last of them counts.
    """

    dataset: str
    training: str
    metric: str
    epochs: tuple[int, ...] | None = field(default=None, repr=False)

    @property
    def is_constant(self) -> bool:
        """Whether it is a number of the architecture itself, such as ``parameters``; only a score can be."""
        return not self.training

    def __str__(self) -> str:
        return "/".join(part for part in (self.dataset, self.training, self.metric) if part)


@dataclass(frozen=True)
class Goal:
    """What is to be had of a metric that is no fraction: a strategy sees the share of the way from worst to ideal.

    Attributes:
        unit: in words, such as ``"dB"``.
        maximize: whether more is better.
        low, high: the bounds; by default those of all that was measured.
    """

    unit: str = ""
    maximize: bool = True
    low: float | None = None
    high: float | None = None

    def share(self, values: NDArray[np.float64], measured: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values as shares in [0, 1], NaN where never measured; what lies beyond a bound counts as on it.

        Args:
            values: in the metric's unit.
            measured: what the bounds are taken of where they are not given.
        """
        low, high = self.bounds(measured)
        shares = np.clip((values - low) / (high - low if high > low else 1.0), 0.0, 1.0)
        return shares if self.maximize else 1.0 - shares

    def bounds(self, measured: NDArray[np.float64]) -> tuple[float, float]:
        """The lower and the upper bound."""
        known = measured[np.isfinite(measured)]
        low = self.low if self.low is not None else float(known.min(initial=math.inf))
        return low, self.high if self.high is not None else float(known.max(initial=-math.inf))

    def words(self, measured: NDArray[np.float64]) -> str:
        """What the shares mean."""
        low, high = self.bounds(measured)
        worst, ideal = (low, high) if self.maximize else (high, low)
        unit = f" {self.unit}" if self.unit else ""
        return f"as the share of the way from {worst:g} to {ideal:g}{unit}"


IS_FRACTION = "-accuracy"
SMALLER_IS_BETTER = (
    "loss",
    "error",
    "perplexity",
    "latency",
    "energy",
    "seconds",
    "parameters",
    "flops",
    "mae",
    "rmse",
)
"""Words at the end of a metric's name that say that less is better, where nothing else does."""


def goal_of(table: Table, measure: Measure, stated: Mapping[str, Goal]) -> Goal | None:
    """What is to be had of a metric: as stated, as the table records it, or by its name; ``None`` for a fraction."""
    if measure.metric in stated:
        return stated[measure.metric]
    recorded = table.dataset(measure.dataset).objectives.get(measure.metric)
    if recorded is not None:
        return Goal(recorded.unit, recorded.maximize, recorded.low, recorded.high)
    if measure.metric.endswith(IS_FRACTION):
        return None
    return Goal(maximize=not measure.metric.endswith(SMALLER_IS_BETTER))


class TabularBenchmark:
    """A search task on a table.

    Args:
        name: ``table/data set``.
        space: whose index is the table's row order.
        table: the opened table.
        signal: what the search sees. Several trainings may answer at different fidelities; where two hold the
            same epochs, the earlier one answers.
        scores: what is reported afterwards, by name; the first ranks.
        training: makes, from the table's recorded prices of supernet epochs, what strategies that train for
            themselves need; ``None`` where nothing can be trained.
        goals: metric -> what is to be had of it, where its name and the table do not say it.
        isomorphic: whether architectures of one canonical text answer for each other.

    The space is the part of the given one that was measured: with the signal at every fidelity, a finite cost above
    0 where the table has costs at all, and the score that ranks. Without costs there is no budget in seconds.

    The cost of an answer is ``train-seconds`` at its epoch plus one validation pass (``valid-seconds``) where the
    table has it. A training of which the table holds several epochs can be resumed.

    Raises:
        UsageError: a table of another space, or a measure that the table does not have.
    """

    currency: Currency = "simulated"

    def __init__(
        self,
        name: str,
        space: Space,
        table: Table,
        *,
        signal: Sequence[Measure],
        scores: Mapping[str, Measure],
        training: Callable[[Mapping[str, float]], Offer] | None = None,
        goals: Mapping[str, Goal] | None = None,
        isomorphic: bool = False,
    ) -> None:
        rows = space.size if not table.sampled else table.architectures
        if table.space != space.name or table.architectures != rows:
            raise UsageError(
                f"benchmark {name!r}: table {table.name!r} is of space {table.space!r} with {table.architectures:,} rows, "
                f"not of {space.name!r} with {space.size:,}"
            )
        self.name = name
        self._whole = space
        self._table = table
        self._scores = dict(scores)
        self._goals = {
            measure: goal
            for measure in (*signal, *scores.values())
            if (goal := goal_of(table, measure, goals or {})) is not None
        }
        self._sources: dict[int, Measure] = {}
        resumable = False
        for measure in signal:
            held = table.training(measure.dataset, measure.training).metrics.get(measure.metric)
            if held is None:
                raise UsageError(f"benchmark {name!r}: {table.name} has no {measure}")
            if measure.epochs is not None:
                held = tuple(epochs for epochs in held if epochs in measure.epochs)
            resumable = resumable or len(held) > 1
            for epochs in held:
                self._sources.setdefault(epochs, measure)
        self.fidelities = tuple(sorted(self._sources))
        self.has_costs = all(
            CUMULATIVE in table.training(m.dataset, m.training).metrics for m in self._sources.values()
        )
        self._part = _measured_part(name, space, table, self._sources, self._scores, self.has_costs, isomorphic)
        self.space = self._part.space
        self.missing: Mapping[str, str] = {}
        """Why a capability is not there that could be: capability -> reason."""
        offers = (
            {"tabular"} | ({"fidelities"} if len(self.fidelities) > 1 else set()) | ({"resume"} if resumable else set())
        )
        self.capabilities = frozenset(offers | ({"training"} if training else set())) | space.capabilities
        self._training = training

    @property
    def units(self) -> tuple[str, ...]:
        """What a budget may be in."""
        return ("seconds", "evaluations", "epochs") if self.has_costs else ("evaluations", "epochs")

    def __repr__(self) -> str:
        return f"<TabularBenchmark {self.name}: {self.space.name}, epochs {self.fidelities}>"

    @cached_property
    def identity(self) -> str:
        """A hash of table, space, signal and fidelities (not of the scores: they do not change a search).

        The code of what strategies train by themselves belongs to the versions of those strategies.
        """
        parts: tuple[Any, ...] = (
            self._table.sha256,
            self.name,
            space_identity(self._whole),
            sorted(self._sources.items()),
        )
        if self._part.isomorphic or self._part.scored or self._goals:
            goals = sorted((str(measure), goal) for measure, goal in self._goals.items())
            parts = (*parts, self._part.isomorphic, self._part.scored, goals)
        return record_hash(*parts)

    @cached_property
    def former_identity(self) -> str:
        """The identity under plugin API 1, by which bundles of that time know this benchmark."""
        sources = ", ".join(
            f"({epochs}, Measure(dataset={m.dataset!r}, training={m.training!r}, metric={m.metric!r}))"
            for epochs, m in sorted(self._sources.items())
        )
        recipe = f"({self._table.sha256!r}, {self.name!r}, {self.space.name!r}, [{sources}])"
        return hashlib.sha256(recipe.encode()).hexdigest()

    def formerly(self) -> TabularBenchmark:
        """The same benchmark under :attr:`former_identity`."""
        known = copy(self)
        known.identity = self.former_identity
        return known

    @cached_property
    def provenance(self) -> Mapping[str, str]:
        """Table, hash, source, licence, and in words what the signal and the scores were measured on."""
        signals = dict.fromkeys(self._sources.values())
        return {
            "table": self._table.name,
            "table sha256": self._table.sha256,
            "source": self._table.source,
            "licence": self._table.licence,
            "citation": self._table.citation,
            "signal": "; ".join(f"{self._words(m, signal=True)}, {self._seeds(m)}" for m in signals),
            **{f"score {name}": self._score_words(m) for name, m in self._scores.items()},
            **self._part.words(self._table),
        }

    @property
    def references(self) -> Mapping[str, Architecture]:
        """Architectures that anybody would try without a search, by what they are called."""
        cells = dict(DESIGNED) if self.space.name == "nas-bench-201" else {}
        if self.space is not self._whole:
            measured = set(self.space.architectures())
            cells = {name: cell for name, cell in cells.items() if cell in measured}
        if self.space.size <= ENUMERABLE and self.has_costs:
            column = self._columns[self.fidelities[-1]]
            costs = np.array(column.costs).reshape(self.space.size, column.seeds)[:, 0]
            cells["most expensive"] = self.space.architecture(int(np.nanargmax(costs)))
        return cells

    def _seeds(self, measure: Measure) -> str:
        return "mean of several training seeds" if self._is_mean(measure) else "one training seed"

    def _is_mean(self, measure: Measure) -> bool:
        training = self._table.training(measure.dataset, measure.training)
        return len(training.seeds) == 1 and "mean of" in self._split(measure)

    def _split(self, measure: Measure) -> str:
        splits = self._table.dataset(measure.dataset).splits
        return splits.get(f"{measure.training}/{measure.metric}", splits.get(measure.metric, "split not stated"))

    def _words(self, measure: Measure, *, signal: bool = False) -> str:
        goal = self._goals.get(measure)
        marked = "; THE TEST SET IS THE SIGNAL" if signal and is_test(measure.metric) else ""
        shares = "" if goal is None else f", {goal.words(self._last(measure))}"
        if measure.is_constant:
            return f"{measure.metric} on {measure.dataset}{shares}"
        return (
            f"{measure.metric} after {measure.training} on {measure.dataset} ({self._split(measure)}{marked}){shares}"
        )

    def _score_words(self, measure: Measure) -> str:
        return self._words(measure) + ("" if measure.is_constant else ", mean over training seeds")

    def _last(self, measure: Measure) -> NDArray[np.float64]:
        """All values of a metric after the full training: ``[row, training seed]``."""
        if measure.is_constant:
            return self._table.constant(measure.dataset, measure.metric)[:, None]
        held = self._table.training(measure.dataset, measure.training).metrics[measure.metric]
        return self._table.column(measure.dataset, measure.training, measure.metric, held[-1]).astype(np.float64)

    def training(self) -> Offer:
        """The task of the table, with the prices of supernet epochs that the table records.

        Raises:
            UsageError: the benchmark does not offer ``"training"``.
        """
        offer = self._offer()
        if offer is None:
            raise UsageError(f"benchmark {self.name!r} has a table only; nothing can be trained on it")
        return offer()

    def _offer(self) -> Callable[[], Offer] | None:
        """Makes what :meth:`training` returns, with nothing that leads to the table."""
        if self._training is None:
            return None
        (dataset,) = {measure.dataset for measure in self._sources.values()}
        return partial(self._training, dict(self._table.dataset(dataset).supernet_seconds))

    def answers(self, seed: int) -> TabularAnswers:
        """The answers for one run seed (see :class:`TabularAnswers`)."""
        return TabularAnswers(self.name, self._columns, seed)

    @cached_property
    def _columns(self) -> SignalColumns:
        goals = {m: (goal, self._last(m)) for m in set(self._sources.values()) if (goal := self._goals.get(m))}
        reader = _column_reader(self._table, self._sources, self._part, self.has_costs, goals)
        return SignalColumns(self.space, self.fidelities, reader)

    @property
    def detachable(self) -> bool:
        """Whether the signal is small enough to be read as a whole."""
        seeds = max((len(self._table.training(m.dataset, m.training).seeds) for m in self._sources.values()), default=1)
        return self.space.size * seeds * len(self.fidelities) <= DETACHABLE

    def detached(self) -> DetachedBenchmark:
        """What a search needs of this benchmark, with nothing that leads to the table or to a score."""
        columns = self._columns
        if self.detachable:
            columns.read_all()
        return DetachedBenchmark(
            self.name,
            self.space,
            self.fidelities,
            self.capabilities,
            self.currency,
            self.identity,
            columns,
            offer=self._offer(),
        )

    def scores(self) -> Mapping[str, Scores]:
        """Mean over the training seeds after the full training, by name; the first ranks."""
        sys.audit("nasbench_suite.scores", self.name)
        return self._all_scores

    @cached_property
    def _all_scores(self) -> dict[str, Scores]:
        scores = {}
        for name, measure in self._scores.items():
            _expect(self.name, self._table, measure)
            every = self._last(measure)
            goal = self._goals.get(measure)
            values = mean_over_seeds(every if goal is None else goal.share(every, every))
            if self._part.rows is not None:
                values = values[self._part.rows]
            best = float(np.nanmax(values, initial=-math.inf))
            of_run = partial(self._of_run, every) if goal is None and self._is_seen(measure, every) else None
            scores[name] = Scores(
                self._score_words(measure),
                partial(_score, self.space, values),
                None if math.isinf(best) else best,
                of_run,
            )
        return scores

    def _is_seen(self, score: Measure, column: NDArray[np.floating]) -> bool:
        """Whether the trainings that score are the very ones that answer the search, and can be told apart."""
        signal = self._sources[self.fidelities[-1]]
        same = (signal.dataset, signal.training) == (score.dataset, score.training)
        shape = (len(self._answered), *column.shape[1:])
        return same and not score.is_constant and shape == self._answered.shape and column.shape[1] > 1

    def _of_run(self, column: NDArray[np.floating], seed: int) -> _UnseenScores:
        if self._part.rows is not None:
            column = column[self._part.rows]
        return _UnseenScores(self.answers(seed), self.space, column.astype(np.float64), self._answered)

    @cached_property
    def _answered(self) -> NDArray[np.bool_]:
        """``[architecture, training seed]``: whether the signal of the longest training is known."""
        known = self._part.known[self._sources[self.fidelities[-1]]]
        known = known if self._part.rows is None else known[self._part.rows]
        return known


@dataclass(frozen=True)
class DetachedBenchmark:
    """A benchmark that can be searched and not be scored: what a process holds that runs strangers' strategies.

    Attributes:
        name, space, fidelities, capabilities, currency, identity: the benchmark's.
        columns: the signal.
        offer: makes what strategies need that train for themselves; ``None`` where nothing can be trained.
    """

    name: str
    space: Space
    fidelities: tuple[int, ...]
    capabilities: frozenset[str]
    currency: Currency
    identity: str
    columns: SignalColumns = field(repr=False)
    provenance: Mapping[str, str] = field(default_factory=dict)
    offer: Callable[[], Offer] | None = field(default=None, repr=False)

    def training(self) -> Offer:
        """The benchmark's own (see :func:`~nasbench_suite.benchmarks.training_of`)."""
        if self.offer is None:
            raise UsageError(f"benchmark {self.name!r} has a table only; nothing can be trained on it")
        return self.offer()

    def answers(self, seed: int) -> TabularAnswers:
        """The answers for one run seed, the benchmark's own."""
        return TabularAnswers(self.name, self.columns, seed)

    def scores(self) -> Mapping[str, Scores]:
        """There are none here."""
        return {}


class TabularAnswers:
    """Look-ups for one run seed: signal and cost, nothing else.

    Which training seed answers is a function of (benchmark, run seed, architecture, epochs at which its training
    began): every strategy sees the same noise in run k, in whatever order it asks, and asking twice gives the same
    number. The function is the output mix of SplitMix64 (Steele, Lea & Flood 2014) over these numbers.

    Args:
        name: of the benchmark, for messages and for the draw.
        columns: the signal by fidelity.
        seed: of the run.
    """

    __slots__ = ("_columns", "_key", "_name")

    def __init__(self, name: str, columns: SignalColumns, seed: int) -> None:
        self._name = name
        self._columns = columns
        self._key = int.from_bytes(hashlib.sha256(f"{name}\0{seed}".encode()).digest()[:8], "little")

    def ask(
        self, architecture: Sequence[int], epochs: int, origin: int, paid: int
    ) -> tuple[Architecture, float, float]:
        """Look an answer up (see :class:`~nasbench_suite.benchmarks.Answers`)."""
        columns = self._columns
        try:
            row = columns.rows[architecture]  # type: ignore[index]  # a list or an array goes the slow way below
            column = columns[epochs]
        except (KeyError, TypeError):
            row, column = self._slowly(architecture, epochs)
        draw = self._key ^ (row * _ROW + origin * _ORIGIN) & _MASK
        draw = (draw ^ draw >> 30) * _FIRST & _MASK
        draw = (draw ^ draw >> 27) * _SECOND & _MASK
        measured = column.measured[row]
        if not measured:
            raise NotMeasured(
                f"{self._name}: {columns.architectures[row]} was never measured at {epochs} epochs; nothing is imputed"
            )
        place = row * column.seeds + ((draw ^ draw >> 31) * measured >> 64)
        accuracy, cost = column.accuracies[place], column.costs[place]
        if paid:
            cost -= self._paid_before(place, epochs, origin, paid)
        return columns.architectures[row], accuracy, cost

    @property
    def last(self) -> int:
        """The longest training that can be asked for."""
        return max(self._columns.fidelities)

    def places(self, rows: NDArray[np.integer], origin: int, measured: NDArray[np.integer]) -> NDArray[np.integer]:
        """Which of the measured training seeds answers for each row: the draw of :meth:`ask`, for many at once.

        Args:
            rows: ``[n]``, of the space.
            origin: the epochs with which the trainings begin.
            measured: ``[n]``, how many training seeds each row has; at least 1.

        Returns:
            ``[n]``, places from 0 to ``measured - 1``.
        """
        draw = np.uint64(self._key) ^ (rows.astype(np.uint64) * np.uint64(_ROW) + np.uint64(origin * _ORIGIN & _MASK))
        draw = (draw ^ draw >> np.uint64(30)) * np.uint64(_FIRST)
        draw = (draw ^ draw >> np.uint64(27)) * np.uint64(_SECOND)
        draw = draw ^ draw >> np.uint64(31)
        # The upper half of the product of 64 and 32 bits.
        half, counts = np.uint64(32), measured.astype(np.uint64)
        low = (draw & np.uint64(0xFFFFFFFF)) * counts >> half
        return ((draw >> half) * counts + low >> half).astype(np.intp)

    def resumes(self, origin: int, paid: int, epochs: int) -> bool:
        """Whether these epochs are points of one training (see :class:`~nasbench_suite.benchmarks.Answers`)."""
        columns = self._columns
        return (
            {origin, paid, epochs} <= columns.fidelities
            and paid < epochs
            and columns[origin].training == columns[paid].training == columns[epochs].training
        )

    def _slowly(self, architecture: Sequence[int], epochs: int) -> tuple[int, _Column]:
        """Answer an unusual question (a list, NumPy integers) or raise what is wrong with it."""
        columns = self._columns
        row = columns.space.index(architecture)
        if epochs not in columns.fidelities:
            held = ", ".join(map(str, sorted(columns.fidelities)))
            raise QuestionError(f"{self._name}: {epochs!r} epochs were not measured; it has {held}")
        return row, columns[epochs]

    def _paid_before(self, place: int, epochs: int, origin: int, paid: int) -> float:
        columns = self._columns
        if not {origin, paid, epochs} <= columns.fidelities or paid >= epochs:
            held = ", ".join(map(str, sorted(columns.fidelities)))
            raise QuestionError(f"{self._name}: cannot resume from {paid} to {epochs} epochs; it has {held}")
        before, after = columns[paid], columns[epochs]
        if not before.training == columns[origin].training == after.training:
            raise QuestionError(
                f"{self._name}: {epochs} epochs are a training of their own ({after.training}), which cannot begin at epoch "
                f"{paid} of {before.training}; evaluate from scratch"
            )
        return before.costs[place] - before.passes[place]


class _UnseenScores:
    """See :class:`~nasbench_suite.search.answers.RunScores`.

    Args:
        answers: of the run.
        space: of the benchmark.
        scores: ``[architecture, training seed]``.
        answered: likewise, whether the signal of that training is known, so that it may answer.
    """

    def __init__(
        self,
        answers: TabularAnswers,
        space: Space,
        scores: NDArray[np.float64],
        answered: NDArray[np.bool_],
    ) -> None:
        self._answers = answers
        self._space = space
        self._scores = scores
        self._answered = answered
        self._full = answers.last
        rows = np.flatnonzero(answered.any(axis=1))
        held = scores.copy()
        held[rows, self._seeds(rows, self._full)] = np.nan
        lone = np.isnan(held).all(axis=1)  # trained once: scored by what was seen, and said so
        held[lone] = scores[lone]
        values = mean_over_seeds(held)
        self.best = float(np.nanmax(values))
        self.typical = math.fsum(known := values[~np.isnan(values)].tolist()) / max(len(known), 1)

    def _seeds(self, rows: NDArray[np.integer], origin: int) -> NDArray[np.integer]:
        """The training seeds, as places of the table, that answer for these rows."""
        answered = self._answered[rows]
        order = np.argsort(~answered, axis=1, kind="stable")
        places = self._answers.places(rows, origin, answered.sum(axis=1))
        seeds: NDArray[np.integer] = order[np.arange(len(rows)), places]
        return seeds

    def of(self, architecture: Architecture, origins: Iterable[int] = ()) -> tuple[float, int, bool]:
        """The mean over the training seeds that the run did not see, how many they are, and whether they are unseen."""
        try:
            row = self._space.index(architecture)
        except NotMeasured:
            return math.nan, 0, False
        known = set(np.flatnonzero(~np.isnan(self._scores[row])).tolist())
        left = known
        if self._answered[row].any():
            rows = np.array([row])
            plain, *others = ({int(self._seeds(rows, origin)[0])} for origin in (self._full, *origins))
            left = known - plain
            left = left.difference(*others) or left
        unseen = bool(left)
        counted = sorted(left or known)
        if not counted:
            return math.nan, 0, unseen
        return math.fsum(self._scores[row, counted].tolist()) / len(counted), len(counted), unseen


@dataclass(frozen=True)
class _Column:
    """The signal at one fidelity as Python numbers, which single look-ups read fastest.

    Attributes:
        seeds: places per architecture.
        measured: per architecture, how many training seeds were measured; they fill its first places.
        accuracies: ``[architecture * seeds + place]``.
        costs: likewise, the seconds of each of those trainings, validation included.
        passes: likewise, the seconds of the validation alone.
        training: the name of the training; epochs of one training are points of one curve.
    """

    seeds: int
    measured: list[int]
    accuracies: list[float]
    costs: list[float]
    passes: list[float]
    training: str


class SignalColumns(dict[int, _Column]):
    """Fidelity -> signal, read when first asked for. Table and test metrics are no attribute of it.

    Args:
        space: of the benchmark.
        fidelities: the epochs that exist.
        read: reads the signal at one fidelity.
    """

    def __init__(self, space: Space, fidelities: Sequence[int], read: Callable[[int], _Column]) -> None:
        super().__init__()
        self.space = space
        self.fidelities = frozenset(fidelities)
        self.architectures = space.architectures()
        self.rows = {architecture: row for row, architecture in enumerate(self.architectures)}
        self._read = read

    def read_all(self) -> None:
        """Read every fidelity now and let go of the table."""
        for epochs in self.fidelities:
            self[epochs]
        self._read = _closed

    def __missing__(self, epochs: int) -> _Column:
        if epochs not in self.fidelities:
            raise KeyError(epochs)
        column = self[epochs] = self._read(epochs)
        return column


def _closed(epochs: int) -> _Column:
    raise KeyError(epochs)


def is_test(metric: str) -> bool:
    """Whether a metric's name says that it was measured on test images, or on a mixture with them."""
    return "test" in metric.replace("_", "-").split("-")


@dataclass(frozen=True)
class _Part:
    """What was measured, and where it stands in the table.

    Attributes:
        space: the measured architectures, or the whole space.
        rows: ``[architecture]``, the table's row that answers for each; ``None`` if it is the architecture's own place.
        known: measure -> ``[row, training seed]``, whether that training has all that is asked for.
        isomorphic: whether rows answer for others of the same canonical text.
        scored: whether architectures were left out for want of the score that ranks.
        all: how many architectures the whole space has.
    """

    space: Space
    rows: NDArray[np.intp] | None
    known: Mapping[Measure, NDArray[np.bool_]] = field(repr=False)
    isomorphic: bool
    scored: bool
    all: int

    def words(self, table: Table) -> dict[str, str]:
        """What a leaderboard says of gaps; nothing where there is none."""
        if self.space.size == self.all:
            return {}
        shared = ", isomorphic ones answering for each other" if self.isomorphic else ""
        return {"measured": f"{self.space.size:,} of {self.all:,} architectures of {table.space}{shared}"}


def _expect(name: str, table: Table, measure: Measure) -> None:
    dataset = table.dataset(measure.dataset)
    present = (
        measure.metric in dataset.constants
        if measure.is_constant
        else measure.metric in table.training(measure.dataset, measure.training).metrics
    )
    if not present:
        raise UsageError(f"benchmark {name!r}: {table.name} has no {measure}")


def _measured_part(
    name: str,
    space: Space,
    table: Table,
    sources: Mapping[int, Measure],
    scores: Mapping[str, Measure],
    has_costs: bool,
    isomorphic: bool,
) -> _Part:
    """Find the architectures that can be asked about at every fidelity.

    Raises:
        UsageError: there is none.
    """
    whole = space
    by_row = table.make_space() if table.sampled else space
    known: dict[Measure, NDArray[np.bool_]] = {}
    for measure in dict.fromkeys(sources.values()):
        epochs = [e for e, source in sorted(sources.items()) if source is measure]
        seeds = len(table.training(measure.dataset, measure.training).seeds)
        if len(epochs) * seeds * table.architectures > LOOKED_THROUGH:
            epochs = epochs[-1:]
        known[measure] = np.logical_and.reduce([_known(table, measure, epoch, has_costs) for epoch in epochs])
    asked = np.logical_and.reduce([found.any(axis=1) for found in known.values()])
    scored = asked
    if ranking := next(iter(scores.values()), None):
        _expect(name, table, ranking)
        if ranking.is_constant:
            scored = asked & np.isfinite(table.constant(ranking.dataset, ranking.metric))
        elif ranking not in known:
            last = table.training(ranking.dataset, ranking.training).metrics[ranking.metric][-1]
            column = table.column(ranking.dataset, ranking.training, ranking.metric, last)
            scored = asked & np.isfinite(column).any(axis=1)
    rows = np.flatnonzero(scored)
    if not rows.size:
        raise UsageError(
            f"benchmark {name!r}: {table.name} has no architecture with a signal"
            f"{', a cost above 0' if has_costs else ''} and a score; look with 'nasbench table info {table.name}'"
        )
    left_out = bool((asked & ~scored).any())
    if isomorphic and rows.size < whole.size:
        if whole.size > ENUMERABLE:
            raise UsageError(
                f"benchmark {name!r}: isomorphic rows need a space that can be listed; leave isomorphic out"
            )
        first = {whole.canonical(by_row.architecture(row)): row for row in reversed(rows.tolist())}
        own = {whole.index(by_row.architecture(row)): row for row in rows.tolist()}
        found = [
            (place, row)
            for place, options in enumerate(whole.architectures())
            if (row := own.get(place, first.get(whole.canonical(options), -1))) >= 0
        ]
        places, answering = (np.array(column, dtype=np.intp) for column in zip(*found, strict=True))
        return _Part(measured_part(whole, places), answering, known, True, left_out, whole.size)
    if rows.size == by_row.size:
        return _Part(by_row, None, known, False, left_out, whole.size)
    return _Part(measured_part(by_row, rows), rows, known, False, left_out, whole.size)


def _known(table: Table, measure: Measure, epochs: int, has_costs: bool) -> NDArray[np.bool_]:
    """``[row, training seed]``: whether the signal is there, with a finite cost above 0."""
    known: NDArray[np.bool_] = np.isfinite(table.column(measure.dataset, measure.training, measure.metric, epochs))
    if has_costs:
        costs = _costs(table, measure, epochs)
        known = known & np.isfinite(costs) & (costs > 0)
    return known


def _costs(table: Table, measure: Measure, epochs: int) -> NDArray[np.float64]:
    """Seconds of training until an epoch, NaN where that is not known: ``[row, 1 or training seed]``."""
    training = table.training(measure.dataset, measure.training)
    if epochs not in training.metrics[CUMULATIVE]:
        return np.full((table.architectures, 1), np.nan)
    return table.column(measure.dataset, measure.training, CUMULATIVE, epochs).astype(np.float64)


def _column_reader(
    table: Table,
    sources: Mapping[int, Measure],
    part: _Part,
    has_costs: bool,
    goals: Mapping[Measure, tuple[Goal, NDArray[np.float64]]],
) -> Callable[[int], _Column]:
    """A function that reads the signal at one fidelity and has no attribute that leads to the table."""

    def read(epochs: int) -> _Column:
        measure = sources[epochs]
        metrics = table.training(measure.dataset, measure.training).metrics
        accuracies = table.column(measure.dataset, measure.training, measure.metric, epochs).astype(np.float64)
        if measure in goals:
            goal, every = goals[measure]
            accuracies = goal.share(accuracies, every)
        known = part.known[measure] & _known(table, measure, epochs, has_costs)
        costs = _costs(table, measure, epochs) if has_costs else np.zeros((len(accuracies), 1))
        passes = np.zeros((len(costs), 1))
        if has_costs and epochs in metrics.get(VALIDATION, ()):
            passes = table.column(measure.dataset, measure.training, VALIDATION, epochs).astype(np.float64)
            passes = np.where(np.isfinite(passes), passes, 0.0)
        order = np.argsort(~known, axis=1, kind="stable")  # the measured first, otherwise in the table's order

        def flat(values: NDArray[np.float64]) -> list[float]:
            everywhere = np.broadcast_to(values, known.shape)
            sorted_ = np.take_along_axis(everywhere, order, axis=1)
            listed: list[float] = (sorted_ if part.rows is None else sorted_[part.rows]).ravel().tolist()
            return listed

        counts = known.sum(axis=1)
        measured: list[int] = (counts if part.rows is None else counts[part.rows]).tolist()
        seeds = known.shape[1]
        return _Column(seeds, measured, flat(accuracies), flat(costs + passes), flat(passes), measure.training)

    return read


def _score(space: Space, values: NDArray[np.float64], architecture: Architecture) -> float:
    try:
        return float(values[space.index(architecture)])
    except NotMeasured:
        return float("nan")
