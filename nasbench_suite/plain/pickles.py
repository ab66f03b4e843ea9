"""Reading other people's pickles as data: dicts, lists, strings and numbers, and nothing that could be called.

A pickle can name any function and have it called. Here every name is looked up on an allow-list, which is empty
unless an importer knows that its source writes harmless names (``OFFICIAL_NAMES``); what is on the list is not the
thing of that name, but a :class:`Maker` that builds a plain value, cannot be given attributes, and is no class.
"""

from __future__ import annotations

import codecs
import io
import pickle
import struct
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, NoReturn

from nasbench_suite.errors import TableError


def load_plain(
    source: bytes | BinaryIO, name: str, allowed: Mapping[tuple[str, str], Maker] | None = None, encoding: str = "ASCII"
) -> Any:
    """Unpickle plain values; every global that is not on the allow-list is refused before anything is called.

    Args:
        source: the pickle.
        name: of the file, for messages.
        allowed: ``(module, name) -> maker``; by default nothing at all.
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


class Maker:
    """A harmless stand-in for a callable: makes a plain value and refuses to be changed.

    Args:
        name: of what it stands for.
        make: builds the value from the pickle's arguments.
    """

    __slots__ = ("_make", "_name")

    def __init__(self, name: str, make: Callable[..., Any]) -> None:
        object.__setattr__(self, "_name", name)
        object.__setattr__(self, "_make", make)

    def __call__(self, *arguments: Any) -> Any:
        return self._make(*arguments)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise TableError(f"the pickle tried to set {name!r} of {self._name}; nothing was changed")

    def __setstate__(self, state: object) -> NoReturn:
        raise TableError(f"the pickle tried to change the state of {self._name}; nothing was changed")

    def __getattribute__(self, name: str) -> Any:
        if name in ("append", "extend", "add", "update", "__dict__"):
            raise TableError(f"the pickle tried to use {object.__getattribute__(self, '_name')} as a container")
        return object.__getattribute__(self, name)


class NumberType:
    """A NumPy dtype of a scalar, as far as a pickle describes it."""

    __slots__ = ("code", "order")

    def __init__(self, code: object, *flags: object) -> None:
        if code not in ("f8", "f4", "i8", "i4", "b1", "u8", "u4"):
            raise TableError(f"the pickle holds a NumPy scalar of type {code!r}; only numbers are read")
        self.code = str(code)
        self.order = "<"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", ">", "|", "="):
            raise TableError(f"the pickle describes a NumPy type by {state!r}")
        self.order = ">" if state[1] == ">" else "<"


_FORMATS = {"f8": "d", "f4": "f", "i8": "q", "i4": "i", "b1": "?", "u8": "Q", "u4": "I"}


def _scalar(kind: object, data: object) -> float | int | bool:
    if not isinstance(kind, NumberType) or not isinstance(data, bytes):
        raise TableError("the pickle holds a NumPy scalar that is no number")
    (value,) = struct.unpack(kind.order + _FORMATS[kind.code], data)
    return value  # type: ignore[no-any-return]


def _encode(text: object, encoding: object = "utf-8", *rest: object) -> bytes:
    if not isinstance(text, str) or encoding != "latin1" or rest:
        raise TableError(f"the pickle asks to encode {type(text).__name__} as {encoding!r}")
    return codecs.latin_1_encode(text)[0]


_OrderedDict = Maker("collections.OrderedDict", dict)
_Scalar = Maker("numpy scalar", _scalar)

OFFICIAL_NAMES: Mapping[tuple[str, str], Maker] = {
    ("collections", "OrderedDict"): _OrderedDict,
    ("numpy.core.multiarray", "scalar"): _Scalar,
    ("numpy._core.multiarray", "scalar"): _Scalar,
    ("numpy", "dtype"): Maker("numpy.dtype", NumberType),
    ("_codecs", "encode"): Maker("_codecs.encode", _encode),
    ("__builtin__", "set"): Maker("set", set),
    ("builtins", "set"): Maker("set", set),
}
"""What the official files of NAS-Bench-201 and NATS-Bench name, and what is made of it."""


def not_allowed(source: str, module: object, name: object) -> NoReturn:
    """Refuse a global that is not on the allow-list."""
    raise TableError(f"{source} wants to load {module}.{name}; only plain data is read, nothing was run") from None


class _PlainUnpickler(pickle.Unpickler):
    def __init__(self, stream: BinaryIO, name: str, allowed: Mapping[tuple[str, str], Maker], encoding: str) -> None:
        super().__init__(stream, encoding=encoding)
        self._name = name
        self._allowed = allowed

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._allowed[module, name]
        except KeyError:
            not_allowed(self._name, module, name)

    def persistent_load(self, pid: object) -> Any:
        raise TableError(f"{self._name} refers to an outside object; only plain data is read, nothing was run")
