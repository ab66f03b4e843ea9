"""How far the rows of a leaderboard were checked, kept beside it in ``badges.json``.

A badge belongs to one ``leaderboard.json``: the file names its sha256, and where that is another the badges are not
shown. ``nasbench verify`` and ``nasbench merge`` write it; every later writing of the same leaderboard shows it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

Badge = Literal["self-reported", "replayed", "re-run"]
"""How far a row was checked: not at all; every answer asked for again; and its strategy run again, too."""
BADGES: tuple[Badge, ...] = get_args(Badge)

FILE = "badges.json"

MEANING: Mapping[Badge, str] = {
    "self-reported": "nobody but its maker has checked it",
    "replayed": "every recorded answer was asked for again from the hashed table, and every figure recomputed",
    "re-run": "replayed, and the strategy was run again: recorded seeds gave the same journals, fresh ones scores that agree",
}


def badges_text(badges: Mapping[str, Badge], leaderboard: str) -> str:
    """The text of ``badges.json``.

    Args:
        badges: label -> badge.
        leaderboard: the text of the ``leaderboard.json`` whose rows were checked.
    """
    held = {"leaderboard sha256": _sha256(leaderboard), "badges": dict(sorted(badges.items()))}
    return json.dumps(held, indent=1, ensure_ascii=False) + "\n"


def read_badges(directory: Path, leaderboard: str) -> dict[str, Badge]:
    """The badges beside a leaderboard; none where there is no such file, or it was written for other figures."""
    try:
        held = json.loads((directory / FILE).read_text(encoding="utf-8"))
        if held["leaderboard sha256"] != _sha256(leaderboard):
            return {}
        return {str(label): badge for label, badge in held["badges"].items() if badge in BADGES}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
