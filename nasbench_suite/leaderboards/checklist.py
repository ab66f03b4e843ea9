"""The NAS best-practice checklist (Lindauer & Hutter, JMLR 21(243), 2020), answered from what a scoreboard holds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from nasbench_suite.leaderboards import text
from nasbench_suite.scoring import MOMENTS, SNAPSHOTS, Contest, Scoreboard

SOURCE = "https://arxiv.org/abs/1909.02453"


@dataclass(frozen=True)
class Item:
    """One item: what is asked, whether it is met, and the evidence or what is missing."""

    section: str
    item: str
    met: bool
    evidence: str

    @property
    def answer(self) -> str:
        """``"yes"`` or ``"no"``."""
        return "yes" if self.met else "no"


def checklist(scoreboard: Scoreboard) -> list[Item]:
    """All items of the checklist in its order, in this project's words; every answer is computed from the scoreboard."""
    return [*_code(scoreboard), *_comparing(scoreboard), *_reporting(scoreboard)]


def _code(scoreboard: Scoreboard) -> Iterator[Item]:
    section = "Releasing code"
    entrants = scoreboard.entrants.values()
    contests = [board.contest for board in scoreboard.boards]
    trained = all(map(_is_trained_by_the_suite, contests))
    sources = "; ".join(dict.fromkeys(contest.provenance.get("source", "not stated") for contest in contests))
    by_us = f"nasbench_suite.training and building; {sources}"
    by_others = f"looked up in tables of others, whose makers have the code: {sources}"
    yield Item(
        section, "code of the training pipeline of the final architectures", trained, by_us if trained else by_others
    )
    spaces = sorted({contest.space for contest in contests})
    yield Item(
        section,
        "code of the search space",
        bool(spaces),
        f"{', '.join(spaces)}: in the package that the benchmarks come with; the hash of each benchmark's answers is under Provenance",
    )
    recipe = "the benchmark's recipe, part of its hash" if trained else f"not in the data; see {sources}"
    yield Item(section, "hyperparameters and seeds of the final training", trained, recipe)
    loose = sorted({entrant.package for entrant in entrants if entrant.package.endswith(".py")})
    packages = sorted({f"{entrant.package} {entrant.version.partition('+')[0]}" for entrant in entrants})
    hashed = sum("+" in entrant.version for entrant in entrants)
    published = f"packages {', '.join(packages)}; {hashed} of {len(entrants)} versions carry a hash of the source"
    yield Item(
        section,
        "code of the search methods",
        not loose and hashed == len(entrants),
        published if not loose else f"not published as a package: {', '.join(loose)}",
    )
    count = sum(len(entrant.parameters) for entrant in entrants)
    yield Item(
        section,
        "hyperparameters and seeds of the search methods",
        bool(entrants),
        f"{count} parameters of {len(entrants)} rows are under Strategies, defaults included; seeds {text.seeds(scoreboard.comparison.seeds)}",
    )


def _is_trained_by_the_suite(contest: Contest) -> bool:
    """Whether the suite's own code made the answers: live, or in a table that names it as its source."""
    return contest.currency == "measured" or contest.provenance.get("source", "").startswith(
        "trained by nasbench-suite"
    )


def _comparing(scoreboard: Scoreboard) -> Iterator[Item]:
    section = "Comparing methods"
    comparison = scoreboard.comparison
    contests = [board.contest for board in scoreboard.boards]
    rows = sum(len(board.standings) for board in scoreboard.boards)
    identities = ", ".join(f"{contest.benchmark} {contest.identity[:12]}" for contest in contests)
    yield Item(
        section,
        "same benchmark: data set, space and training for all",
        bool(contests),
        f"{rows} ranked rows were answered by {len(contests)} benchmark{'s' * (len(contests) != 1)}: {identities}",
    )
    yield _confounding(scoreboard, section)
    variants = text.variants(scoreboard)
    yield Item(
        section,
        "ablation studies",
        bool(variants),
        f"of {', '.join(variants)}" if variants else "no strategy stands here with more than one set of parameters",
    )
    runs = [
        (curve.spent, board.contest.budget.amount)
        for board in scoreboard.boards
        for s in board.standings
        for curve in s.curves
    ]
    kept = sum(spent <= budget for spent, budget in runs)
    most = max((spent / budget for spent, budget in runs if budget), default=0.0)
    yield Item(
        section,
        "same evaluation protocol for all",
        bool(runs) and kept == len(runs),
        f"{kept} of {len(runs)} runs kept to the budget by their journals, the dearest spent {100 * most:.1f} % of it; paired seeds; one score for all",
    )
    moments = (
        len(MOMENTS)
        if any(not math.isnan(s.anytime[0, -1]) for board in scoreboard.boards for s in board.standings)
        else 0
    )
    yield Item(
        section,
        "performance over time",
        moments > 1,
        f"curves.csv and the chart at {moments} moments of the budget; positions at {len(SNAPSHOTS)} of them"
        if moments
        else "nothing is ranked",
    )
    lacking = text.missing_references(scoreboard)
    yield Item(
        section,
        "comparison with random sampling and random search",
        not lacking,
        "both are ranked rows" if not lacking else f"not ranked here: {', '.join(lacking)}",
    )
    yield Item(
        section, "several runs, seeds reported", len(comparison.seeds) > 1, f"seeds {text.seeds(comparison.seeds)}"
    )
    tables = sorted({contest.provenance["table"] for contest in contests if "table" in contest.provenance})
    yield Item(
        section,
        "tabular or surrogate benchmarks",
        bool(tables),
        f"tables {', '.join(tables)}" if tables else "no table among the benchmarks",
    )


def _confounding(scoreboard: Scoreboard, section: str) -> Item:
    """Hardware and load cannot differ between rows where all of them only look up."""
    item = "confounding factors are controlled"
    live = [board.contest.benchmark for board in scoreboard.boards if board.contest.currency == "measured"]
    if live:
        return Item(
            section, item, False, f"costs are measured on {', '.join(live)} and depend on the machine and its load"
        )
    training = sorted(
        {s.label for board in scoreboard.boards for s in board.standings if any(c.charged for c in s.curves)}
    )
    if training:
        return Item(
            section,
            item,
            False,
            f"all costs are looked up, but {', '.join(training)} trained by themselves, and what they found may depend on processor and libraries",
        )
    return Item(
        section, item, True, "no run trained anything: costs and accuracies were looked up, the same on every machine"
    )


def _reporting(scoreboard: Scoreboard) -> Iterator[Item]:
    section = "Reporting"
    entrants = scoreboard.entrants.values()
    tuned = [f"{entrant.label}: {entrant.tuning}" for entrant in entrants if entrant.tuning]
    silent = [entrant.label for entrant in entrants if entrant.parameters and not entrant.tuning]
    told = "; ".join(tuned) or "no row says how it was tuned"
    if silent:
        told += f"; nothing is said of how these came to their parameters: {', '.join(silent)}"
    yield Item(section, "how hyperparameters were tuned, and at what cost", not silent, told)
    unit = scoreboard.comparison.unit
    timed = {(timing.label, timing.benchmark) for timing in scoreboard.timings}
    ranked = [(s.label, board.contest.benchmark) for board in scoreboard.boards for s in board.standings]
    known = sum(pair in timed for pair in ranked)
    budget = (
        "training seconds are the budget"
        if unit == "seconds"
        else f"the budget is in {unit}, training seconds are in the journals"
    )
    yield Item(
        section,
        "time of the entire end-to-end method",
        bool(ranked) and known == len(ranked),
        f"{budget}; own computing was measured for {known} of {len(ranked)} ranked rows (timings.csv)",
    )
    lacking = [
        f"{board.contest.benchmark}: {key}"
        for board in scoreboard.boards
        for key in ("source", "signal")
        if not board.contest.provenance.get(key)
    ]
    yield Item(
        section,
        "all details of the experimental setup",
        not lacking,
        "Provenance has source, signal, splits, budgets, seeds, versions and hashes of every benchmark"
        if not lacking
        else f"not stated: {', '.join(lacking)}",
    )
