"""Everything a plugin can extend: seven hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pluggy

from nasbench_suite.benchmarks import Benchmark
from nasbench_suite.search.strategies import Strategy
from nasbench_suite.spaces import Space

PROJECT = "nasbench_suite"
"""The project name of the hooks, and the entry point group under which packages register."""

API_VERSION = 2
"""The version of this interface. A plugin module says ``NASBENCH_API = 2``, the version for which it was written."""

OLDEST_API = 1
"""The oldest version whose plugins are still taken. A plugin that does not say its version was written for this one."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def nasbench_strategies() -> Iterable[Strategy]:  # type: ignore[empty-body]
    """Return the strategies of this plugin, made with ``@strategy``."""


@hookspec
def nasbench_benchmarks() -> dict[str, Callable[[], Benchmark]]:  # type: ignore[empty-body]
    """Return the benchmarks of this plugin: name -> function that opens it. Nothing is opened before it is used."""


@hookspec
def nasbench_spaces() -> dict[str, Callable[[], Space]]:  # type: ignore[empty-body]
    """Return the spaces of this plugin: name -> function that makes it."""


@hookspec
def nasbench_builders() -> Iterable[Any]:  # type: ignore[empty-body]
    """Return the network builders of this plugin: functions of an architecture and a signature, each with a ``name``."""


@hookspec
def nasbench_tasks() -> dict[str, Callable[[], Any]]:  # type: ignore[empty-body]
    """Return the tasks of this plugin: name -> function that makes it. No data are read before a task is used."""


@hookspec
def nasbench_goals() -> dict[str, Any]:  # type: ignore[empty-body]
    """Return the goals of this plugin: name -> what a training minimizes and what is measured."""


@hookspec
def nasbench_engines() -> dict[str, Callable[..., Any]]:  # type: ignore[empty-body]
    """Return the engines of this plugin: name -> function that makes an executor of runs (``--engine NAME``)."""
