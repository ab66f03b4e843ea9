"""Every committed leaderboard says how it was made, and none is older than the code that its rows name."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from repository import REPOSITORY

from nasbench_suite.errors import OutOfBudget
from nasbench_suite.plugins import load_registry
from nasbench_suite.publishing import read_bundle
from nasbench_suite.search.budget import Budget
from nasbench_suite.search.journal import Charge
from nasbench_suite.search.problem import Problem

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


def own_sources(version: str) -> str:
    """A version without the hash of the suite's modules that a strategy runs: those of training may be moved about.

    That they give what they gave is tested by pinned trainings (tests/training) and by the charges below.
    """
    release, _, hashes = version.partition("+")
    return f"{release}+{hashes.partition('.')[0]}"


@pytest.mark.parametrize("board", BOARDS, ids=lambda path: path.name)
def test_its_rows_are_of_the_strategies_of_today(board: Path) -> None:
    registry = load_registry()
    versions = {name: offered.version for name, offered in registry.strategies.items() if offered.plugin.built_in}
    document = json.loads((board / "leaderboard.json").read_text(encoding="utf-8"))
    stale = [
        row["label"]
        for row in document["strategies"]
        if row["strategy"] in versions and own_sources(row["version"]) != own_sources(versions[row["strategy"]])
    ]
    if reason := MADE[board.name].get("older"):
        assert stale, f"{board.name} is not older than the code; take the word out of made.toml"
        pytest.xfail(f"{board.name}: {reason}")
    assert not stale, f"{board.name} is stale ({', '.join(stale)}); make it again: {MADE[board.name]['command']}"


@pytest.mark.parametrize("name", ["darts", "darts-second-order", "drnas", "enas", "gdas", "rsps"])
def test_weight_sharing_pays_today_what_the_bundle_of_the_digits_says(name: str) -> None:
    pytest.importorskip("torch", reason="needs PyTorch (the extra 'live')")
    bundle = read_bundle(REPOSITORY / "leaderboards" / "digits.nasbench.zip")
    (member,) = [member for member in bundle.members if member.strategy == name]
    record = bundle.records[member.label, "digits-201/digits"][0]
    registry = load_registry()
    benchmark = registry.benchmark("digits-201/digits")
    problem = Problem(
        benchmark.space, benchmark.fidelities, benchmark.answers(0), Budget(1.0), training=benchmark.training()
    )
    with suppress(OutOfBudget):
        registry.strategies[name].strategy.run(problem, np.random.default_rng(0), **member.parameters)
    charges = [event for event in problem.journal if isinstance(event, Charge)]
    assert charges and charges == [event for event in record.journal if isinstance(event, Charge)][: len(charges)]
