"""Putting two leaderboards side by side: what changed, and whether that is more than the noise of the seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from nasbench_suite.errors import BundleError
from nasbench_suite.leaderboards.document import FORMAT
from nasbench_suite.publishing.fields import parse_json, printable
from nasbench_suite.publishing.first_form import FORMAT as FIRST_FORM
from nasbench_suite.scoring.statistics import holm, mean, paired_differences

Verdict = Literal["better", "worse", "not significant", "same", "new", "gone", "now ranked", "no longer ranked"]
FORMATS = (FIRST_FORM, FORMAT)
LEVEL = 0.05
LEAST_PAIRS = 6
"""With fewer paired seeds the exact signed-rank test can never go below 5 %."""


@dataclass(frozen=True)
class Change:
    """One row on one benchmark in two leaderboards.

    Attributes:
        label: of the row; ``"old → new"`` where two labels were put side by side.
        benchmark: its name.
        verdict: what became of it.
        old, new: mean score, ``None`` where it is not ranked.
        p_value: two-sided Wilcoxon signed-rank test over paired seeds (Pratt zeros), corrected by Holm over all rows
            and benchmarks; ``None`` where nothing can be tested.
        effect: matched-pairs rank-biserial correlation: 1 where the new one is better with every seed.
        n: paired seeds.
        places: in the old and the new leaderboard.
        versions: likewise.
    """

    label: str
    benchmark: str
    verdict: Verdict
    old: float | None = None
    new: float | None = None
    p_value: float | None = None
    effect: float | None = None
    n: int = 0
    places: tuple[str, str] = ("", "")
    versions: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Changes:
    """What changed between two leaderboards.

    Attributes:
        changes: per benchmark and row.
        protocol: differences of the protocol that do not keep scores from being compared, in words.
        level: of significance.
    """

    changes: tuple[Change, ...]
    protocol: tuple[str, ...]
    level: float

    @property
    def counts(self) -> Counter[str]:
        """Verdict -> how many."""
        return Counter(change.verdict for change in self.changes)

    @property
    def worse(self) -> bool:
        """Whether a row is significantly worse, or has lost its place."""
        return any(change.verdict in ("worse", "no longer ranked", "gone") for change in self.changes)


def compare(
    old: str, new: str, *, rows: Sequence[tuple[str, str]] = (), only: Sequence[str] = (), level: float = LEVEL
) -> Changes:
    """Compare two leaderboards over their paired seeds.

    Args:
        old, new: texts of ``leaderboard.json``.
        rows: pairs of an old and a new label to put side by side; by default every label with itself.
        only: the labels to look at; by default all.
        level: of significance.

    Raises:
        BundleError: no leaderboards, another budget, benchmark, table or score, no common seeds, or an unknown label.
    """
    first, second = (_Board(text, name) for text, name in ((old, "the old leaderboard"), (new, "the new leaderboard")))
    _check_protocol(first, second)
    pairs = list(rows) or [(label, label) for label in dict.fromkeys([*first.versions, *second.versions])]
    if only:
        pairs = [pair for pair in pairs if set(pair) & set(only)]
    for known, label in [*((first, a) for a, _ in rows), *((second, b) for _, b in rows)]:
        if label not in known.versions:
            raise BundleError(f"{known.name} has no row {label!r}; it has {', '.join(sorted(known.versions))}")
    if lacking := sorted(set(only) - set(first.versions) - set(second.versions)):
        raise BundleError(f"neither leaderboard has a row {lacking[0]!r}")
    seeds = [seed for seed in first.seeds if seed in set(second.seeds)]
    if not seeds:
        raise BundleError("the leaderboards have no seed in common; nothing is paired")
    changes = [_change(first, second, benchmark, pair, seeds, level) for benchmark in first.boards for pair in pairs]
    tested = [place for place, change in enumerate(changes) if change.p_value is not None]
    for place, p in zip(tested, holm([changes[place].p_value or 0.0 for place in tested]), strict=True):
        changes[place] = _judged(replace(changes[place], p_value=float(p)), level)
    protocol = [
        f"{what} is {ours} in the old and {theirs} in the new leaderboard"
        for what, ours, theirs in (
            ("the release of the suite", first.suite, second.suite),
            ("the number of seeds", len(first.seeds), len(second.seeds)),
        )
        if ours != theirs
    ]
    if len(seeds) < LEAST_PAIRS:
        protocol.append(f"{len(seeds)} paired seeds are too few for a significant difference; {LEAST_PAIRS} are needed")
    return Changes(tuple(changes), tuple(protocol), level)


class _Board:
    """A leaderboard's document as it is compared."""

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        document = parse_json(text, name)
        try:
            self.format = document["format"]
            if self.format not in FORMATS:
                known = " and ".join(map(str, FORMATS))
                raise BundleError(f"{name} has format {self.format!r}, this release reads {known}")
            self.seeds: list[int] = list(document["comparison"]["seeds"])
            self.suite = _words(document["suite"]["version"])
            self.versions = {_words(row["label"]): _words(row["version"]) for row in document["strategies"]}
            self.boards: dict[str, Mapping[str, Any]] = {
                _words(board["name"]): board for board in document["benchmarks"]
            }
            self.ranked = {
                (name, _words(row["label"])): (_words(row["place"] or ""), self._scores(board, row))
                for name, board in self.boards.items()
                for row in board["ranked"]
            }
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise BundleError(f"{name} is no leaderboard of this suite (near {error})") from None

    def _scores(self, board: Mapping[str, Any], row: Mapping[str, Any]) -> dict[int, float]:
        return {seed: float(value) for seed, value in zip(self.seeds, row["scores"][board["score"]], strict=True)}


def _check_protocol(first: _Board, second: _Board) -> None:
    wrong = []
    if first.format != second.format:
        wrong.append(
            f"the old one has format {first.format} and the new one {second.format}: from format 2 on a run is scored "
            "by training seeds that it did not see; write the old one again with nasbench leaderboard"
        )
    for name in [*first.boards, *(name for name in second.boards if name not in first.boards)]:
        if name not in first.boards or name not in second.boards:
            wrong.append(f"benchmark {name} is only in {first.name if name in first.boards else second.name}")
            continue
        for what in ("budget", "identity", "fidelities", "space", "score"):
            ours, theirs = first.boards[name].get(what), second.boards[name].get(what)
            if ours != theirs:
                wrong.append(f"the {what} of {name} is {_plain(ours)} in the old and {_plain(theirs)} in the new")
    if wrong:
        raise BundleError("the leaderboards cannot be compared: " + "; ".join(wrong))


def _plain(value: Any) -> str:
    return _words(" ".join(map(str, value.values())) if isinstance(value, dict) else value)


def _words(value: Any) -> str:
    return printable(str(value))


def _change(
    first: _Board, second: _Board, benchmark: str, pair: tuple[str, str], seeds: Sequence[int], level: float
) -> Change:
    before, after = first.ranked.get((benchmark, pair[0])), second.ranked.get((benchmark, pair[1]))
    label = pair[0] if pair[0] == pair[1] else f"{pair[0]} → {pair[1]}"
    versions = (first.versions.get(pair[0], ""), second.versions.get(pair[1], ""))
    places = (before[0] if before else "", after[0] if after else "")
    if before is None or after is None:
        if not versions[0] or not versions[1]:
            verdict: Verdict = "gone" if versions[0] else "new"
        elif before is None and after is None:
            verdict = "same"
        else:
            verdict = "now ranked" if after else "no longer ranked"
        old, new = (None if side is None else mean(list(side[1].values())) for side in (before, after))
        return Change(label, benchmark, verdict, old, new, places=places, versions=versions)
    values = np.array([[side[seed] for seed in seeds] for side in (after[1], before[1])])
    new, old = mean(values[0]), mean(values[1])
    if (values[0] == values[1]).all():
        return Change(label, benchmark, "same", old, new, None, 0.0, len(seeds), places, versions)
    found = paired_differences(values)
    p_value, effect = float(found.p_values[0, 1]), float(found.effects[0, 1])
    return Change(label, benchmark, "not significant", old, new, p_value, effect, len(seeds), places, versions)


def _judged(change: Change, level: float) -> Change:
    if change.p_value is None or change.p_value > level or not change.effect:
        return change
    return replace(change, verdict="better" if change.effect > 0 else "worse")
