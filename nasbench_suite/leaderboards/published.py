"""Figures that papers publish for a benchmark, shown beside a leaderboard as claims: with their budgets, never ranked.

They are data with their sources (``published/*.toml``). No figure of them enters a statistic.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from nasbench_suite.scoring import Scoreboard

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class Claim:
    """One method as its authors, or the benchmark's, report it.

    Attributes:
        method: its name.
        budget: what a run of it cost, in words.
        figures: one per column, as printed.
        runs: how many runs they rest on, in words.
        source: where they are printed.
    """

    method: str
    budget: str
    figures: tuple[str, ...]
    runs: str
    source: str


@dataclass(frozen=True)
class Claims:
    """All that a file has.

    Attributes:
        title: where the figures come from.
        note: how they differ from the leaderboard's.
        benchmarks: beside which they are shown.
        columns: what the figures are.
        rows: the methods.
    """

    title: str
    note: str
    benchmarks: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[Claim, ...]


def claims_of(scoreboard: Scoreboard) -> Mapping[str, Claims]:
    """Benchmark -> what is published for it."""
    shown = {board.contest.benchmark for board in scoreboard.boards}
    return {name: claims for claims in _all() for name in claims.benchmarks if name in shown}


@cache
def _all() -> tuple[Claims, ...]:
    folder = files("nasbench_suite.leaderboards") / "published"
    texts = sorted(
        (path.name, path.read_text(encoding="utf-8")) for path in folder.iterdir() if path.name.endswith(".toml")
    )
    return tuple(_read(tomllib.loads(text)) for _, text in texts)


def _read(held: Mapping[str, Any]) -> Claims:
    columns = tuple(held["columns"])
    rows = tuple(
        Claim(row["method"], row["budget"], tuple(row["figures"]), row["runs"], row.get("source", held["source"]))
        for row in held["claims"]
    )
    assert all(len(row.figures) == len(columns) for row in rows), "a figure for every column"
    return Claims(held["title"], " ".join(held["note"].split()), tuple(held["benchmarks"]), columns, rows)
