"""Own results as tables: every mistake told with line and column, and every origin gives the same table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nasbench_suite.errors import TableError, UsageError
from nasbench_suite.spaces import read_space
from nasbench_suite.tables import open_table
from nasbench_suite.tables.export import difference, export
from nasbench_suite.tables.importers.from_files import import_arrays, import_rows

SPACE = 'name = "tiny"\n[decisions]\ndepth = [1, 2]\nwidth = [8, 16]\n'
GOOD = (
    "depth,width,seed,epochs,seconds,valid-accuracy\n"
    "1,8,0,1,10,0.5\n1,8,0,2,20,0.6\n2,8,0,1,11,0.55\n2,8,1,1,11,\n2,16,0,2,30,0.7\n"
)


def described(tmp_path: Path) -> Path:
    path = tmp_path / "space.toml"
    path.write_text(SPACE)
    return path


def test_rows_become_a_table(tmp_path: Path) -> None:
    space = read_space(described(tmp_path))
    (tmp_path / "own.csv").write_text(GOOD)
    made = import_rows(tmp_path / "own.csv", space, tmp_path, "own")
    assert (made.architectures, made.measured, made.missing) == (4, 3, 1)
    table = open_table(made.path)
    assert table.make_space() == space
    column = table.metric("data", "2-epochs", "valid-accuracy", 1)
    assert column[0, 0] == pytest.approx(0.5)
    assert np.isnan(table.column("data", "2-epochs", "valid-accuracy", 1)[2, 1])


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(
        "depth,width,seed,epochs,seconds,valid-accuracy\n"
        "1,8,0,1,10,93\n1,8,0,2,9,0.6\n3,8,0,1,11,0.55\n1,8,0,1,10,0.5\n2,16,0,x,30,0.7\n2,16,0,3,30,much\n"
    )
    with pytest.raises(TableError) as caught:
        import_rows(tmp_path / "own.csv", read_space(described(tmp_path)), tmp_path, "own")
    message = str(caught.value)
    for told in (
        "line 2, column valid-accuracy: 93 is outside [0, 1]: accuracies are fractions; give 0.93",
        "line 3, column seconds: 9 at epoch 2 is less than 10",
        "line 4, column depth: unknown option '3'",
        "line 5, column architecture: the same measurement as line 2",
        "line 6, column epochs: 'x' is no whole number",
        "line 7, column valid-accuracy: 'much' is no number",
    ):
        assert told in message
    (tmp_path / "own.csv").write_text("depth,width,epochs\n1,8,1\n")
    with pytest.raises(TableError, match="missing column a metric such as"):
        import_rows(tmp_path / "own.csv", read_space(described(tmp_path)), tmp_path, "own")


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".npz"])
def test_export_comes_back(tmp_path: Path, ending: str) -> None:
    space = read_space(described(tmp_path))
    (tmp_path / "own.csv").write_text(GOOD)
    first = open_table(import_rows(tmp_path / "own.csv", space, tmp_path, "own").path)
    target = tmp_path / f"again{ending}"
    if ending == ".npz":
        np.savez(
            target,
            architecture=np.array(["depth=1,width=8", "depth=1,width=8", "depth=2,width=8", "depth=2,width=16"]),
            seed=np.zeros(4, int),
            epochs=np.array([1, 2, 1, 2]),
            seconds=np.array([10.0, 20, 11, 30]),
            valid_accuracy=np.array([0.5, 0.6, 0.55, 0.7]),
        )
    else:
        if ending == ".parquet":
            pytest.importorskip("pyarrow")
        assert export(first, target) == 4
    second = open_table(import_rows(target, space, tmp_path, "again").path)
    assert difference(first, second)["metrics"] == {}


def test_difference_names_the_architectures(tmp_path: Path) -> None:
    space = read_space(described(tmp_path))
    (tmp_path / "own.csv").write_text(GOOD)
    first = open_table(import_rows(tmp_path / "own.csv", space, tmp_path, "own").path)
    (tmp_path / "own.csv").write_text(GOOD.replace("0.7", "0.75"))
    second = open_table(import_rows(tmp_path / "own.csv", space, tmp_path, "other").path)
    found = difference(first, second)["metrics"]
    assert list(found) == ["data/2-epochs/valid-accuracy"]
    assert found["data/2-epochs/valid-accuracy"]["first"] == ["depth=2,width=16"]
    assert found["data/2-epochs/valid-accuracy"]["largest"] == pytest.approx(0.05, abs=1e-6)


def test_unknown_space_suggests_near_names() -> None:
    with pytest.raises(UsageError, match="did you mean nas-bench-201"):
        read_space("nas-bench-102")


def test_public_collection_gives_the_papers_optimum(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nasbench_suite.benchmarks import shipped

    mapping = Path(__file__).with_name("nas_bench_201_npz.toml")
    import_arrays(
        data / "nas_bench_201.npz", mapping, read_space("nas-bench-201"), tmp_path, "nats-bench-tss"
    )  # fmt: skip
    monkeypatch.setenv("NASBENCH_TABLES", str(tmp_path))
    scores = shipped.benchmarks()["nats-bench-tss/cifar10-12-epochs"]().scores()
    assert next(iter(scores)) == "cifar10 test"
    assert scores["cifar10 test"].best == pytest.approx(0.94373, abs=1e-5)
    assert scores["cifar100 test"].best == pytest.approx(0.73513, abs=1e-5)
