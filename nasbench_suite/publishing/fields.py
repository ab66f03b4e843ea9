"""Values of a stranger's JSON, taken field by field: each has its type and range, or the place of the fault is named."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from nasbench_suite import errors
from nasbench_suite.errors import BundleError

WORD = 300
"""Most characters of a word: a name, a version, an address."""

TEXT = 20_000
"""Most characters of a text: a description, a citation."""

NAMES = 1000
"""Most names in an object of plain values, and most texts in a list of them."""

VALUES = 5_000_000
"""Most values in one JSON text; each takes memory before anything of it can be checked."""

NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
"""Names of packages (PEP 508), which pages print in commands to be typed."""

VERSION = re.compile(r"[A-Za-z0-9.!+_-]*")
"""Versions of packages and of code."""

ADDRESS = re.compile(r"https?://[!#-;=?-Z_a-z~%\[\]]+")
"""Web addresses in ASCII, without quotes, blanks, angle brackets or backslashes."""


@dataclass
class Fields:
    """A JSON object of a stranger, read field by field; each method raises :class:`BundleError` naming the place."""

    values: Any
    where: str

    def __post_init__(self) -> None:
        if not isinstance(self.values, dict):
            raise BundleError(f"{self.where}: {shown(self.values)} is no object")

    def only(self, *names: str) -> Fields:
        """Refuse every other field: what nobody reads, nobody checks."""
        if unread := [key for key in self.values if key not in names]:
            raise BundleError(f"{self.where}: {shown(unread[0])} is no field of it; known are {', '.join(names)}")
        return self

    def _take(self, key: str, expected: str, fits: Callable[[Any], bool]) -> Any:
        value = self.values.get(key)
        if not fits(value):
            raise BundleError(f"{self.where}: {key} is {shown(value)}, expected {expected}")
        return value

    def text(self, key: str) -> str:
        """Text of any lines, without control characters."""
        expected = f"text of at most {TEXT:,} characters without control characters"
        value: str = self._take(
            key, expected, lambda v: isinstance(v, str) and len(v) <= TEXT and all(map(_is_plain, v.split("\n")))
        )
        return value

    def label(self, key: str) -> str:
        """What a row is called: printable ASCII without blanks at its ends or two in a row.

        Other letters can look like these, so that one row could pass for another.
        """
        expected = "printable ASCII, not empty, without blanks at the ends or two in a row"
        value: str = self._take(
            key,
            expected,
            lambda v: (
                isinstance(v, str)
                and 0 < len(v) <= WORD
                and v.isascii()
                and v == " ".join(v.split())
                and v.isprintable()
            ),
        )
        return value

    def matching(self, key: str, pattern: re.Pattern[str], expected: str) -> str:
        """A word that has the form of what it is."""
        value: str = self._take(
            key, expected, lambda v: isinstance(v, str) and len(v) <= WORD and bool(pattern.fullmatch(v))
        )
        return value

    def word(self, key: str) -> str:
        """Text of one line without control characters: a stranger's words are printed in terminals."""
        value: str = self._take(
            key, "text of one line", lambda v: isinstance(v, str) and len(v) <= WORD and v.isprintable()
        )
        return value

    def whole(self, key: str) -> int:
        value: int = self._take(key, "a whole number", is_whole)
        return value

    def number(self, key: str) -> float:
        """Kept as the integer or float that it is: a run's id depends on it."""
        value: float = self._take(key, "a number of at least 0", is_number)
        return value

    def wholes(self, key: str, most: int) -> list[int]:
        value: list[int] = self._take(
            key,
            f"a list of at most {most:,} whole numbers",
            lambda v: isinstance(v, list) and len(v) <= most and all(map(is_whole, v)),
        )
        return value

    def numbers(self, key: str, most: int) -> list[float]:
        value: list[float] = self._take(
            key,
            f"a list of at most {most:,} numbers",
            lambda v: isinstance(v, list) and len(v) <= most and all(map(is_number, v)),
        )
        return value

    def texts(self, key: str) -> list[str]:
        """A list of different words."""
        value: list[str] = self._take(
            key,
            f"a list of at most {NAMES} different texts of one line",
            lambda v: (
                isinstance(v, list)
                and len(v) <= NAMES
                and all(isinstance(item, str) and len(item) <= WORD and item.isprintable() for item in v)
                and len(set(v)) == len(v)
            ),
        )
        return value

    def plain(self, key: str) -> dict[str, Any]:
        """Names with texts, numbers, truths or nothing."""
        value: dict[str, Any] = self._take(
            key,
            f"at most {NAMES} names with plain values",
            lambda v: (
                isinstance(v, dict) and len(v) <= NAMES and all(map(_is_plain, v)) and all(map(_is_value, v.values()))
            ),
        )
        return value

    def mapping(self, key: str) -> Fields:
        return Fields(self._take(key, "an object", lambda v: isinstance(v, dict)), f"{self.where}, {key}")

    def mappings(self, key: str) -> list[Fields]:
        items = self._take(key, "a list of objects", lambda v: isinstance(v, list))
        return [Fields(item, f"{self.where}, {key} {place}") for place, item in enumerate(items, start=1)]


def _is_plain(text: str) -> bool:
    return text.isprintable()


def _is_value(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= TEXT and all(map(_is_plain, value.split("\n")))
    return value is None or type(value) is bool or (type(value) in (int, float) and abs(value) < 1e300)


def is_whole(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def is_number(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < 1e300


def parse_json(text: str, where: str) -> Any:
    """JSON without its traps: no NaN, no name twice in an object, no nesting without end.

    Raises:
        BundleError: anything else, with the place.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a name stands twice in an object")
        return found

    def refuse(name: str) -> NoReturn:
        raise ValueError(f"{name} is not JSON")

    if text.count(",") + text.count("[") + text.count("{") > VALUES:
        raise BundleError(f"{where}: holds more than {VALUES:,} values; no more are read")
    try:
        return json.loads(text, object_pairs_hook=once, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{where}: not JSON ({one_line(error)})") from None


def json_of(data: bytes | str, where: str) -> Any:
    return parse_json(data if isinstance(data, str) else text_of(data, where), where)


def text_of(data: bytes, where: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise BundleError(f"{where}: not UTF-8 at byte {error.start}") from None


def lines_of(data: bytes, where: str) -> list[str]:
    text = text_of(data, where)
    if text and not text.endswith("\n"):
        raise BundleError(f"{where}: its last line is cut off")
    return text.split("\n")[:-1]


def printable(text: str) -> str:
    """A stranger's text on one line, without what would steer a terminal."""
    return errors.printable(" ".join(text.splitlines()))


def shown(value: object) -> str:
    """A stranger's value, short and on one line."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
