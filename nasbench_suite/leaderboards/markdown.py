"""The leaderboard as Markdown, as it shows on a repository's page."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from nasbench_suite.leaderboards import published, text
from nasbench_suite.leaderboards.badges import BADGES, Badge
from nasbench_suite.leaderboards.checklist import SOURCE, checklist
from nasbench_suite.leaderboards.document import provenance
from nasbench_suite.leaderboards.pictures import CAPTIONS
from nasbench_suite.leaderboards.presentable import presentable, presentable_keys
from nasbench_suite.leaderboards.published import Claims
from nasbench_suite.leaderboards.text import markdown
from nasbench_suite.scoring import Board, Entrant, Overall, Scoreboard, Unranked
from nasbench_suite.scoring.statistics import mean


def readme(
    scoreboard: Scoreboard, pictures: Sequence[str] = (), badges: Mapping[str, Badge] = MappingProxyType({})
) -> str:
    """The text of ``README.md``.

    Args:
        scoreboard: what to show.
        pictures: names of the files beside it, of all kinds; of each picture one is shown.
        badges: label -> how far the row was checked; shown if there are any.
    """
    shown = presentable(scoreboard)
    checked: dict[str, Any] = presentable_keys(scoreboard, badges)
    return "\n".join(_parts(shown, pictures, checked, published.claims_of(scoreboard)))


def _parts(
    scoreboard: Scoreboard, pictures: Sequence[str], badges: Mapping[str, Badge], claims: Mapping[str, Claims]
) -> Iterator[str]:
    comparison = scoreboard.comparison
    yield f"# {markdown(comparison.title)}\n"
    if comparison.description:
        yield f"{markdown(comparison.description)}\n"
    benchmarks = len(scoreboard.boards)
    yield (
        f"{len(scoreboard.entrants)} strategies, {benchmarks} benchmark{'s' if benchmarks > 1 else ''}, paired seeds "
        f"{text.seeds(comparison.seeds)}, the same budget for all.\n"
    )
    if note := text.references_note(scoreboard):
        yield f"**{note}**\n"
    if benchmarks > 1:
        yield "## Overall\n"
        yield overall_table(scoreboard.overall, scoreboard, badges)
        yield from _notes(scoreboard.overall)
        yield from _unranked(scoreboard.overall.unranked)
    yield from _pictures(pictures)
    for board in scoreboard.boards:
        contest = board.contest
        yield f"## {markdown(contest.benchmark)}\n"
        yield f"Budget: {text.amount(contest)} per run. Score: {markdown(contest.splits[contest.score])}.\n"
        if note := text.no_test_note(contest):
            yield f"**{note}**\n"
        yield board_table(board, scoreboard)
        yield from _notes(board)
        yield from _unranked(board.unranked)
        yield from _marks(board, scoreboard)
        if len(board.standings) > 1:
            yield "How far the runs came in their own method, how stable the order is, and how fast they were:\n"
            yield progress_table(board)
        if contest.benchmark in claims:
            yield from _published(claims[contest.benchmark])
    yield from ablation_tables(scoreboard)
    yield "## How to read it\n"
    yield f"{text.MEANING}\n"
    yield text.badges_meaning(badges) + "\n"
    yield "## Strategies\n"
    header = ["strategy", "what it does", "parameters", "tuning", "package", "version"]
    rows = [_strategy(entrant) for entrant in scoreboard.entrants.values()]
    if badges:
        header.append("checked")
        held = {label: badges.get(label, BADGES[0]) for label in text.ranked(scoreboard)}
        rows = [[*row, held.get(label, text.MISSING)] for label, row in zip(scoreboard.entrants, rows, strict=True)]
    yield text.markdown_table(header, rows)
    yield "## Provenance\n"
    yield "".join(f"- {name}: {markdown(value)}\n" for name, value in provenance(scoreboard).items())
    for board in scoreboard.boards:
        contest = board.contest
        yield f"### {markdown(contest.benchmark)}\n"
        facts = {
            "space": contest.space,
            "budget": text.amount(contest),
            "epochs that could be asked for": ", ".join(map(str, contest.fidelities)),
            **contest.provenance,
            "best there is": "; ".join(f"{name} {text.percent(value)} %" for name, value in contest.oracles.items()),
            "worth of one uniform draw": ""
            if contest.typical is None
            else f"{contest.score} {text.percent(contest.typical)} %",
            "identity of the answers": contest.identity,
        }
        yield "".join(f"- {markdown(name)}: {markdown(value)}\n" for name, value in facts.items() if value)
    yield "## Checklist\n"
    yield f"The NAS best practices of [Lindauer & Hutter]({SOURCE}), filled in automatically.\n"
    items = [(f"{item.section}: {item.item}", item.answer, markdown(item.evidence)) for item in checklist(scoreboard)]
    yield text.markdown_table(("item", "met", "evidence"), items)
    if comparison.citation:
        yield "## Cite\n"
        yield f"{markdown(comparison.citation)}\n"
    yield "## Files\n"
    yield (
        "- `leaderboard.json`, `leaderboard.csv`: every figure, with the scores of every seed in the JSON\n"
        "- `index.html`: the same as a page, with interactive curves and a section per strategy; `table.tex`: for papers\n"
        "- `curves.csv`: the scores over the budget; a line holds until the next one\n"
        "- `timings.csv`, `timings.md`: what the strategies' own computing took where this was made. Measured, so "
        "these two differ from machine to machine; all other files come out the same byte for byte\n"
        "- Where they were asked for (`--pictures`, `--parquet`): the pictures, and every step of every run as "
        "`curves.parquet`\n"
    )


def _pictures(names: Sequence[str]) -> Iterator[str]:
    """Every picture once, SVG before PNG, with its caption."""
    shown: dict[str, str] = {}
    for name in sorted(names, key=lambda name: name.endswith(".png")):
        shown.setdefault(name.rpartition(".")[0], name)
    if not shown:
        return
    yield "## Pictures\n"
    for caption_of, caption in CAPTIONS.items():
        for stem, name in shown.items():
            if stem == caption_of or (
                stem.startswith(f"{caption_of}-") and stem.removeprefix(f"{caption_of}-").isdigit()
            ):
                yield f"{caption}.\n\n![{caption}]({name})\n"


def _notes(held: Board | Overall) -> Iterator[str]:
    if told := text.notes(held):
        yield " ".join(told) + "\n"


def _marks(board: Board, scoreboard: Scoreboard) -> Iterator[str]:
    """What must be known of single rows."""
    told = [(s.label, text.marks(s, scoreboard.entrants[s.label])) for s in board.standings]
    if lines := [f"- {markdown(label)}: {markdown('; '.join(marks))}\n" for label, marks in told if marks]:
        yield "Marked rows:\n"
        yield "".join(lines)


def _published(claims: Claims) -> Iterator[str]:
    """Figures of papers: other people's runs at other budgets, beside ours and outside the order."""
    yield f"### Published figures, claimed by their authors ({markdown(claims.title)})\n"
    yield f"{markdown(claims.note)}\n"
    header = ["method", "its budget", *claims.columns, "runs", "source"]
    rows = [
        [markdown(c.method), markdown(c.budget), *map(markdown, c.figures), c.runs, markdown(c.source)]
        for c in claims.rows
    ]
    yield text.markdown_table(header, rows, right=range(2, len(header) - 1))


def overall_table(overall: Overall, scoreboard: Scoreboard, badges: Mapping[str, Badge] = MappingProxyType({})) -> str:
    """All benchmarks together."""
    header = ["place", "not told apart", "strategy", "family", "normalized regret, IQM [95 %]", "average rank"]
    header += ["place without one seed", "place without one benchmark", "n"]
    rows = [
        [
            text.place(standing, overall),
            standing.group,
            markdown(standing.label),
            markdown(scoreboard.entrants[standing.label].family),
            text.number_interval(standing.regret),
            text.number(standing.rank),
            text.span(standing.without_a_run),
            text.span(standing.without_a_benchmark),
            str(standing.n),
        ]
        for standing in overall.standings
    ]
    if badges:
        header.append("checked")
        for row, standing in zip(rows, overall.standings, strict=True):
            row.append(badges.get(standing.label, BADGES[0]))
    return text.markdown_table(header, rows, right=(0, *range(4, 9)))


def board_table(board: Board, scoreboard: Scoreboard) -> str:
    """One benchmark; what needs no search and the oracle as its last rows."""
    contest = board.contest
    others = [name for name in contest.splits if name != contest.score]
    rows = []
    for standing in board.standings:
        marked = "†" if text.marks(standing, scoreboard.entrants[standing.label]) else ""
        row = [
            text.place(standing, board),
            standing.group,
            markdown(standing.label) + marked,
            text.percent_interval(standing.interquartile),
            text.spread(standing.mean, standing.deviation),
            text.percent(standing.quartiles[1]),
            text.percent(standing.regret),
            text.number(standing.rank),
            text.number(standing.evaluations, 1),
            str(standing.n),
        ]
        row[5:5] = [text.percent(mean(standing.scores[name])) for name in others]
        rows.append(row)
    for reference in board.references:
        known = [text.percent(mean(reference.scores[name])) for name in (contest.score, *others)]
        shown = f"*{markdown(reference.name)}: no search*"
        rows.append(["", "", shown, text.percent_interval(reference.interquartile), *known, "", "", "", "", ""])
    if contest.score in contest.oracles:
        known = [text.percent(contest.oracles.get(name, math.nan)) for name in (contest.score, *others)]
        rows.append(["", "", "*oracle: the best there is*", "", *known, "", text.percent(0.0), "", "", ""])
    header = ["place", "not told apart", "strategy", f"{contest.score} %, IQM [95 %]", "mean ± std"]
    header += [*(f"{name} %, mean" for name in others), "median", "regret", "average rank", "evaluations", "n"]
    return text.markdown_table([*map(markdown, header)], rows, right=(0, *range(3, len(header))))


def progress_table(board: Board) -> str:
    """How far the rows came in their own method, where they stood at several moments, and how fast they were."""
    then = [{p.label: f"{p.position} {p.group}" for p in snapshot.placings} for snapshot in board.snapshots]
    rows = []
    for standing in board.standings:
        times = [
            f"{text.number(t.expected, 0)} ({t.successes}/{t.n})" if t.successes else f"never ({t.n})"
            for t in standing.targets
        ]
        rows.append(
            (
                markdown(standing.label),
                markdown(standing.progress.step) or text.MISSING,
                text.steps(standing.progress, standing.n),
                text.schedule(standing.progress),
                *(held[standing.label] for held in then),
                f"{standing.position} {standing.group}",
                text.span(standing.without_a_run),
                *times,
                text.percent(standing.area),
            )
        )
    header = ["strategy", "characteristic step", "runs that took it", "share of its schedule"]
    header += [*(f"at {text.share(s.fraction)}" for s in board.snapshots), "at 100 %", "without one seed"]
    if board.standings[0].targets:
        unit = board.contest.budget.unit
        header += [f"{unit} to normalized regret {t.target:g} (runs)" for t in board.standings[0].targets]
    header.append("mean regret over the budget")
    return text.markdown_table(header, rows, right=range(2, len(header)))


def ablation_tables(scoreboard: Scoreboard) -> Iterator[str]:
    """For every strategy that stands there with several sets of parameters: what each change does."""
    for strategy, labels in text.variants(scoreboard).items():
        yield f"## Ablation: {markdown(strategy)}\n"
        rows = []
        for label in labels:
            cells = [markdown(text.parameters(scoreboard.entrants[label].changed)) or "defaults"]
            for board in scoreboard.boards:
                found = next((s for s in board.standings if s.label == label), None)
                shown = f"{text.place(found, board)} {found.group}" if found else text.MISSING
                cells += [text.spread(found.mean, found.deviation) if found else text.MISSING, shown]
            rows.append((markdown(label), *cells))
        header = ["strategy", "parameters that differ from the defaults"]
        for board in scoreboard.boards:
            header += [markdown(f"{board.contest.benchmark}: {board.contest.score} %"), "place, not told apart"]
        yield text.markdown_table(header, rows, right=range(2, len(header)))


def _unranked(entries: Sequence[Unranked]) -> Iterator[str]:
    if entries:
        yield "Not ranked:\n"
        yield "".join(f"- {markdown(labels)}: {markdown(reason)}\n" for labels, reason in text.by_reason(entries))


def _strategy(entrant: Entrant) -> Sequence[str]:
    label = markdown(entrant.label)
    linked = re.fullmatch(r"https?://[^\s()<>\[\]|\\]+", entrant.paper)
    return (
        f"[{label}]({entrant.paper})" if linked else label,
        markdown(entrant.summary),
        markdown(text.parameters(entrant.parameters)),
        markdown(text.tuning(entrant)),
        markdown(entrant.package),
        f"`{entrant.version}`" if re.fullmatch(r"[\w.+-]+", entrant.version) else markdown(entrant.version),
    )


UNMETERED_NOTE = (
    "\n† its own computing took longer than the training that it paid for; what it may have trained by itself is not "
    "metered\n"
)


def timings(scoreboard: Scoreboard) -> str:
    """The text of ``timings.md``."""
    scoreboard = presentable(scoreboard)
    rows = [
        (
            markdown(timing.benchmark),
            markdown(timing.label) + "†" * timing.unmetered,
            *(text.number(s, 4) for s in (timing.own_seconds, timing.wall_seconds, timing.cpu_seconds)),
            str(timing.n),
        )
        for timing in scoreboard.timings
    ]
    header = ("benchmark", "strategy", "own computing, s", "whole run, s", "processor, s", "n")
    tables = "".join(f"\n{table}" for table in map(_own_time_table, scoreboard.boards) if table)
    return (
        f"# Computing times of {markdown(scoreboard.comparison.title)}\n\n"
        "Seconds per finished run, means, measured where this leaderboard was made. This file differs from machine to "
        "machine and from time to time; nothing in the ranking depends on it.\n\n"
        + text.markdown_table(header, rows, right=(2, 3, 4, 5))
        + (UNMETERED_NOTE if any(timing.unmetered for timing in scoreboard.timings) else "")
        + tables
    )


def _own_time_table(board: Board) -> str:
    """The ranking if the strategies' own computing time came out of the budget, too."""
    if board.with_own_time is None:
        return ""
    without = {standing.label: f"{standing.position} {standing.group}" for standing in board.standings}
    rows = [
        (
            f"{p.position} {p.group}",
            without[p.label],
            markdown(p.label),
            text.percent_interval(p.estimate),
            text.number(p.rank),
            str(p.estimate.n),
        )
        for p in board.with_own_time.placings
    ]
    header = (
        "position, not told apart",
        "without own time",
        "strategy",
        f"{board.contest.score} %, IQM [95 %]",
        "average rank",
        "n",
    )
    title = markdown(board.contest.benchmark)
    return f"## {title}, own computing time counted as training time\n\n" + text.markdown_table(
        [*map(markdown, header)], rows, right=(0, 1, 3, 4, 5)
    )
