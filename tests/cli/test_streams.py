"""Closed and full streams and narrow code pages: a line and an exit code, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

NASBENCH = f"{sys.executable} -m nasbench_suite.cli"


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["sh", "-c", line], capture_output=True, env={**os.environ, **environment}, timeout=120)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("command", ["--help", "list spaces", "list plugins --json", "completion bash"])
@pytest.mark.parametrize("where", [">/dev/full", ">&-"])
def test_output_that_is_lost_is_an_error(command: str, where: str) -> None:
    done = shell(f"{NASBENCH} {command} {where}")
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: ") and b"Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("where", ["2>/dev/full", "2>&-"])
def test_messages_that_are_lost_leave_the_exit_code_as_it_is(where: str) -> None:
    assert shell(f"{NASBENCH} list spaces {where}").returncode == 0
    assert shell(f"{NASBENCH} describe no-such-strategy {where}").returncode == 2


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1"])
def test_a_narrow_code_page_takes_every_character(encoding: str) -> None:
    code = (
        "from nasbench_suite.cli.streams import prepare, finish\nprepare()\n"
        "finish(lambda: print('a → b … 2 × 3 ε \\ud800') or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env={**os.environ, "PYTHONIOENCODING": encoding}
    )
    assert done.returncode == 0, done.stderr
    assert b"a -> b" in done.stdout and b"\\u03b5" in done.stdout and b"\\ud800" in done.stdout


def test_commands_that_need_no_home_need_none() -> None:
    for home in ({"HOME": "/nonexistent"}, {"HOME": ""}):
        assert shell(f"{NASBENCH} list spaces", **home).returncode == 0
    assert shell(f"env -u HOME {NASBENCH} list strategies").returncode == 0
