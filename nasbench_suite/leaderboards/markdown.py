"""The leaderboard as Markdown, as it shows on a repository's page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from nasbench_suite.leaderboards import text
from nasbench_suite.leaderboards.badges import BADGES, Badge
from nasbench_suite.leaderboards.checklist import SOURCE, checklist
from nasbench_suite.leaderboards.document import provenance
from nasbench_suite.leaderboards.pictures import CAPTIONS
from nasbench_suite.scoring import Board, Entrant, Overall, Scoreboard, Unranked


def readme(
    scoreboard: Scoreboard, pictures: Sequence[str] = (), badges: Mapping[str, Badge] = MappingProxyType({})
) -> str:
    """The text of ``README.md``.

    Args:
        scoreboard: what to show.
        pictures: names of the files beside it, of all kinds; of each picture one is shown.
        badges: label -> how far the row was checked; shown if there are any.
    """
    return "\n".join(_parts(scoreboard, pictures, badges))


def _parts(scoreboard: Scoreboard, pictures: Sequence[str], badges: Mapping[str, Badge]) -> Iterator[str]:
    comparison = scoreboard.comparison
    yield f"# {comparison.title}\n"
    if comparison.description:
        yield f"{comparison.description}\n"
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
        yield from _unranked(scoreboard.overall.unranked)
    yield from _pictures(pictures)
    for board in scoreboard.boards:
        yield f"## {board.task.benchmark}\n"
        yield f"Budget: {text.amount(board.task)} per run. Score: {board.task.splits[board.task.score]}.\n"
        if note := text.no_test_note(board.task):
            yield f"**{note}**\n"
        yield board_table(board, scoreboard)
        yield from _unranked(board.unranked)
        if len(board.standings) > 1:
            yield "Places over the budget, expected time to a regret and area under the curve:\n"
            yield progress_table(board)
    yield from ablation_tables(scoreboard)
    yield "## How to read it\n"
    yield f"{text.MEANING}\n"
    yield text.badges_meaning(badges) + "\n"
    yield "## Strategies\n"
    header = ["strategy", "what it does", "parameters", "package", "version"]
    rows = [_strategy(entrant) for entrant in scoreboard.entrants.values()]
    if badges:
        header.append("checked")
        held = {label: badges.get(label, BADGES[0]) for label in text.ranked(scoreboard)}
        rows = [[*row, held.get(label, text.MISSING)] for label, row in zip(scoreboard.entrants, rows, strict=True)]
    yield text.markdown_table(header, rows)
    yield "## Provenance\n"
    yield "".join(f"- {name}: {value}\n" for name, value in provenance(scoreboard).items())
    for board in scoreboard.boards:
        task = board.task
        yield f"### {task.benchmark}\n"
        facts = {
            "space": task.space,
            "budget": text.amount(task),
            "epochs that could be asked for": ", ".join(map(str, task.fidelities)),
            **task.provenance,
            "best there is": "; ".join(f"{name} {text.percent(value)} %" for name, value in task.oracles.items()),
            "worth of one uniform draw": "" if task.typical is None else f"{task.score} {text.percent(task.typical)} %",
            "identity of the answers": task.identity,
        }
        yield "".join(f"- {name}: {value}\n" for name, value in facts.items() if value)
    yield "## Checklist\n"
    yield f"The NAS best practices of [Lindauer & Hutter]({SOURCE}), filled in automatically.\n"
    items = [(f"{item.section}: {item.item}", item.answer, item.evidence) for item in checklist(scoreboard)]
    yield text.markdown_table(("item", "met", "evidence"), items)
    if comparison.citation:
        yield "## Cite\n"
        yield f"{comparison.citation}\n"
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


def overall_table(overall: Overall, scoreboard: Scoreboard, badges: Mapping[str, Badge] = MappingProxyType({})) -> str:
    """All benchmarks together."""
    header = ["place", "strategy", "family", "average rank", "normalized regret, IQM [95 %]", "n"]
    rows = [
        [
            standing.place,
            standing.label,
            scoreboard.entrants[standing.label].family,
            text.number(standing.rank),
            text.number_interval(standing.regret),
            str(standing.n),
        ]
        for standing in overall.standings
    ]
    if badges:
        header.append("checked")
        for row, standing in zip(rows, overall.standings, strict=True):
            row.append(badges.get(standing.label, BADGES[0]))
    return text.markdown_table(header, rows, right=(0, 3, 4, 5))


def board_table(board: Board, scoreboard: Scoreboard) -> str:
    """One benchmark, the oracle as its last row."""
    task = board.task
    others = [name for name in task.splits if name != task.score]
    rows = []
    for standing in board.standings:
        row = [
            standing.place,
            standing.label,
            text.spread(standing.mean, standing.deviation),
            text.percent_interval(standing.interquartile),
            text.percent(standing.quartiles[1]),
            text.percent(standing.regret),
            text.number(standing.rank),
            text.number(standing.evaluations, 1),
            str(standing.n),
        ]
        row[3:3] = [text.percent(float(standing.scores[name].mean())) for name in others]
        rows.append(row)
    if task.score in task.oracles:
        known = [text.percent(task.oracles.get(name, math.nan)) for name in (task.score, *others)]
        rows.append(["", "*oracle: the best there is*", *known, "", "", text.percent(0.0), "", "", ""])
    header = ["place", "strategy", f"{task.score} %, mean ± std", *(f"{name} %, mean" for name in others)]
    header += ["IQM [95 %]", "median", "regret", "average rank", "evaluations", "n"]
    return text.markdown_table(header, rows, right=(0, *range(2, len(header))))


def progress_table(board: Board) -> str:
    """Where the rows stood at several moments, and how fast they were."""
    then = [{placing.label: placing.place for placing in snapshot.placings} for snapshot in board.snapshots]
    rows = []
    for standing in board.standings:
        times = [
            f"{text.number(t.expected, 0)} ({t.successes}/{t.n})" if t.successes else f"never ({t.n})"
            for t in standing.targets
        ]
        places = [held[standing.label] for held in then]
        rows.append((standing.label, *places, standing.place, *times, text.percent(standing.area)))
    header = ["strategy", *(f"at {text.share(s.fraction)}" for s in board.snapshots), "at 100 %"]
    if board.standings[0].targets:
        unit = board.task.budget.unit
        header += [f"{unit} to normalized regret {t.target:g} (runs)" for t in board.standings[0].targets]
    header.append("mean regret over the budget")
    return text.markdown_table(header, rows, right=range(1, len(header)))


def ablation_tables(scoreboard: Scoreboard) -> Iterator[str]:
    """For every strategy that stands there with several sets of parameters: what each change does."""
    for strategy, labels in text.variants(scoreboard).items():
        yield f"## Ablation: {strategy}\n"
        rows = []
        for label in labels:
            cells = [text.parameters(scoreboard.entrants[label].changed) or "defaults"]
            for board in scoreboard.boards:
                found = next((s for s in board.standings if s.label == label), None)
                cells += [text.spread(found.mean, found.deviation), found.place] if found else [text.MISSING] * 2
            rows.append((label, *cells))
        header = ["strategy", "parameters that differ from the defaults"]
        for board in scoreboard.boards:
            header += [f"{board.task.benchmark}: {board.task.score} %", "place"]
        yield text.markdown_table(header, rows, right=range(2, len(header)))


def _unranked(entries: Sequence[Unranked]) -> Iterator[str]:
    if entries:
        yield "Not ranked:\n"
        yield "".join(f"- {labels}: {reason}\n" for labels, reason in text.by_reason(entries))


def _strategy(entrant: Entrant) -> Sequence[str]:
    name = f"[{entrant.label}]({entrant.paper})" if entrant.paper else entrant.label
    return name, entrant.summary, text.parameters(entrant.parameters), entrant.package, f"`{entrant.version}`"


def timings(scoreboard: Scoreboard) -> str:
    """The text of ``timings.md``."""
    rows = [
        (
            timing.benchmark,
            timing.label,
            *(text.number(s, 4) for s in (timing.own_seconds, timing.wall_seconds, timing.cpu_seconds)),
            str(timing.n),
        )
        for timing in scoreboard.timings
    ]
    header = ("benchmark", "strategy", "own computing, s", "whole run, s", "processor, s", "n")
    tables = "".join(f"\n{table}" for table in map(_own_time_table, scoreboard.boards) if table)
    return (
        f"# Computing times of {scoreboard.comparison.title}\n\n"
        "Seconds per finished run, means, measured where this leaderboard was made. This file differs from machine to "
        "machine and from time to time; nothing in the ranking depends on it.\n\n"
        + text.markdown_table(header, rows, right=(2, 3, 4, 5))
        + tables
    )


def _own_time_table(board: Board) -> str:
    """The ranking if the strategies' own computing time came out of the budget, too."""
    if board.with_own_time is None:
        return ""
    without = {standing.label: standing.place for standing in board.standings}
    rows = [
        (p.place, without[p.label], p.label, text.percent_interval(p.estimate), text.number(p.rank), str(p.estimate.n))
        for p in board.with_own_time.placings
    ]
    header = ("place", "place without", "strategy", f"{board.task.score} %, IQM [95 %]", "average rank", "n")
    return f"## {board.task.benchmark}, own computing time counted as training time\n\n" + text.markdown_table(
        header, rows, right=(0, 1, 3, 4, 5)
    )
