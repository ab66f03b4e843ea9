"""Telling whether anything changed the suite's own code while a plugin was at work, and undoing it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any

PACKAGE = "nasbench_suite"
_LACKING = object()


class Integrity:
    """How the suite's modules, classes and functions are now.

    Functions are compared by their code and defaults, members of classes and modules by identity. What C code or a
    debugger does to the memory is beyond it.
    """

    def __init__(self) -> None:
        self._modules = {name: module for name, module in sys.modules.items() if _ours(name)}
        self._members: list[tuple[str, Any, str, Any]] = []
        self._code: list[tuple[str, FunctionType, Any, Any, Any]] = []
        self._known: dict[str, tuple[type, frozenset[str]]] = {}
        self._taken: set[type] = set()
        for name, module in self._modules.items():
            self._take_module(name, module)

    def _take_module(self, name: str, module: ModuleType) -> None:
        for member, value in list(vars(module).items()):
            if isinstance(value, (FunctionType, type)):
                self._members.append((f"{name}.{member}", module, member, value))
                if _ours(getattr(value, "__module__", "")) and value.__module__ == name:
                    self._take(f"{name}.{member}", value)

    def _take(self, place: str, value: Any) -> None:
        if isinstance(value, FunctionType):
            self._code.append((place, value, value.__code__, value.__defaults__, value.__kwdefaults__))
        elif isinstance(value, type) and value not in self._taken:  # two classes may be members of each other
            self._taken.add(value)
            members = {name: member for name, member in vars(value).items() if not _of_python(name)}
            self._known[place] = (value, frozenset(members))
            for name, member in members.items():
                self._members.append((f"{place}.{name}", value, name, member))
                self._take(f"{place}.{name}", member)

    def changes(self) -> list[str]:
        """The full names of what is not as it was."""
        return list(self._changes(mend=False))

    def restore(self) -> list[str]:
        """Undo the changes; returns what :meth:`changes` would have."""
        return list(self._changes(mend=True))

    def _changes(self, mend: bool) -> Iterator[str]:
        for name, module in self._modules.items():
            if sys.modules.get(name) is not module:
                if mend:
                    sys.modules[name] = module
                yield name
        for place, holder, name, value in self._members:
            if vars(holder).get(name, _LACKING) is not value:
                if mend:
                    setattr(holder, name, value)
                yield place
        for place, (owner, names) in self._known.items():
            for name in [name for name in vars(owner) if name not in names and not _of_python(name)]:
                if mend:
                    delattr(owner, name)
                yield f"{place}.{name}"
        for place, function, code, defaults, keywords in self._code:
            now = (function.__code__, function.__defaults__, function.__kwdefaults__)
            if not (now[0] is code and now[1] is defaults and now[2] is keywords):
                if mend:
                    function.__code__, function.__defaults__, function.__kwdefaults__ = code, defaults, keywords
                yield place


def _ours(module: str | None) -> bool:
    return module is not None and (module == PACKAGE or module.startswith(PACKAGE + "."))


def _of_python(name: str) -> bool:
    """Members that Python itself keeps in classes and renews (caches of abstract classes and of protocols)."""
    return (name.startswith("__") and name not in ("__init__", "__new__", "__call__")) or name.startswith("_abc_")
