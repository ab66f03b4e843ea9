"""Anybody's table is searched without code: gaps, samples of large spaces, losses, empty costs, spreadsheets."""

from __future__ import annotations

import contextlib
import itertools
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from nasbench_suite.cli import cli
from nasbench_suite.errors import NotMeasured, OutOfBudget, TableError, UsageError
from nasbench_suite.plugins import load_registry
from nasbench_suite.search.budget import Budget
from nasbench_suite.search.problem import Problem
from nasbench_suite.spaces import MeasuredSpace, read_space
from nasbench_suite.tables.importers.from_files import Words, import_rows

LARGE = 'name = "large"\n[decisions]\n' + "".join(f"d{n} = [0, 1, 2, 3, 4, 5]\n" for n in range(10))
CELLS = 'name = "cells"\n[cell]\nnodes = 4\noperations = ["none", "skip", "conv"]\nzero = "none"\nidentity = "skip"\n'


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NASBENCH_TABLES", str(tmp_path / "tables"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    rng = np.random.default_rng(0)
    (tmp_path / "large.toml").write_text(LARGE)
    rows = np.unique(rng.integers(6, size=(300, 10)), axis=0).tolist()
    lines = [";".join([*(f"d{n}" for n in range(10)), "epochs", "seconds", "valid-accuracy", "test-accuracy"])]
    for number, row in enumerate(rows):
        cost = "" if number == 3 else f"{10 + sum(row):.1f}".replace(".", ",")
        share = f"{0.5 + sum(row) / 150:.4f}".replace(".", ",")
        lines.append(";".join([*map(str, row), "10", cost, share, share]))
    (tmp_path / "large.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "cells.toml").write_text(CELLS)
    names = ("none", "skip", "conv")
    lines = [",architecture,epochs,seconds-per-epoch,valid-loss"]
    for row in itertools.product(range(3), repeat=6):
        if rng.random() < 0.6:
            continue
        choices = iter(row)
        groups = ("".join(f"{names[next(choices)]}~{s}|" for s in range(node)) for node in (1, 2, 3))
        text = "+".join("|" + group for group in groups)
        for epochs in (4, 12):
            lines.append(f"{len(lines)},{text},{epochs},{1 + sum(row) / 10},{3 - sum(row) / 10 - epochs / 50}")
    (tmp_path / "cells.csv").write_text("\n".join(lines) + "\n")
    for name in ("large", "cells"):
        command = ["table", "import", "csv", str(tmp_path / f"{name}.csv"), "--space", str(tmp_path / f"{name}.toml")]
        result = CliRunner().invoke(cli, command)
        assert result.exit_code == 0, result.output
    return tmp_path


def test_every_strategy_survives_what_was_never_measured(tables: Path) -> None:
    registry = load_registry()
    for name in ("large/data", "cells/data"):
        benchmark = registry.benchmark(name)
        assert isinstance(benchmark.space, MeasuredSpace)
        for offered in registry.strategies.values():
            if not offered.strategy.requires <= benchmark.capabilities:
                continue
            problem = Problem(
                benchmark.space,
                benchmark.fidelities,
                benchmark.answers(0),
                Budget(250.0),
                resumable="resume" in benchmark.capabilities,
            )
            with contextlib.suppress(OutOfBudget):
                offered.strategy.function(problem, np.random.default_rng(0))
            assert problem.journal, offered.strategy.name


def test_a_refusal_costs_nothing_and_space_stays_among_the_measured(tables: Path) -> None:
    benchmark = load_registry().benchmark("cells/data")
    space = benchmark.space
    assert isinstance(space, MeasuredSpace)
    gap = next(a for a in space.whole.architectures() if not space.is_valid(a))
    problem = Problem(space, benchmark.fidelities, benchmark.answers(0), Budget(10_000.0))
    with pytest.raises(NotMeasured):
        problem.evaluate(gap)
    assert problem.journal == ()
    problem.evaluate(space.nearest(gap))
    rng = np.random.default_rng(1)
    for architecture in space.architectures()[:50]:
        assert space.is_valid(space.mutate(architecture, rng)) and space.mutate(architecture, rng) != architecture
        assert all(map(space.is_valid, space.neighbours(architecture)))
    assert all(map(space.is_valid, space.grow(None, 0)))


def test_an_empty_cost_is_a_gap_and_shown(tables: Path) -> None:
    benchmark = load_registry().benchmark("large/data")
    listed = CliRunner().invoke(cli, ["list", "benchmarks", "--json"])
    assert "of 60,466,176 architectures" in listed.output
    costs = [benchmark.answers(0).ask(a, 10, 10, 0)[2] for a in benchmark.space.architectures()]
    assert all(np.isfinite(cost) and cost > 0 for cost in costs)


def test_names_are_taken_once(tables: Path) -> None:
    space = read_space(str(tables / "cells.toml"))
    for name in ("large", "nas-bench-201", "../x", ""):
        with pytest.raises(UsageError):
            import_rows(tables / "cells.csv", space, tables / "tables", name)
    import_rows(tables / "cells.csv", space, tables / "tables", "large", words=Words(replace=True))


@pytest.mark.parametrize("kind", ["external", "virtual", "link"])
def test_numbers_in_another_file_are_refused(tables: Path, kind: str) -> None:
    import h5py

    from nasbench_suite.tables import verify_table

    source = tables / "tables" / "cells.h5"
    with h5py.File(source, "r+") as file:
        if kind == "link":
            file["elsewhere"] = h5py.ExternalLink("other.h5", "/x")
        elif kind == "external":
            file.create_dataset("elsewhere", (729,), "f8", external=[(str(tables / "x.raw"), 0, h5py.h5f.UNLIMITED)])
        else:
            layout = h5py.VirtualLayout((729,), "f8")
            layout[:] = h5py.VirtualSource(str(tables / "other.h5"), "x", (729,))
            file.create_virtual_dataset("elsewhere", layout)
    loose = tables / "loose.h5"
    loose.write_bytes(source.read_bytes())
    with pytest.raises(TableError, match="itself"):
        verify_table(loose)
