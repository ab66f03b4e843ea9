"""The text ``depth=2,width=64``: pairs of names, whatever characters the names have."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SPECIAL = re.compile(r"([\\,=])")
_PIECE = re.compile(r"(?:\\.|[^\\,])*", re.DOTALL)
_NAME = re.compile(r"((?:\\.|[^\\=])*)=?(.*)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def join_choices(choices: Iterable[tuple[str, str]]) -> str:
    """``decision=option`` pairs joined by commas; a special character in a name follows a backslash."""
    return ",".join(f"{_escaped(name)}={_escaped(option)}" for name, option in choices)


def split_choices(text: str) -> list[tuple[str, str]]:
    """The inverse of :func:`join_choices`; a part without ``=`` has an empty option."""
    parts = []
    place = 0
    while True:
        piece = _PIECE.match(text, place)
        assert piece is not None  # it matches the empty text, too
        name = _NAME.fullmatch(piece[0])
        parts.append((_plain(name[1]), _plain(name[2])) if name else (piece[0], ""))
        place = piece.end() + 1
        if place > len(text):
            return parts


def _escaped(name: str) -> str:
    return _SPECIAL.sub(r"\\\1", name)


def _plain(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)
