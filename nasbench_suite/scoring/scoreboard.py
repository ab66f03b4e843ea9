"""From a plan and its results to a scoreboard: everything that a leaderboard shows, computed once.

The test metric enters here, after the search. Nothing in a scoreboard but its ``timings`` depends on the machine,
the clock, or the order in which runs finished.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.benchmarks import Benchmark, Scores
from nasbench_suite.comparisons import Comparison
from nasbench_suite.errors import ScoringError
from nasbench_suite.harness.plan import Plan, Row
from nasbench_suite.harness.runs import Result, Run
from nasbench_suite.scoring.curves import Curve, spending, trace
from nasbench_suite.scoring.statistics import (
    CriticalDifference,
    Differences,
    Interval,
    TimeToTarget,
    average_ranks,
    bootstrap_curves,
    bootstrap_interquartile_mean,
    critical_difference,
    mean,
    paired_differences,
    probability_of_improvement,
    profile,
    standard_deviation,
    time_to_target,
)
from nasbench_suite.search.budget import Budget
from nasbench_suite.spaces import Architecture, Space
from nasbench_suite.spaces.space import ENUMERABLE

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

DRAWS = 1000
"""Fixed uniform draws that say what a draw is worth in a space too large to list."""


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


@dataclass(frozen=True)
class Task:
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
        oracles: score name -> the best there is (a reference, not ranked), where the benchmark knows it.
        best: of the ranking score, what regret is measured from: the oracle, or where nobody knows it the best
            answer of any run of this comparison.
        typical: of the ranking score, what one uniform draw is worth: the mean of all architectures, or of
            :data:`DRAWS` fixed draws where the space is too large to list; ``None`` where the benchmark does not know
            its oracle, since its scores may have to be measured.
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


@dataclass(frozen=True, eq=False)
class Standing:
    """One ranked row on one benchmark. Scores are fractions in [0, 1].

    Attributes:
        label: of the row.
        position: 1 + the number of rows that are significantly better.
        tied: whether another row shares the position.
        scores: score name -> ``[seeds]``, of the answer at the end of the budget, in the comparison's seed order.
        mean, deviation: of the ranking score; the deviation is the sample's (divisor n - 1).
        quartiles: 25 %, 50 % and 75 % of the ranking score (linear interpolation).
        interquartile: mean of the middle half with its 95 % bootstrap interval.
        regret: the best there is minus the mean.
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
        anytime: ``[4, moments]``: the ranking score at :data:`MOMENTS`, as interquartile mean, its interval's lower
            and upper end, and mean; NaN while some run has no answer.
        ranks: ``[moments]``: the average rank at :data:`MOMENTS`; a run without an answer ranks last.
    """

    label: str
    position: int
    tied: bool
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
    anytime: FloatArray = field(repr=False)
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
    """Where a row stood before the end of the budget. ``estimate`` is its score (overall: its normalized regret)."""

    label: str
    position: int
    tied: bool
    rank: float
    estimate: Interval

    @property
    def place(self) -> str:
        """The position as shown: ``"1"``, or ``"1="`` where it is shared."""
        return f"{self.position}{'=' if self.tied else ''}"


@dataclass(frozen=True)
class Snapshot:
    """The table at a fraction of the budget, by position, then by rank, then by label."""

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
        task: what was searched on.
        standings: the ranked rows, by position, then by rank, then by label.
        unranked: all other rows, by label.
        differences: between the standings, in their order.
        improvement: ``[rows, rows]``: probability that a run of row i is better than one of row j.
        snapshots: the table at :data:`SNAPSHOTS` of the budget.
        with_own_time: the table at the end of the budget if the strategies' own computing time counted, too; measured,
            and ``None`` where the budget is not in seconds.
    """

    task: Task
    standings: tuple[Standing, ...]
    unranked: tuple[Unranked, ...]
    differences: Differences = field(repr=False)
    improvement: FloatArray = field(repr=False)
    snapshots: tuple[Snapshot, ...] = field(repr=False)
    with_own_time: Snapshot | None = field(repr=False)


@dataclass(frozen=True)
class OverallStanding:
    """One row over all benchmarks.

    Attributes:
        label, position, tied: as in :class:`Standing`.
        rank: mean over benchmarks and paired seeds of the rank among the rows of the overall table.
        ranks: benchmark -> mean over its paired seeds.
        regret: normalized regret, interquartile mean over benchmarks and seeds with a stratified 95 % bootstrap
            interval: 0 is the best there is, 1 is worth as much as one uniform draw.
        n: runs.
    """

    label: str
    position: int
    tied: bool
    rank: float
    ranks: Mapping[str, float]
    regret: Interval
    n: int

    @property
    def place(self) -> str:
        """The position as shown: ``"1"``, or ``"1="`` where it is shared."""
        return f"{self.position}{'=' if self.tied else ''}"


@dataclass(frozen=True, eq=False)
class Overall:
    """All benchmarks together.

    Attributes:
        standings: the rows that are ranked on every benchmark, by position, then by rank, then by label.
        unranked: all other rows, by label.
        differences: between the standings, in their order, of the normalized regrets.
        improvement: ``[rows, rows]``: probability that a run of row i is better than one of row j, mean over benchmarks.
        critical: Friedman's and Nemenyi's tests of the benchmarks' mean scores; ``None`` for fewer than two benchmarks
            or three rows.
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
    """

    label: str
    benchmark: str
    n: int
    own_seconds: float
    wall_seconds: float
    cpu_seconds: float


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


def score(plan: Plan, results: Mapping[str, Result]) -> Scoreboard:
    """Score a comparison.

    A row is ranked on a benchmark if all of its runs there finished with an answer that has a score; else it stands
    below with the reason. Results are looked up one at a time, so ``results`` may be a view of a store.

    Args:
        plan: the comparison's rows, benchmarks and runs.
        results: run id -> result; runs that are not there were not run.

    Raises:
        ScoringError: a benchmark without scores.
    """
    timings: list[Timing] = []
    reasons = {(skipped.label, skipped.benchmark): skipped.reason for skipped in plan.skipped}
    boards = []
    for task in plan.comparison.tasks:
        benchmark = plan.benchmarks[task.benchmark]
        boards.append(_board(plan, benchmark, task.budget, results, reasons, timings))
    return Scoreboard(
        plan.comparison,
        {row.label: _entrant(row) for row in plan.rows},
        tuple(boards),
        _overall(boards, [row.label for row in plan.rows]),
        tuple(timings),
    )


def _entrant(row: Row) -> Entrant:
    strategy, plugin = row.offered.strategy, row.offered.plugin
    parameters = dict(sorted(row.parameters.items()))
    changed = {name: value for name, value in parameters.items() if strategy.defaults.get(name) != value}
    package = Path(plugin.package).name if plugin.origin == "file" else plugin.package
    return Entrant(
        row.label,
        strategy.name,
        strategy.family,
        strategy.paper,
        strategy.summary,
        strategy.tuning,
        parameters,
        changed,
        package,
        row.offered.version,
    )


def _task(benchmark: Benchmark, budget: Budget, scores: Mapping[str, Scores], reached: float) -> Task:
    name, ranking = next(iter(scores.items()))
    return Task(
        benchmark.name,
        benchmark.space.name,
        budget,
        tuple(benchmark.fidelities),
        benchmark.currency,
        benchmark.identity,
        dict(benchmark.provenance),
        name,
        {name: held.split for name, held in scores.items()},
        {name: held.best for name, held in scores.items() if held.best is not None},
        reached if ranking.best is None else ranking.best,
        None if ranking.best is None else _typical(benchmark.space, ranking),
    )


def _typical(space: Space, scores: Scores) -> float:
    """The mean score of all architectures that have one, or of fixed draws from a space too large to list."""
    if space.size <= ENUMERABLE:
        architectures = space.architectures()
    else:
        rng = np.random.default_rng(0)
        architectures = [space.sample(rng) for _ in range(DRAWS)]
    return mean([value for value in map(scores.of, architectures) if not math.isnan(value)])


class _Lookup(dict[Architecture, float]):
    """Architecture -> score, each looked up once."""

    def __init__(self, scores: Scores) -> None:
        super().__init__()
        self._of = scores.of

    def __missing__(self, architecture: Architecture) -> float:
        value = self[architecture] = float(self._of(architecture))
        return value


@dataclass(frozen=True, eq=False)
class _Scored:
    """A row whose runs all finished: label, curves, final scores by name, and the scores at all moments."""

    label: str
    curves: tuple[Curve, ...]
    finals: Mapping[str, FloatArray]
    path: FloatArray  # [seeds, moments]
    values: tuple[FloatArray, ...]  # per seed the score at each step of its curve
    spending: Mapping[str, float]
    own: FloatArray  # [seeds], the score where own computing time counts; NaN without an answer or a clock


def _board(
    plan: Plan,
    benchmark: Benchmark,
    budget: Budget,
    results: Mapping[str, Result],
    reasons: Mapping[tuple[str, str], str],
    timings: list[Timing],
) -> Board:
    held = benchmark.scores()
    if not held:
        raise ScoringError(f"benchmark {benchmark.name!r} has no scores; there is nothing to rank by")
    lookups = {name: _Lookup(scores) for name, scores in held.items()}
    rows: list[_Scored] = []
    unranked: list[Unranked] = []
    for row in plan.rows:
        runs = plan.runs.get((row.label, benchmark.name))
        if runs is None:
            reason = reasons.get((row.label, benchmark.name), "not part of the plan")
            unranked.append(Unranked(row.label, f"skipped: {reason}", {}))
            continue
        scored = _score_row(row.label, runs, results, benchmark, lookups, timings)
        if isinstance(scored, Unranked):
            unranked.append(scored)
        else:
            rows.append(scored)
    ranking = next(iter(held))
    task = _task(benchmark, budget, held, max((float(row.finals[ranking].max()) for row in rows), default=math.nan))
    return _ranked(rows, task, tuple(unranked))


def _score_row(
    label: str,
    runs: Sequence[Run],
    results: Mapping[str, Result],
    benchmark: Benchmark,
    lookups: Mapping[str, _Lookup],
    timings: list[Timing],
) -> _Scored | Unranked:
    curves: list[Curve] = []
    finals: dict[str, list[float]] = {name: [] for name in lookups}
    faults: dict[int, tuple[str, str]] = {}
    clocks: list[tuple[float, float, float]] = []
    own_scores = np.full(len(runs), math.nan)
    shares: list[Mapping[str, float]] = []
    steps: list[FloatArray] = []
    ranking = next(iter(lookups.values()))
    for place, run in enumerate(runs):
        result = results.get(run.id)
        if result is None:
            faults[run.seed] = ("not run", "not run")
            continue
        if result.outcome != "finished":
            faults[run.seed] = (
                result.outcome,
                f"{result.outcome}: {result.reason}" if result.reason else result.outcome,
            )
            continue
        clocks.append((math.fsum(result.own_seconds), result.wall_seconds, result.cpu_seconds))
        try:
            curve = trace(result.journal, run.budget, benchmark.fidelities[-1])
        except ScoringError as error:
            faults[run.seed] = ("invalid", f"invalid: {error}")
            continue
        if not curve.incumbents:
            faults[run.seed] = ("no answer", "finished without an answer")
            continue
        answer = curve.incumbents[-1]
        values = {name: lookup[answer] for name, lookup in lookups.items()}
        reached = [ranking[architecture] for architecture in curve.incumbents]
        if run.budget.unit == "seconds" and len(result.own_seconds) == len(result.journal):
            if curve.spent + clocks[-1][0] <= run.budget.amount:
                own_scores[place] = reached[-1]  # nothing is cut off
            else:
                own_curve = trace(result.journal, run.budget, benchmark.fidelities[-1], result.own_seconds)
                own_scores[place] = own_curve.values_at(run.budget.amount, ranking.__getitem__)
        shares.append(spending(result.journal, run.budget, benchmark.fidelities[-1]))
        steps.append(np.array(reached))
        if math.isnan(ranking[answer]):
            text = benchmark.space.format(answer)
            faults[run.seed] = ("no score", f"its answer {text} was never measured for the score; nothing is imputed")
            continue
        curves.append(curve)
        for name, value in values.items():
            finals[name].append(value)
    if clocks:
        own, wall, cpu = (mean(column) for column in zip(*clocks, strict=True))
        timings.append(Timing(label, benchmark.name, len(clocks), own, wall, cpu))
    if not faults:
        kinds = dict.fromkeys(kind for share in shares for kind in share)
        spent = {kind: mean([share.get(kind, 0.0) for share in shares]) for kind in sorted(kinds)}
        by_name = {name: np.array(values) for name, values in finals.items()}
        path = _values_over_time(curves, steps, np.array(MOMENTS) * runs[0].budget.amount)
        return _Scored(label, tuple(curves), by_name, path, tuple(steps), spent, own_scores)
    outcomes = Counter({"finished": len(runs) - len(faults)} if len(runs) > len(faults) else {})
    outcomes.update(sorted(kind for kind, _ in faults.values()))
    went_wrong = {seed: text for seed, (kind, text) in faults.items() if kind != "not run"}
    if went_wrong:
        seed = min(went_wrong)
        reason = f"{len(went_wrong)} of {len(runs)} runs without a valid answer; seed {seed}: {went_wrong[seed]}"
    else:
        reason = f"{len(faults)} of {len(runs)} runs not run"
    return Unranked(label, reason, dict(outcomes))


def _values_over_time(curves: Sequence[Curve], values: Sequence[FloatArray], moments: FloatArray) -> FloatArray:
    """``[runs, moments]``: what :meth:`Curve.values_at` gives for each curve, for many at once."""
    known = [len(steps) for steps in values]
    first = np.searchsorted(moments, np.concatenate([curve.times for curve in curves]), side="left")
    run_of = np.repeat(np.arange(len(curves)), known)
    within = first < len(moments)
    # At each moment the last step that has begun, as its place among all steps of all runs; -1 before the first.
    latest = np.full((len(curves), len(moments)), -1)
    latest[run_of[within], first[within]] = np.flatnonzero(within)  # of several steps between two moments the last
    np.maximum.accumulate(latest, axis=1, out=latest)
    path: FloatArray = np.concatenate([*values, [math.nan]])[latest]
    return path


def _ranked(rows: Sequence[_Scored], task: Task, unranked: tuple[Unranked, ...]) -> Board:
    """The board of rows that all have their runs."""
    if not rows:
        return Board(task, (), unranked, _NO_DIFFERENCES, np.ones((0, 0)), (), None)
    finals = np.array([row.finals[task.score] for row in rows])
    ranks = average_ranks(finals)
    differences = paired_differences(finals)
    positions = differences.positions()
    shared = Counter(positions)
    order = sorted(range(len(rows)), key=lambda i: (positions[i], ranks[i], rows[i].label))
    paths = np.array([row.path for row in rows])  # [rows, seeds, moments]
    over_time = _ranks_over_time(paths)
    estimates = [np.array(bootstrap_curves(row.path)) for row in rows]  # per row [3, moments]
    standings = []
    for i in order:
        row, values = rows[i], finals[i]
        centre = mean(values)
        low, middle, high = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
        standings.append(
            Standing(
                label=row.label,
                position=positions[i],
                tied=shared[positions[i]] > 1,
                scores=row.finals,
                mean=centre,
                deviation=standard_deviation(values),
                quartiles=(low, middle, high),
                interquartile=_interval(estimates[i][:, -1], len(values)),
                regret=task.best - centre,
                rank=float(ranks[i]),
                n=len(values),
                evaluations=mean([curve.evaluations for curve in row.curves]),
                spent=mean([curve.spent for curve in row.curves]),
                area=_area(row, task),
                targets=_targets(row, task),
                spending=row.spending,
                curves=row.curves,
                steps=row.values,
                anytime=np.array([*estimates[i], [mean(column) for column in row.path.T]]),
                ranks=over_time[:, i],
            )
        )
    places = np.ix_(order, order)
    own = np.array([row.own for row in rows])
    labels = [row.label for row in rows]
    return Board(
        task,
        tuple(standings),
        unranked,
        _reordered(differences, order),
        probability_of_improvement(finals[:, None])[places],
        tuple(
            _snapshot(fraction, labels, paths[:, :, place], [held[:, place] for held in estimates])
            for fraction, place in ((fraction, MOMENTS.index(fraction)) for fraction in SNAPSHOTS)
        ),
        None if np.isnan(own).all() else _snapshot(1.0, labels, own, np.array(bootstrap_curves(own.T)).T),
    )


_NO_DIFFERENCES = Differences(np.ones((0, 0)), np.zeros((0, 0)), 0)


def _interval(ends: FloatArray, n: int) -> Interval:
    """Of an estimate, its lower and its upper end."""
    return Interval(float(ends[0]), float(ends[1]), float(ends[2]), n)


def _snapshot(
    fraction: float, labels: Sequence[str], scores: FloatArray, estimates: Sequence[FloatArray] | FloatArray
) -> Snapshot:
    """Place rows by ``[rows, seeds]`` scores; NaN, no answer yet, is worse than any.

    ``estimates`` has each row's interquartile mean and the ends of its interval.
    """
    positions = paired_differences(scores).positions()
    shared = Counter(positions)
    ranks = average_ranks(scores)
    placings = [
        Placing(
            labels[i],
            positions[i],
            shared[positions[i]] > 1,
            float(ranks[i]),
            _interval(estimates[i], scores.shape[1]),
        )
        for i in sorted(range(len(labels)), key=lambda i: (positions[i], ranks[i], labels[i]))
    ]
    return Snapshot(fraction, tuple(placings))


def _ranks_over_time(paths: FloatArray) -> FloatArray:
    """``[moments, rows]``: average ranks of ``[rows, seeds, moments]``; moments at which nothing changed share theirs."""
    bits = paths.view(np.int64)  # in which NaN equals itself
    new = np.ones(paths.shape[2], dtype=bool)
    new[1:] = (bits[:, :, 1:] != bits[:, :, :-1]).any(axis=(0, 1))
    ranks = np.array([average_ranks(paths[:, :, place]) for place in np.flatnonzero(new)])
    over_time: FloatArray = ranks[np.cumsum(new) - 1]
    return over_time


def _area(row: _Scored, task: Task) -> float:
    """Regret averaged over the budget; see :class:`Standing`."""
    if task.typical is None or not task.budget.amount:
        return math.nan
    # All runs in one row: a step from 0 with the worth of a draw, the steps of the curve, and the end of the budget.
    bounds = np.concatenate([part for curve in row.curves for part in ([0.0], curve.times, [task.budget.amount])])
    values = np.concatenate([part for values in row.values for part in ([task.typical], values, [math.nan])])
    pieces = ((bounds[1:] - bounds[:-1]) * (task.best - values[:-1])).tolist()
    areas = []
    start = 0
    for curve in row.curves:
        steps = len(curve.times) + 1
        areas.append(math.fsum(pieces[start : start + steps]) / task.budget.amount)
        start += steps + 1
    return mean(areas)


def _targets(row: _Scored, task: Task) -> tuple[TimeToTarget, ...]:
    if task.typical is None:
        return ()
    run_of = np.repeat(np.arange(len(row.curves)), [len(values) for values in row.values])
    moments = np.concatenate([curve.times for curve in row.curves])
    regrets = normalized_regret(np.concatenate(row.values), task)
    found = []
    for target in TARGETS:
        times = np.full(len(row.curves), math.nan)
        reached = np.flatnonzero(regrets <= target)[::-1]  # the earliest of each run is written last
        times[run_of[reached]] = moments[reached]
        found.append(time_to_target(target, times, task.budget.amount))
    return tuple(found)


def _reordered(differences: Differences, order: Sequence[int]) -> Differences:
    places = np.ix_(order, order)
    return Differences(differences.p_values[places], differences.effects[places], differences.n)


def normalized_regret(scores: FloatArray, task: Task) -> FloatArray:
    """Regret in units of what one uniform draw is expected to lose: 0 is the best there is, 1 a random draw.

    Where that is not known the unit is the score itself, a fraction in [0, 1].
    """
    known = task.typical is not None and task.best > task.typical
    regret: FloatArray = (task.best - scores) / (
        task.best - task.typical if known and task.typical is not None else 1.0
    )
    return regret


def _overall(boards: Sequence[Board], labels: Sequence[str]) -> Overall:
    found = [{standing.label: standing for standing in board.standings} for board in boards]
    complete = [label for label in labels if all(label in standings for standings in found)]
    unranked = []
    for label in labels:
        if label in complete:
            continue
        missing = {board.task.benchmark: entry for board in boards for entry in board.unranked if entry.label == label}
        first = next(iter(missing))
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        unranked.append(Unranked(label, f"not ranked on {first}{more}: {missing[first].reason}", {}))
    if not complete:
        nothing = np.ones((0, 0))
        return Overall((), tuple(unranked), _NO_DIFFERENCES, nothing, None, nothing, nothing)
    ranks = np.empty((len(boards), len(complete)))
    regrets = np.empty((len(complete), len(boards), found[0][complete[0]].n))
    for place, (board, standings) in enumerate(zip(boards, found, strict=True)):
        finals = np.array([standings[label].scores[board.task.score] for label in complete])
        ranks[place] = average_ranks(finals)
        regrets[:, place] = normalized_regret(finals, board.task)
    average = [mean(column) for column in ranks.T]
    differences = paired_differences(-regrets.reshape(len(complete), -1))
    positions = differences.positions()
    shared = Counter(positions)
    order = sorted(range(len(complete)), key=lambda i: (positions[i], average[i], complete[i]))
    standings_overall = tuple(
        OverallStanding(
            label=complete[i],
            position=positions[i],
            tied=shared[positions[i]] > 1,
            rank=average[i],
            ranks={board.task.benchmark: float(ranks[place, i]) for place, board in enumerate(boards)},
            regret=bootstrap_interquartile_mean(regrets[i]),
            n=regrets[i].size,
        )
        for i in order
    )
    chosen = regrets[order]
    over_time = np.array([[standings[complete[i]].ranks for standings in found] for i in order])
    return Overall(
        standings_overall,
        tuple(unranked),
        _reordered(differences, order),
        probability_of_improvement(-chosen),
        critical_difference([[-mean(values) for values in row] for row in chosen]),
        profile(chosen.reshape(len(order), -1), LEVELS),
        np.array([[mean(column) for column in row.T] for row in over_time]),
    )
