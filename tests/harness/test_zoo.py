"""The zoo: bad plugins, the line that each gets, and good rows that do not change beside them."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_runner import GOOD, ZOO

from nasbench_suite import Budget
from nasbench_suite.comparisons import Comparison, Entry, Task
from nasbench_suite.harness import LocalExecutor, Plan, Result, Store, make_plan, run_plan
from nasbench_suite.harness.executing import execute
from nasbench_suite.plugins import load_registry

LOADING = {
    "broken_import": "raises ModuleNotFoundError when imported: No module named 'no_such_module_anywhere'",
    "exits_on_import": "raises SystemExit when imported: 3",
    "no_hooks": "has no hooks; decorate a function nasbench_strategies",
    "misspelt_hook": "unknown hook 'nasbench_strategys'",
    "returns_wrong": "nasbench_strategies returned 'random-search', expected strategies made with @strategy",
    "takes_a_name": "strategy name already taken: random-search",
    "too_new": "was written for API version 99, this suite takes 1 to 2; update nasbench-suite",
    "patches_on_import": "changed nasbench_suite.search.problem.Problem.evaluate when imported; a plugin leaves the suite as it is",
    "changes_class": "changed nasbench_suite.search.budget.Budget.refill when imported; a plugin leaves the suite as it is",
}
SEARCHING = {
    "zoo-opens-table": ("invalid", "opened the table "),
    "zoo-searches-memory": ("finished", ""),
    "zoo-patches-suite": ("invalid", "changed nasbench_suite.search.problem.Problem.charge of the suite"),
    "zoo-remembers": ("finished", ""),  # every run begins as the plugin was imported: there is nothing to remember
    "zoo-uses-clock": ("invalid", "the same run ended otherwise when done again"),
    "zoo-kills-parent": ("invalid", "sent a signal to a process that is not its own"),
    "zoo-opens-store": ("failed", "raised AttributeError: "),
    "zoo-starts-processes": ("invalid", "started more than 16 processes at once"),
    "zoo-crashes": ("died", "its process was killed by signal 11"),
    "zoo-replaces-answers": ("finished", ""),
    "zoo-recurses": ("failed", "raised RecursionError"),
    "zoo-interrupts": ("failed", "raised KeyboardInterrupt"),
    "zoo-pays-itself": ("failed", "raised QuestionError: charge of -1000000.0 s"),
    "zoo-recommends-nonsense": ("failed", "raised SpaceError: (7,)"),
    "zoo-resumes-forgery": ("failed", "raised QuestionError: "),
    "zoo-recommends-unpaid": ("invalid", "event 2 recommends (0, 0, 0, 0, 0, 1), which was never evaluated"),
    "zoo-fills-disk": ("failed", "raised OSError: [Errno 27] File too large"),
    "zoo-asks-for-free": ("failed", "raised AttributeError: "),
}
TABLE = Task("nas-bench-201/cifar10", Budget(20_000))
MADE_UP = Task("zoo/made-up", Budget(200))
ON_NO_TABLE = {
    "zoo-follows-attributes": ("failed", "raised LookupError: no attribute leads to a score"),
    "zoo-opens-benchmark": ("invalid", "asked for the scores of the benchmark zoo/made-up while searching"),
    "zoo-asks-for-free": ("failed", "raised AttributeError: "),
    "zoo-searches-memory": ("finished", ""),
    "zoo-replaces-answers": ("finished", ""),
    "zoo-starts-processes": ("invalid", "started more than 16 processes at once"),
}


def test_there_are_enough_of_them() -> None:
    assert len(list(ZOO.glob("*.py"))) >= 25


def test_what_cannot_be_loaded_is_one_line_each() -> None:
    problems = {plugin.name: plugin.problem for plugin in load_registry(ZOO).plugins if plugin.problem}
    assert problems.keys() == LOADING.keys()
    for name, line in LOADING.items():
        assert line in problems[name]
        assert "\n" not in problems[name]


def do(
    path: Path, strategies: tuple[str, ...], plugins_dir: Path | None, task: Task = TABLE
) -> tuple[Plan, dict[str, Result]]:
    entries = tuple(Entry(name, name, {}) for name in strategies)
    comparison = Comparison("zoo", "Zoo", "", "", (task,), entries, (0, 1), 20.0, 512, "evaluated")
    plan = make_plan(comparison, load_registry(plugins_dir))
    with Store(path) as store:
        run_plan(plan, store, LocalExecutor(2, plugins_dir))
        return plan, store.results(run.id for run in plan.all_runs)


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, dict[str, Result]]:
    return do(tmp_path_factory.mktemp("zoo") / "store", (*GOOD, *SEARCHING), ZOO)


@pytest.mark.parametrize("strategy", SEARCHING)
def test_whatever_it_does_has_its_line(together: tuple[Plan, dict[str, Result]], strategy: str) -> None:
    plan, results = together
    outcome, reason = SEARCHING[strategy]
    for run in plan.runs[strategy, "nas-bench-201/cifar10"]:
        assert results[run.id].reason.startswith(reason)
        assert results[run.id].outcome == outcome
        assert "\n" not in results[run.id].reason


def test_good_rows_are_the_same_bytes_without_the_zoo(together: tuple[Plan, dict[str, Result]], tmp_path: Path) -> None:
    plan, alone = do(tmp_path / "store", GOOD, None)
    for run in plan.all_runs:
        assert alone[run.id].outcome == "finished"
        assert together[1][run.id].packed().journal == alone[run.id].packed().journal


@pytest.fixture(scope="module")
def on_no_table(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, dict[str, Result]]:
    return do(tmp_path_factory.mktemp("made-up") / "store", (*GOOD, *ON_NO_TABLE), ZOO, MADE_UP)


@pytest.mark.parametrize("strategy", ON_NO_TABLE)
def test_no_search_reaches_the_score_of_a_task_that_is_no_table(
    on_no_table: tuple[Plan, dict[str, Result]], strategy: str
) -> None:
    plan, results = on_no_table
    outcome, reason = ON_NO_TABLE[strategy]
    for run in plan.runs[strategy, "zoo/made-up"]:
        assert results[run.id].reason.startswith(reason)
        assert results[run.id].outcome == outcome


def test_answers_from_another_process_are_the_same(on_no_table: tuple[Plan, dict[str, Result]]) -> None:
    plan, results = on_no_table
    registry = load_registry(ZOO)
    for strategy in GOOD:
        for run in plan.runs[strategy, "zoo/made-up"]:
            assert results[run.id].outcome == "finished"
            assert execute(run, registry).packed().journal == results[run.id].packed().journal
