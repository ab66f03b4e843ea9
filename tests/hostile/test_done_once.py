"""What was paid is not paid again: trained scores are kept, published runs are loaded, and imports change no number."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nasbench_suite.harness import Store

MEASURED = """
from dataclasses import replace
from nasbench_suite import hookimpl
from nasbench_suite.benchmarks.synthetic import SyntheticBenchmark
from nasbench_suite.spaces import nas_bench_201

class Measured(SyntheticBenchmark):
    currency = "measured"

    def scores(self):
        held = super().scores()
        def trained(of):
            def score(architecture):
                with open({log!r}, "a") as file:
                    file.write("trained\\n")
                return of(architecture)
            return score
        return {{name: replace(scores, of=trained(scores.of), best=None) for name, scores in held.items()}}

@hookimpl
def nasbench_benchmarks():
    return {{"own/measured": lambda: Measured("own/measured", nas_bench_201())}}
"""
COMPARISON = """
name = "own"
seeds = 2
[[benchmarks]]
name = "{benchmark}"
budget = "6evaluations"
[[strategies]]
name = "random-search"
[[strategies]]
name = "regularized-evolution"
"""
PATCHES = """
import math
from nasbench_suite import hookimpl, strategy

{patch}

@strategy("patches", family="other")
def patches(problem, rng):
    \"\"\"Is never run.\"\"\"

@hookimpl
def nasbench_strategies():
    return [patches]
"""
ENGINE = """
from nasbench_suite import hookimpl
from nasbench_suite.harness import LocalExecutor

def make(settings):
    print("own engine", file=__import__("sys").stderr)
    return LocalExecutor(1, settings.plugins_dir)

@hookimpl
def nasbench_engines():
    return {"own": make}
"""


def nasbench(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "nasbench_suite.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=300,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def write(directory: Path, benchmark: str, **plugins: str) -> None:
    (directory / "own.toml").write_text(COMPARISON.format(benchmark=benchmark))
    (directory / "plugins").mkdir()
    for name, text in plugins.items():
        (directory / "plugins" / f"{name}.py").write_text(text)


def test_scores_that_are_trained_are_runs_that_are_done_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    write(tmp_path, "own/measured", measured=MEASURED.format(log=str(log)))
    done = nasbench("run-all", "own.toml", "--plugins-dir", "plugins", "--jobs", 2, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    first = log.read_text()
    board = (tmp_path / "leaderboards" / "own" / "leaderboard.json").read_bytes()
    ranked = json.loads(board)["benchmarks"][0]["ranked"]
    assert first and {row["label"] for row in ranked} == {"random-search", "regularized-evolution"}
    for arguments in (["run-all", "own.toml", "--jobs", 1], ["leaderboard", "own.toml"], ["status", "own.toml"]):
        done = nasbench(*arguments, "--plugins-dir", "plugins", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert log.read_text() == first, "nothing is trained again"
    assert (tmp_path / "leaderboards" / "own" / "leaderboard.json").read_bytes() == board
    with Store(tmp_path / ".nasbench" / "runs.sqlite3", read_only=True) as store:
        assert {json.loads(recipe).get("kind") for recipe in store.recipes()} == {None, "score"}


@pytest.mark.parametrize("beside", ["leaderboards/own.nasbench.zip", "leaderboards/own/own.nasbench.zip"])
def test_the_runs_of_a_bundle_beside_the_leaderboard_are_loaded(tmp_path: Path, beside: str) -> None:
    write(tmp_path, "nas-bench-201/cifar10")
    assert nasbench("run-all", "own.toml", cwd=tmp_path).returncode == 0
    done = nasbench("publish", "leaderboards/own", "--bundle", tmp_path / beside, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    board = (tmp_path / "leaderboards" / "own" / "leaderboard.json").read_bytes()
    shutil.rmtree(tmp_path / ".nasbench")
    done = nasbench("run-all", "own.toml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"4 runs loaded from {beside}, 0 are left to compute" in done.stderr
    assert "nothing was left to do" in done.stderr
    assert (tmp_path / "leaderboards" / "own" / "leaderboard.json").read_bytes() == board
    assert f"4 of them were loaded from {beside}" in nasbench("status", "own.toml", cwd=tmp_path).stdout
    done = nasbench("run-all", "own.toml", "--seeds", 3, "--name", "own", cwd=tmp_path)
    assert done.returncode == 0 and "2 runs done (2 finished), 4 were done before" in done.stderr


@pytest.mark.parametrize(
    "patch",
    [
        "import threading\nmath.fsum = lambda values: 0.0",
        "import numpy\nnumpy.mean = lambda *a, **k: 0.5",
        "import statistics\nstatistics.fmean = statistics.mean = lambda values: 0.0",
    ],
)
def test_no_import_of_others_changes_a_published_number(tmp_path: Path, patch: str) -> None:
    write(tmp_path, "nas-bench-201/cifar10")
    assert nasbench("run-all", "own.toml", cwd=tmp_path).returncode == 0
    board = (tmp_path / "leaderboards" / "own" / "leaderboard.json").read_bytes()
    (tmp_path / "plugins" / "patches.py").write_text(PATCHES.format(patch=patch))
    done = nasbench("run-all", "own.toml", "--plugins-dir", "plugins", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "leaderboards" / "own" / "leaderboard.json").read_bytes() == board


def test_a_plugin_brings_an_engine(tmp_path: Path) -> None:
    write(tmp_path, "nas-bench-201/cifar10", engine=ENGINE)
    options = ("run-all", "own.toml", "--plugins-dir", "plugins")
    done = nasbench(*options, "--engine", "own", cwd=tmp_path)
    assert done.returncode == 0 and "own engine" in done.stderr, done.stderr
    done = nasbench(*options, "--engine", "onw", cwd=tmp_path)
    assert done.returncode == 2 and "did you mean own" in done.stderr


def test_failed_runs_end_with_a_code(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "raises.py").write_text(
        PATCHES.format(patch="").replace('"""Is never run."""', '"""Raises."""\n    raise ValueError("no")')
    )
    (tmp_path / "own.toml").write_text(
        COMPARISON.format(benchmark="nas-bench-201/cifar10") + '[[strategies]]\nname = "patches"\n'
    )
    done = nasbench("run-all", "own.toml", "--plugins-dir", "plugins", cwd=tmp_path)
    assert done.returncode == 1 and "2 runs did not finish" in done.stderr, done.stderr
    assert (tmp_path / "leaderboards" / "own" / "leaderboard.json").is_file(), "the good rows are written"
