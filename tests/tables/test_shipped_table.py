"""The shipped table: any flipped byte is refused, and so is everything that is no table."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from nasbench_suite.errors import NotMeasured, SpaceError, TableError
from nasbench_suite.tables import open_table
from nasbench_suite.tables.manifest import shipped_directory

NAME = "nas-bench-201.h5"


def test_flipped_bytes_are_refused(tmp_path: Path) -> None:
    shutil.copy(shipped_directory() / "manifest.toml", tmp_path)
    raw = (shipped_directory() / NAME).read_bytes()
    draw = random.Random(0)
    for _ in range(200):
        place = draw.randrange(len(raw))
        changed = bytearray(raw)
        changed[place] ^= 1 << draw.randrange(8)
        (tmp_path / NAME).write_bytes(changed)
        with pytest.raises(TableError, match="damaged or was changed"):
            open_table(tmp_path / NAME)


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.h5"
    with pytest.raises(TableError, match="does not exist"):
        open_table(path)
    path.write_bytes(b"")
    with pytest.raises(TableError, match="not a readable HDF5"):
        open_table(path)
    path.write_bytes((shipped_directory() / NAME).read_bytes()[:5000])
    with pytest.raises(TableError, match="not a readable HDF5"):
        open_table(path)
    with h5py.File(path, "w") as file:
        file.attrs["something"] = 1
    with pytest.raises(TableError, match="no schema_version"):
        open_table(path)
    with h5py.File(path, "w") as file:
        file.attrs["schema_version"] = 99
    with pytest.raises(TableError, match="schema version 99"):
        open_table(path)


def test_column_answers_single_and_many() -> None:
    column = open_table("nas-bench-201").metric("cifar10", "200-epochs", "valid-accuracy")
    (best, value), *_ = column.best(3)
    assert column[best] == value == column.values.max()
    assert column.many([best, best]).tolist() == [value, value]
    assert column.many(np.arange(15625)).tolist() == column.values.tolist()
    assert len(column) == len(list(column)) == 15625
    for wrong in (np.array([15625]), np.array([-1]), np.array([[0, 0, 0, 0, 0, 5]]), np.array([[0, 0]])):
        with pytest.raises(SpaceError):
            column.many(wrong)
    with pytest.raises(SpaceError):
        column[0, 0, 0, 0, 0, 9]
    one = open_table("nas-bench-201").metric("cifar10", "200-epochs", "valid-accuracy", seed=999)
    gap = int(np.flatnonzero(np.isnan(one.values))[0])
    with pytest.raises(NotMeasured):
        one[one.space.architecture(gap)]
