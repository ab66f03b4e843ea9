"""Whatever a worker does or sends, the process that started it goes on, and believes nothing unchecked."""

from __future__ import annotations

import os
import signal
import zlib
from array import array
from pathlib import Path

import pytest

from nasbench_suite import Budget
from nasbench_suite.comparisons import Comparison, Entry, Task
from nasbench_suite.errors import SuiteError
from nasbench_suite.harness import LocalExecutor, Result, Store, make_plan, run_plan
from nasbench_suite.harness.engine import Batch
from nasbench_suite.harness.executing import marks_of
from nasbench_suite.harness.runs import Run
from nasbench_suite.harness.supervisor import checked_result, one_line, packed_bytes
from nasbench_suite.plugins import load_registry
from nasbench_suite.search.journal import Charge, Evaluation, Recommendation

ZOO = Path(__file__).resolve().parents[1] / "zoo"
RUN = Run("some", "1", {}, "some/where", "0", Budget(1), 0)
RESULT = Result(RUN, "finished", "", (Recommendation((1, 2)),), (0.5,), 1.0, 1.0, ("not confined (network)",)).packed()


def comparison(*names: str, seeds: int = 2) -> Comparison:
    task = Task("nas-bench-201/cifar10", Budget(20_000))
    return Comparison("", "", "", "", (task,), tuple(Entry(n, n, {}) for n in names), tuple(range(seeds)), 20.0, 512)


def test_a_plugin_that_leaves_while_a_worker_imports_it_is_its_rows_fault_only(tmp_path: Path) -> None:
    plan = make_plan(comparison("random-search", "zoo-exits-in-worker"), load_registry(ZOO))
    with Store(tmp_path / "store") as store:
        run_plan(plan, store, LocalExecutor(2, ZOO))
        results = store.results(run.id for run in plan.all_runs)
    for (label, _), runs in plan.runs.items():
        for run in runs:
            if label == "random-search":
                assert results[run.id].outcome == "finished"
            else:
                assert results[run.id].outcome == "died"
                assert results[run.id].reason == "its process exited with status 5 while its plugin was imported"


def test_a_worker_killed_while_it_starts_is_replaced() -> None:
    plan = make_plan(comparison("random-search"), load_registry())
    runs = tuple(plan.all_runs)
    with LocalExecutor(1) as executor:
        executor.submit(Batch(runs, None, 512, 20.0))
        os.kill(executor._busy[0].pid, signal.SIGKILL)
        (lost,) = executor.collect(60.0)
        assert lost.fault == ("died", "its process was killed by signal 9")
        executor.submit(Batch(runs, None, 512, 20.0))
        (done,) = executor.collect(60.0)
        assert {packed.outcome for packed in done.results} == {"finished"}


def test_a_result_comes_through_as_it_was_sent() -> None:
    assert checked_result(packed_bytes(RESULT), RUN) == RESULT


@pytest.mark.parametrize(
    "changed",
    [
        {"id": "0" * 32},
        {"outcome": "won"},
        {"journal": b"nothing"},
        {"journal": zlib.compress(b'["recommend", [1, 2]]')},
        {"journal": zlib.compress(b"\xff")},
        {"own": zlib.compress(b"123")},
        {"own": zlib.compress(array("f", [float("nan")]).tobytes())},
        {"wall_seconds": float("inf")},
    ],
)
def test_what_is_no_result_of_the_run_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(SuiteError):
        checked_result(packed_bytes(RESULT._replace(**changed)), RUN)  # type: ignore[arg-type]


def test_garbage_and_cut_results_are_refused() -> None:
    whole = packed_bytes(RESULT)
    for place in range(0, len(whole), 7):
        with pytest.raises(SuiteError):
            checked_result(whole[:place], RUN)


def test_a_reason_is_one_line_that_every_output_can_write() -> None:
    assert one_line("a\nb\x1b[31m\udc80" + "x" * 999).isprintable()
    assert len(one_line("x" * 999)) == 500


def test_more_own_seconds_than_were_paid_are_marked() -> None:
    paid = Evaluation((1,), 1, 0.5, 10.0, 1)
    assert not marks_of([paid, Charge("supernet epoch", 10.0, 1)], [9.0, 100.0])
    assert marks_of([paid], [40.0]) == ("computed 40 s of its own and paid 10 s",)
    assert not marks_of([paid._replace(cost=0.1)], [4.0])
