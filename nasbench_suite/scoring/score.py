"""From a plan and its results to a scoreboard: everything that a leaderboard shows, computed once.

The test metric enters here, after the search. Nothing in a scoreboard but its ``timings`` depends on the machine,
the clock, or the order in which runs finished.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nasbench_suite.benchmarks import Benchmark, Scores
from nasbench_suite.errors import ScoringError
from nasbench_suite.harness.plan import Plan, Row
from nasbench_suite.harness.runs import Result, Run
from nasbench_suite.scoring.board import (
    LEVELS,
    MOMENTS,
    SNAPSHOTS,
    TARGETS,
    UNMETERED,
    Board,
    Contest,
    Entrant,
    FloatArray,
    Overall,
    OverallStanding,
    Placing,
    Progress,
    Reference,
    Scoreboard,
    Snapshot,
    Standing,
    Timing,
    Unranked,
)
from nasbench_suite.scoring.curves import Curve, spending, trace
from nasbench_suite.scoring.groups import letters, told_apart
from nasbench_suite.scoring.luck import Ladder, Luck, Traces, judge, traces
from nasbench_suite.scoring.statistics import (
    LEVEL,
    Differences,
    Interval,
    TimeToTarget,
    average_ranks,
    bootstrap_curves,
    bootstrap_interquartile_mean,
    critical_difference,
    holm,
    mean,
    on_grid,
    paired_differences,
    pairing,
    positions,
    positions_without_a_data_set,
    positions_without_one,
    probability_of_improvement,
    profile,
    signed_rank_tests,
    standard_deviation,
    time_to_target,
)
from nasbench_suite.scoring.steps import schedule_share, took
from nasbench_suite.search.budget import Budget
from nasbench_suite.search.journal import Charge, Evaluation, Event
from nasbench_suite.search.strategies import Step
from nasbench_suite.spaces import Architecture, Space
from nasbench_suite.spaces.space import ENUMERABLE

DRAWS = 1000
"""Fixed uniform draws that say what a draw is worth in a space too large to list."""


def score(plan: Plan, results: Mapping[str, Result], *, unseen: bool = True) -> Scoreboard:
    """Score a comparison.

    A row is ranked on a benchmark if all of its runs there finished with an answer that has a score; else it stands
    below with the reason. Results are looked up one at a time, so ``results`` may be a view of a store.

    Args:
        plan: the comparison's rows, benchmarks and runs.
        results: run id -> result; runs that are not there were not run.
        unseen: whether a run is scored by the trainings that it did not see where the benchmark can say which they
            are; else by all.

    Raises:
        ScoringError: a benchmark without scores.
    """
    timings: list[Timing] = []
    reasons = {(skipped.label, skipped.benchmark): skipped.reason for skipped in plan.skipped}
    boards = []
    for task in plan.comparison.tasks:
        benchmark = plan.benchmarks[task.benchmark]
        boards.append(_board(plan, benchmark, task.budget, results, reasons, timings, unseen))
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
        strategy.step.name if strategy.step else "",
        strategy.prior,
    )


class _Yardstick:
    """How the runs on one benchmark are scored: every run by itself, every architecture looked up once per run.

    Args:
        benchmark: with at least one score.
        budget: of the runs.
        seeds: of the runs.
        unseen: see :func:`score`.
    """

    def __init__(self, benchmark: Benchmark, budget: Budget, seeds: Sequence[int], unseen: bool) -> None:
        self.benchmark = benchmark
        self.budget = budget
        self.seeds = seeds
        held = benchmark.scores()
        if not held:
            raise ScoringError(f"benchmark {benchmark.name!r} has no scores; there is nothing to rank by")
        self.names = list(held)
        self.ranking = self.names[0]
        self.held = held
        self._apart = {name: scores.of_run for name, scores in held.items() if unseen and scores.of_run is not None}
        self._runs = {name: {seed: of_run(seed) for seed in seeds} for name, of_run in self._apart.items()}
        self._whole = {name: _Lookup(scores) for name, scores in held.items()}
        self._known: dict[tuple[str, int, Architecture, tuple[int, ...]], tuple[float, int, bool]] = {}
        self.unseen = self.ranking in self._runs
        self.ladder, self._typical = self._all_scores()

    def of(
        self, name: str, seed: int, architecture: Architecture, origins: tuple[int, ...] = ()
    ) -> tuple[float, int, bool]:
        """The score in this run, by how many trainings (0: nobody says), and whether they are unseen."""
        if name not in self._runs:
            return self._whole[name][architecture], 0, True
        question = (name, seed, architecture, origins)
        if question not in self._known:
            self._known[question] = self._runs[name][seed].of(architecture, origins)
        return self._known[question]

    def _all_scores(self) -> tuple[Ladder | None, float | None]:
        """All scores in order, where they are known, and what a draw is worth."""
        scores, space = self.held[self.ranking], self.benchmark.space
        if scores.best is None:
            return None, None
        if space.size <= ENUMERABLE:
            values = [scores.of(architecture) for architecture in space.architectures()]
            return Ladder(values), mean([value for value in values if not math.isnan(value)])
        return None, _worth_of_draws(space, scores)

    def share(self, architecture: Architecture) -> float:
        """How many of all architectures score at least as high, the mean over all training seeds taken."""
        assert self.ladder is not None, "asked only where all scores are known"
        return self.ladder.share(self._whole[self.ranking][architecture])

    def oracles(self, reached: float) -> FloatArray:
        """``[seeds]``: the best there is in each run; what was reached where nobody knows it."""
        if self.unseen:
            return np.array([self._runs[self.ranking][seed].best for seed in self.seeds])
        best = self.held[self.ranking].best
        return np.full(len(self.seeds), reached if best is None else best)

    def worths(self) -> FloatArray | None:
        """``[seeds]``: what one uniform draw is worth in each run; ``None`` where nobody knows."""
        if self.unseen:
            return np.array([self._runs[self.ranking][seed].typical for seed in self.seeds])
        return None if self._typical is None else np.full(len(self.seeds), self._typical)

    def contest(self, oracles: FloatArray, worths: FloatArray | None) -> Contest:
        """What was searched on, in words and figures."""
        benchmark = self.benchmark
        best = {name: held.best for name, held in self.held.items() if held.best is not None}
        best |= {name: mean([run.best for run in runs.values()]) for name, runs in self._runs.items()}
        return Contest(
            benchmark.name,
            benchmark.space.name,
            self.budget,
            tuple(benchmark.fidelities),
            benchmark.currency,
            benchmark.identity,
            dict(benchmark.provenance),
            self.ranking,
            {name: held.split for name, held in self.held.items()},
            best,
            _same_or_mean(oracles),
            None if worths is None else _same_or_mean(worths),
            self.unseen,
        )


def _worth_of_draws(space: Space, scores: Scores) -> float:
    """The mean score of fixed draws from a space too large to list."""
    rng = np.random.default_rng(0)
    drawn = [scores.of(space.sample(rng)) for _ in range(DRAWS)]
    return mean([value for value in drawn if not math.isnan(value)])


def _same_or_mean(values: FloatArray) -> float:
    """The mean, and of equal values that very value."""
    return float(values[0]) if (values == values[0]).all() or np.isnan(values).any() else mean(values)


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
    alone: float
    seen: float
    progress: Progress
    found: Traces
    exempt: str  # why its luck is not judged


def _board(
    plan: Plan,
    benchmark: Benchmark,
    budget: Budget,
    results: Mapping[str, Result],
    reasons: Mapping[tuple[str, str], str],
    timings: list[Timing],
    unseen: bool,
) -> Board:
    yardstick = _Yardstick(benchmark, budget, plan.comparison.seeds, unseen)
    rows: list[_Scored] = []
    unranked: list[Unranked] = []
    for row in plan.rows:
        runs = plan.runs.get((row.label, benchmark.name))
        if runs is None:
            reason = reasons.get((row.label, benchmark.name), "not part of the plan")
            unranked.append(Unranked(row.label, f"skipped: {reason}", {}))
            continue
        scored = _score_row(row, runs, results, yardstick, timings)
        if isinstance(scored, Unranked):
            unranked.append(scored)
        else:
            rows.append(scored)
    reached = max((float(row.finals[yardstick.ranking].max()) for row in rows), default=math.nan)
    return _ranked(rows, yardstick, reached, tuple(unranked))


@dataclass
class _Reading:
    """What is gathered of a row's runs, one after the other."""

    finals: dict[str, list[float]]
    own: FloatArray
    curves: list[Curve] = field(default_factory=list)
    steps: list[FloatArray] = field(default_factory=list)
    shares: list[Mapping[str, float]] = field(default_factory=list)
    clocks: list[tuple[float, float, float]] = field(default_factory=list)
    unpaid: list[float] = field(default_factory=list)  # per run the own seconds that are not those of paid training
    faults: dict[int, tuple[str, str]] = field(default_factory=dict)
    counted: list[tuple[int, bool]] = field(default_factory=list)
    schedules: list[float] = field(default_factory=list)
    taken: int = 0
    starts: list[Traces] = field(default_factory=list)
    trains: bool = False


def _score_row(
    row: Row, runs: Sequence[Run], results: Mapping[str, Result], yardstick: _Yardstick, timings: list[Timing]
) -> _Scored | Unranked:
    reading = _Reading({name: [] for name in yardstick.names}, np.full(len(runs), math.nan))
    strategy = row.offered.strategy
    for place, run in enumerate(runs):
        result = results.get(run.id)
        if fault := _read_run(place, run, result, yardstick, strategy.step, row.parameters, reading):
            reading.faults[run.seed] = fault
    if reading.clocks:
        own, wall, cpu = (mean(column) for column in zip(*reading.clocks, strict=True))
        paid = math.fsum(curve.spent for curve in reading.curves)
        unmetered = yardstick.budget.unit == "seconds" and math.fsum(reading.unpaid) > UNMETERED * paid > 0
        timings.append(Timing(row.label, yardstick.benchmark.name, len(reading.clocks), own, wall, cpu, unmetered))
    if reading.faults:
        return _without_place(row.label, runs, reading.faults)
    kinds = dict.fromkeys(kind for share in reading.shares for kind in share)
    step = strategy.step
    exempt = f"declared beforehand: {strategy.prior}" if strategy.prior else ""
    return _Scored(
        label=row.label,
        curves=tuple(reading.curves),
        finals={name: np.array(values) for name, values in reading.finals.items()},
        path=values_over_time(reading.curves, reading.steps, np.array(MOMENTS) * runs[0].budget.amount),
        values=tuple(reading.steps),
        spending={kind: mean([share.get(kind, 0.0) for share in reading.shares]) for kind in sorted(kinds)},
        own=reading.own,
        alone=mean([float(count == 1) for count, _ in reading.counted]),
        seen=mean([float(not unseen) for _, unseen in reading.counted]),
        progress=Progress(
            step.name if step else "",
            reading.taken if step else None,
            mean(reading.schedules) if reading.schedules else None,
        ),
        found=_joined(reading.starts),
        exempt=exempt or ("trains without evaluating" if reading.trains else ""),
    )


def _read_run(
    place: int,
    run: Run,
    result: Result | None,
    yardstick: _Yardstick,
    step: Step | None,
    parameters: Mapping[str, Any],
    reading: _Reading,
) -> tuple[str, str] | None:
    """Put one run into the reading; or what is wrong with it, as an outcome and in words."""
    if result is None:
        return "not run", "not run"
    if result.outcome != "finished":
        return result.outcome, f"{result.outcome}: {result.reason}" if result.reason else result.outcome
    reading.clocks.append((math.fsum(result.own_seconds), result.wall_seconds, result.cpu_seconds))
    benchmark, budget, journal = yardstick.benchmark, run.budget, result.journal
    full = benchmark.fidelities[-1]
    try:
        curve = trace(journal, budget, full)
    except ScoringError as error:
        return "invalid", f"invalid: {error}"
    if not curve.incumbents:
        return "no answer", "finished without an answer"
    origins = _other_origins(journal, full) if yardstick.unseen and len(benchmark.fidelities) > 1 else {}

    def score_of(architecture: Architecture) -> float:
        return yardstick.of(yardstick.ranking, run.seed, architecture, origins.get(architecture, ()))[0]

    answer = curve.incumbents[-1]
    reached = [score_of(architecture) for architecture in curve.incumbents]
    if budget.unit == "seconds" and len(result.own_seconds) == len(journal):
        if curve.spent + reading.clocks[-1][0] <= budget.amount:
            reading.own[place] = reached[-1]  # nothing is cut off
        else:
            own_curve = trace(journal, budget, full, result.own_seconds)
            reading.own[place] = own_curve.values_at(budget.amount, score_of)
    reading.shares.append(spending(journal, budget, full))
    reading.steps.append(np.array(reached))
    if math.isnan(reached[-1]):
        text = benchmark.space.format(answer)
        return "no score", f"its answer {text} was never measured for the score; nothing is imputed"
    reading.curves.append(curve)
    if len(result.own_seconds) == len(journal):
        paid_for = [own for own, event in zip(result.own_seconds, journal, strict=True) if type(event) is Charge] if curve.charged else []  # fmt: skip
        reading.unpaid.append(reading.clocks[-1][0] - math.fsum(paid_for))
    reading.starts.append(traces([journal], [curve]))
    reading.trains = reading.trains or curve.charged > 0
    share = schedule_share(journal, step, parameters) if curve.charged else None
    if step is not None:
        share = 0.0 if share is None and step.kind == "schedule" else share
        reading.taken += took(step, journal, parameters, benchmark.space, share)
    reading.schedules += [] if share is None else [share]
    for name, values in reading.finals.items():
        value, count, unseen = yardstick.of(name, run.seed, answer, origins.get(answer, ()))
        values.append(value)
        if name == yardstick.ranking:
            reading.counted.append((count, unseen))
    return None


def _other_origins(journal: Sequence[Event], full: int) -> dict[Architecture, tuple[int, ...]]:
    """Architecture -> the epochs, other than the last fidelity, with which its trainings in this run began."""
    found: dict[Architecture, set[int]] = {}
    for event in journal:
        if type(event) is Evaluation and event.origin != full:
            found.setdefault(event.architecture, set()).add(event.origin)
    return {architecture: tuple(sorted(origins)) for architecture, origins in found.items()}


def _joined(found: Sequence[Traces]) -> Traces:
    starts = frozenset[Architecture]().union(*(held.starts for held in found))
    unevaluated: dict[Architecture, int] = {}
    for held in found:
        for architecture, count in held.unevaluated.items():
            unevaluated[architecture] = max(count, unevaluated.get(architecture, 0))
    return Traces(starts, unevaluated)


def _without_place(label: str, runs: Sequence[Run], faults: Mapping[int, tuple[str, str]]) -> Unranked:
    outcomes = Counter({"finished": len(runs) - len(faults)} if len(runs) > len(faults) else {})
    outcomes.update(sorted(kind for kind, _ in faults.values()))
    went_wrong = {seed: text for seed, (kind, text) in faults.items() if kind != "not run"}
    if went_wrong:
        seed = min(went_wrong)
        reason = f"{len(went_wrong)} of {len(runs)} runs without a valid answer; seed {seed}: {went_wrong[seed]}"
    else:
        reason = f"{len(faults)} of {len(runs)} runs not run"
    return Unranked(label, reason, dict(outcomes))


def values_over_time(curves: Sequence[Curve], values: Sequence[FloatArray], moments: FloatArray) -> FloatArray:
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


def _ranked(rows: Sequence[_Scored], yardstick: _Yardstick, reached: float, unranked: tuple[Unranked, ...]) -> Board:
    """The board of rows that all have their runs."""
    oracles, worths = yardstick.oracles(reached), yardstick.worths()
    contest = yardstick.contest(oracles, worths)
    if not rows:
        return Board(contest, (), unranked, _NO_DIFFERENCES, np.ones((0, 0)), math.nan, (), oracles, worths, (), None)
    finals = np.array([row.finals[contest.score] for row in rows])
    paths = np.array([row.path for row in rows])  # [rows, seeds, moments]
    estimates = [np.array(bootstrap_curves(row.path)) for row in rows]  # per row [3, moments]
    centres = np.array([held[0, -1] for held in estimates])
    places, ranks = positions(centres), average_ranks(finals)
    differences = paired_differences(finals)
    order = _order(places, [row.label for row in rows])
    apart = told_apart(differences, centres)[np.ix_(order, order)]
    grouped = dict(zip(order, letters(apart), strict=True))
    over_time = _ranks_over_time(paths)
    stable = positions_without_one(finals[:, None])
    references = _references(yardstick)
    unbeaten = _unbeaten(finals, centres, references, contest.score)
    lucks = _lucks(rows, yardstick)
    standings = []
    for i in order:
        row, values = rows[i], finals[i]
        low, middle, high = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
        standings.append(
            Standing(
                label=row.label,
                position=places[i],
                tied=places.count(places[i]) > 1,
                group=grouped[i],
                scores=row.finals,
                mean=mean(values),
                deviation=standard_deviation(values),
                quartiles=(low, middle, high),
                interquartile=_interval(estimates[i][:, -1], len(values)),
                regret=mean(_regrets(values, oracles)) if contest.unseen else contest.best - mean(values),
                rank=float(ranks[i]),
                n=len(values),
                evaluations=mean([curve.evaluations for curve in row.curves]),
                spent=mean([curve.spent for curve in row.curves]),
                area=_area(row, contest, oracles, worths),
                targets=_targets(row, contest, oracles, worths),
                spending=row.spending,
                curves=row.curves,
                steps=row.values,
                alone=row.alone,
                seen=row.seen,
                progress=row.progress,
                luck=lucks[i],
                without_a_run=stable[i],
                unbeaten=unbeaten[i],
                anytime=np.array([*estimates[i], [mean(column) for column in row.path.T]]),
                regrets=_regrets_over_time(row.path, estimates[i], contest, oracles),
                ranks=over_time[:, i],
            )
        )
    own = np.array([row.own for row in rows])
    labels = [row.label for row in rows]
    return Board(
        contest,
        tuple(standings),
        unranked,
        _reordered(differences, order),
        probability_of_improvement(finals[:, None])[np.ix_(order, order)],
        pairing(finals),
        references,
        oracles,
        worths,
        tuple(
            _snapshot(fraction, labels, paths[:, :, place], [held[:, place] for held in estimates])
            for fraction, place in ((fraction, MOMENTS.index(fraction)) for fraction in SNAPSHOTS)
        ),
        None if np.isnan(own).all() else _snapshot(1.0, labels, own, np.array(bootstrap_curves(own.T)).T),
    )


_NO_DIFFERENCES = Differences(np.ones((0, 0)), np.zeros((0, 0)), 0)


def _order(places: Sequence[int], labels: Sequence[str]) -> list[int]:
    """Rows by position, then by label."""
    return sorted(range(len(labels)), key=lambda row: (places[row], labels[row]))


def _interval(ends: FloatArray, n: int) -> Interval:
    """Of an estimate, its lower and its upper end."""
    return Interval(float(ends[0]), float(ends[1]), float(ends[2]), n)


def _regrets(scores: FloatArray, oracles: FloatArray) -> FloatArray:
    """What is missing to the best in the same run, ``[..., seeds]``.

    A run that saw several trainings of an architecture is scored by fewer, and may come out above the best of its plain
    questions; nothing is missing then.
    """
    missing: FloatArray = np.maximum(oracles - scores, 0.0)
    return missing


def _regrets_over_time(path: FloatArray, estimates: FloatArray, contest: Contest, oracles: FloatArray) -> FloatArray:
    """``[3, moments]``: the regret as interquartile mean and the ends of its interval."""
    if not contest.unseen:  # every run has the same oracle; the upper end of the score is the lower end of the regret
        return contest.best - estimates[[0, 2, 1]]
    return np.array(bootstrap_curves(np.maximum(oracles[:, None] - path, 0.0)))


def _references(yardstick: _Yardstick) -> tuple[Reference, ...]:
    """The architectures that need no search, best first; those that are the same one are one reference."""
    named: dict[Architecture, list[str]] = {}
    offered: Mapping[str, Architecture] = getattr(yardstick.benchmark, "references", {})
    for name, architecture in offered.items():
        named.setdefault(tuple(architecture), []).append(name)
    found = []
    for architecture, names in named.items():
        scores = {
            name: np.array([yardstick.of(name, seed, architecture)[0] for seed in yardstick.seeds])
            for name in yardstick.names
        }
        ranking = scores[yardstick.ranking]
        if not np.isnan(ranking).any():
            estimate = _interval(np.array(bootstrap_curves(ranking[:, None]))[:, 0], len(ranking))
            found.append(Reference(", ".join(names), architecture, scores, estimate))
    return tuple(sorted(found, key=lambda reference: (-reference.interquartile.value, reference.name)))


def _unbeaten(
    finals: FloatArray, centres: FloatArray, references: Sequence[Reference], score: str
) -> list[tuple[str, ...]]:
    """Per row the references that it is not significantly better than (Holm over all rows and references)."""
    if not references:
        return [()] * len(finals)
    held = np.array([reference.scores[score] for reference in references])
    differences = on_grid(finals)[:, None] - on_grid(held)[None]  # [rows, references, seeds]
    raw, effects = signed_rank_tests(differences.reshape(-1, 1, differences.shape[2]))
    p_values = holm(raw).reshape(differences.shape[:2])
    level = np.array([reference.interquartile.value for reference in references])
    better = (p_values <= LEVEL) & (effects.reshape(p_values.shape) > 0) & (centres[:, None] > level)
    return [tuple(r.name for r, won in zip(references, row, strict=True) if not won) for row in better]


def _lucks(rows: Sequence[_Scored], yardstick: _Yardstick) -> list[Luck | None]:
    """How likely each row is by luck; ``None`` where not all scores are known."""
    if yardstick.ladder is None:
        return [None] * len(rows)
    found: list[Luck | None] = []
    for row in rows:
        if row.exempt:
            found.append(Luck(exempt=row.exempt))
            continue
        shares = {a: yardstick.share(a) for a in {*row.found.starts, *row.found.unevaluated}}
        found.append(judge(row.found, shares, len(rows)))
    return found


def _snapshot(
    fraction: float, labels: Sequence[str], scores: FloatArray, estimates: Sequence[FloatArray] | FloatArray
) -> Snapshot:
    """Place rows by ``[rows, seeds]`` scores; NaN, no answer yet, is worse than any.

    ``estimates`` has each row's interquartile mean and the ends of its interval.
    """
    centres = np.array([held[0] for held in estimates])
    places, ranks = positions(centres), average_ranks(scores)
    order = _order(places, labels)
    grouped = letters(told_apart(paired_differences(scores), centres)[np.ix_(order, order)])
    placings = [
        Placing(
            labels[i],
            places[i],
            places.count(places[i]) > 1,
            group,
            float(ranks[i]),
            _interval(estimates[i], scores.shape[1]),
        )
        for i, group in zip(order, grouped, strict=True)
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


def _area(row: _Scored, contest: Contest, oracles: FloatArray, worths: FloatArray | None) -> float:
    """Regret averaged over the budget; see :class:`Standing`."""
    amount = contest.budget.amount
    if worths is None or not amount:
        return math.nan
    # All runs in one row: a step from 0 with the worth of a draw, the steps of the curve, and the end of the budget.
    bounds = np.concatenate([part for curve in row.curves for part in ([0.0], curve.times, [amount])])
    values = np.concatenate(
        [part for values, worth in zip(row.values, worths, strict=True) for part in ([worth], values, [math.nan])]
    )
    best = np.repeat(oracles, [len(curve.times) + 2 for curve in row.curves])
    pieces = ((bounds[1:] - bounds[:-1]) * (best - values)[:-1]).tolist()
    areas = []
    start = 0
    for curve in row.curves:
        steps = len(curve.times) + 1
        areas.append(math.fsum(pieces[start : start + steps]) / amount)
        start += steps + 1
    return mean(areas)


def _targets(
    row: _Scored, contest: Contest, oracles: FloatArray, worths: FloatArray | None
) -> tuple[TimeToTarget, ...]:
    if worths is None:
        return ()
    lengths = [len(values) for values in row.values]
    run_of = np.repeat(np.arange(len(row.curves)), lengths)
    moments = np.concatenate([curve.times for curve in row.curves])
    regrets = normalized_regret(np.concatenate(row.values), oracles[run_of], worths[run_of])
    found = []
    for target in TARGETS:
        times = np.full(len(row.curves), math.nan)
        reached = np.flatnonzero(regrets <= target)[::-1]  # the earliest of each run is written last
        times[run_of[reached]] = moments[reached]
        found.append(time_to_target(target, times, contest.budget.amount))
    return tuple(found)


def _reordered(differences: Differences, order: Sequence[int]) -> Differences:
    places = np.ix_(order, order)
    return Differences(differences.p_values[places], differences.effects[places], differences.n, differences.least)


def normalized_regret(scores: FloatArray, oracles: FloatArray, worths: FloatArray | None) -> FloatArray:
    """Regret in units of what one uniform draw is expected to lose: 0 is the best there is, 1 a random draw.

    Where that is not known the unit is the score itself, a fraction in [0, 1].

    Args:
        scores: ``[..., runs]``.
        oracles: ``[runs]``, the best there is in each run.
        worths: ``[runs]``, what a draw is worth in each run, where it is known.
    """
    if worths is None or not (oracles > worths).all():
        return _regrets(scores, oracles)
    regret: FloatArray = _regrets(scores, oracles) / (oracles - worths)
    return regret


def board_regrets(board: Board, scores: Iterable[FloatArray]) -> FloatArray:
    """``[rows, seeds]``: normalized regrets of rows of final scores on one benchmark."""
    return normalized_regret(np.array(list(scores)), board.oracles, board.worths)


def _overall(boards: Sequence[Board], labels: Sequence[str]) -> Overall:
    found = [{standing.label: standing for standing in board.standings} for board in boards]
    complete = [label for label in labels if all(label in standings for standings in found)]
    unranked = []
    for label in labels:
        if label in complete:
            continue
        missing = {b.contest.benchmark: entry for b in boards for entry in b.unranked if entry.label == label}
        first = next(iter(missing))
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        unranked.append(Unranked(label, f"not ranked on {first}{more}: {missing[first].reason}", {}))
    if not complete:
        nothing = np.ones((0, 0))
        return Overall((), tuple(unranked), _NO_DIFFERENCES, nothing, None, nothing, nothing)
    ranks = np.empty((len(boards), len(complete)))
    regrets = np.empty((len(complete), len(boards), found[0][complete[0]].n))
    for place, (board, standings) in enumerate(zip(boards, found, strict=True)):
        finals = [standings[label].scores[board.contest.score] for label in complete]
        ranks[place] = average_ranks(finals)
        regrets[:, place] = board_regrets(board, finals)
    average = [mean(column) for column in ranks.T]
    intervals = [bootstrap_interquartile_mean(rows) for rows in regrets]
    worth = np.array([-interval.value for interval in intervals])
    differences = paired_differences(-regrets)
    places = positions(worth)
    order = _order(places, complete)
    grouped = letters(told_apart(differences, worth)[np.ix_(order, order)])
    stable, without = positions_without_one(-regrets), positions_without_a_data_set(-regrets)
    standings_overall = tuple(
        OverallStanding(
            label=complete[i],
            position=places[i],
            tied=places.count(places[i]) > 1,
            group=group,
            rank=average[i],
            ranks={board.contest.benchmark: float(ranks[place, i]) for place, board in enumerate(boards)},
            regret=intervals[i],
            n=regrets[i].size,
            without_a_run=stable[i],
            without_a_benchmark=without[i],
        )
        for i, group in zip(order, grouped, strict=True)
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
