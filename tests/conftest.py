"""What many tests need: the real measurements, if they are there, and places of the repository."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from repository import REAL_DATA

settings.register_profile("suite", deadline=None, max_examples=50, derandomize=True)
settings.load_profile("suite")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The directory of real measurements by others, which the project does not ship."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"needs the real measurements in {REAL_DATA}, which are not there")
    return REAL_DATA


@pytest.fixture(scope="session")
def nas_bench_201_arrays(real_data: Path) -> dict[str, Any]:
    """NAS-Bench-201 as arrays in the official order of cells; accuracies in percent."""
    with np.load(real_data / "nas_bench_201.npz", allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


@pytest.fixture
def cifar10_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's CIFAR-10 in its binary batches, 20 images to train and 4 to test, where ``NASBENCH_DATA`` says."""
    directory = tmp_path / "images" / "cifar-10-batches-bin"
    directory.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in (*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"):
        rows = rng.integers(256, size=(4, 3073), dtype=np.uint8)
        rows[:, 0] %= 10
        (directory / f"{name}.bin").write_bytes(rows.tobytes())
    monkeypatch.setenv("NASBENCH_DATA", str(directory.parent))
    return directory
