"""The same records in the single-file formats give the same table; what is damaged or hostile is refused."""

from __future__ import annotations

import bz2
import pickle
import signal
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nasbench_suite.errors import TableError
from nasbench_suite.tables import Table, open_table
from nasbench_suite.tables.importers.from_nas_bench_201 import MAGIC, PROTOCOL, import_pth
from nasbench_suite.tables.importers.from_nats_bench import import_directory, import_file
from nasbench_suite.tables.importers.pull import pull
from nasbench_suite.tables.importers.staging import Staging


@pytest.fixture(scope="module")
def content(data: Path) -> dict[str, Any]:
    directory = data / "NATS-tss-v1_0-3ffb9-simple"
    cells = {i: pickle.loads(bz2.decompress((directory / f"{i:06d}.pickle.pbz2").read_bytes())) for i in (0, 11, 284)}
    meta = pickle.loads(bz2.decompress((directory / "meta.pickle.pbz2").read_bytes()))
    return {
        "meta_archs": meta["meta_archs"],
        "arch2infos": {i: {"less": cell["12"], "full": cell["200"]} for i, cell in cells.items()},
        "evaluated_indexes": set(cells),
    }


def assert_same(first: Table, second: Table) -> None:
    """The same outline, and the same numbers at the last epoch of every metric."""
    assert first.datasets == second.datasets
    for dataset, outline in first.datasets.items():
        for training, inner in outline.trainings.items():
            for metric, held in inner.metrics.items():
                place = (dataset, training, metric, held[-1])
                np.testing.assert_array_equal(first.column(*place), second.column(*place), str(place))


def write_row(path: Path, content: dict[str, Any]) -> None:
    """Several pickles in a row, as PyTorch wrote files until 2020."""
    parts = (MAGIC, PROTOCOL, {"protocol_version": PROTOCOL, "little_endian": True}, content, [])
    path.write_bytes(b"".join(pickle.dumps(part, protocol=2) for part in parts))


@pytest.mark.parametrize("form", ["row", "zip"])
def test_single_file_gives_the_same_table(
    form: str, content: dict[str, Any], official: dict[str, Path], tmp_path: Path
) -> None:
    path = tmp_path / "NAS-Bench-201-v1_1-096897.pth"
    if form == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", pickle.dumps(content, protocol=2))
    else:
        write_row(path, content)
    made = import_pth(path, tmp_path)
    assert made.measured == 3
    first, second = open_table(official["tss"]), open_table(made.path)
    assert first.datasets == second.datasets
    for dataset, outline in first.datasets.items():
        for training, inner in outline.trainings.items():
            for metric, held in inner.metrics.items():
                for epoch in {held[0], held[len(held) // 2], held[-1]}:
                    place = (dataset, training, metric, epoch)
                    np.testing.assert_array_equal(first.column(*place), second.column(*place), str(place))


def test_interrupted_import_goes_on(data: Path, official: dict[str, Path], tmp_path: Path) -> None:
    source = data / "NATS-sss-v1_0-50262-simple"

    def interrupt(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_directory(source, tmp_path, progress=interrupt)
    made = import_directory(source, tmp_path)
    assert made.path.read_bytes() == official["sss"].read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest.toml", "nats-bench-sss.h5"]


KILLED = """
import os, signal, sys
from pathlib import Path
from nasbench_suite.tables.importers.from_nats_bench import import_directory, import_file
from nasbench_suite.tables.importers.from_nas_bench_201 import import_pth
from nasbench_suite.tables.importers import from_nats_bench
from_nats_bench.CHECKPOINT = 1
seen = []
def progress(done, total):
    seen.append(done)
    if len(seen) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
reader = {"directory": import_directory, "row": import_pth, "pbz2": import_file}[sys.argv[3]]
reader(Path(sys.argv[1]), Path(sys.argv[2]), progress=progress)
"""


@pytest.mark.parametrize("form", ["directory", "row", "pbz2"])
def test_killed_import_goes_on(
    form: str, data: Path, content: dict[str, Any], official: dict[str, Path], tmp_path: Path
) -> None:
    if form == "directory":
        source = data / "NATS-tss-v1_0-3ffb9-simple"
    elif form == "row":
        source = tmp_path / "NAS-Bench-201-v1_1-096897.pth"
        write_row(source, content)
    else:
        source = tmp_path / "NATS-tss-v1_0-3ffb9.pickle.pbz2"
        cells = {i: {"12": cell["less"], "200": cell["full"]} for i, cell in content["arch2infos"].items()}
        source.write_bytes(bz2.compress(pickle.dumps({**content, "arch2infos": cells}), 1))
    target = tmp_path / "tables"
    done = subprocess.run([sys.executable, "-c", KILLED, str(source), str(target), form])
    assert done.returncode == -signal.SIGKILL
    assert not (target / "nats-bench-tss.h5").exists()
    assert (target / ".nats-bench-tss.import" / "state.json").exists()
    read: list[int] = []
    put = Staging.put

    def counted(self: Staging, row: int, *rest: Any) -> None:
        read.append(row)
        put(self, row, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Staging, "put", counted)
        reader = {"directory": import_directory, "row": import_pth, "pbz2": import_file}[form]
        made = reader(source, target)
    assert len(read) == 1, "what was read before the end is not read again"
    assert sorted(path.name for path in target.iterdir()) == ["manifest.toml", "nats-bench-tss.h5"]
    assert_same(open_table(official["tss"]), open_table(made.path))


def test_list_of_architectures_may_come_last(
    content: dict[str, Any], official: dict[str, Path], tmp_path: Path
) -> None:
    path = tmp_path / "NAS-Bench-201-v1_1-096897.pth"
    write_row(path, dict(reversed(content.items())))
    made = import_pth(path, tmp_path)
    assert_same(open_table(official["tss"]), open_table(made.path))


@pytest.mark.parametrize("damage", ["number", "field", "global", "cut", "record"])
def test_damaged_single_file_is_refused(damage: str, content: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "NAS-Bench-201-v1_1-096897.pth"
    changed = {**content, "arch2infos": dict(content["arch2infos"])}
    if damage == "number":
        changed["arch2infos"] = {15_625: changed["arch2infos"][0]}
    elif damage == "field":
        del changed["evaluated_indexes"]
    elif damage == "record":
        changed["arch2infos"][0] = changed["arch2infos"][11]
    elif damage == "global":
        changed["arch2infos"][0] = print
    write_row(path, changed)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-50_000])
    told = {
        "number": "expected numbers from 0 to 15624",
        "field": "does not hold",
        "global": r"print; only plain data is read",
        "cut": "ends in the middle",
        "record": "expected 0 ",
    }[damage]
    with pytest.raises(TableError, match=told):
        import_pth(path, tmp_path / "out")
    assert not (tmp_path / "out" / "nats-bench-tss.h5").exists()


@pytest.mark.parametrize("damage", ["text", "range", "seed", "set", "epoch", "kind", "global", "cut"])
def test_damaged_record_is_refused(damage: str, data: Path, tmp_path: Path) -> None:
    source = data / "NATS-sss-v1_0-50262-simple"
    directory = tmp_path / "records"
    directory.mkdir()
    (directory / "meta.pickle.pbz2").write_bytes((source / "meta.pickle.pbz2").read_bytes())
    record = pickle.loads(bz2.decompress((source / "000011.pickle.pbz2").read_bytes()))
    result = record["12"]["all_results"]["cifar100", 777]
    if damage == "text":
        record["12"]["arch_str"] = "8:8:8:8:8"
    elif damage == "range":
        result["train_acc1es"][3] = 193.0
    elif damage == "seed":
        record["12"]["dataset_seed"]["cifar100"].remove(777)
    elif damage == "set":
        result["eval_names"].append("y-valid")
    elif damage == "epoch":
        result["eval_acc1es"]["x-valid@12"] = 1.0
    elif damage == "kind":
        result["train_losses"][0] = "1.5"
    raw = pickle.dumps(record)
    if damage == "global":
        raw = b"\x80\x04cos\nsystem\n\x8c\x04true\x85R."
    packed = bz2.compress(raw)
    (directory / "000011.pickle.pbz2").write_bytes(packed[: len(packed) // 2] if damage == "cut" else packed)
    with pytest.raises(TableError, match=r"000011\.pickle\.pbz2"):
        import_directory(directory, tmp_path / "out")


def test_archive_is_unpacked_by_plain_names(
    data: Path, official: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NASBENCH_TABLES", str(tmp_path / "tables"))
    cache = tmp_path / "cache"
    cache.mkdir()
    with tarfile.open(cache / "NATS-sss-v1_0-50262-simple.tar", "w") as archive:
        for path in (data / "NATS-sss-v1_0-50262-simple").iterdir():
            archive.add(path, f"../../escaped/{path.name}")
    made = pull("nats-bench-sss", cache=cache)
    assert made.measured == 3
    assert not list(tmp_path.parent.glob("escaped"))
    place = ("cifar100", "90-epochs", "valid-accuracy", 90)
    np.testing.assert_array_equal(open_table(official["sss"]).column(*place), open_table(made.path).column(*place))
