"""A scoreboard whose words can be shown anywhere: printable, on one line, and no name that passes for another.

Names and texts come from plugins and from strangers' bundles. What is done here is common to all formats; what a
format gives a meaning of its own (bars in Markdown, ``=`` in a spreadsheet, ``_`` in LaTeX) its writer escapes.
``leaderboard.json`` keeps every word as it was given, since JSON can hold anything.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache

from nasbench_suite.scoring import Board, Entrant, Overall, Scoreboard, Snapshot, Standing, Unranked

LONGEST = 400
"""Characters of a text that are shown; what is longer ends in an ellipsis."""


def presentable(scoreboard: Scoreboard) -> Scoreboard:
    """The same figures with words that can be shown."""
    names = _names(scoreboard)
    comparison = scoreboard.comparison
    return replace(
        scoreboard,
        comparison=replace(
            comparison,
            title=one_line(comparison.title),
            description=one_line(comparison.description, 4000),
            citation=one_line(comparison.citation, 4000),
        ),
        entrants={names[label]: _entrant(entrant, names) for label, entrant in scoreboard.entrants.items()},
        boards=tuple(_board(board, names) for board in scoreboard.boards),
        overall=_overall(scoreboard.overall, names),
        timings=tuple(replace(timing, label=names[timing.label]) for timing in scoreboard.timings),
    )


def presentable_keys(scoreboard: Scoreboard, values: Mapping[str, str]) -> dict[str, str]:
    """A mapping by label with the names that :func:`presentable` gives to the labels."""
    names = _names(scoreboard)
    return {names[label]: value for label, value in values.items() if label in names}


def one_line(text: object, longest: int = LONGEST) -> str:
    """Printable text on one line: what would break a line, steer a terminal or turn its direction becomes visible."""
    words = " ".join(str(text).split())
    shown = "".join(character if character.isprintable() else _told(character) for character in words)
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


@lru_cache(maxsize=4096)
def name(label: str) -> str:
    """A label that says of itself what the eye cannot tell: other scripts than Latin, and spaces at its ends."""
    shown = one_line(label, 120)
    strange = [character for character in shown if character.isalpha() and not _is_latin(character)]
    told = list(dict.fromkeys(map(_told, strange)))[:3]
    if (shown != label or not shown) and not told:
        told = ["written otherwise"]
    return f"{shown or 'nameless'} ({', '.join(told)})" if told else shown


def _names(scoreboard: Scoreboard) -> dict[str, str]:
    """Label -> name as shown, each once."""
    found: dict[str, str] = {}
    taken: dict[str, int] = {}
    for label in scoreboard.entrants:
        shown = name(label)
        alike = unicodedata.normalize("NFKC", shown).casefold()
        taken[alike] = taken.get(alike, 0) + 1
        found[label] = shown if taken[alike] == 1 else f"{shown} ({taken[alike]})"
    return found


def _is_latin(character: str) -> bool:
    return character.isascii() or unicodedata.name(character, "").startswith("LATIN ")


def _told(character: str) -> str:
    return f"U+{ord(character):04X}"


def _entrant(entrant: Entrant, names: Mapping[str, str]) -> Entrant:
    return replace(
        entrant,
        label=names[entrant.label],
        strategy=name(entrant.strategy),
        family=one_line(entrant.family),
        paper=one_line(entrant.paper),
        summary=one_line(entrant.summary),
        tuning=one_line(entrant.tuning, 2000),
        parameters={one_line(key): _value(value) for key, value in entrant.parameters.items()},
        changed={one_line(key): _value(value) for key, value in entrant.changed.items()},
        package=one_line(entrant.package),
        version=one_line(entrant.version),
        step=one_line(entrant.step),
        prior=one_line(entrant.prior),
    )


def _value(value: object) -> object:
    return one_line(value) if isinstance(value, str) else value


def _board(board: Board, names: Mapping[str, str]) -> Board:
    contest = board.contest
    return replace(
        board,
        contest=replace(
            contest,
            provenance={one_line(key): one_line(value, 2000) for key, value in contest.provenance.items()},
            splits={key: one_line(value, 2000) for key, value in contest.splits.items()},
        ),
        standings=tuple(_standing(standing, names) for standing in board.standings),
        unranked=_unranked(board.unranked, names),
        snapshots=tuple(_snapshot(snapshot, names) for snapshot in board.snapshots),
        with_own_time=None if board.with_own_time is None else _snapshot(board.with_own_time, names),
    )


def _standing(standing: Standing, names: Mapping[str, str]) -> Standing:
    luck = standing.luck
    return replace(
        standing,
        label=names[standing.label],
        progress=replace(standing.progress, step=one_line(standing.progress.step)),
        luck=None if luck is None else replace(luck, exempt=one_line(luck.exempt)),
    )


def _snapshot(snapshot: Snapshot, names: Mapping[str, str]) -> Snapshot:
    return replace(
        snapshot, placings=tuple(replace(placing, label=names[placing.label]) for placing in snapshot.placings)
    )


def _unranked(entries: Iterable[Unranked], names: Mapping[str, str]) -> tuple[Unranked, ...]:
    return tuple(replace(e, label=names.get(e.label, name(e.label)), reason=one_line(e.reason, 1000)) for e in entries)


def _overall(overall: Overall, names: Mapping[str, str]) -> Overall:
    return replace(
        overall,
        standings=tuple(replace(standing, label=names[standing.label]) for standing in overall.standings),
        unranked=_unranked(overall.unranked, names),
    )
