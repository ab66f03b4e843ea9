"""The store: claims, damage, other schema versions."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from nasbench_suite import Budget, Evaluation
from nasbench_suite.errors import StoreError
from nasbench_suite.harness import Result, Run, Store
from nasbench_suite.search.journal import Charge, Recommendation, decode_journal, encode_journal


def make_run(seed: int = 0) -> Run:
    return Run("random-search", "1+ab", {"size": 3}, "nas-bench-201/cifar10", "cd" * 32, Budget(100.5), seed)


def make_result(seed: int = 0) -> Result:
    journal = (
        Evaluation((1, 2), 4, 0.75, 3.25, 4),
        Charge("supernet epoch", 1.5, 1.0),
        Evaluation((1, 2), 9, 0.8, 5.0, 4, 4),
        Recommendation((0, 1)),
    )
    return Result(make_run(seed), "finished", "", journal, (0.5, 0.25, 0.125, 1.0), 2.0, 1.5)


def test_results_come_back_as_they_were(tmp_path: Path) -> None:
    with Store(tmp_path / "deep" / "store") as store:
        store.put([make_result().packed()])
        assert store.results([make_run().id, make_run(1).id]) == {make_run().id: make_result()}
        assert store.outcomes([make_run().id]) == {make_run().id: "finished"}
        store.forget([make_run().id])
        assert store.outcomes([make_run().id]) == {}


def test_a_run_is_known_by_all_that_decides_it() -> None:
    run = make_run()
    assert Run.from_recipe(run.recipe) == run
    others = [
        Run("random", "1+ab", {"size": 3}, run.benchmark, run.identity, run.budget, 0),
        Run(run.strategy, "1+ac", {"size": 3}, run.benchmark, run.identity, run.budget, 0),
        Run(run.strategy, run.version, {"size": 4}, run.benchmark, run.identity, run.budget, 0),
        Run(run.strategy, run.version, {"size": 3}, "nas-bench-201/cifar100", run.identity, run.budget, 0),
        Run(run.strategy, run.version, {"size": 3}, run.benchmark, "ce" * 32, run.budget, 0),
        Run(run.strategy, run.version, {"size": 3}, run.benchmark, run.identity, Budget(100.5, "epochs"), 0),
        make_run(1),
    ]
    assert len({run.id, *(other.id for other in others)}) == 8


def test_a_journal_is_bytes_that_depend_on_its_events_alone() -> None:
    journal = make_result().journal
    assert list(journal) == decode_journal(encode_journal(journal))
    assert encode_journal(journal) == encode_journal(decode_journal(encode_journal(journal)))
    with pytest.raises(StoreError, match="damaged"):
        decode_journal(b"nonsense")


def test_a_claimed_run_is_not_given_to_another_living_owner(tmp_path: Path) -> None:
    with Store(tmp_path / "store") as mine, Store(tmp_path / "store") as other:
        assert mine.claim(["a", "b"]) == ["a", "b"]
        assert other.claim(["a", "b", "c"]) == ["c"]
        mine.release()
        assert other.claim(["a"]) == ["a"]


def test_what_is_no_store_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("this is no database, and long enough to be looked at as one" * 20)
    with pytest.raises(StoreError, match="not a database"):
        Store(tmp_path / "text")
    with sqlite3.connect(tmp_path / "other") as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    with pytest.raises(StoreError, match="no nasbench-suite store"):
        Store(tmp_path / "other")
    Store(tmp_path / "newer").close()
    with sqlite3.connect(tmp_path / "newer") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="schema version 99"):
        Store(tmp_path / "newer")
    with pytest.raises(StoreError, match="cannot be"):
        Store(Path("/proc/nowhere/store"))
