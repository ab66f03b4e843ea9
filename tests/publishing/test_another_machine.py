"""Honest bundles from other machines verify: one that is kept here, and one from a process that computes otherwise.

``another-machine.nasbench.zip`` comes from another processor architecture: it was made on Linux for aarch64 (emulated by
QEMU), with Python 3.13, NumPy 2.3, SciPy 1.16 and scikit-learn 1.7 as they are built for it (docs/bundles.md has the
commands). Replaying needs none of the code that made it, so it stays as it is when strategies change. It has to be
made again where the shipped table or the form of ``leaderboard.json`` changes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from bundles import registry
from repository import REPOSITORY

from nasbench_suite.publishing import read_bundle, verify
from nasbench_suite.publishing.publish import this_environment

KEPT = Path(__file__).with_name("another-machine.nasbench.zip")
NASBENCH = [sys.executable, "-m", "nasbench_suite.cli"]


def other_arithmetic() -> dict[str, str]:
    """Variables with which NumPy takes its plainest loops, and OpenBLAS the kernels of an old processor."""
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    features = [name for name in __cpu_dispatch__ if __cpu_features__.get(name)]
    return {"NPY_DISABLE_CPU_FEATURES": " ".join(features), "OPENBLAS_CORETYPE": "Nehalem", "PYTHONHASHSEED": "5"}


def nasbench(directory: Path, *arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [*NASBENCH, *arguments], cwd=directory, capture_output=True, text=True, env={**os.environ, **environment}
    )
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_kept_bundle_is_from_another_architecture_than_the_shipped_leaderboards() -> None:
    (there,) = read_bundle(KEPT).environments
    (shipped,) = read_bundle(REPOSITORY / "leaderboards" / "digits.nasbench.zip").environments
    assert (there["platform"], shipped["platform"]) == ("Linux aarch64", "Linux x86_64")
    assert (there["python"], there["packages"]["numpy"]) == ("3.13.5", "2.3.5")
    for package in ("numpy", "scipy", "scikit-learn"):
        assert there["packages"][package] != shipped["packages"][package]
    here = this_environment()
    assert (here["python"], here["packages"]["numpy"]) != (there["python"], there["packages"]["numpy"])


def test_the_kept_bundle_of_another_machine_verifies() -> None:
    assert KEPT.stat().st_size < 200_000
    bundle = read_bundle(KEPT)
    found = verify(bundle, registry())
    assert found.findings == () and found.replayed == bundle.answers == 2646
    assert found.badges == dict.fromkeys([member.label for member in bundle.members], "replayed")


def test_what_strategies_asked_there_they_ask_here(tmp_path: Path) -> None:
    """All recorded runs of each strategy whose code is still the same, event by event."""
    told = nasbench(tmp_path, "verify", str(KEPT), "--rerun", "3", "--jobs", "1")
    assert "verified: all is as claimed" in told
    for member in read_bundle(KEPT).members:
        assert f"{member.label}: re-run" in told or f"{member.label} was not run again" in told
    if ": re-run" not in told:
        pytest.skip("every strategy has changed since the bundle was made")


def test_a_bundle_from_other_arithmetic_verifies_and_runs_again(tmp_path: Path) -> None:
    """A Gaussian process, whose sums come out otherwise in the last bits, is replayed and run again all the same."""
    other = other_arithmetic()
    small = ["--benchmark", "nas-bench-201/cifar100", "--budget", "22evaluations", "--seeds", "3", "--name", "small"]
    rows = ["--strategy", "gaussian-process", "--strategy", "random-search", "--strategy", "random-sampling"]
    nasbench(tmp_path, "run-all", *small, *rows, "--jobs", "1", **other)
    nasbench(tmp_path, "publish", "leaderboards/small", "--bundle", "theirs.zip", **other)
    told = nasbench(tmp_path, "verify", "theirs.zip", "--rerun", "2", "--jobs", "1")
    assert "gaussian-process: re-run" in told and "verified: all is as claimed" in told


def test_the_variables_switch_something_off() -> None:
    code = "from numpy._core._multiarray_umath import __cpu_features__ as f; print(*sorted(n for n in f if f[n]))"
    shown = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, **extra}
        ).stdout.split()
        for extra in ({"NPY_DISABLE_CPU_FEATURES": ""}, other_arithmetic())
    ]
    dispatched = other_arithmetic()["NPY_DISABLE_CPU_FEATURES"].split()
    assert set(shown[0]) - set(shown[1]) >= set(dispatched)  # and what they imply
