"""Plugins are found beside whatever else lies on a machine: leftovers, other encodings, links to nowhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

NASBENCH = [sys.executable, "-m", "nasbench_suite.cli"]
GOOD = """
from nasbench_suite import hookimpl, strategy

@strategy("good")
def good(problem, rng):
    "Draw."

@hookimpl
def nasbench_strategies():
    return [good]
"""


def listed(plugins: Path, path: Path | None = None) -> tuple[set[str], str]:
    """Names of strategies, and what stderr says."""
    environment = {**os.environ, **({"PYTHONPATH": str(path)} if path else {})}
    done = subprocess.run(
        [*NASBENCH, "list", "strategies", "--json", "--plugins-dir", str(plugins)],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    return {row["name"] for row in json.loads(done.stdout)}, done.stderr


def info(**files: bytes) -> Callable[[Path], None]:
    def lay(directory: Path) -> None:
        place = directory / "left_over-1.0.dist-info"
        place.mkdir()
        for name, content in files.items():
            (place / name.replace("_txt", ".txt")).write_bytes(content)

    return lay


OURS = b"[nasbench_suite]\nleft = left_over\n"
METADATA = b"Metadata-Version: 2.1\nName: left-over\nVersion: 1.0\n"
BROKEN = {
    "an empty dist-info": (info(), False),
    "entry points without metadata": (info(entry_points_txt=OURS), True),
    "entry points of another encoding": (info(METADATA=METADATA, entry_points_txt=b"[x]\nf\xe4 = g\xff\n"), False),
    "our entry points in another encoding": (info(METADATA=METADATA, entry_points_txt=OURS + b"\xff = x\n"), True),
    "entry points that are none": (info(METADATA=METADATA, entry_points_txt=b"[x]\nno equals sign\n"), False),
    "entry points outside of a group": (info(METADATA=METADATA, entry_points_txt=b"a = b\n"), False),
    "our entry point of a module that is not there": (info(METADATA=METADATA, entry_points_txt=OURS), True),
    "our entry point that is no name": (info(METADATA=METADATA, entry_points_txt=b"[nasbench_suite]\na = !!\n"), True),
    "metadata of another encoding": (info(METADATA=b"Name: \xff\xfe\n"), False),
    "a file in place of a dist-info": (lambda directory: (directory / "x-1.dist-info").write_text("") and None, False),
    "an egg-info that is empty": (lambda directory: (directory / "x.egg-info").mkdir(), False),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_installations_are_one_line_at_most(tmp_path: Path, kind: str) -> None:
    lay, is_plugin = BROKEN[kind]
    path, plugins = tmp_path / "path", tmp_path / "plugins"
    path.mkdir()
    plugins.mkdir()
    (plugins / "good.py").write_text(GOOD)
    lay(path)
    names, told = listed(plugins, path)
    assert {"good", "random-search"} <= names
    lines = [line for line in told.splitlines() if line.startswith("warning: plugin")]
    assert len(lines) == is_plugin, told


def dangling(directory: Path, name: str) -> None:
    (directory / name).symlink_to(directory / "nowhere.py")


BESIDE = {
    "an editor's link to nowhere": (lambda directory: dangling(directory, ".#good.py"), False),
    "a link to nowhere": (lambda directory: dangling(directory, "gone.py"), True),
    "a link to itself": (lambda directory: (directory / "loop.py").symlink_to(directory / "loop.py"), True),
    "a directory": (lambda directory: (directory / "folder.py").mkdir(), False),
    "a file that is no text": (lambda directory: (directory / "bytes.py").write_bytes(b"\xff\xfe\0\0"), True),
    "an empty file": (lambda directory: (directory / "empty.py").touch(), True),
}


@pytest.mark.parametrize("kind", BESIDE)
def test_what_lies_in_the_plugins_directory_is_one_line_at_most(tmp_path: Path, kind: str) -> None:
    lay, told_of = BESIDE[kind]
    (tmp_path / "good.py").write_text(GOOD)
    lay(tmp_path)
    names, told = listed(tmp_path)
    assert {"good", "random-search"} <= names
    assert len([line for line in told.splitlines() if line.startswith("warning: plugin")]) == told_of, told
