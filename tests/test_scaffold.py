"""A new plugin installs, passes its own tests, shows up, has its row; and is gone after it was uninstalled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nasbench_suite.errors import UsageError
from nasbench_suite.scaffold import KINDS, write_package
from nasbench_suite.testing.process import check_apart
from nasbench_suite.testing.report import check_wheel

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]


def python(directory: Path, *arguments: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=directory, capture_output=True, text=True, env={**os.environ, **environment}
    )
    assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_passes_its_own_tests_and_every_check(tmp_path: Path, kind: str) -> None:
    project = write_package("brand-new", tmp_path, kind)
    assert all(section.finding.passed for section in check_apart(str(project), 120))
    path = os.pathsep.join([str(project), os.environ.get("PYTHONPATH", "")])
    done = python(project, "-m", "pytest", "-q", "-p", "no:cacheprovider", PYTHONPATH=path)
    assert "2 passed" in done.stdout or "3 passed" in done.stdout


def test_from_the_command_to_a_row_and_back(tmp_path: Path) -> None:
    """Install it, compare it, uninstall it: the row comes and goes, and old results stay readable."""
    python(tmp_path, "-m", "nasbench_suite.cli", "plugin", "new", "brand-new")
    site = tmp_path / "site"
    install = ["install", "--no-deps", "--no-build-isolation", "--target", str(site), str(tmp_path / "brand-new")]
    subprocess.run([*PIP, *install], check=True, capture_output=True)
    path = {"PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])}
    compare = ["--seeds", "2", "--name", "mine", "--benchmark", "nas-bench-201/cifar10", "--budget", "20000s"]
    cli = ["-m", "nasbench_suite.cli"]
    both = ["--strategy", "brand-new", "--strategy", "random-search"]
    python(tmp_path, *cli, "run-all", *compare, *both, **path)
    board = json.loads((tmp_path / "leaderboards" / "mine" / "leaderboard.json").read_text())
    assert "brand-new" in json.dumps(board)
    listed = json.loads(python(tmp_path, *cli, "list", "strategies", "--json", **path).stdout)
    assert {"name": "brand-new", "package": "brand-new"}.items() <= next(
        row for row in listed if row["name"] == "brand-new"
    ).items()
    assert "brand-new" not in python(tmp_path, *cli, "list", "strategies", "--json").stdout
    gone = python(tmp_path, *cli, "run-all", *compare, *both, code=2)
    assert "unknown strategy 'brand-new'" in gone.stderr
    again = python(tmp_path, *cli, "run-all", *compare, "--strategy", "random-search")
    assert "nothing was left to do" in again.stderr


@pytest.mark.parametrize("name", ["My-Search", "my_search", "1st", "", "class", "../x"])
def test_a_name_of_another_form_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="expected lower-case words"):
        write_package(name, tmp_path)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    write_package("brand-new", tmp_path)
    with pytest.raises(UsageError, match="exists; choose another name"):
        write_package("brand-new", tmp_path)


def test_the_wheel_is_found_in_a_fresh_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = write_package("brand-new", tmp_path)
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "0")  # pip's spelling of --no-build-isolation
    (tmp_path / "scratch").mkdir()
    findings = list(check_wheel(project, tmp_path / "scratch"))
    assert [finding.passed for finding in findings] == [True, True, True], findings
    (project / "pyproject.toml").write_text(
        (project / "pyproject.toml").read_text().replace('"brand_new"\n', '"nowhere"\n')
    )
    (tmp_path / "again").mkdir()
    *_, last = check_wheel(project, tmp_path / "again")
    assert not last.passed
    assert "No module named 'nowhere'" in last.seen
