"""Running a bundle's strategies again: recorded seeds must give the same journals, fresh ones scores like the claimed.

The fresh seeds are drawn when the bundle is checked, so nobody can have chosen them. Whether their scores agree with
the claimed ones is tested for every row on every benchmark by a two-sided Wilcoxon rank-sum test: midranks for ties,
and its p-value from 20,000 random permutations, so that it holds for any number of seeds. Holm's correction over all
tests keeps the probability that an honest bundle is refused at :data:`LEVEL`.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from nasbench_suite.benchmarks import Benchmark
from nasbench_suite.benchmarks.relabelled import MARK, draw_relabelling
from nasbench_suite.comparisons import Comparison
from nasbench_suite.harness import Executor, Plan, Result, Row, Run, Store, run_plan
from nasbench_suite.plugins import Registry
from nasbench_suite.publishing.bundle import Bundle, Record
from nasbench_suite.publishing.publish import outcome_of, this_environment
from nasbench_suite.scoring import Scoreboard, score
from nasbench_suite.scoring.statistics import holm, mean
from nasbench_suite.search.journal import Event, encode_event

LEVEL = 0.01
"""How probable it is at most that one honest bundle or more in a hundred is refused by chance."""

SEPARATED = 0.05
"""Two rows whose claimed seeds differ at this level (signed-rank test) must differ likewise on fresh ones."""

EXEMPT = frozenset({"reference", "hand-designed"})
"""Families whose searches are not meant to learn: they enumerate, draw, or name an architecture beforehand."""

RELABELLINGS = 5
"""So many secrets are drawn for each verification."""

PERMUTATIONS = 20_000
FRESH_SEEDS = 2**31
"""Fresh seeds are drawn below this."""


class Limits(NamedTuple):
    """What a run that is done again may take of the verifier's machine.

    Attributes:
        seconds: of wall clock.
        mebibytes: of memory.
    """

    seconds: float
    mebibytes: int

    def applied_to(self, comparison: Comparison) -> Comparison:
        """The comparison with neither limit above these."""
        return replace(
            comparison,
            time_limit=min(comparison.time_limit, self.seconds),
            memory_limit=min(comparison.memory_limit, self.mebibytes),
        )


LIMITS = Limits(300.0, 4096)
"""Those of a comparison that states none."""


@dataclass(frozen=True)
class Rerun:
    """One row on one benchmark, run again.

    Attributes:
        label, benchmark: of the row.
        recorded: seeds of the bundle that were run again.
        fresh: new seeds.
        claimed_mean, fresh_mean: of the ranking score; NaN where the row has none.
        p_value: of the test that claimed and fresh scores come from one distribution, corrected over all tests.
        faults: ``(where, what)`` for all that is not as claimed.
    """

    label: str
    benchmark: str
    recorded: tuple[int, ...]
    fresh: tuple[int, ...]
    claimed_mean: float
    fresh_mean: float
    p_value: float
    faults: tuple[tuple[str, str], ...] = field(default=())


@dataclass(frozen=True)
class Again:
    """What came of running a bundle's strategies again.

    Attributes:
        reruns: one for each row and benchmark.
        notes: what could not be run, in words.
        faults: ``(where, what)`` for places of the claimed leaderboard that fresh seeds contradict.
        board: of the fresh seeds alone, the same for all rows; ``None`` where there are none.
    """

    reruns: tuple[Rerun, ...]
    notes: tuple[str, ...]
    faults: tuple[tuple[str, str], ...] = ()
    board: Scoreboard | None = field(repr=False, default=None)


def rerun(
    plan: Plan,
    bundle: Bundle,
    registry: Registry,
    executor: Executor,
    count: int,
    entropy: int | None = None,
    limits: Limits = LIMITS,
    relabelled: bool = False,
) -> Again:
    """Run every row whose very code is installed again.

    Args:
        plan: of the bundle.
        bundle: whose runs were replayed without a finding.
        registry: the strategies of this machine.
        executor: where runs are executed.
        count: fresh seeds, and recorded ones (or all, if there are fewer), of each pair.
        entropy: decides the draws; by default unpredictable.
        limits: of each run; the comparison's own count only where they are lower.
        relabelled: whether as many fresh seeds are run on relabelled benchmarks, too (see
            :mod:`~nasbench_suite.benchmarks.relabelled`).
    """
    rng = np.random.default_rng(secrets.randbits(128) if entropy is None else entropy)
    notes: list[str] = []
    rows = _installed(plan, registry, notes)
    pairs = [pair for pair in plan.runs if pair[0] in rows]
    recorded = {pair: _drawn_again(bundle, pair, count, rng) for pair in pairs}
    seeds = _fresh_seeds(plan.comparison.seeds, count, rng)
    fresh = {pair: seeds if _all_finished(bundle, pair) else () for pair in pairs}
    again = replace(
        plan,
        comparison=replace(limits.applied_to(plan.comparison), seeds=seeds),
        rows=tuple(rows.values()),
        runs={
            pair: tuple(replace(plan.runs[pair][0], seed=seed) for seed in (*recorded[pair], *fresh[pair]))
            for pair in pairs
        },
        skipped=tuple(skipped for skipped in plan.skipped if skipped.label in rows),
    )
    results = _run(again, executor)
    scored = _Scored(plan, bundle, again, results)
    reruns = [_compared(scored, pair, recorded[pair], fresh[pair], rng) for pair in pairs]
    places = _places(scored, [pair for pair in pairs if fresh[pair]], seeds, rng)
    others = _relabelled(scored, registry, executor, seeds, rng, notes) if relabelled else []
    tests = [*(repeated.p_value for repeated in reruns), *(test.p_value for test in (*places, *others))]
    known = [number for number, p_value in enumerate(tests) if not np.isnan(p_value)]
    corrected = [float("nan")] * len(tests)
    for number, p_value in zip(known, holm([tests[number] for number in known]), strict=True):
        corrected[number] = float(p_value)
    told = [_told(repeated, p_value) for repeated, p_value in zip(reruns, corrected, strict=False)]
    faults = tuple(
        (test.where, f"{test.what} (p = {p_value:.2g}, rank-sum test, Holm)")
        for test, p_value in zip((*places, *others), corrected[len(reruns) :], strict=True)
        if p_value <= LEVEL
    )
    only_fresh = {pair: tuple(run for run in again.runs[pair] if run.seed in seeds) for pair in pairs if fresh[pair]}
    board = score(replace(again, runs=only_fresh), results) if only_fresh else None
    return Again(tuple(told), tuple(notes), faults, board)


def _installed(plan: Plan, registry: Registry, notes: list[str]) -> dict[str, Row]:
    """The rows whose very code is here, by label."""
    rows = {}
    for row in plan.rows:
        name = row.offered.strategy.name
        offered = registry.strategies.get(name)
        if offered is None or offered.version != row.offered.version:
            here = "is not installed" if offered is None else f"is {offered.version} here"
            notes.append(f"{row.label} was not run again: {name} {row.offered.version} {here}")
        else:
            rows[row.label] = replace(row, offered=offered)
    return rows


def _drawn_again(bundle: Bundle, pair: tuple[str, str], count: int, rng: np.random.Generator) -> tuple[int, ...]:
    seeds = [
        seed for seed, record in bundle.records[pair].items() if record.outcome in ("finished", "failed", "invalid")
    ]
    return tuple(sorted(rng.permutation(sorted(seeds))[:count].tolist()))


def _all_finished(bundle: Bundle, pair: tuple[str, str]) -> bool:
    return all(record.outcome == "finished" for record in bundle.records[pair].values())


def _fresh_seeds(taken: Sequence[int], count: int, rng: np.random.Generator) -> tuple[int, ...]:
    """Seeds that are not the bundle's, the same for all rows, so that these are paired again."""
    drawn: set[int] = set()
    while len(drawn) < count:
        drawn |= {int(rng.integers(FRESH_SEEDS))} - set(taken)
    return tuple(sorted(drawn))


def _run(plan: Plan, executor: Executor) -> dict[str, Result]:
    with tempfile.TemporaryDirectory() as directory, Store(Path(directory) / "runs.sqlite3") as store:
        run_plan(plan, store, executor)
        return dict(store.results(run.id for run in plan.all_runs))


class _Scored:
    """The ranking scores of the recorded and of the fresh runs, by pair and seed."""

    def __init__(self, plan: Plan, bundle: Bundle, again: Plan, results: Mapping[str, Result]) -> None:
        self.plan, self.bundle, self.again = plan, bundle, again
        self.results = {pair: {run.seed: results.get(run.id) for run in runs} for pair, runs in again.runs.items()}
        self.claimed = {
            pair: {seed: self.of(record.journal, pair) for seed, record in bundle.records[pair].items()}
            for pair in again.runs
        }
        self.fresh = {
            pair: {
                seed: self.of(result.journal, pair)
                for seed, result in held.items()
                if result is not None and result.outcome == "finished" and seed in again.comparison.seeds
            }
            for pair, held in self.results.items()
        }

    def of(self, journal: Sequence[Event], pair: tuple[str, str], benchmark: Benchmark | None = None) -> float:
        """The score of a journal's answer; NaN if it has none."""
        opened = benchmark or self.plan.benchmarks[pair[1]]
        _, answer = outcome_of(journal, self.plan.runs[pair][0].budget, opened.fidelities[-1])
        return float("nan") if answer is None else next(iter(opened.scores().values())).of(answer)


@dataclass(frozen=True)
class _Test:
    """One test besides those of single rows: what it would find, and its p-value."""

    where: str
    what: str
    p_value: float


def _places(
    scored: _Scored, pairs: Sequence[tuple[str, str]], seeds: Sequence[int], rng: np.random.Generator
) -> list[_Test]:
    """For every two rows that the claimed seeds separate: whether fresh seeds have the same difference between them."""
    from scipy.stats import wilcoxon

    tests = []
    for first, second in combinations(pairs, 2):
        if first[1] != second[1]:
            continue
        claimed, fresh = (
            np.array([held[first][seed] - held[second][seed] for seed in sorted(set(held[first]) & set(held[second]))])
            for held in (scored.claimed, scored.fresh)
        )
        if len(claimed) < 2 or not len(fresh) or np.isnan(claimed).any() or not claimed.any():
            continue
        if wilcoxon(claimed, zero_method="pratt").pvalue > SEPARATED:
            continue
        what = (
            f"claimed to be apart by {mean(claimed):+.6f}, on {len(fresh)} fresh seeds it is {mean(fresh):+.6f}; "
            "the seeds of the bundle are not like others"
        )
        tests.append(_Test(f"{first[0]} and {second[0]} on {first[1]}", what, rank_sum_test(claimed, fresh, rng)))
    return tests


def _relabelled(
    scored: _Scored,
    registry: Registry,
    executor: Executor,
    seeds: Sequence[int],
    rng: np.random.Generator,
    notes: list[str],
) -> list[_Test]:
    """Fresh seeds on benchmarks whose options answer for one another: what was memorised is worth nothing there.

    Seeds take turns among several relabellings, since one alone may leave the memorised architectures what they are.
    """
    again = scored.again
    secret_of = [secrets.randbits(127) ^ int(rng.integers(2**62)) for _ in range(RELABELLINGS)]
    opened: dict[str, list[Benchmark]] = {}
    for name, benchmark in again.benchmarks.items():
        if benchmark.currency != "simulated" or draw_relabelling(benchmark.space, secret_of[0]) is None:
            notes.append(f"{name} is not relabelable: nothing in its space is left to permute")
        else:
            opened[name] = [registry.benchmark(f"{name}{MARK}{secret:032x}") for secret in secret_of]
    runs: dict[tuple[str, str], tuple[Run, ...]] = {}
    for row in again.rows:
        strategy = row.offered.strategy
        if strategy.family in EXEMPT or "training" in strategy.requires:
            reason = "it trains for itself" if "training" in strategy.requires else f"its family is {strategy.family}"
            notes.append(f"{row.label} was not run relabelled: {reason}")
            continue
        for name, others in opened.items():
            if scored.fresh.get((row.label, name)):
                planned = scored.plan.runs[row.label, name][0]
                for number, other in enumerate(others):
                    mine = seeds[number :: len(others)]
                    runs[row.label, other.name] = tuple(
                        replace(planned, benchmark=other.name, identity=other.identity, seed=seed) for seed in mine
                    )
    benchmarks = {other.name: other for others in opened.values() for other in others}
    results = _run(replace(again, benchmarks=benchmarks, runs=runs, skipped=()), executor)
    there: dict[tuple[str, str], list[float]] = {}
    for (label, relabelled), planned_runs in runs.items():
        pair = (label, relabelled.partition(MARK)[0])
        done = [results.get(run.id) for run in planned_runs]
        found = [scored.of(r.journal, pair, benchmarks[relabelled]) for r in done if r and r.outcome == "finished"]
        there.setdefault(pair, []).extend(found)
    tests = []
    for pair, found in there.items():
        claimed = list(scored.claimed[pair].values())
        what = (
            f"with its options relabelled, {len(found)} fresh seeds have a mean of {mean(found):.6f}, the claimed ones "
            f"{mean(claimed):.6f}; it knows more of this table than it asks"
        )
        p_value = rank_sum_test(claimed, found, rng) if found else float("nan")
        tests.append(_Test(f"{pair[0]} on {pair[1]}", what, p_value))
    return tests


def _told(repeated: Rerun, p_value: float) -> Rerun:
    """A rerun with its corrected p-value, and with a fault where that says that the scores do not agree."""
    faults = repeated.faults
    if p_value <= LEVEL:
        what = (
            f"{len(repeated.fresh)} fresh seeds have a mean of {repeated.fresh_mean:.6f}, the claimed ones "
            f"{repeated.claimed_mean:.6f}; they do not agree (p = {p_value:.2g}, rank-sum test, Holm)"
        )
        faults = (*faults, (f"{repeated.label} on {repeated.benchmark}", what))
    return replace(repeated, p_value=p_value, faults=faults)


def _compared(
    scored: _Scored, pair: tuple[str, str], recorded: Sequence[int], fresh: Sequence[int], rng: np.random.Generator
) -> Rerun:
    """One row on one benchmark: recorded seeds event by event, fresh ones by their scores."""
    faults = []
    for seed, result in scored.results[pair].items():
        where = f"{pair[0]} on {pair[1]}, seed {seed}"
        if result is None:
            faults.append((where, "could not be run again"))
        elif seed in recorded:
            if what := _unlike(scored.bundle.records[pair][seed], result):
                faults.append((where, what + _elsewhere(scored.bundle, pair[0])))
        elif result.outcome != "finished":
            faults.append((where, f"a fresh seed {result.outcome}: {result.reason}"))
    found = list(scored.fresh[pair].values())
    claimed = list(scored.claimed[pair].values())
    p_value = rank_sum_test(claimed, found, rng) if found else float("nan")
    return Rerun(*pair, tuple(recorded), tuple(fresh), mean(claimed), mean(found), p_value, tuple(faults))


def _unlike(record: Record, result: Result) -> str:
    """How a run that was done again differs from the recorded one; empty if it does not."""
    if result.outcome != record.outcome:
        return f"is recorded as {record.outcome}; run again it is {result.outcome} {result.reason}".rstrip()
    if result.journal == record.journal:
        return ""
    pairs = enumerate(zip(record.journal, result.journal, strict=False), start=1)
    place = next((number for number, (ours, theirs) in pairs if ours != theirs), None)
    if place is None:
        return f"has {len(record.journal)} events; run again it has {len(result.journal)}"
    ours, theirs = record.journal[place - 1], result.journal[place - 1]
    return f"event {place} is {encode_event(ours)}; run again it is {encode_event(theirs)}"


def _elsewhere(bundle: Bundle, label: str) -> str:
    """The packages that are not the same here: a search may hang on the version of a library."""
    (member,) = (member for member in bundle.members if member.label == label)
    there = bundle.environments[member.environment]["packages"]
    here = this_environment([member.package])["packages"]
    other = [
        f"{name} {there[name]}, here {here[name]}"
        for name in sorted(set(there) & set(here))
        if there[name] != here[name]
    ]
    return f" (it was published with {'; '.join(other)})" if other else ""


def rank_sum_test(first: ArrayLike, second: ArrayLike, rng: np.random.Generator) -> float:
    """The two-sided p-value that two samples come from one distribution, by permutation of their midranks.

    Args:
        first, second: at least one value each; NaN (no score) ranks below every number.
        rng: of the permutations.
    """
    from scipy.stats import rankdata

    a, b = (np.asarray(values, dtype=np.float64).ravel() for values in (first, second))
    values = np.concatenate([a, b])
    doubled = np.rint(2 * rankdata(np.where(np.isnan(values), -np.inf, values))).astype(np.int64)
    middle = len(b) * (len(values) + 1)
    seen = abs(int(doubled[len(a) :].sum()) - middle)
    shuffled = rng.permuted(np.broadcast_to(doubled, (PERMUTATIONS, len(values))), axis=1)
    extreme = np.abs(shuffled[:, : len(b)].sum(axis=1) - middle) >= seen
    return float((1 + np.count_nonzero(extreme)) / (1 + PERMUTATIONS))
