"""A comparison as plain data, and back: the one place that knows its fields, for documents, bundles and their readers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from nasbench_suite.comparisons.comparison import Comparison, Entry, Task
from nasbench_suite.errors import ComparisonError, SuiteError
from nasbench_suite.search.budget import Budget

ALWAYS = ("name", "title", "description", "citation", "seeds", "time_limit", "memory_limit")
"""Fields that are always written."""

ONLY_OTHERS = ("recommend",)
"""Fields that are written where they differ from their default, so that what was written before stays as it is."""

KEYS = (*ALWAYS, *ONLY_OTHERS, "benchmarks")
"""Everything that :func:`written` writes of a comparison with its benchmarks."""

_DEFAULTS = {field.name: field.default for field in fields(Comparison)}


def written(comparison: Comparison, *, benchmarks: bool = True) -> dict[str, Any]:
    """A comparison as plain data, without its rows, which are written with what else is known of them.

    Args:
        comparison: whatever it compares.
        benchmarks: whether its benchmarks with their budgets come last; without them their unit stands after the seeds.
    """
    found: dict[str, Any] = {}
    for name in ALWAYS:
        value = getattr(comparison, name)
        found[name] = list(value) if isinstance(value, tuple) else value
        if name == "seeds" and not benchmarks:
            found["unit"] = comparison.unit
    for name in ONLY_OTHERS:
        if getattr(comparison, name) != _DEFAULTS[name]:
            found[name] = getattr(comparison, name)
    if benchmarks:
        found["benchmarks"] = [
            {"name": task.benchmark, "amount": task.budget.amount, "unit": task.budget.unit}
            for task in comparison.tasks
        ]
    return found


def read_written(
    held: Mapping[str, Any], entries: tuple[Entry, ...], tasks: tuple[Task, ...] | None = None
) -> Comparison:
    """The inverse of :func:`written`.

    Args:
        held: what was written; further keys are not looked at.
        entries: the rows.
        tasks: the benchmarks with their budgets, where they are not in ``held``.

    Raises:
        ComparisonError: a field that is missing or of another kind, with its name.
    """
    texts = {name: _take(held, name, str) for name in ("name", "title", "description", "citation")}
    seeds = _take(held, "seeds", list)
    if not seeds or not all(type(seed) is int and seed >= 0 for seed in seeds):
        raise ComparisonError(f"seeds of comparison {texts['name']!r}: expected whole numbers of at least 0")
    chosen = held.get("recommend", _DEFAULTS["recommend"])
    if chosen not in ("any", "evaluated"):
        raise ComparisonError(f"recommend is {str(chosen)[:60]!r}, expected 'any' or 'evaluated'")
    return Comparison(
        **texts,
        tasks=_tasks(held) if tasks is None else tasks,
        entries=entries,
        seeds=tuple(seeds),
        time_limit=_take(held, "time_limit", int, float),
        memory_limit=_take(held, "memory_limit", int),
        recommend=chosen,
    )


def _tasks(held: Mapping[str, Any]) -> tuple[Task, ...]:
    tasks = []
    for number, item in enumerate(_take(held, "benchmarks", list), start=1):
        if not isinstance(item, Mapping):
            raise ComparisonError(f"benchmark {number}: expected name, amount and unit")
        name, amount, unit = _take(item, "name", str), _take(item, "amount", int, float), _take(item, "unit", str)
        try:
            tasks.append(Task(name, Budget(amount, unit)))
        except SuiteError as error:
            raise ComparisonError(f"benchmark {number}: {error}") from None
    return tuple(tasks)


def _take(held: Mapping[str, Any], name: str, *kinds: type) -> Any:
    value = held.get(name)
    if not isinstance(value, kinds) or isinstance(value, bool):
        expected = " or ".join(kind.__name__ for kind in kinds)
        raise ComparisonError(f"{name} is {str(value)[:60]!r}, expected {expected}")
    return value
