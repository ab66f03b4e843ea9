"""Names that have been renamed: they work on, and say once what to write instead."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any


def renamed(module: str, names: Mapping[str, str]) -> Callable[[str], Any]:
    """A module's ``__getattr__`` that gives the new thing under its old name and warns the first time.

    Args:
        module: the module's name.
        names: old name -> new name, both of this module.
    """
    warned: set[str] = set()

    def __getattr__(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        if name not in warned:
            warned.add(name)
            text = f"{module}.{name} is deprecated and goes with the next API version; write {module}.{names[name]}"
            warnings.warn(text, DeprecationWarning, stacklevel=2)
        return getattr(sys.modules[module], names[name])

    return __getattr__
