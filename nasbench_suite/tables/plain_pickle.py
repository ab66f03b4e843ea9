"""Reading other people's pickles as data: dicts, lists, strings and numbers, and nothing that could be called."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from typing import Any, BinaryIO

from nasbench_suite.errors import TableError


def load_plain(
    source: bytes | BinaryIO, name: str, allowed: Mapping[tuple[str, str], Any] | None = None, encoding: str = "ASCII"
) -> Any:
    """Unpickle plain values; every global that is not on the allow-list is refused before anything is called.

    Args:
        source: the pickle.
        name: of the file, for messages.
        allowed: ``(module, name) -> replacement``; by default nothing at all.
        encoding: of texts in pickles of Python 2; ``"bytes"`` leaves them as bytes.

    Raises:
        TableError: a global that is not allowed (its name is told), or a damaged pickle.
    """
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        return _PlainUnpickler(stream, name, allowed or {}, encoding).load()
    except TableError:
        raise
    except Exception as error:  # a damaged pickle can raise almost anything
        raise TableError(f"{name} is not a readable pickle ({type(error).__name__}: {error})") from None


class _PlainUnpickler(pickle.Unpickler):
    def __init__(self, stream: BinaryIO, name: str, allowed: Mapping[tuple[str, str], Any], encoding: str) -> None:
        super().__init__(stream, encoding=encoding)
        self._name = name
        self._allowed = allowed

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._allowed[module, name]
        except KeyError:
            raise TableError(
                f"{self._name} wants to load {module}.{name}; only plain data is read, nothing was run"
            ) from None

    def persistent_load(self, pid: object) -> Any:
        raise TableError(f"{self._name} refers to an outside object; only plain data is read, nothing was run")
