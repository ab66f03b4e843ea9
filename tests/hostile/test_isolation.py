"""The table of docs/isolation.md, executed: every attempt by name, and what comes of it."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

import pytest

from nasbench_suite import Budget
from nasbench_suite.comparisons import Comparison, Entry, Task
from nasbench_suite.harness import LocalExecutor, Plan, Result, Store, make_plan, run_plan
from nasbench_suite.harness.confinement import Confinement, Rules, confine, landlock_version, listed, search_rules
from nasbench_suite.plugins import load_registry

ROOT = Path(__file__).resolve().parents[2]
ZOO = ROOT / "tests" / "zoo"
BENCHMARK = "nas-bench-201/cifar10"
GOOD = ("random-search", "regularized-evolution")
ROWS = re.findall(r"^\| `(zoo-[a-z0-9-]+)` \| ([a-z ]+) \|", (ROOT / "docs" / "isolation.md").read_text(), re.MULTILINE)
needs_landlock = pytest.mark.skipif(not landlock_version(), reason="this system has no Landlock; results are marked")

Done = tuple[Plan, dict[str, Result]]


def do(path: Path, strategies: tuple[str, ...], plugins_dir: Path | None) -> Done:
    entries = tuple(Entry(name, name, {}) for name in strategies)
    task = Task(BENCHMARK, Budget(20_000))
    comparison = Comparison("isolation", "", "", "", (task,), entries, (0, 1), 20.0, 512)
    plan = make_plan(comparison, load_registry(plugins_dir))
    with Store(path) as store:
        run_plan(plan, store, LocalExecutor(2, plugins_dir))
        return plan, store.results(run.id for run in plan.all_runs)


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Done:
    return do(tmp_path_factory.mktemp("attacks") / "store", (*GOOD, *(name for name, _ in ROWS)), ZOO)


def come_to(result: Result) -> str:
    """What came of an attempt, in the page's words."""
    if result.outcome == "finished":
        return "got through"
    if result.outcome == "invalid":
        return "detected"
    return "prevented" if result.reason.startswith("raised Prevented") else "ended"


@needs_landlock
@pytest.mark.parametrize(("name", "said"), ROWS)
def test_what_the_page_says_of_an_attempt_comes_of_it(together: Done, name: str, said: str) -> None:
    plan, results = together
    harmless = {"zoo-breaks-compression", "zoo-leaves-sleepers"}  # they finish, and have nothing of it
    for run in plan.runs[name, BENCHMARK]:
        result = results[run.id]
        found = come_to(result)
        if said == "not prevented" or name in harmless:
            assert found == "got through", result.reason
        else:
            assert found == said, (result.outcome, result.reason)
        assert result.reason.isprintable() and len(result.reason) <= 500
        assert not result.marks


def test_every_attack_of_the_zoo_is_in_the_table() -> None:
    offered = {
        name
        for file in ("attacks_files.py", "attacks_processes.py")
        for name in re.findall(r'(?:attempt|search_named)\("(zoo-[a-z0-9-]+)"\)', (ZOO / file).read_text())
    }
    assert offered == {name for name, _ in ROWS}


def test_good_rows_are_the_same_bytes_beside_all_of_them(together: Done, tmp_path: Path) -> None:
    plan, alone = do(tmp_path / "store", GOOD, None)
    for run in plan.all_runs:
        assert alone[run.id].outcome == "finished"
        assert together[1][run.id].packed().journal == alone[run.id].packed().journal


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc")
def test_nothing_is_left_running(together: Done) -> None:
    deadline = time.monotonic() + 10
    while (left := sleeping()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not left


def sleeping() -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if command[:2] == [b"sleep", b"4711"]:
                found.append(entry.name)
    return found


def test_where_the_system_has_nothing_the_result_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Confinement().words == "not confined (files, network)"
    assert Confinement(files=True).words == "not confined (network)"
    assert not Confinement(files=True, network=True).words
    monkeypatch.setattr(sys, "platform", "other")
    assert landlock_version() == 0
    assert confine(Rules((), (), ())) == Confinement()


def test_what_is_hidden_is_left_out_with_what_leads_to_it(tmp_path: Path) -> None:
    for name in ("a/b/table.h5", "a/b/code.py", "a/c.py", "d/e.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "d" / "link.h5").symlink_to(tmp_path / "a" / "b" / "table.h5")
    found = set(listed([tmp_path], [tmp_path / "a" / "b" / "table.h5"]))
    assert found == {str(tmp_path / name) for name in ("a/b/code.py", "a/c.py", "d")}
    assert not list(listed([tmp_path / "a" / "b" / "table.h5"], [tmp_path / "a"]))


def test_the_rules_of_a_search_lead_to_no_table_and_no_store(tmp_path: Path) -> None:
    store = tmp_path / "runs.sqlite3"
    store.write_text("")
    hidden = [ROOT / "tabular_data", store]
    rules = search_rules(tmp_path / "own", python_path=[entry for entry in sys.path if entry], hidden=hidden)
    assert rules.writes == (os.path.realpath(tmp_path / "own"),)
    for path in (ROOT / "tabular_data" / "nas-bench-201.h5", store, Path.home() / ".ssh"):
        assert not [each for each in rules.reads if str(path).startswith(each)], path
