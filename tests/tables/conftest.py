"""The real records, imported once per session."""

from __future__ import annotations

from pathlib import Path

import pytest

from nasbench_suite.tables.importers.from_nats_bench import import_directory

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"


@pytest.fixture(scope="session")
def data() -> Path:
    if not DATA.is_dir():
        pytest.skip(f"the real measurements are not at {DATA}")
    return DATA


@pytest.fixture(scope="session")
def official(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The tables of the real official records, by space."""
    target = tmp_path_factory.mktemp("official")
    return {
        "tss": import_directory(data / "NATS-tss-v1_0-3ffb9-simple", target).path,
        "sss": import_directory(data / "NATS-sss-v1_0-50262-simple", target).path,
    }


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
