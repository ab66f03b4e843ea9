"""Numbers and tables as text, in one way everywhere."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence

from nasbench_suite.leaderboards.badges import BADGES, Badge
from nasbench_suite.leaderboards.badges import MEANING as BADGE_MEANING
from nasbench_suite.scoring import (
    Board,
    Contest,
    Entrant,
    Interval,
    Overall,
    OverallStanding,
    Progress,
    Scoreboard,
    Standing,
    Unranked,
)
from nasbench_suite.scoring.statistics import mean
from nasbench_suite.search.budget import Budget

MISSING = "–"
BUILT_IN = "nasbench-suite"
"""The package of the strategies that come with the suite."""

MEANING = (
    "Rows stand in the order of the interquartile mean (IQM: the mean of the middle half of the runs), with its 95 % "
    "interval; a place is the position in that order. Rows that share a letter are not told apart: paired Wilcoxon "
    "signed-rank tests over the same seeds within each of the named benchmarks, Holm-corrected over all pairs, 5 %; "
    "nothing is claimed of other benchmarks. ± is the sample standard deviation over seeds. Rank is the mean over "
    "paired seeds. Regret is what is missing to the best there is in the same run. Normalized regret is 0 for the best "
    "there is and 1 for one uniform draw."
)


def place(standing: Standing | OverallStanding, held: Board | Overall) -> str:
    """The place of a row; none where so few runs can tell nothing apart."""
    return standing.place if held.differences.tells else MISSING


def share_a_letter(one: Standing, other: Standing) -> bool:
    """Whether two rows are not told apart."""
    return bool(set(split_letters(one.group)) & set(split_letters(other.group)))


def split_letters(group: str) -> Sequence[str]:
    """The names of groups, which are letters, or where the alphabet does not do several letters each."""
    return group.split() if " " in group else group


def letters_of(held: Board | Overall) -> list[str]:
    """All groups of a table, in the order of their first rows."""
    return list(dict.fromkeys(letter for standing in held.standings for letter in split_letters(standing.group)))


def power_note(held: Board | Overall) -> str:
    """The smallest p-value that n allows, and what follows where that is too large."""
    rows = len(held.standings)
    if rows < 2:
        return ""
    pairs = rows * (rows - 1) // 2
    least = held.differences.least
    told = (
        f"With n = {held.differences.n} paired runs and {pairs} pair{'s' * (pairs > 1)} of rows the smallest p-value "
        f"that a test can give is {least:.2g} after correction"
    )
    if held.differences.tells:
        return f"{told}."
    return f"{told}: n is too small to separate anything, so there are no places; the order is that of the estimates."


def scored_note(board: Board) -> str:
    """By which trainings the answers were scored; empty where those that score answer no search."""
    if not board.contest.unseen or not board.standings:
        return ""
    alone = mean([standing.alone for standing in board.standings])
    told = (
        "Each run is scored by the training seeds that it did not see, and its regret is measured from the best there "
        f"is in the same run; {100 * alone:.0f} % of the answers are scored by one training"
    )
    if seen := mean([standing.seen for standing in board.standings]):
        told += f", {100 * seen:.0f} % by a training that the search saw, because there is no other"
    return f"{told}."


def pairing_note(board: Board) -> str:
    """What pairing the seeds buys here."""
    if math.isnan(board.pairing):
        return ""
    shown = 0.0 if abs(board.pairing) < 0.005 else board.pairing
    return (
        f"Sharing seeds takes away {100 * shown:.0f} % of the variance of a difference between two rows (the mean "
        f"correlation of their scores)."
    )


def notes(held: Board | Overall) -> list[str]:
    """What has to be known to read a table."""
    found = [power_note(held)]
    if isinstance(held, Board):
        found += [scored_note(held), pairing_note(held)]
    return [note for note in found if note]


def span(positions: tuple[int, int]) -> str:
    """``1`` or ``1 to 3``."""
    return str(positions[0]) if positions[0] == positions[1] else f"{positions[0]} to {positions[1]}"


def schedule(progress: Progress) -> str:
    """The share of its own schedule that a row completed."""
    return MISSING if progress.schedule is None else f"{100 * progress.schedule:.0f} %"


def steps(progress: Progress, n: int) -> str:
    """How many runs took the row's characteristic step."""
    return MISSING if progress.taken is None else f"{progress.taken} of {n}"


def tuning(entrant: Entrant) -> str:
    """What is said of how a row came to its parameters; of other packages' rows also that nobody here tuned them."""
    if entrant.tuning:
        return entrant.tuning
    if not entrant.parameters:
        return "nothing to tune"
    return "not stated" if entrant.package == BUILT_IN else "not stated by its package, and not tuned by this project"


def marks(standing: Standing, entrant: Entrant) -> list[str]:
    """What must be known of a row before its score is read; short words, most important first."""
    found = []
    progress, luck = standing.progress, standing.luck
    if luck is not None and luck.flagged:
        found.append(f"improbable luck (p = {luck.p_value:.1g})")
    if progress.cut:
        found.append(f"cut at {schedule(progress)} of its schedule")
    if progress.taken is not None and progress.taken < standing.n and not progress.cut:
        found.append(f"{progress.step} in {steps(progress, standing.n)} runs")
    if entrant.prior:
        found.append(f"knows beforehand: {entrant.prior}")
    if standing.unbeaten:
        found.append(f"does not beat {'; '.join(standing.unbeaten)}")
    return found


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


def amount(contest: Contest) -> str:
    """The budget with its currency: ``200,000 simulated seconds``."""
    return budget_words(contest.budget, contest.currency)


def budget_words(budget: Budget, currency: str) -> str:
    """A budget in words; seconds say whether they were looked up or measured."""
    shown = f"{budget.amount:,.0f}" if budget.amount == int(budget.amount) else f"{budget.amount:,g}"
    return f"{shown} {currency} seconds of training" if budget.unit == "seconds" else f"{shown} {budget.unit}"


def parameters(values: Mapping[str, object]) -> str:
    """``name=value, …``."""
    return ", ".join(f"{name}={value}" for name, value in values.items())


def markdown(value: str) -> str:
    """Words as Markdown shows them, whatever they are: no HTML, no links, no emphasis, no cell of a table."""
    escaped = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = re.sub(r"([\\`*\[\]|~])", r"\\\1", escaped)
    return re.sub(r"(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])", r"\\_", escaped).replace("\n", " ")


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> str:
    """A Markdown table of cells that are Markdown already; the columns named in ``right`` are flush right."""
    rule = ["---:" if place in right else "---" for place in range(len(header))]
    lines = [header, rule, *([cell.replace("\n", " ") for cell in row] for row in rows)]
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


def no_test_note(contest: Contest) -> str:
    """A warning where the score that ranks is no test accuracy; else nothing."""
    if "test" in contest.score.lower():
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
