"""Changes of the suite's own code are noticed and undone, whatever its modules hold."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from types import ModuleType

import pytest

import nasbench_suite
from nasbench_suite.integrity import Integrity


def test_all_modules_can_be_watched() -> None:
    pytest.importorskip("torch", reason="needs PyTorch (the extra 'live')")
    names = [module.name for module in pkgutil.walk_packages(nasbench_suite.__path__, "nasbench_suite.")]
    for name in names:
        if not name.endswith("__main__"):
            importlib.import_module(name)
    from nasbench_suite.training.steps import Descent

    integrity = Integrity()
    assert integrity.changes() == []
    kept = Descent.step
    Descent.step = lambda self, loss: None
    assert integrity.restore() == ["nasbench_suite.training.steps.Descent.step"]
    assert Descent.step is kept


def test_classes_may_be_members_of_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("nasbench_suite.made")
    exec("class One:\n    def ask(self): return 1\nclass Other:\n    one = One\nOne.other = Other", vars(module))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    integrity = Integrity()
    assert integrity.changes() == []
    module.One.ask = lambda self: 2
    module.Other.more = 3
    assert sorted(integrity.restore()) == ["nasbench_suite.made.One.ask", "nasbench_suite.made.One.other.more"]
    assert module.One().ask() == 1 and not hasattr(module.Other, "more")
