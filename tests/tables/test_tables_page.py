"""The page on tables, followed: its files imported by its commands, its programs run."""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from nasbench_suite.cli import cli
from nasbench_suite.tables import open_table
from nasbench_suite.tables.importers.pull import sources

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "tables.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"```(?:toml|csv|python)\n# (\S+)\n(.*?)```", PAGE, flags=re.DOTALL))
LINES = [line[2:] for line in PAGE.splitlines() if line.startswith("$ nasbench table ")]


def test_own_results_by_the_commands_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NASBENCH_TABLES", str(tmp_path / "tables"))
    for name in ("results.csv", "space.toml"):
        (tmp_path / name).write_text(BLOCKS[name], encoding="utf-8")
    followed = [line for line in LINES if re.search(r"\b(mine|again)\b", line)]
    assert len(followed) == 6
    shown = {}
    for line in followed:
        result = CliRunner().invoke(cli, shlex.split(line)[1:])
        assert result.exit_code == 0, (line, result.output)
        shown[line] = result.stdout
    assert "3 of 4 architectures, 1 missing" in shown[followed[0]]
    assert shown["nasbench table diff mine again"] == "no differences\n"
    assert open_table("mine").make_space().name == "depth-and-width"


def test_mirrors_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mirrors.toml").write_text(BLOCKS["mirrors.toml"], encoding="utf-8")
    monkeypatch.setenv("NASBENCH_TABLES", str(tmp_path))
    assert sources()["nats-bench-tss"].mirrors[0].startswith("https://mirror.example.org/")
    assert set(re.findall(r"nasbench table pull (\S+)", PAGE)) == set(sources())


def test_looking_from_python(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "look.py").write_text(BLOCKS["look.py"], encoding="utf-8")
    made = runpy.run_path(str(tmp_path / "look.py"))
    assert made["column"].values.max() == made["column"][made["best"]]
    assert len(capsys.readouterr().out.splitlines()) >= 6


def test_stand_in_of_the_page(
    official: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NASBENCH_TABLES", str(official["tss"].parent))
    (tmp_path / "search.py").write_text(BLOCKS["search.py"], encoding="utf-8")
    made = runpy.run_path(str(tmp_path / "search.py"))
    assert made["index"] == 0
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == 3
    rows = open_table("nats-bench-tss").numbering("official-index")
    row = int(np.flatnonzero(rows == 0)[0])
    percent = open_table("nats-bench-tss").percent("cifar100", "200-epochs", "test-accuracy", 200)[row]
    assert float(shown[1]) == pytest.approx(np.nanmean(percent), rel=1e-12)
