"""Whole numbers as people write them: one, a list, or a range such as ``"1..200"``."""

from __future__ import annotations

import re
from typing import Any

from nasbench_suite.errors import UsageError

MOST = 1_000_000
"""Numbers that one range may have."""


def whole_numbers(given: Any, what: str, *, least: int = 1) -> tuple[int, ...]:
    """A number, a range ``"1..200"``, or a list of both, as rising numbers.

    Args:
        given: from a TOML file.
        what: what messages begin with.
        least: the least number that is allowed.

    Raises:
        UsageError: anything else, a number twice, or more than a million of them.
    """
    parts = given if isinstance(given, list) else [given]
    numbers: list[int] = []
    for part in parts:
        match = re.fullmatch(r"\s*([0-9]{1,9})\s*\.\.\s*([0-9]{1,9})\s*", part) if isinstance(part, str) else None
        if match and int(match[1]) <= int(match[2]) and int(match[2]) - int(match[1]) < MOST:
            numbers += range(int(match[1]), int(match[2]) + 1)
        elif type(part) is int and 0 <= part < 2**62:
            numbers.append(part)
        else:
            raise UsageError(f'{what} is {given!r}, expected whole numbers such as 200, [12, 200] or "1..200"')
    if not numbers or len(numbers) > MOST or len(set(numbers)) != len(numbers) or min(numbers) < least:
        raise UsageError(f"{what} is {given!r}, expected different whole numbers of at least {least}")
    return tuple(sorted(numbers))
