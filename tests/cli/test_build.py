"""``nasbench table build`` and ``audit``, on a small build."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nasbench_suite.cli import cli
from nasbench_suite.errors import UsageError
from nasbench_suite.tables import open_table
from nasbench_suite.tables.manifest import read_manifest
from nasbench_suite.training import Recipe, digits_task

pytest.importorskip("torch", reason="needs PyTorch (the extra 'live')")

from nasbench_suite.building import digits_table
from nasbench_suite.building.build import Build
from nasbench_suite.building.known import KNOWN_BUILDS, KnownBuild
from nasbench_suite.building.supernet_costs import KINDS

real_build = digits_table.digits_build


def small_build(seeds: tuple[int, ...] = (0, 1, 2), sample: int | None = None) -> Build:
    """The build of the digits with fewer images and epochs."""
    task, test = digits_task(Recipe(epochs=2, batch_size=50, learning_rate=0.1, flip=False, padding=0), training=200)
    task = replace(task, valid=task.valid.take(slice(0, 100)))
    return replace(real_build(seeds, sample), task=task, test=test.take(slice(0, 100)))


def table_command(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["table", *arguments], catch_exceptions=False)


def test_build_estimates_trains_verifies_and_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KNOWN_BUILDS, "digits", KnownBuild(small_build, 3))
    monkeypatch.setenv("NASBENCH_TABLES", str(tmp_path / "tables"))
    places = ["--work", str(tmp_path / "work"), "--output", str(tmp_path / "tables"), "--jobs", "1", "--seeds", "2"]
    told = table_command("build", "digits", "--sample", "6", "--estimate", *places)
    assert told.exit_code == 0 and "6 of 6 networks are left, 2 seeds each" in told.stderr
    assert "relative residual" in told.stderr and not (tmp_path / "tables").exists()
    done = table_command("build", "digits", "--sample", "6", *places)
    path = tmp_path / "tables" / "digits-201.h5"
    assert done.exit_code == 0 and done.stdout.strip() == str(path)
    table = open_table("digits-201")
    assert table.listed and set(table.dataset("digits").supernet_seconds) == set(KINDS)
    assert read_manifest(path.parent)["digits-201"].made_by == "nasbench table build digits --sample 6"
    again = table_command("build", "digits", "--sample", "6", *places)
    assert "0 of 6 networks are left" in again.stderr
    checked = table_command("audit", "digits-201", "--cells", "5", "--seeds", "2", "--json")
    values = json.loads(checked.stdout)
    assert values["agrees"] == (checked.exit_code == 0) and len(values["again"]) == 5
    shown = table_command("audit", "digits-201", "--cells", "5", "--seeds", "2")
    assert "agree" in shown.stdout.lower() and len(shown.stdout.splitlines()) == 7
    with pytest.raises(UsageError, match="other seeds"):
        table_command("audit", "digits-201", "--cells", "5")


def test_the_real_build_is_of_the_whole_space() -> None:
    build = real_build()
    assert (len(build.to_train()), build.seeds, build.name) == (6466, (0, 1, 2), "digits-201")
