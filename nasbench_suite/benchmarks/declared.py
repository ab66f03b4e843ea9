"""Benchmarks on anybody's table without code: by rules, or by a TOML file beside the table where those do not fit.

By rules there is one benchmark ``table/data set`` for each data set with a metric of a training. The signal is its
``valid-accuracy``, or else the first other metric of validation, of anything else, and only in the end of the test set
(which every output then says). The longest training answers at all its epochs, shorter ones at their end, as far as
every architecture of the longest has them. The scores are the test metric of the data set, then those of the others,
then the validation metrics; the first ranks.

``mine.toml`` beside ``mine.h5`` says what is to be otherwise::

    [[benchmark]]
    name = "short"                        # of the benchmark mine/short; by default that of the data set
    dataset = "cifar10"
    isomorphic = true                     # architectures of one canonical text answer for each other
    signal = [{training = "12-epochs", metric = "valid-accuracy", epochs = "1..12"}]
    score = [{name = "test", dataset = "cifar10", training = "200-epochs", metric = "test-accuracy"}]

    [benchmark.goals.loss]                # of a metric that is no fraction
    unit = "nats"
    maximize = false
    low = 0.0
    high = 5.0
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from nasbench_suite.benchmarks.tabular import Goal, Measure, TabularBenchmark, is_test
from nasbench_suite.errors import TableError, UsageError, unknown
from nasbench_suite.plain.files import read_bytes
from nasbench_suite.tables import Table, open_table, table_directories
from nasbench_suite.tables.manifest import MANIFEST, read_manifest
from nasbench_suite.tables.ranges import whole_numbers
from nasbench_suite.tables.schema import CUMULATIVE, fault_of_name
from nasbench_suite.tables.table import dataset_names

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LARGEST = 2**20
"""Bytes that a file of declarations may have."""
LOOKED_AT = 50_000_000
"""Of a curve of so many numbers every epoch is looked at; of a longer one all epochs are offered."""
_BENCHMARK = ("name", "dataset", "isomorphic", "signal", "score", "goals")
_SIGNAL = ("dataset", "training", "metric", "epochs")
_SCORE = ("name", "dataset", "training", "metric")
_GOAL = ("unit", "maximize", "low", "high")


@dataclass(frozen=True)
class Declaration:
    """What a TOML file says of one benchmark; what is empty is by rules.

    Attributes:
        name: of the benchmark, after the table's.
        dataset: whose signal is searched.
        signal: as of :class:`~nasbench_suite.benchmarks.TabularBenchmark`.
        scores: name -> measure.
        goals: metric -> what is to be had of it.
        isomorphic: whether architectures of one canonical text answer for each other.
    """

    name: str
    dataset: str
    signal: tuple[Measure, ...] = ()
    scores: Mapping[str, Measure] = field(default_factory=dict)
    goals: Mapping[str, Goal] = field(default_factory=dict)
    isomorphic: bool = False


def declared_benchmarks(without: Collection[str]) -> dict[str, Callable[[], TabularBenchmark]]:
    """Name -> function that opens it, for every listed table but some.

    A table or a list of tables that cannot be read is a benchmark of its name whose opening says why.
    """
    offered: dict[str, Callable[[], TabularBenchmark]] = {}
    done = set(without)
    for directory in table_directories():
        try:
            entries = read_manifest(directory)
        except TableError as error:
            offered[str(directory / MANIFEST)] = partial(_refuse, error)
            continue
        for name, entry in entries.items():
            if name in done:
                continue
            done.add(name)
            try:
                declarations = _declarations(entry.path)
            except (TableError, UsageError) as error:
                offered[name] = partial(_refuse, error)
                continue
            for declaration in declarations:
                offered[f"{name}/{declaration.name}"] = partial(_open, name, declaration)
    return offered


def _refuse(error: TableError | UsageError) -> TabularBenchmark:
    raise error


def _declarations(path: Path) -> list[Declaration]:
    """Those of the file beside a table, and those by rules for its other data sets."""
    beside = path.with_suffix(".toml")
    stated = read_declarations(beside) if beside.is_file() else []
    taken = {declaration.name for declaration in stated}
    return [*stated, *(Declaration(name, name) for name in dataset_names(path) if name not in taken)]


def read_declarations(path: Path) -> list[Declaration]:
    """What a TOML file says of the benchmarks of the table beside it.

    Raises:
        UsageError: the file cannot be read, or a key in it is unknown, lacks or has a wrong value; it is named.
    """
    try:
        document = tomllib.loads(read_bytes(path, LARGEST).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read as TOML: {error}") from None
    _known(document, ("benchmark",), f"key in {path}")
    given = document.get("benchmark", [])
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise UsageError(f"{path}: expected tables [[benchmark]]")
    declarations = [_declaration(each, f"{path}: benchmark {number}") for number, each in enumerate(given, 1)]
    names = [declaration.name for declaration in declarations]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"{path}: benchmark {twice[0]!r} is declared twice")
    return declarations


def _declaration(given: Mapping[str, Any], where: str) -> Declaration:
    _known(given, _BENCHMARK, f"key in {where}")
    dataset = _text(given, "dataset", where)
    name = _text(given, "name", where, dataset)
    if fault := fault_of_name(name):
        raise UsageError(f"{where}: name {name!r}: {fault}")
    if type(isomorphic := given.get("isomorphic", False)) is not bool:
        raise UsageError(f"{where}: isomorphic is {isomorphic!r}, expected true or false")
    signal = tuple(_measure(each, dataset, _SIGNAL, where) for each in _tables(given, "signal", where))
    scores = {
        _text(each, "name", where): _measure(each, dataset, _SCORE, where) for each in _tables(given, "score", where)
    }
    goals = given.get("goals", {})
    if not isinstance(goals, dict) or not all(isinstance(goal, dict) for goal in goals.values()):
        raise UsageError(f"{where}: expected tables [benchmark.goals.METRIC]")
    return Declaration(name, dataset, signal, scores, {m: _goal(g, where) for m, g in goals.items()}, isomorphic)


def _measure(given: Mapping[str, Any], dataset: str, keys: tuple[str, ...], where: str) -> Measure:
    _known(given, keys, f"key in {where}")
    epochs = whole_numbers(given["epochs"], f"{where}: epochs") if "epochs" in given else None
    training = _text(given, "training", where, "" if keys == _SCORE else None)
    return Measure(_text(given, "dataset", where, dataset), training, _text(given, "metric", where), epochs)


def _goal(given: Mapping[str, Any], where: str) -> Goal:
    _known(given, _GOAL, f"key in {where}")
    maximize = given.get("maximize", True)
    if type(maximize) is not bool:
        raise UsageError(f"{where}: maximize is {maximize!r}, expected true or false")
    bounds = [given.get("low"), given.get("high")]
    for bound in bounds:
        if bound is not None and (type(bound) not in (int, float) or not np.isfinite(bound)):
            raise UsageError(f"{where}: bound {bound!r}, expected a finite number")
    low, high = (None if bound is None else float(bound) for bound in bounds)
    if low is not None and high is not None and low >= high:
        raise UsageError(f"{where}: low {low:g} is not below high {high:g}")
    return Goal(_text(given, "unit", where, ""), maximize, low, high)


def _tables(given: Mapping[str, Any], key: str, where: str) -> list[Mapping[str, Any]]:
    tables = given.get(key, [])
    tables = [tables] if isinstance(tables, dict) else tables
    if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        raise UsageError(f"{where}: {key} is {tables!r}, expected a list of tables")
    return tables


def _text(given: Mapping[str, Any], key: str, where: str, default: str | None = None) -> str:
    value = given.get(key, default)
    if not isinstance(value, str):
        raise UsageError(f"{where}: {key} is {value!r}, expected a text")
    return value


def _known(given: Mapping[str, Any], keys: Sequence[str], what: str) -> None:
    for key in given:
        if key not in keys:
            raise unknown(what, key, keys)


def _open(name: str, declaration: Declaration) -> TabularBenchmark:
    table = open_table(name)
    dataset = declaration.dataset
    signal = declaration.signal or _signal(table, dataset)
    return TabularBenchmark(
        f"{name}/{declaration.name}",
        table.whole_space(),
        table,
        signal=signal,
        scores=declaration.scores or _scores(table, dataset, signal),
        goals=declaration.goals,
        isomorphic=declaration.isomorphic,
    )


def _rank(metric: str) -> tuple[int, str]:
    """In which order metrics are looked at for a signal, the best first."""
    if metric == "valid-accuracy":
        return 0, metric
    if is_test(metric):
        return 4, metric
    if metric.startswith("valid"):
        return 1 if metric.endswith("-accuracy") else 2, metric
    return 5 if metric.startswith("train") else 3, metric


def _signal(table: Table, dataset: str) -> tuple[Measure, ...]:
    """The signal by rules; see the module."""
    trainings = table.dataset(dataset).trainings
    metrics = {
        metric for outline in trainings.values() for metric in outline.metrics if not metric.endswith("-seconds")
    }
    if not metrics:
        raise UsageError(f"benchmark {table.name}/{dataset}: {table.name} has no metric of a training on {dataset}")
    metric = min(metrics, key=_rank)
    priced = {name for name, outline in trainings.items() if CUMULATIVE in outline.metrics}
    able = [name for name, outline in trainings.items() if metric in outline.metrics]
    order = sorted(able, key=lambda name: (name not in priced, -trainings[name].metrics[metric][-1], name))
    longest, *shorter = [name for name in order if (name in priced) == (order[0] in priced)]
    first = Measure(dataset, longest, metric, _complete(table, dataset, longest, metric, longest in priced))
    ends = [Measure(dataset, name, metric, (trainings[name].metrics[metric][-1],)) for name in shorter]
    whole = _measured(table, first, trainings[longest].metrics[metric][-1], longest in priced).any(axis=1)
    return first, *(
        end
        for end in ends
        if end.epochs and not (whole & ~_measured(table, end, end.epochs[0], longest in priced).any(axis=1)).any()
    )


def _complete(table: Table, dataset: str, training: str, metric: str, priced: bool) -> tuple[int, ...]:
    """The epochs at which everything was measured that was measured at the last one."""
    outline = table.training(dataset, training)
    held = outline.metrics[metric]
    if priced:
        held = tuple(epochs for epochs in held if epochs in outline.metrics[CUMULATIVE]) or held
    if len(held) * len(outline.seeds) * table.architectures > LOOKED_AT:
        return held
    measure = Measure(dataset, training, metric)
    last = _measured(table, measure, held[-1], priced)
    return tuple(e for e in held if not (last & ~_measured(table, measure, e, priced)).any())


def _measured(table: Table, measure: Measure, epochs: int, priced: bool) -> Any:
    """``[row, training seed]``: whether a metric was measured at an epoch, with its cost."""
    known = np.isfinite(table.column(measure.dataset, measure.training, measure.metric, epochs))
    if priced and epochs in table.training(measure.dataset, measure.training).metrics[CUMULATIVE]:
        costs = table.column(measure.dataset, measure.training, CUMULATIVE, epochs)
        known = known & np.isfinite(costs) & (costs > 0)
    return known


def _scores(table: Table, dataset: str, signal: Sequence[Measure]) -> dict[str, Measure]:
    """The scores by rules; see the module."""
    searched = signal[0]
    longest = max(signal, key=lambda measure: max(measure.epochs or (0,)))
    base = searched.metric.removeprefix("valid-").removeprefix("test-")
    scores: dict[str, Measure] = {}
    for split in ("test", "valid"):
        for other in [dataset, *sorted(set(table.datasets) - {dataset})]:
            trainings = table.dataset(other).trainings
            metric = f"{split}-{base}"
            able = [name for name, outline in trainings.items() if metric in outline.metrics]
            if able:
                training = max(able, key=lambda name: (trainings[name].metrics[metric][-1], name))
                training = longest.training if longest.training in able else training
                scores[f"{other} {'validation' if split == 'valid' else split}"] = Measure(other, training, metric)
    return scores or {searched.metric: Measure(searched.dataset, longest.training, searched.metric)}
