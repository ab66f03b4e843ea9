"""Two processes, one run: whatever hosts, process numbers and clocks say, work is shared, and a conflict loses nothing."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from nasbench_suite import Budget, Evaluation
from nasbench_suite.harness import Result, Run, Store
from nasbench_suite.harness import store as module
from nasbench_suite.harness.store import LEASE_SECONDS

HOLD = """
import sys, time
from pathlib import Path
from nasbench_suite.harness import Store
store = Store(Path(sys.argv[1]))
print(store.claim(["a"]), store.owner, flush=True)
store.journal_path("a").write_text('["recommend",[1]]\\n')
time.sleep(60)
"""


def run_of(seed: int) -> Run:
    return Run("random-search", "1", {}, "nas-bench-201/cifar10", "ab" * 32, Budget(1), seed)


def result_of(seed: int, accuracy: float = 0.5) -> Result:
    return Result(run_of(seed), "finished", "", (Evaluation((1,), 1, accuracy, 0.5, 1),), (0.0,), 1.0, 1.0)


class Clock:
    """The reader's own clock, to be put on."""

    def __init__(self) -> None:
        self.now = time.monotonic()

    def monotonic(self) -> float:
        return self.now

    def __getattr__(self, name: str) -> object:
        return getattr(time, name)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The owner runs under another kernel: its lock says nothing here."""
    monkeypatch.setattr(module, "_let_go", lambda path: False)


def test_claims_hold_among_processes_that_share_host_name_and_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "container")
    monkeypatch.setattr(os, "getpid", lambda: 1)
    with Store(tmp_path / "store") as mine, Store(tmp_path / "store") as other:
        assert mine.owner != other.owner
        assert mine.claim(["a"]) == ["a"]
        assert other.claim(["a"]) == []


@pytest.mark.parametrize("ahead", [-86400.0, -300.0, 300.0, 1e9])
def test_claims_hold_whatever_the_time_of_day_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead: float) -> None:
    with Store(tmp_path / "store") as mine, Store(tmp_path / "store") as other:
        assert mine.claim(["a"]) == ["a"]
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + ahead)
        mine.renew()
        assert other.claim(["a"]) == []


def test_a_claim_is_void_when_its_heart_stands_still_on_the_readers_clock(
    tmp_path: Path, clock: Clock, elsewhere: None
) -> None:
    with Store(tmp_path / "store") as mine, Store(tmp_path / "store") as other:
        assert mine.claim(["a"]) == ["a"]
        for _ in range(3):
            assert other.claim(["a"]) == []
            clock.now += 0.9 * LEASE_SECONDS
            mine.renew()
        assert other.claim(["a"]) == []
        clock.now += 1.1 * LEASE_SECONDS
        assert other.claim(["a"]) == ["a"]


def test_a_new_reader_waits_for_a_whole_lease_before_it_takes_anything(
    tmp_path: Path, clock: Clock, elsewhere: None
) -> None:
    with Store(tmp_path / "store") as mine:
        assert mine.claim(["a"]) == ["a"]
        clock.now += 100 * LEASE_SECONDS
        with Store(tmp_path / "store") as other:
            assert other.claim(["a"]) == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_what_a_killed_process_held_is_free_at_once_with_its_journal(tmp_path: Path, how: signal.Signals) -> None:
    path = tmp_path / "store"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        taken, owner = process.stdout.readline().rsplit(" ", 1)
        assert taken == "['a']"
        with Store(path) as store:
            assert store.claim(["a"]) == []
            while not (store.root / owner.strip() / "a.jsonl").is_file():
                time.sleep(0.01)
            process.send_signal(how)
            process.wait()
            assert store.claim(["a"]) == ["a"]
            assert store.journal_path("a").read_text() == '["recommend",[1]]\n'
            store.put([result_of(0).packed()._replace(id="a")])
        assert not store.root.exists(), "nothing is left behind"


def test_an_owner_that_was_taken_for_dead_loses_nothing(tmp_path: Path, clock: Clock, elsewhere: None) -> None:
    run = run_of(0)
    with Store(tmp_path / "store") as slow, Store(tmp_path / "store") as quick:
        assert slow.claim([run.id]) == [run.id]
        slow.journal_path(run.id).write_text("one\n")
        assert quick.claim([run.id]) == []
        clock.now += 2 * LEASE_SECONDS
        assert quick.claim([run.id]) == [run.id]
        assert quick.journal_path(run.id).read_text() == "one\n", "it goes on from what the other paid"
        with slow.journal_path(run.id).open("a") as file:
            file.write("two, as slow saw it\n")
        with quick.journal_path(run.id).open("a") as file:
            file.write("two, as quick saw it\n")
        assert slow.journal_path(run.id).read_text() == "one\ntwo, as slow saw it\n"
        assert quick.journal_path(run.id).read_text() == "one\ntwo, as quick saw it\n"
        slow.renew()
        quick.put([result_of(0, 0.5).packed()])
        slow.put([result_of(0, 0.25).packed()])
        assert slow.results([run.id]) == {run.id: result_of(0, 0.5)}, "the first result stays"


def test_the_journals_of_an_earlier_release_are_gone_on_from(tmp_path: Path) -> None:
    with Store(tmp_path / "store") as store:
        store.root.mkdir()
        (store.root / "a.jsonl").write_text("paid\n")
        assert store.claim(["a"]) == ["a"]
        assert store.journal_path("a").read_text() == "paid\n"


def test_a_store_needs_no_shared_memory(tmp_path: Path) -> None:
    """A log in shared memory is not for network file systems, of which a process sees but the name."""
    with Store(tmp_path / "store") as mine, Store(tmp_path / "store") as other:
        mine.put([result_of(0).packed()])
        assert other.outcomes([run_of(0).id])
        assert not [path.name for path in tmp_path.iterdir() if path.name.endswith(("-wal", "-shm"))]


def test_a_store_in_the_mode_of_earlier_releases_is_changed_once_nobody_is_at_work_on_it(tmp_path: Path) -> None:
    path = tmp_path / "store"
    Store(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("SELECT * FROM runs").fetchall()
        with Store(path) as store:
            store.put([result_of(1).packed()])
    with Store(path) as store:
        assert store.outcomes([run_of(1).id])
        assert not (tmp_path / "store-wal").exists()


SCRIPT = """
from pathlib import Path
from nasbench_suite.comparisons import load_comparison
from nasbench_suite.harness import LocalExecutor, Store, make_plan, run_plan
from nasbench_suite.plugins import load_registry

{guard}
comparison = load_comparison("nas-bench-201").override(
    benchmarks=("nas-bench-201/cifar10",), strategies=("random-search",), seeds=(0,), name="own"
)
plan = make_plan(comparison, load_registry())
with Store(Path("{store}")) as store:
    print(run_plan(plan, store, LocalExecutor(1)).outcomes)
"""


@pytest.mark.parametrize("stdin", [False, True])
def test_a_script_without_a_guard_does_not_wait_for_itself(tmp_path: Path, stdin: bool) -> None:
    script = tmp_path / "script.py"
    text = SCRIPT.format(guard="", store=tmp_path / "store")
    script.write_text(text)
    arguments = [sys.executable, "-"] if stdin else [sys.executable, str(script)]
    done = subprocess.run(arguments, input=text if stdin else None, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0 or "__main__" in done.stderr
