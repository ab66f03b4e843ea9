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
from nasbench_suite.budget import Budget
from nasbench_suite.comparisons import Comparison
from nasbench_suite.errors import ScoringError
from nasbench_suite.harness.plan import Plan, Row
from nasbench_suite.harness.runs import Result, Run
from nasbench_suite.scoring.curves import Curve, trace
from nasbench_suite.scoring.statistics import (
    Differences,
    Interval,
    average_ranks,
    bootstrap_curves,
    bootstrap_interquartile_mean,
    mean,
    paired_differences,
    standard_deviation,
)
from nasbench_suite.spaces import Architecture, Space
from nasbench_suite.spaces.space import ENUMERABLE

FloatArray = NDArray[np.float64]

MOMENTS = tuple(
    sorted({round(10 ** (step / 20), 6) for step in range(-60, 1)} | {round(step / 40, 6) for step in range(1, 41)})
)
"""Fractions of the budget at which mean curves are kept: twenty per decade from 0.1 % on, and every 2.5 %."""

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
        curves: one per seed.
        anytime: ``[4, moments]``: the ranking score at :data:`MOMENTS`, as interquartile mean, its interval's lower
            and upper end, and mean; NaN while some run has no answer.
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
    curves: tuple[Curve, ...] = field(repr=False)
    anytime: FloatArray = field(repr=False)

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
    """

    task: Task
    standings: tuple[Standing, ...]
    unranked: tuple[Unranked, ...]
    differences: Differences = field(repr=False)


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
    """

    standings: tuple[OverallStanding, ...]
    unranked: tuple[Unranked, ...]
    differences: Differences = field(repr=False)


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
    standings, differences = _standings(rows, task)
    return Board(task, standings, tuple(unranked), differences)


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
    moments = np.array(MOMENTS) * runs[0].budget.amount
    path = np.full((len(runs), len(MOMENTS)), math.nan)
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
        path[place] = curve.values_at(moments, ranking.__getitem__)
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
        return _Scored(label, tuple(curves), {name: np.array(values) for name, values in finals.items()}, path)
    outcomes = Counter({"finished": len(runs) - len(faults)} if len(runs) > len(faults) else {})
    outcomes.update(sorted(kind for kind, _ in faults.values()))
    went_wrong = {seed: text for seed, (kind, text) in faults.items() if kind != "not run"}
    if went_wrong:
        seed = min(went_wrong)
        reason = f"{len(went_wrong)} of {len(runs)} runs without a valid answer; seed {seed}: {went_wrong[seed]}"
    else:
        reason = f"{len(faults)} of {len(runs)} runs not run"
    return Unranked(label, reason, dict(outcomes))


def _standings(rows: Sequence[_Scored], task: Task) -> tuple[tuple[Standing, ...], Differences]:
    if not rows:
        return (), Differences(np.ones((0, 0)), np.zeros((0, 0)), 0)
    finals = np.array([row.finals[task.score] for row in rows])
    ranks = average_ranks(finals)
    differences = paired_differences(finals)
    positions = differences.positions()
    shared = Counter(positions)
    order = sorted(range(len(rows)), key=lambda i: (positions[i], ranks[i], rows[i].label))
    standings = []
    for i in order:
        row, values = rows[i], finals[i]
        centre = mean(values)
        low, middle, high = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
        estimates = bootstrap_curves(row.path)
        anytime = np.array([*estimates, [mean(column) for column in row.path.T]])
        standings.append(
            Standing(
                label=row.label,
                position=positions[i],
                tied=shared[positions[i]] > 1,
                scores=row.finals,
                mean=centre,
                deviation=standard_deviation(values),
                quartiles=(low, middle, high),
                interquartile=bootstrap_interquartile_mean(values[None]),
                regret=task.best - centre,
                rank=float(ranks[i]),
                n=len(values),
                evaluations=mean([curve.evaluations for curve in row.curves]),
                spent=mean([curve.spent for curve in row.curves]),
                curves=row.curves,
                anytime=anytime,
            )
        )
    return tuple(standings), _reordered(differences, order)


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
        return Overall((), tuple(unranked), Differences(np.ones((0, 0)), np.zeros((0, 0)), 0))
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
    return Overall(standings_overall, tuple(unranked), _reordered(differences, order))
