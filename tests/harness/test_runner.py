"""Running comparisons: everything once, whatever plugins, crashes and other processes do."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nasbench_suite import Budget
from nasbench_suite.comparisons import Comparison, Entry, Task
from nasbench_suite.harness import LocalExecutor, Plan, Result, Store, Summary, make_plan, run_plan
from nasbench_suite.harness.follow import Followed
from nasbench_suite.leaderboards import render_json
from nasbench_suite.plugins import load_registry
from nasbench_suite.scoring import score
from nasbench_suite.search.journal import Evaluation, encode_event

ZOO = Path(__file__).resolve().parent.parent / "zoo"
GOOD = ("random-sampling", "random-search", "regularized-evolution")


def make_comparison(
    strategies: tuple[str, ...] = GOOD, seeds: int = 4, time_limit: float = 60.0, memory_limit: int = 512
) -> Comparison:
    entries = tuple(Entry(name, name, {}) for name in strategies)
    tasks = (Task("nas-bench-201/cifar10", Budget(20_000)), Task("nas-bench-201/cifar100", Budget(40_000)))
    return Comparison("test", "Test", "", "", tasks, entries, tuple(range(seeds)), time_limit, memory_limit)


def do(
    comparison: Comparison, path: Path, jobs: int = 2, plugins_dir: Path | None = None, **more: bool
) -> tuple[Plan, dict[str, Result], Summary]:
    plan = make_plan(comparison, load_registry(plugins_dir))
    with Store(path) as store:
        summary = run_plan(plan, store, LocalExecutor(jobs, plugins_dir), **more)
        return plan, store.results(run.id for run in plan.all_runs), summary


def test_every_run_is_done_once_and_the_same_on_any_number_of_workers(tmp_path: Path) -> None:
    plan, one, summary = do(make_comparison(), tmp_path / "one.sqlite3", jobs=1)
    assert summary.outcomes == {"finished": 24}
    _, two, _ = do(make_comparison(), tmp_path / "two.sqlite3", jobs=2)
    assert {run: result.journal for run, result in one.items()} == {run: result.journal for run, result in two.items()}
    assert render_json(score(plan, one)) == render_json(score(plan, two))
    _, again, summary = do(make_comparison(), tmp_path / "one.sqlite3")
    assert (summary.before, summary.outcomes.total()) == (24, 0)
    assert again == one


def test_more_seeds_do_only_the_new_runs(tmp_path: Path) -> None:
    do(make_comparison(seeds=2), tmp_path / "store")
    _, results, summary = do(make_comparison(seeds=3), tmp_path / "store")
    assert (summary.before, summary.outcomes.total(), len(results)) == (12, 6, 18)


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Plan, dict[str, Result]]]:
    """One comparison of the good strategies with every bad one, within tight limits."""
    bad = (
        "zoo-raises",
        "zoo-loops",
        "zoo-exits",
        "zoo-eats-memory",
        "zoo-goes-on",
        "zoo-goes-on-a-little",
        "zoo-reseeds",
        "zoo-draws-globally",
        "zoo-raises-its-budget",
        "zoo-invents-answers",
        "zoo-asks-nonsense",
    )
    comparison = make_comparison(GOOD + bad, seeds=2, time_limit=3.0)
    plan, results, _ = do(comparison, tmp_path_factory.mktemp("zoo") / "store", plugins_dir=ZOO)
    yield plan, results


@pytest.mark.parametrize(
    ("strategy", "outcome", "reason"),
    [
        ("zoo-raises", "failed", "raised ZeroDivisionError: division by zero (raises.py:10)"),
        ("zoo-loops", "timeout", "did not end within the time limit of 3 s"),
        ("zoo-exits", "died", "its process exited with status 7"),
        ("zoo-eats-memory", "memory", "needed more than 512 MiB of memory"),
        ("zoo-goes-on", "invalid", "caught OutOfBudget and went on asking; let it end the strategy"),
        ("zoo-goes-on-a-little", "invalid", "caught OutOfBudget and went on asking; let it end the strategy"),
        ("zoo-reseeds", "finished", ""),  # it reaches nobody else, and what it does follows from its seed
        ("zoo-draws-globally", "invalid", "the same run ended otherwise when done again"),
        ("zoo-raises-its-budget", "failed", "raised AttributeError: "),
        ("zoo-invents-answers", "failed", "raised AttributeError: "),
        ("zoo-asks-nonsense", "failed", "raised SpaceError: (99, 99, 99, 99, 99, 99)"),
    ],
)
def test_whatever_a_strategy_does_is_an_outcome_with_its_reason(
    zoo: tuple[Plan, dict[str, Result]], strategy: str, outcome: str, reason: str
) -> None:
    plan, results = zoo
    for (label, _), runs in plan.runs.items():
        if label == strategy:
            for run in runs:
                result = results[run.id]
                assert (result.outcome, result.reason[: len(reason)]) == (outcome, reason)
                assert "\n" not in result.reason


def test_bad_strategies_change_nothing_for_the_others(zoo: tuple[Plan, dict[str, Result]], tmp_path: Path) -> None:
    _, results = zoo
    plan, alone, _ = do(make_comparison(seeds=2), tmp_path / "store")
    for run in plan.all_runs:
        assert results[run.id].journal == alone[run.id].journal
        assert results[run.id].outcome == "finished"


def test_failed_runs_are_done_again_only_on_request(tmp_path: Path) -> None:
    comparison = make_comparison(("zoo-raises", "random-sampling"), seeds=2)
    do(comparison, tmp_path / "store", plugins_dir=ZOO)
    _, _, summary = do(comparison, tmp_path / "store", plugins_dir=ZOO)
    assert summary.outcomes.total() == 0
    assert summary.unfinished == 4
    _, _, summary = do(comparison, tmp_path / "store", plugins_dir=ZOO, retry_failed=True)
    assert summary.outcomes == {"failed": 4}


def test_a_pair_that_keeps_hanging_is_given_up(tmp_path: Path) -> None:
    _, results, summary = do(
        make_comparison(("zoo-loops",), seeds=20, time_limit=0.5), tmp_path / "store", plugins_dir=ZOO
    )
    assert summary.outcomes.keys() == {"timeout"}
    assert summary.not_tried > 20
    assert len(results) + summary.not_tried == 40


RUN_ALL = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_runner import do, make_comparison
if __name__ == "__main__":
    do(make_comparison(seeds={seeds}), Path(sys.argv[1]))
"""


def start(script: Path, store: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(script), str(store)], stderr=subprocess.PIPE, start_new_session=True)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "run_all.py"
    path.write_text(RUN_ALL.format(tests=str(Path(__file__).parent), seeds=8))
    return path


def board(store: Path, seeds: int = 8) -> str:
    plan = make_plan(make_comparison(seeds=seeds), load_registry())
    with Store(store) as opened:
        return render_json(score(plan, opened.results(run.id for run in plan.all_runs)))


def test_killed_at_any_moment_nothing_is_lost_or_done_twice(tmp_path: Path, script: Path) -> None:
    plan, results, _ = do(make_comparison(seeds=8), tmp_path / "undisturbed")
    expected = render_json(score(plan, results))
    moments = random.Random(1)
    store = tmp_path / "store"
    finished_before: set[str] = set()
    for _ in range(50):
        process = start(script, store)
        time.sleep(moments.uniform(0.0, 1.2))
        os.killpg(process.pid, signal.SIGKILL) if moments.random() < 0.5 else process.kill()
        process.communicate()
        if store.exists():
            with Store(store) as opened:
                done = set(opened.outcomes(run.id for run in plan.all_runs))
            assert finished_before <= done
            finished_before = done
            with sqlite3.connect(store) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            connection.close()
            if len(done) == len(plan.all_runs):
                store.unlink()
                finished_before = set()
    process = start(script, store)
    assert process.communicate(timeout=120)[1] == b""
    assert board(store) == expected


def test_two_at_once_share_the_work(tmp_path: Path, script: Path) -> None:
    plan, results, _ = do(make_comparison(seeds=8), tmp_path / "undisturbed")
    store = tmp_path / "store"
    both = [start(script, store), start(script, store)]
    assert [process.communicate(timeout=120)[1] for process in both] == [b"", b""]
    assert board(store) == render_json(score(plan, results))


def test_no_worker_outlives_a_killed_parent(tmp_path: Path) -> None:
    script = tmp_path / "loops.py"
    script.write_text(
        RUN_ALL.format(tests=str(Path(__file__).parent), seeds=8)
        .replace("make_comparison(seeds=8)", f"make_comparison(('zoo-loops',)), plugins_dir=Path({str(ZOO)!r})")
        .replace(", Path(sys.argv[1]))", ", path=Path(sys.argv[1]))")
    )
    process = start(script, tmp_path / "store")
    time.sleep(2.5)
    children = (
        [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
        if Path("/proc").exists()
        else []
    )
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and any(Path(f"/proc/{child}").exists() for child in children):
        time.sleep(0.1)
    assert not [child for child in children if Path(f"/proc/{child}").exists()]


def test_ctrl_c_ends_cleanly_and_frees_the_claims(tmp_path: Path) -> None:
    script = tmp_path / "loops.py"
    script.write_text(
        RUN_ALL.format(tests=str(Path(__file__).parent), seeds=8)
        .replace("make_comparison(seeds=8)", f"make_comparison(('zoo-loops',)), plugins_dir=Path({str(ZOO)!r})")
        .replace(", Path(sys.argv[1]))", ", path=Path(sys.argv[1]))")
    )
    process = start(script, tmp_path / "store")
    time.sleep(2.5)
    process.send_signal(signal.SIGINT)
    error = process.communicate(timeout=30)[1]
    assert b"KeyboardInterrupt" in error
    with sqlite3.connect(tmp_path / "store") as connection:
        assert connection.execute("SELECT count(*) FROM claims").fetchone() == (0,)
    connection.close()


def test_a_run_under_way_is_followed_by_its_journal(tmp_path: Path) -> None:
    plan = make_plan(make_comparison(("random-search",), seeds=1), load_registry())
    (run, *_) = plan.all_runs
    followed = Followed(run, plan.benchmarks[run.benchmark])
    journal = tmp_path / f"{run.id}.jsonl"
    assert not followed.look(tmp_path) and followed.words == "random-search on nas-bench-201/cifar10"
    first = encode_event(Evaluation((0,) * 6, 200, 0.5, 4000.0, 200))
    second = encode_event(Evaluation((1,) * 6, 200, 0.25, 1000.0, 200))
    journal.write_text(first + "\n" + second[:10])  # the second is being written
    assert followed.look(tmp_path) and (followed.fraction, followed.best) == (0.2, 0.5)
    journal.write_text(first + "\n" + second + "\n")
    assert followed.look(tmp_path) and followed.fraction == 0.25
    assert followed.words == "5,000 of 20,000 s, best 0.500: random-search"
