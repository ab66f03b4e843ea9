"""Where PyTorch is not installed: everything else works, and what needs it says so."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import pytest

from nasbench_suite import training
from nasbench_suite.errors import UsageError
from nasbench_suite.plugins import load_registry


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    real: Callable[..., Any] = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "torch" else real(name, *more))


@pytest.mark.usefixtures("without_torch")
def test_what_needs_it_says_how_to_get_it() -> None:
    with pytest.raises(UsageError, match=r"pip install 'nasbench-suite\[live\]'"):
        training.check_torch()
    with pytest.raises(UsageError, match="PyTorch"):
        training.search_supernet  # noqa: B018
    with pytest.raises(UsageError, match="PyTorch"):
        load_registry().benchmark("live/digits")


@pytest.mark.usefixtures("without_torch")
def test_tasks_can_be_looked_at_without_it() -> None:
    task, test = training.digits_task()
    assert (len(task.train), len(task.valid), len(test)) == (800, 498, 1497)
    assert not {image.tobytes() for image in test.pixels} & {image.tobytes() for image in task.train.pixels}
    assert task.identity == training.digits_task()[0].identity


def test_public_names_are_sorted_and_exist() -> None:
    pytest.importorskip("torch", reason="needs PyTorch (the extra 'live')")
    assert sorted(training.__all__) == training.__all__
    assert all(getattr(training, name) is not None for name in training.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        training.nothing  # noqa: B018
