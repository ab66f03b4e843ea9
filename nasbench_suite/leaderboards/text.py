"""Numbers and tables as text, in one way everywhere."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from nasbench_suite.leaderboards.badges import BADGES, Badge
from nasbench_suite.leaderboards.badges import MEANING as BADGE_MEANING
from nasbench_suite.scoring import Interval, Scoreboard, Task, Unranked
from nasbench_suite.search.budget import Budget

MISSING = "–"

MEANING = (
    "A place is 1 + the number of rows that are significantly better (paired Wilcoxon signed-rank tests over the same "
    "seeds, Holm-corrected over all pairs, 5 %); rows that share a place are tied and marked with “=”. ± is the "
    "sample standard deviation over seeds. IQM is the mean of the middle half of the runs, with its 95 % bootstrap "
    "interval. Rank is the mean over paired seeds. Regret is what is missing to the best there is. Normalized "
    "regret is 0 for the best there is and 1 for one uniform draw."
)


def badges_meaning(badges: Mapping[str, Badge]) -> str:
    """What is known of how far the rows were checked, in words."""
    if not badges:
        return "All rows are self-reported: these figures have not been verified by others yet (nasbench verify)."
    kinds = [badge for badge in BADGES if badge in badges.values()]
    return "Badges: " + "; ".join(f"{badge}: {BADGE_MEANING[badge]}" for badge in kinds) + "."


def percent(fraction: float, digits: int = 2) -> str:
    """A fraction as a percentage without its sign: ``0.9129 -> 91.29``."""
    return MISSING if math.isnan(fraction) else f"{100 * fraction:.{digits}f}"


def number(value: float, digits: int = 2) -> str:
    """A number with so many decimals and thousands separated."""
    return f"{value:,.{digits}f}" if math.isfinite(value) else MISSING


def spread(centre: float, deviation: float) -> str:
    """``91.29 ± 0.33``, in percent."""
    return percent(centre) if math.isnan(deviation) else f"{percent(centre)} ± {percent(deviation)}"


def percent_interval(interval: Interval) -> str:
    """``91.38 [91.28, 91.44]``, in percent."""
    return _interval(percent(interval.value), percent(interval.low), percent(interval.high))


def number_interval(interval: Interval, digits: int = 3) -> str:
    """``0.059 [0.049, 0.071]``."""
    return _interval(*(number(value, digits) for value in (interval.value, interval.low, interval.high)))


def _interval(value: str, low: str, high: str) -> str:
    return value if MISSING in (low, high) else f"{value} [{low}, {high}]"


def amount(task: Task) -> str:
    """The budget with its currency: ``200,000 simulated seconds``."""
    return budget_words(task.budget, task.currency)


def budget_words(budget: Budget, currency: str) -> str:
    """A budget in words; seconds say whether they were looked up or measured."""
    shown = f"{budget.amount:,.0f}" if budget.amount == int(budget.amount) else f"{budget.amount:,g}"
    return f"{shown} {currency} seconds of training" if budget.unit == "seconds" else f"{shown} {budget.unit}"


def parameters(values: Mapping[str, object]) -> str:
    """``name=value, …``."""
    return ", ".join(f"{name}={value}" for name, value in values.items())


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> str:
    """A Markdown table; the columns named in ``right`` are flush right, and bars in cells are escaped."""
    rule = ["---:" if place in right else "---" for place in range(len(header))]
    lines = [header, rule, *([cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def seeds(values: Sequence[int]) -> str:
    """``0 to 29 (30)``, or the numbers themselves where they leave gaps."""
    if list(values) == list(range(values[0], values[0] + len(values))) and len(values) > 1:
        return f"{values[0]} to {values[-1]} ({len(values)})"
    return f"{', '.join(map(str, values))} ({len(values)})"


def by_reason(entries: Iterable[Unranked]) -> list[tuple[str, str]]:
    """``(labels, reason)``: rows that are not ranked for the same reason stand together."""
    labels: dict[str, list[str]] = {}
    for entry in entries:
        labels.setdefault(entry.reason, []).append(entry.label)
    return [(", ".join(sharing), reason) for reason, sharing in labels.items()]


def no_test_note(task: Task) -> str:
    """A warning where the score that ranks is no test accuracy; else nothing."""
    if "test" in task.score.lower():
        return ""
    return "The scores are validation means, not test accuracies: this benchmark has none."


def share(fraction: float) -> str:
    """``0.25 -> 25 %``."""
    return f"{100 * fraction:g} %"


def variants(scoreboard: Scoreboard) -> dict[str, list[str]]:
    """Strategy -> labels, for the strategies that stand there more than once, with other parameters."""
    found: dict[str, list[str]] = {}
    for entrant in scoreboard.entrants.values():
        found.setdefault(entrant.strategy, []).append(entrant.label)
    return {strategy: labels for strategy, labels in found.items() if len(labels) > 1}


def ranked(scoreboard: Scoreboard) -> list[str]:
    """The labels that are ranked on some benchmark, in alphabetical order."""
    return sorted({standing.label for board in scoreboard.boards for standing in board.standings})


def missing_references(scoreboard: Scoreboard) -> list[str]:
    """Of the two strategies that every comparison needs as references, those that are ranked nowhere."""
    there = {scoreboard.entrants[label].strategy for label in ranked(scoreboard)}
    return sorted({"random-sampling", "random-search"} - there)


def references_note(scoreboard: Scoreboard) -> str:
    """A warning where a reference is missing; else nothing."""
    if not (lacking := missing_references(scoreboard)):
        return ""
    return f"Without {' and '.join(lacking)} as a reference these figures say little: add it to the comparison."
