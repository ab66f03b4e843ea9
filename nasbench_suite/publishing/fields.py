"""Values of a stranger's JSON, taken field by field: each has its type and range, or the place of the fault is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import repeat
from typing import Any, NoReturn

from nasbench_suite.errors import BundleError


@dataclass
class Fields:
    """A JSON object of a stranger, read field by field; each method raises :class:`BundleError` naming the place."""

    values: Any
    where: str

    def __post_init__(self) -> None:
        if not isinstance(self.values, dict):
            raise BundleError(f"{self.where}: {shown(self.values)} is no object")

    def _take(self, key: str, expected: str, fits: Callable[[Any], bool]) -> Any:
        value = self.values.get(key)
        if not fits(value):
            raise BundleError(f"{self.where}: {key} is {shown(value)}, expected {expected}")
        return value

    def text(self, key: str) -> str:
        value: str = self._take(key, "text", lambda v: isinstance(v, str))
        return value

    def word(self, key: str) -> str:
        """Text of one line without control characters: a stranger's words are printed in terminals."""
        value: str = self._take(key, "text of one line", lambda v: isinstance(v, str) and v.isprintable())
        return value

    def whole(self, key: str) -> int:
        value: int = self._take(key, "a whole number", is_whole)
        return value

    def number(self, key: str) -> float:
        """Kept as the integer or float that it is: a run's id depends on it."""
        value: float = self._take(key, "a number of at least 0", is_number)
        return value

    def wholes(self, key: str) -> list[int]:
        value: list[int] = self._take(
            key, "a list of whole numbers", lambda v: isinstance(v, list) and all(map(is_whole, v))
        )
        return value

    def numbers(self, key: str) -> list[float]:
        value: list[float] = self._take(
            key, "a list of numbers", lambda v: isinstance(v, list) and all(map(is_number, v))
        )
        return value

    def texts(self, key: str) -> list[str]:
        value: list[str] = self._take(
            key, "a list of texts", lambda v: isinstance(v, list) and all(map(isinstance, v, repeat(str)))
        )
        return value

    def plain(self, key: str) -> dict[str, Any]:
        """Names with texts, numbers, truths or nothing."""
        kinds = (str, int, float, bool, type(None))
        value: dict[str, Any] = self._take(
            key, "names with plain values", lambda v: isinstance(v, dict) and all(type(x) in kinds for x in v.values())
        )
        return value

    def mapping(self, key: str) -> Fields:
        return Fields(self._take(key, "an object", lambda v: isinstance(v, dict)), f"{self.where}, {key}")

    def mappings(self, key: str) -> list[Fields]:
        items = self._take(key, "a list of objects", lambda v: isinstance(v, list))
        return [Fields(item, f"{self.where}, {key} {place}") for place, item in enumerate(items, start=1)]


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
    return "".join(character if character.isprintable() else "?" for character in text)


def shown(value: object) -> str:
    """A stranger's value, short and on one line."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
