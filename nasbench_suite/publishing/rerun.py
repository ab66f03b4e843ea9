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
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from nasbench_suite.comparisons import Comparison
from nasbench_suite.harness import Executor, Plan, Result, Row, Run, Store, run_plan
from nasbench_suite.plugins import Registry
from nasbench_suite.publishing.bundle import Bundle, Record
from nasbench_suite.publishing.publish import outcome_of, this_environment
from nasbench_suite.scoring.statistics import holm, mean
from nasbench_suite.search.journal import Event, encode_event

LEVEL = 0.01
"""How probable it is at most that one honest bundle or more in a hundred is refused by chance."""

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


def rerun(
    plan: Plan,
    bundle: Bundle,
    registry: Registry,
    executor: Executor,
    count: int,
    entropy: int | None = None,
    limits: Limits = LIMITS,
) -> tuple[tuple[Rerun, ...], list[str]]:
    """Run every row whose very code is installed again.

    Args:
        plan: of the bundle.
        bundle: whose runs were replayed without a finding.
        registry: the strategies of this machine.
        executor: where runs are executed.
        count: fresh seeds, and recorded ones (or all, if there are fewer), of each pair.
        entropy: decides the draws; by default unpredictable.
        limits: of each run; the comparison's own count only where they are lower.

    Returns:
        What came of it, and what could not be run, in words.
    """
    rng = np.random.default_rng(secrets.randbits(128) if entropy is None else entropy)
    notes = []
    rows: dict[str, Row] = {}
    for row in plan.rows:
        name = row.offered.strategy.name
        offered = registry.strategies.get(name)
        if offered is None or offered.version != row.offered.version:
            here = "is not installed" if offered is None else f"is {offered.version} here"
            notes.append(f"{row.label} was not run again: {name} {row.offered.version} {here}")
            continue
        rows[row.label] = replace(row, offered=offered)
    runs: dict[tuple[str, str], tuple[Run, ...]] = {}
    recorded: dict[tuple[str, str], tuple[int, ...]] = {}
    fresh: dict[tuple[str, str], tuple[int, ...]] = {}
    for pair, planned in plan.runs.items():
        if pair[0] not in rows:
            continue
        seeds = [
            run.seed for run in planned if bundle.records[pair][run.seed].outcome in ("finished", "failed", "invalid")
        ]
        recorded[pair] = tuple(sorted(rng.permutation(seeds)[:count].tolist()))
        finished = all(record.outcome == "finished" for record in bundle.records[pair].values())
        drawn: set[int] = set()
        while finished and len(drawn) < count:
            drawn |= {int(rng.integers(FRESH_SEEDS))} - set(plan.comparison.seeds)
        fresh[pair] = tuple(sorted(drawn))
        runs[pair] = tuple(replace(planned[0], seed=seed) for seed in (*recorded[pair], *fresh[pair]))
    again = replace(
        plan, comparison=limits.applied_to(plan.comparison), rows=tuple(rows.values()), runs=runs, skipped=()
    )
    with tempfile.TemporaryDirectory() as directory, Store(Path(directory) / "runs.sqlite3") as store:
        run_plan(again, store, executor)
        results = store.results(run.id for run in again.all_runs)
    reruns = [
        _compared(again, bundle, pair, {run.seed: results.get(run.id) for run in runs[pair]}, recorded[pair], rng)
        for pair in runs
    ]
    known = [place for place, repeated in enumerate(reruns) if not np.isnan(repeated.p_value)]
    for place, corrected in zip(known, holm([reruns[place].p_value for place in known]), strict=True):
        repeated = replace(reruns[place], p_value=float(corrected))
        if corrected <= LEVEL:
            what = (
                f"{len(repeated.fresh)} fresh seeds have a mean of {repeated.fresh_mean:.6f}, the claimed ones "
                f"{repeated.claimed_mean:.6f}; they do not agree (p = {corrected:.2g}, rank-sum test, Holm)"
            )
            where = f"{repeated.label} on {repeated.benchmark}"
            repeated = replace(repeated, faults=(*repeated.faults, (where, what)))
        reruns[place] = repeated
    return tuple(reruns), notes


def _compared(
    plan: Plan,
    bundle: Bundle,
    pair: tuple[str, str],
    results: Mapping[int, Result | None],
    recorded: Sequence[int],
    rng: np.random.Generator,
) -> Rerun:
    faults = []
    fresh: list[float] = []
    benchmark = plan.benchmarks[pair[1]]
    scores = next(iter(benchmark.scores().values()))

    def score_of(journal: Sequence[Event], run: Run) -> float:
        _, answer = outcome_of(journal, run.budget, benchmark.fidelities[-1])
        return float("nan") if answer is None else scores.of(answer)

    for seed, result in results.items():
        where = f"{pair[0]} on {pair[1]}, seed {seed}"
        if result is None:
            faults.append((where, "could not be run again"))
        elif seed in recorded:
            if what := _unlike(bundle.records[pair][seed], result):
                faults.append((where, what + _elsewhere(bundle, pair[0])))
        elif result.outcome != "finished":
            faults.append((where, f"a fresh seed {result.outcome}: {result.reason}"))
        else:
            fresh.append(score_of(result.journal, result.run))
    by_seed = {run.seed: run for run in plan.runs[pair]}
    run = next(iter(by_seed.values()), None)
    claimed = [] if run is None else [score_of(record.journal, run) for record in bundle.records[pair].values()]
    p_value = rank_sum_test(claimed, fresh, rng) if fresh else float("nan")
    seeds = tuple(seed for seed in results if seed not in recorded)
    return Rerun(*pair, tuple(recorded), seeds, mean(claimed), mean(fresh), p_value, tuple(faults))


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
