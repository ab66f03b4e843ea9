"""Curves of live trainings, written while they run: one file of JSON lines per run, one line per epoch.

Whoever trains calls :func:`note`; whoever wants the lines opens :func:`written_to` around it. Nothing is computed for
them, and no number depends on whether they are written.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TextIO

_file: ContextVar[TextIO | None] = ContextVar("curves", default=None)


@contextmanager
def written_to(path: Path) -> Iterator[None]:
    """Append what is noted inside to a file, line by line; a reader sees every line as soon as it is noted.

    Raises:
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8", buffering=1) as file:
        token = _file.set(file)
        try:
            yield
        finally:
            _file.reset(token)


def wanted() -> bool:
    """Whether anybody wants the curves, for those who would have to compute something for them."""
    return _file.get() is not None


def note(what: str, **values: Any) -> None:
    """Write one line: what it is about, and values by name; numbers that are none become ``null``."""
    file = _file.get()
    if file is None:
        return
    plain = {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in values.items()}
    file.write(json.dumps({"what": what, **plain}, separators=(",", ":")) + "\n")
