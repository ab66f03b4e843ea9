"""Checking a plugin in a process of its own, so that one that hangs, exits or fills the memory ends with a finding.

``python -m nasbench_suite.testing.process check NAME`` writes one JSON object per finding to stdout, as it is found.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from nasbench_suite.errors import SuiteError, UsageError
from nasbench_suite.testing.conformance import Finding
from nasbench_suite.testing.report import Section, check_plugin, digests

ADVICE = (
    "run the strategy alone with 'nasbench run' and look where it stays; no input, no endless loop without a question"
)


def check_apart(target: str, seconds: float) -> Iterator[Section]:
    """The findings about a plugin, from a process of its own.

    Args:
        target: as for :func:`~nasbench_suite.plugins.load_plugin`.
        seconds: of wall clock, after which the process is ended.

    Raises:
        UsageError, PluginError: there is no such plugin.
    """
    subject = f"plugin {target}"
    told: list[str] = []
    for line in _lines("check", target, seconds, told):
        if "error" in line:
            raise (UsageError if line["usage"] else SuiteError)(line["error"])
        subject = line["subject"]
        yield Section(subject, Finding(**line["finding"]))
    if told:
        yield Section(subject, Finding("comes to an end", False, told[0], ADVICE, f"an end within {seconds:g} s"))
        return
    yield from _compare(target, seconds)


def _compare(target: str, seconds: float) -> Iterator[Section]:
    """Whether strategies do the same in two processes that hash texts differently."""
    found: list[dict[str, str]] = []
    for salt in ("1", "2"):
        found.append({})
        for line in _lines("digest", target, seconds, [], PYTHONHASHSEED=salt):
            found[-1].update(line.get("digests", {}))
    for name, digest in sorted(found[0].items()):
        same = digest == found[1].get(name)
        seen = "" if same else "two processes with other hashes of texts gave two journals"
        advice = "sort before iterating over a set; depend on no hash(), id(), clock or environment"
        finding = Finding("does the same in every process", same, seen, advice, "the same journal in both")
        yield Section(f"strategy {name}", finding)


def _lines(what: str, target: str, seconds: float, told: list[str], **environment: str) -> Iterator[dict[str, Any]]:
    """What the process says; ``told`` gets a line if it did not come to its end."""
    command = [sys.executable, "-m", "nasbench_suite.testing.process", what, target]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **environment},
        start_new_session=True,
    )
    late = threading.Event()

    def end() -> None:
        late.set()
        _kill(process)

    timer = threading.Timer(seconds, end)
    timer.start()
    complete = False
    try:
        assert process.stdout is not None
        for text in process.stdout:
            line = json.loads(text)
            complete = "end" in line
            if not complete:
                yield line
        status = process.wait()
    finally:
        timer.cancel()
        _kill(process)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    if late.is_set():
        told.append(f"it was still running after {seconds:g} s and was ended")
    elif not complete:
        told.append(f"its process ended with status {status} in the middle of a check")


def _kill(process: subprocess.Popen[str]) -> None:
    """End the process and all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()


def main(what: str, target: str) -> None:
    """Write findings (``check``) or hashes (``digest``) to what was stdout; the plugin's own output is dropped."""
    out = os.fdopen(os.dup(1), "w", buffering=1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)

    def say(**line: object) -> None:
        out.write(json.dumps(line) + "\n")

    try:
        if what == "digest":
            say(digests=digests(target))
        else:
            for section in check_plugin(target):
                say(subject=section.subject, finding=asdict(section.finding))
    except SuiteError as error:
        say(error=str(error), usage=isinstance(error, UsageError))
    say(end=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
