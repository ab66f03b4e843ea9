"""A worker: a process that does batches of runs and sends the result of each.

It is started by :class:`~nasbench_suite.harness.supervisor.Worker` and ends with the process that started it. Runs of
the suite's own and of trusted strategies are executed in it; for all others it is the process that answers (see
:mod:`nasbench_suite.harness.isolation`).
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from nasbench_suite.harness.confinement import become_subreaper
from nasbench_suite.harness.engine import Batch
from nasbench_suite.harness.executing import BATCH_SECONDS, execute
from nasbench_suite.harness.frames import framed, read_exactly, read_frame, unpacked_json
from nasbench_suite.harness.guard import end_children
from nasbench_suite.harness.isolation import Isolation
from nasbench_suite.harness.local import Named
from nasbench_suite.harness.runs import Result, Run
from nasbench_suite.harness.scores import SCORE, execute_score
from nasbench_suite.harness.supervisor import packed_bytes
from nasbench_suite.plugins import Registry, load_registry


def main(descriptor: int) -> None:
    """Do what the other end of a socket asks until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    become_subreaper()
    with socket.socket(fileno=descriptor) as channel:
        mark = read_exactly(channel, 8)
        read = partial(read_exactly, channel)
        frame = read_frame(read, mark)
        if frame is None:
            return
        setting = unpacked_json(frame[1])
        threading.Thread(target=_end_with_parent, args=(setting["parent"], setting["own"]), daemon=True).start()
        _leave_the_terminal(setting["show"])
        do, end = _doing(setting)
        channel.sendall(framed(mark, b"r", b""))
        while (frame := read_frame(read, mark)) is not None:
            _do(_batch(unpacked_json(frame[1])), do, lambda kind, data: channel.sendall(framed(mark, kind, data)))
        end()
    end_children()


def _do(batch: Batch, do: Callable[[Run, Batch], Result], say: Callable[[bytes, bytes], None]) -> None:
    """Do the runs of a batch in order, until all are done or :data:`BATCH_SECONDS` have passed."""
    stop_at = time.perf_counter() + BATCH_SECONDS
    for run in batch.runs:
        say(b"d", packed_bytes(do(run, batch).packed()))
        if time.perf_counter() > stop_at:
            break
    say(b"e", b"")


def _doing(setting: dict[str, Any]) -> tuple[Callable[[Run, Batch], Result], Callable[[], None]]:
    """How runs are done here, and what to do at the end."""
    plugins_dir = Path(setting["plugins_dir"]) if setting["plugins_dir"] else None
    if setting["isolated"]:
        registry = load_registry(plugins_dir, only=frozenset([setting["home"]]))
        isolation = Isolation(setting, registry)
        return partial(_searched_or_scored, registry, isolation.execute), isolation.end
    only = Named(frozenset(setting["trust"]), frozenset(setting["only"]))
    registry = load_registry(plugins_dir, only=only, command=setting["command"])

    def do(run: Run, batch: Batch) -> Result:
        return execute(run, registry, batch.journals, batch.memory_limit, batch.curves)

    return partial(_searched_or_scored, registry, do), lambda: None


def _searched_or_scored(registry: Registry, search: Callable[[Run, Batch], Result], run: Run, batch: Batch) -> Result:
    return execute_score(run, registry) if run.kind == SCORE else search(run, batch)


def _leave_the_terminal(show: bool) -> None:
    target = 2 if show else os.open(os.devnull, os.O_WRONLY)
    os.dup2(target, 1)
    os.dup2(target, 2)


def _end_with_parent(parent: int, own: str) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    end_children()
    shutil.rmtree(own, ignore_errors=True)
    os._exit(1)


def _batch(told: dict[str, Any]) -> Batch:
    return Batch(
        tuple(map(Run.from_recipe, told["runs"])),
        Path(told["journals"]) if told["journals"] else None,
        told["memory_limit"],
        told["time_limit"],
        curves=Path(told["curves"]) if told["curves"] else None,
        home=told["home"],
    )
