"""What is different between two documents of leaderboards, place by place in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple


class Difference(NamedTuple):
    """One place at which a claimed document is not the recomputed one."""

    where: str
    claimed: str
    found: str

    def __str__(self) -> str:
        return f"{self.where}: claimed {self.claimed}, recomputed {self.found}"


def differences(
    claimed: Any, found: Any, seeds: Sequence[int] = (), where: tuple[str, ...] = ()
) -> Iterator[Difference]:
    """Every difference, in the order of the recomputed document.

    Args:
        claimed, found: documents as ``leaderboard.json`` has them.
        seeds: of the comparison; lists of scores have one value per seed.
        where: names of the place that both have reached.
    """
    if isinstance(claimed, dict) and isinstance(found, dict):
        for key in [*found, *(key for key in claimed if key not in found)]:
            below = (*where, str(key))
            if key not in claimed or key not in found:
                yield _difference(below, claimed.get(key, _NOTHING), found.get(key, _NOTHING))
            else:
                yield from differences(claimed[key], found[key], seeds, below)
    elif isinstance(claimed, list) and isinstance(found, list):
        yield from _lists(claimed, found, seeds, where)
    elif type(claimed) is not type(found) or claimed != found:
        yield _difference(where, claimed, found)


_NOTHING = object()


def _lists(claimed: list[Any], found: list[Any], seeds: Sequence[int], where: tuple[str, ...]) -> Iterator[Difference]:
    for key in ("label", "name"):
        if all(isinstance(item, dict) and isinstance(item.get(key), str) for item in [*claimed, *found]) and found:
            first, second = ({item[key]: item for item in items} for items in (claimed, found))
            yield from differences(first, second, seeds, where)
            if list(first) != list(second) and set(first) == set(second):
                yield Difference(", ".join((*where, "order")), ", ".join(first), ", ".join(second))
            if len(first) != len(claimed):
                yield Difference(", ".join(where), "the same row twice", "every row once")
            return
    if len(claimed) != len(found):
        yield Difference(", ".join(where), f"{len(claimed)} values", f"{len(found)}")
        return
    per_seed = "scores" in where[-2:] and len(found) == len(seeds)
    for place, pair in enumerate(zip(claimed, found, strict=True)):
        name = f"seed {seeds[place]}" if per_seed else f"value {place + 1}"
        yield from differences(*pair, seeds, (*where, name))


def _difference(where: tuple[str, ...], claimed: Any, found: Any) -> Difference:
    return Difference(", ".join(where), _short(claimed), _short(found))


def _short(value: Any) -> str:
    if value is _NOTHING:
        return "nothing"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
