"""Everything a plugin can extend: three hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pluggy

from nasbench_suite.benchmarks import Benchmark
from nasbench_suite.search.strategies import Strategy
from nasbench_suite.spaces import Space

PROJECT = "nasbench_suite"
"""The project name of the hooks, and the entry point group under which packages register."""

API_VERSION = 1
"""The version of this interface. A plugin module may say ``NASBENCH_API = 1`` for which it was written."""

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
