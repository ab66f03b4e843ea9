"""Reading a comparison from TOML, with every mistake reported at once."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nasbench_suite.errors import ComparisonError, SuiteError, unknown
from nasbench_suite.plain.texts import read_toml
from nasbench_suite.search.budget import Budget

LEAST_MEMORY = 64
"""MiB: below it no process of Python gets far."""

PRESETS = Path(__file__).parent / "presets"
_KEYS = {
    "name",
    "title",
    "description",
    "citation",
    "seeds",
    "first_seed",
    "time_limit",
    "memory_limit",
    "benchmarks",
    "strategies",
    "recommend",
}


@dataclass(frozen=True)
class Task:
    """One benchmark of a comparison and what each run on it may spend."""

    benchmark: str
    budget: Budget


@dataclass(frozen=True)
class Entry:
    """One row of a comparison.

    Attributes:
        label: under which it stands in the leaderboard.
        strategy: the strategy's name.
        parameters: what differs from the strategy's defaults.
    """

    label: str
    strategy: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Comparison:
    """What is compared, and how fairly: the same budget and the same seeds for every strategy.

    Attributes:
        name: of the leaderboard's directory.
        title, description, citation: for the leaderboard.
        tasks: benchmarks with budgets, all in one unit.
        entries: the strategies; ``None`` means all that are installed.
        seeds: of the runs; run k of every strategy sees the same noise.
        time_limit: seconds of wall clock for one run.
        memory_limit: MiB that one run may allocate.
        recommend: what a strategy may recommend: ``"any"`` architecture, or one that it ``"evaluated"`` (and paid for).
    """

    name: str
    title: str
    description: str
    citation: str
    tasks: tuple[Task, ...]
    entries: tuple[Entry, ...] | None
    seeds: tuple[int, ...]
    time_limit: float = 300.0
    memory_limit: int = 4096
    recommend: str = "any"

    def __post_init__(self) -> None:
        units = {task.budget.unit for task in self.tasks}
        if len(units) > 1:
            raise ComparisonError(
                f"comparison {self.name!r}: budgets in {' and '.join(sorted(units))}; one leaderboard has one currency"
            )
        if not 0 < self.time_limit < math.inf:
            raise ComparisonError(
                f"comparison {self.name!r}: time_limit is {self.time_limit!r}; expected seconds above 0"
            )
        if self.memory_limit < LEAST_MEMORY:
            raise ComparisonError(
                f"comparison {self.name!r}: memory_limit is {self.memory_limit!r}; expected at least {LEAST_MEMORY} MiB"
            )

    @property
    def unit(self) -> str:
        """The currency of all budgets."""
        return self.tasks[0].budget.unit if self.tasks else "seconds"

    def override(
        self,
        *,
        name: str | None = None,
        benchmarks: tuple[str, ...] = (),
        strategies: tuple[str, ...] = (),
        budget: Budget | None = None,
        seeds: tuple[int, ...] | None = None,
        time_limit: float | None = None,
        memory_limit: int | None = None,
    ) -> Comparison:
        """The same comparison with some of it replaced; without a name of its own it is marked as changed.

        Raises:
            ComparisonError: a benchmark that is not in the comparison and for which no budget is given.
        """
        changed = replace(self)
        if benchmarks:
            budgets = {task.benchmark: task.budget for task in self.tasks}
            lacking = [benchmark for benchmark in benchmarks if benchmark not in budgets and budget is None]
            if lacking:
                raise ComparisonError(f"{', '.join(lacking)} is not in comparison {self.name!r}; give --budget for it")
            given = budget or Budget(0)
            changed = replace(changed, tasks=tuple(Task(b, budgets.get(b, given)) for b in benchmarks))
        if budget is not None:
            changed = replace(changed, tasks=tuple(Task(task.benchmark, budget) for task in changed.tasks))
        if strategies:
            kept = {entry.strategy: entry for entry in self.entries or ()}
            entries = tuple(kept.get(name, Entry(name, name, {})) for name in strategies)
            changed = replace(changed, entries=entries)
        if seeds is not None:
            changed = replace(changed, seeds=seeds)
        if time_limit is not None:
            changed = replace(changed, time_limit=time_limit)
        if memory_limit is not None:
            changed = replace(changed, memory_limit=memory_limit)
        if name is not None:
            return replace(changed, name=name)
        same = (changed.tasks, changed.entries, changed.seeds) == (self.tasks, self.entries, self.seeds)
        return changed if same else replace(changed, name=f"{self.name}-changed", title=f"{self.title} (changed)")


def preset_names() -> list[str]:
    """The comparisons that come with the suite."""
    return sorted(path.stem for path in PRESETS.glob("*.toml"))


def load_comparison(name_or_path: str) -> Comparison:
    """A preset by name, or a TOML file by path.

    Raises:
        ComparisonError: a file that is missing or not TOML, or mistakes in it: all are named.
        UsageError: no preset of this name.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        if name_or_path not in preset_names():
            raise unknown("comparison", name_or_path, preset_names(), "or give the path of a .toml file")
        path = PRESETS / f"{name_or_path}.toml"
    return parse_comparison(read_toml(path, "comparison", ComparisonError), str(path))


def parse_comparison(document: Mapping[str, Any], where: str) -> Comparison:
    """Make a comparison from a parsed TOML document.

    Raises:
        ComparisonError: unknown keys, wrong types or values; all are named.
    """
    wrong: list[str] = []

    def take(key: str, kind: type, default: Any) -> Any:
        value = document.get(key, default)
        if not isinstance(value, kind) or isinstance(value, bool):
            wrong.append(f"{key} is {value!r}, expected {kind.__name__}")
            return default
        return value

    wrong += [f"unknown key {key!r} (known: {', '.join(sorted(_KEYS))})" for key in sorted(set(document) - _KEYS)]
    name = take("name", str, "")
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name):
        wrong.append(f"name is {name!r}, expected lower-case letters, digits, dots and hyphens")
    tasks = _tasks(take("benchmarks", list, []), wrong)
    entries = _entries(document["strategies"], wrong) if "strategies" in document else None
    seeds = _seeds(document.get("seeds", 30), document.get("first_seed", 0), wrong)
    time_limit = take("time_limit", int, 300)
    memory_limit = take("memory_limit", int, 4096)
    recommend = take("recommend", str, "any")
    if recommend not in ("any", "evaluated"):
        wrong.append(f"recommend is {recommend!r}, expected 'any' or 'evaluated'")
    texts = {key: take(key, str, "").strip() for key in ("title", "description", "citation")}
    if not wrong:
        try:
            return Comparison(
                name,
                texts["title"] or name,
                texts["description"],
                texts["citation"],
                tasks,
                entries,
                seeds,
                time_limit,
                memory_limit,
                recommend,
            )
        except ComparisonError as error:
            wrong.append(str(error))
    raise ComparisonError(f"comparison {where}: " + "; ".join(wrong))


def _tasks(items: list[Any], wrong: list[str]) -> tuple[Task, ...]:
    tasks = []
    if not items:
        wrong.append("no benchmarks; expected [[benchmarks]] with name and budget")
    for number, item in enumerate(items, start=1):
        if not isinstance(item, dict) or set(item) != {"name", "budget"}:
            wrong.append(f"benchmark {number}: expected name and budget, got {item!r}")
            continue
        try:
            tasks.append(Task(str(item["name"]), Budget.parse(str(item["budget"]))))
        except SuiteError as error:
            wrong.append(f"benchmark {number}: {error}")
    names = [task.benchmark for task in tasks]
    wrong += [f"benchmark {name!r} is named twice" for name in sorted({n for n in names if names.count(n) > 1})]
    return tuple(tasks)


def _entries(items: Any, wrong: list[str]) -> tuple[Entry, ...] | None:
    if items == "all":
        return None
    if not isinstance(items, list) or not items:
        wrong.append(
            f"strategies is {items!r}, expected 'all', a list of names, or [[strategies]] with name and parameters"
        )
        return None
    entries = []
    for number, item in enumerate(items, start=1):
        if isinstance(item, str):
            item = {"name": item}
        if not isinstance(item, dict) or "name" not in item or set(item) - {"name", "parameters", "label"}:
            wrong.append(f"strategy {number}: expected name, parameters and label, got {item!r}")
            continue
        parameters = item.get("parameters", {})
        if not isinstance(parameters, dict):
            wrong.append(f"strategy {number}: parameters is {parameters!r}, expected a table")
            continue
        entries.append(
            Entry(str(item.get("label", entry_label(item["name"], parameters))), str(item["name"]), parameters)
        )
    labels = [entry.label for entry in entries]
    wrong += [
        f"strategy {label!r} stands twice; give labels" for label in sorted({x for x in labels if labels.count(x) > 1})
    ]
    return tuple(entries)


def entry_label(strategy: str, parameters: Mapping[str, Any]) -> str:
    """``name`` or ``name(parameter=value, …)``."""
    shown = ", ".join(f"{key}={value}" for key, value in sorted(parameters.items()))
    return f"{strategy}({shown})" if shown else strategy


def _seeds(value: Any, first: Any, wrong: list[str]) -> tuple[int, ...]:
    """The seeds of the runs: so many from the first one on, or those of a list."""
    if type(first) is not int or first < 0:
        wrong.append(f"first_seed is {first!r}, expected a whole number of at least 0")
        return ()
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return tuple(range(first, first + value))
    if (
        isinstance(value, list)
        and value
        and all(type(seed) is int and seed >= 0 for seed in value)
        and len(set(value)) == len(value)
    ):
        if first:
            wrong.append(f"first_seed is {first} beside a list of seeds; expected a number of seeds, or no first_seed")
        return tuple(value)
    wrong.append(
        f"seeds is {value!r}, expected a number of seeds of at least 1, or a list of different numbers of at least 0"
    )
    return ()
