"""The NAS best-practice checklist (Lindauer & Hutter, JMLR 21(243), 2020), answered from what a scoreboard holds."""

from __future__ import annotations

from dataclasses import dataclass

from nasbench_suite.leaderboards import text
from nasbench_suite.scoring import Scoreboard

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
    """All items of the checklist in its order, in this project's words."""
    comparison, entrants = scoreboard.comparison, scoreboard.entrants.values()
    contests = [board.contest for board in scoreboard.boards]
    live = all(contest.currency == "measured" for contest in contests)
    tables = sorted({contest.provenance["table"] for contest in contests if "table" in contest.provenance})
    sources = "; ".join(dict.fromkeys(contest.provenance.get("source", "not stated") for contest in contests))
    packages = sorted({f"{entrant.package} {entrant.version.partition('+')[0]}" for entrant in entrants})
    loose = sorted({entrant.package for entrant in entrants if entrant.package.endswith(".py")})
    lacking = text.missing_references(scoreboard)
    variants = text.variants(scoreboard)
    tuned = [f"{entrant.label}: {entrant.tuning}" for entrant in entrants if entrant.tuning]
    seeds = text.seeds(comparison.seeds)
    spaces = ", ".join(sorted({contest.space for contest in contests}))
    code, comparing, reporting = "Releasing code", "Comparing methods", "Reporting"
    return [
        Item(code, "code of the training pipeline of the final architectures", live, "nasbench_suite.training" if live else f"architectures are looked up, not trained; whoever made the data has the code: {sources}"),
        Item(code, "code of the search space", True, f"{spaces}, in nasbench-suite or a plugin named under Strategies"),
        Item(code, "hyperparameters and seeds of the final training", live, "in the benchmark's definition" if live else f"not in the data; see {sources}"),
        Item(code, "code of the search methods", not loose, f"packages {', '.join(packages)}; every version carries a hash of the source" if not loose else f"not published as a package: {', '.join(loose)}"),
        Item(code, "hyperparameters and seeds of the search methods", True, f"all parameters are under Strategies; seeds {seeds}"),
        Item(comparing, "same benchmark: data set, space and training for all", True, "one benchmark object answers all; its hash is under Provenance"),
        Item(comparing, "confounding factors are controlled", not live, "costs and accuracies are looked up, so no hardware, library or load can differ" if not live else "costs are measured and depend on the machine"),
        Item(comparing, "ablation studies", bool(variants), f"of {', '.join(variants)}" if variants else "no strategy stands here with more than one set of parameters"),
        Item(comparing, "same evaluation protocol for all", True, "equal budgets, kept by the meter and checked again in scoring; paired seeds; one score for all"),
        Item(comparing, "performance over time", True, "curves.csv, the chart, and places at several moments of the budget"),
        Item(comparing, "comparison with random sampling and random search", not lacking, "both are ranked rows" if not lacking else f"not ranked here: {', '.join(lacking)}"),
        Item(comparing, "several runs, seeds reported", len(comparison.seeds) > 1, f"seeds {seeds}"),
        Item(comparing, "tabular or surrogate benchmarks", bool(tables), f"tables {', '.join(tables)}" if tables else sources),
        Item(reporting, "how hyperparameters were tuned, and at what cost", True, "; ".join(tuned) + "; all others: the defaults of their papers, not tuned" if tuned else "defaults of the papers, not tuned"),
        Item(reporting, "time of the entire end-to-end method", True, "training seconds are the budget" * (comparison.unit == "seconds") + f"budget in {comparison.unit}; training seconds are in the journals" * (comparison.unit != "seconds") + "; own computing in timings.csv"),
        Item(reporting, "all details of the experimental setup", True, "Provenance: tables, hashes, splits, versions, budgets, seeds"),
    ]  # fmt: skip
