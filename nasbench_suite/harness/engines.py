"""Choosing what executes the runs of a command: the processes of this machine, or an engine that a plugin brings."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasbench_suite.errors import PluginError, unknown
from nasbench_suite.harness.engine import Executor
from nasbench_suite.harness.local import LocalExecutor

LOCAL = "local"
"""The engine that comes with the suite: worker processes on this machine."""


@dataclass(frozen=True)
class EngineSettings:
    """What a command knows of how its runs are to be executed. An engine is a function of it that returns an executor.

    Attributes:
        jobs: how many runs at once; ``None`` leaves it to the engine.
        plugins_dir: loose plugins that the workers load, too.
        show_output: whether what strategies print goes to stderr.
        trust: names of plugins or packages whose runs need no isolation.
        command: a program that the workers know as a strategy.
    """

    jobs: int | None = None
    plugins_dir: Path | None = None
    show_output: bool = False
    trust: tuple[str, ...] = ()
    command: str | None = None


Engine = Callable[[EngineSettings], Executor]


def local(settings: EngineSettings) -> Executor:
    """Worker processes on this machine, as many as there are cores unless it is said."""
    jobs = settings.jobs or os.cpu_count() or 1
    return LocalExecutor(jobs, settings.plugins_dir, settings.show_output, settings.trust, settings.command)


def make_executor(name: str, settings: EngineSettings, engines: Mapping[str, Engine]) -> Executor:
    """The executor of the engine of this name.

    Args:
        name: of an engine.
        settings: for it.
        engines: those that plugins bring; none takes the name of the suite's own.

    Raises:
        UsageError: no engine of this name; near names are suggested.
        PluginError: a plugin's engine that raises, or returns something that is no executor.
    """
    known: dict[str, Engine] = {**engines, LOCAL: local}
    if name not in known:
        raise unknown("engine", name, known, "an engine is a plugin: nasbench list plugins")
    try:
        executor: Any = known[name](settings)
    except (KeyboardInterrupt, PluginError):
        raise
    except Exception as error:
        raise PluginError(f"engine {name!r} cannot start: {type(error).__name__}: {error}") from None
    lacking = [
        member for member in ("slots", "in_flight", "submit", "collect", "stop") if not hasattr(executor, member)
    ]
    if lacking:
        raise PluginError(f"engine {name!r} returned {executor!r:.80}, which lacks {', '.join(lacking)} of an executor")
    chosen: Executor = executor
    return chosen
