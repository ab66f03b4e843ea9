"""The same records in the single-file formats give the same table; what is damaged or hostile is refused."""

from __future__ import annotations

import bz2
import pickle
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from nasbench_suite.errors import TableError
from nasbench_suite.tables import open_table
from nasbench_suite.tables.export import difference
from nasbench_suite.tables.from_nas_bench_201 import MAGIC, PROTOCOL, import_pth
from nasbench_suite.tables.from_nats_bench import import_directory
from nasbench_suite.tables.pull import pull


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


@pytest.mark.parametrize("form", ["row", "zip"])
def test_single_file_gives_the_same_table(
    form: str, content: dict[str, Any], official: dict[str, Path], tmp_path: Path
) -> None:
    path = tmp_path / "NAS-Bench-201-v1_1-096897.pth"
    if form == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", pickle.dumps(content, protocol=2))
    else:
        parts = (MAGIC, PROTOCOL, {"protocol_version": PROTOCOL, "little_endian": True}, content, [])
        path.write_bytes(b"".join(pickle.dumps(part, protocol=2) for part in parts))
    made = import_pth(path, tmp_path)
    assert made.measured == 3
    found = difference(open_table(official["tss"]), open_table(made.path))
    assert found == {"only_first": [], "only_second": [], "metrics": {}}


def test_interrupted_import_goes_on(data: Path, official: dict[str, Path], tmp_path: Path) -> None:
    source = data / "NATS-sss-v1_0-50262-simple"

    def interrupt(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_directory(source, tmp_path, progress=interrupt)
    made = import_directory(source, tmp_path)
    found = difference(open_table(official["sss"]), open_table(made.path))
    assert found == {"only_first": [], "only_second": [], "metrics": {}}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest.toml", "nats-bench-sss.h5"]


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
    assert difference(open_table(official["sss"]), open_table("nats-bench-sss"))["metrics"] == {}
