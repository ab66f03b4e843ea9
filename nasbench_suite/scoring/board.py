"""What a scoreboard holds, as plain records: everything that a leaderboard shows, and nothing that computes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.comparisons import Comparison
from nasbench_suite.errors import ScoringError
from nasbench_suite.scoring.curves import Curve
from nasbench_suite.scoring.luck import Luck
from nasbench_suite.scoring.statistics import CriticalDifference, Differences, Interval, TimeToTarget
from nasbench_suite.search.budget import Budget
from nasbench_suite.spaces import Architecture

FloatArray = NDArray[np.float64]

MOMENTS = tuple(
    sorted({round(10 ** (step / 20), 6) for step in range(-60, 1)} | {round(step / 40, 6) for step in range(1, 41)})
)
"""Fractions of the budget at which mean curves are kept: twenty per decade from 0.1 % on, and every 2.5 %."""

SNAPSHOTS = (0.1, 0.25, 0.5)
"""Fractions of the budget at which the rows are also placed, besides its end."""

TARGETS = (0.2, 0.1, 0.05)
"""Normalized regrets to which the expected time is told."""

LEVELS = tuple(round(10 ** (step / 20), 6) for step in range(-60, 11))
"""Normalized regrets at which performance profiles are kept."""


UNMETERED = 1.0
"""Own seconds per paid second from which a row is marked in the timings."""


@dataclass(frozen=True)
class Entrant:
    """Who stands behind a row.

    Attributes:
        label: the row's name in this comparison.
        strategy, family, paper, summary, tuning: see :class:`nasbench_suite.Strategy`.
        parameters: all of them, defaults included.
        changed: those that differ from the defaults.
        package: the distribution or loose file that it comes from.
        version: the distribution's version and a hash of the file that defines the strategy.
        step: what makes a run of it more than the beginning of its method; empty where nobody has said.
        prior: what it knows of the task beforehand; empty if nothing.
    """

    label: str
    strategy: str
    family: str
    paper: str
    summary: str
    tuning: str
    parameters: Mapping[str, object]
    changed: Mapping[str, object]
    package: str
    version: str
    step: str = ""
    prior: str = ""


@dataclass(frozen=True)
class Contest:
    """What was searched on, and what the scores mean.

    Attributes:
        benchmark: name.
        space: name of its space.
        budget: of every run.
        fidelities: the epochs that could be asked for.
        currency: whether seconds are ``"simulated"`` or ``"measured"``.
        identity: hash of all that decides the benchmark's answers.
        provenance: table, hash, source, licence, signal and score split, in words.
        score: the name of the score that ranks.
        splits: score name -> what was measured on which images, in words; the first ranks.
        oracles: score name -> the best there is (a reference, not ranked), where the benchmark knows it, mean over runs.
        best: of the ranking score, what regret is measured from, mean over runs: the run's oracle, or where nobody
            knows it the best answer of any run of this comparison.
        typical: of the ranking score, what one uniform draw is worth, mean over runs: the mean of all architectures,
            or of fixed draws where the space is too large to list; ``None`` where the benchmark does not know its
            oracle, since its scores may have to be measured.
        unseen: whether a run's scores leave out the training seed that answers it (see
            :class:`~nasbench_suite.search.answers.RunScores`), so that every run has an oracle of its own.
    """

    benchmark: str
    space: str
    budget: Budget
    fidelities: tuple[int, ...]
    currency: str
    identity: str
    provenance: Mapping[str, str]
    score: str
    splits: Mapping[str, str]
    oracles: Mapping[str, float]
    best: float
    typical: float | None
    unseen: bool = False


@dataclass(frozen=True)
class Progress:
    """How far a row's runs came in their own method (see :class:`~nasbench_suite.search.strategies.Step`).

    Attributes:
        step: the characteristic step in words; empty where the strategy declares none.
        taken: how many runs took it; ``None`` where the strategy declares none.
        schedule: the share of its own schedule that a run completed, mean over runs; ``None`` where there is none.
    """

    step: str = ""
    taken: int | None = None
    schedule: float | None = None

    @property
    def cut(self) -> bool:
        """Whether some run did not come to the end of its schedule."""
        return self.schedule is not None and self.schedule < 1.0


@dataclass(frozen=True)
class Reference:
    """An architecture that anybody would try without a search, scored like the answers of the runs; not ranked.

    Attributes:
        name: what it is called; several names where they are one architecture.
        architecture: of the space.
        scores: score name -> ``[seeds]``.
        interquartile: of the ranking score.
    """

    name: str
    architecture: Architecture
    scores: Mapping[str, FloatArray] = field(repr=False)
    interquartile: Interval


@dataclass(frozen=True, eq=False)
class Standing:
    """One ranked row on one benchmark. Scores are fractions in [0, 1].

    Attributes:
        label: of the row.
        position: 1 + the number of rows with a higher interquartile mean.
        tied: whether another row has the very same interquartile mean.
        group: letters; rows that share one are not told apart by the tests.
        scores: score name -> ``[seeds]``, of the answer at the end of the budget, in the comparison's seed order.
        mean, deviation: of the ranking score; the deviation is the sample's (divisor n - 1).
        quartiles: 25 %, 50 % and 75 % of the ranking score (linear interpolation).
        interquartile: mean of the middle half with its 95 % bootstrap interval.
        regret: what is missing to the best there is in the same run, mean over runs.
        rank: mean over paired seeds of the rank among the ranked rows, ties averaged.
        n: runs.
        evaluations: answers per run, mean.
        spent: of the budget per run, mean.
        area: regret averaged over the whole budget (the area between the anytime curve and the best there is, divided
            by the budget), mean over runs; before its first answer a run counts as one uniform draw. NaN where the
            worth of a draw is not known.
        targets: expected time to :data:`TARGETS`, in the budget's unit; empty where they are not known.
        spending: what the budget went into -> share, mean over runs (see :func:`nasbench_suite.scoring.curves.spending`).
        curves: one per seed.
        steps: per seed the ranking score at each step of its curve.
        alone: share of the runs whose answer was scored by one training.
        seen: share of the runs whose answer was scored by a training that answered the search, there being no other.
        progress: how far its runs came in their own method.
        luck: how likely it is that a search without knowledge does as well; ``None`` where that is not computed.
        without_a_run: its best and its worst position when one seed after the other is left out of all rows.
        unbeaten: names of the references that it is not significantly better than.
        anytime: ``[4, moments]``: the ranking score at :data:`MOMENTS`, as interquartile mean, its interval's lower
            and upper end, and mean; NaN while some run has no answer.
        regrets: ``[3, moments]``: likewise the regret, as interquartile mean and the ends of its interval.
        ranks: ``[moments]``: the average rank at :data:`MOMENTS`; a run without an answer ranks last.
    """

    label: str
    position: int
    tied: bool
    group: str
    scores: Mapping[str, FloatArray] = field(repr=False)
    mean: float
    deviation: float
    quartiles: tuple[float, float, float]
    interquartile: Interval
    regret: float
    rank: float
    n: int
    evaluations: float
    spent: float
    area: float
    targets: tuple[TimeToTarget, ...]
    spending: Mapping[str, float]
    curves: tuple[Curve, ...] = field(repr=False)
    steps: tuple[FloatArray, ...] = field(repr=False)
    alone: float
    seen: float
    progress: Progress
    luck: Luck | None
    without_a_run: tuple[int, int]
    unbeaten: tuple[str, ...]
    anytime: FloatArray = field(repr=False)
    regrets: FloatArray = field(repr=False)
    ranks: FloatArray = field(repr=False)

    def __post_init__(self) -> None:
        if self.anytime.shape != (4, len(MOMENTS)) or any(len(values) != self.n for values in self.scores.values()):
            raise ScoringError(
                f"standing of {self.label!r}: arrays do not fit {self.n} runs and {len(MOMENTS)} moments"
            )

    @property
    def place(self) -> str:
        """The position as shown: ``"1"``, or ``"1="`` where it is shared."""
        return f"{self.position}{'=' if self.tied else ''}"


@dataclass(frozen=True)
class Placing:
    """Where a row stood before the end of the budget: as in :class:`Standing`; ``estimate`` is its score."""

    label: str
    position: int
    tied: bool
    group: str
    rank: float
    estimate: Interval

    @property
    def place(self) -> str:
        """The position as shown: ``"1"``, or ``"1="`` where it is shared."""
        return f"{self.position}{'=' if self.tied else ''}"


@dataclass(frozen=True)
class Snapshot:
    """The table at a fraction of the budget, by position, then by label."""

    fraction: float
    placings: tuple[Placing, ...]


@dataclass(frozen=True)
class Unranked:
    """A row without a place, and why. ``outcomes`` counts its runs, those never started as ``"not run"``."""

    label: str
    reason: str
    outcomes: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class Board:
    """One benchmark of a comparison.

    Attributes:
        contest: what was searched on.
        standings: the ranked rows, by position, then by label.
        unranked: all other rows, by label.
        differences: between the standings, in their order.
        improvement: ``[rows, rows]``: probability that a run of row i is better than one of row j.
        pairing: what pairing buys, see :func:`~nasbench_suite.scoring.statistics.pairing`.
        references: architectures that need no search, by interquartile mean.
        oracles: ``[seeds]``, what each run's regret is measured from.
        worths: ``[seeds]``, what one uniform draw is worth in each run; ``None`` where nobody knows.
        snapshots: the table at :data:`SNAPSHOTS` of the budget.
        with_own_time: the table at the end of the budget if the strategies' own computing time counted, too; measured,
            and ``None`` where the budget is not in seconds.
    """

    contest: Contest
    standings: tuple[Standing, ...]
    unranked: tuple[Unranked, ...]
    differences: Differences = field(repr=False)
    improvement: FloatArray = field(repr=False)
    pairing: float
    references: tuple[Reference, ...]
    oracles: FloatArray = field(repr=False)
    worths: FloatArray | None = field(repr=False)
    snapshots: tuple[Snapshot, ...] = field(repr=False)
    with_own_time: Snapshot | None = field(repr=False)


@dataclass(frozen=True)
class OverallStanding:
    """One row over all benchmarks.

    Attributes:
        label, tied, group: as in :class:`Standing`.
        position: 1 + the number of rows with a lower normalized regret, by interquartile mean.
        rank: mean over benchmarks and paired seeds of the rank among the rows of the overall table.
        ranks: benchmark -> mean over its paired seeds.
        regret: normalized regret, interquartile mean over benchmarks and seeds with a stratified 95 % bootstrap
            interval: 0 is the best there is, 1 is worth as much as one uniform draw.
        n: runs.
        without_a_run, without_a_benchmark: its best and its worst position when one seed, or one benchmark, after the
            other is left out of all rows.
    """

    label: str
    position: int
    tied: bool
    group: str
    rank: float
    ranks: Mapping[str, float]
    regret: Interval
    n: int
    without_a_run: tuple[int, int]
    without_a_benchmark: tuple[int, int]

    @property
    def place(self) -> str:
        """The position as shown: ``"1"``, or ``"1="`` where it is shared."""
        return f"{self.position}{'=' if self.tied else ''}"


@dataclass(frozen=True, eq=False)
class Overall:
    """All benchmarks together.

    Attributes:
        standings: the rows that are ranked on every benchmark, by position, then by label.
        unranked: all other rows, by label.
        differences: between the standings, in their order, of the scores, within each of these benchmarks; nothing is
            claimed of others.
        improvement: ``[rows, rows]``: probability that a run of row i is better than one of row j, mean over benchmarks.
        critical: Friedman's and Nemenyi's tests of the benchmarks' mean scores; ``None`` for fewer than
            :data:`~nasbench_suite.scoring.statistics.DATA_SETS` benchmarks or three rows.
        profiles: ``[rows, levels]``: share of runs with a normalized regret of at most :data:`LEVELS`.
        ranks: ``[rows, moments]``: average rank at :data:`MOMENTS`, mean over benchmarks.
    """

    standings: tuple[OverallStanding, ...]
    unranked: tuple[Unranked, ...]
    differences: Differences = field(repr=False)
    improvement: FloatArray = field(repr=False)
    critical: CriticalDifference | None = field(repr=False)
    profiles: FloatArray = field(repr=False)
    ranks: FloatArray = field(repr=False)


@dataclass(frozen=True)
class Timing:
    """What a row's runs took on the machine that ran them: measured, so never the same twice. Means per run.

    Attributes:
        label, benchmark: of the runs.
        n: finished runs.
        own_seconds: the strategy's own computing time between its questions.
        wall_seconds, cpu_seconds: of whole runs.
        unmetered: whether its own computing, that before paid training not counted, took :data:`UNMETERED` times as long
            as all that it paid for. Whoever trains without asking computes that long, and the meter sees nothing of it.
    """

    label: str
    benchmark: str
    n: int
    own_seconds: float
    wall_seconds: float
    cpu_seconds: float
    unmetered: bool = False


@dataclass(frozen=True, eq=False)
class Scoreboard:
    """Everything that a leaderboard shows.

    Attributes:
        comparison: what was asked for.
        entrants: label -> who stands behind the row.
        boards: one per benchmark, in the comparison's order.
        overall: all benchmarks together.
        timings: measured; not part of what is the same on every machine.
    """

    comparison: Comparison
    entrants: Mapping[str, Entrant]
    boards: tuple[Board, ...]
    overall: Overall
    timings: tuple[Timing, ...] = field(repr=False)
