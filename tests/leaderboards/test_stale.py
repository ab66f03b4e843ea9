"""Every committed leaderboard says how it was made, and none is older than the code that its rows name."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from repository import REPOSITORY

from nasbench_suite.plugins import load_registry

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

BOARDS = sorted(path.parent for path in (REPOSITORY / "leaderboards").glob("*/leaderboard.json"))
MADE = tomllib.loads((REPOSITORY / "leaderboards" / "made.toml").read_text(encoding="utf-8"))


def test_every_leaderboard_names_its_command_its_hours_and_its_version() -> None:
    assert sorted(MADE) == [board.name for board in BOARDS]
    for name, made in MADE.items():
        assert made["command"].startswith("nasbench run-all ") and made["core_hours"] > 0 and made["version"], name
        assert "bundle" not in made or (REPOSITORY / made["bundle"]).is_file(), name


@pytest.mark.parametrize("board", BOARDS, ids=lambda path: path.name)
def test_its_rows_are_of_the_strategies_of_today(board: Path) -> None:
    registry = load_registry()
    versions = {name: offered for name, offered in registry.strategies.items() if offered.plugin.built_in}
    document = json.loads((board / "leaderboard.json").read_text(encoding="utf-8"))
    stale = [
        row["label"]
        for row in document["strategies"]
        if row["strategy"] in versions and row["version"] != versions[row["strategy"]].version
    ]
    assert not stale, f"{board.name} is stale ({', '.join(stale)}); make it again: {MADE[board.name]['command']}"
