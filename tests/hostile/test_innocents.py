"""Nobody honest is accused: every detector has its innocents, whether output is shown or not."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nasbench_suite import Budget
from nasbench_suite.comparisons import Comparison, Entry, Task
from nasbench_suite.harness import LocalExecutor, Store, make_plan, run_plan
from nasbench_suite.harness.audit import audit
from nasbench_suite.plugins import load_registry
from nasbench_suite.search.journal import Evaluation

ZOO = Path(__file__).resolve().parents[1] / "zoo"
INNOCENT = tuple(re.findall(r'@innocent\("(zoo-[a-z-]+)"\)', (ZOO / "innocents.py").read_text()))


@pytest.mark.parametrize("show_output", [False, True])
def test_what_honest_strategies_do_is_accused_of_nothing(tmp_path: Path, show_output: bool) -> None:
    entries = tuple(Entry(name, name, {}) for name in INNOCENT)
    task = Task("nas-bench-201/cifar10", Budget(1e6))
    comparison = Comparison("innocents", "", "", "", (task,), entries, (0, 1), 60.0, 2048)
    plan = make_plan(comparison, load_registry(ZOO))
    with Store(tmp_path / "store") as store:
        run_plan(plan, store, LocalExecutor(2, ZOO, show_output))
        results = store.results(run.id for run in plan.all_runs)
    outcomes = {
        name: {(results[run.id].outcome, results[run.id].reason) for run in plan.runs[name, "nas-bench-201/cifar10"]}
        for name in INNOCENT
    }
    assert outcomes == {name: {("finished", "")} for name in INNOCENT}


def test_no_number_equals_no_number() -> None:
    class Unmeasured:
        def ask(
            self, architecture: object, epochs: int, origin: int, paid: int
        ) -> tuple[tuple[int, ...], float, float]:
            return (0,), math.nan, 1.0

    assert audit([Evaluation((0,), 1, float("nan"), 1.0, 1)], Unmeasured(), Budget(5), 1) == ""  # type: ignore[arg-type]


def test_a_search_that_trains_on_is_accused_of_nothing(tmp_path: Path) -> None:
    """What an evaluation says goes to the process that keeps the books and comes back as it was."""
    (tmp_path / "resumes.py").write_text(RESUMES)
    command = [sys.executable, "-m", "nasbench_suite.cli", "run", "resumes", "--benchmark", "digits-201/digits"]
    done = subprocess.run(
        [*command, "--budget", "30s", "--plugins-dir", str(tmp_path), "--store", str(tmp_path / "store")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and "1 runs done (1 finished)" in done.stdout + done.stderr, done.stdout + done.stderr


RESUMES = '''
from nasbench_suite import hookimpl, strategy

@strategy("resumes", requires={"resume"})
def search(problem, rng):
    """Train on what was trained a little."""
    for _ in range(3):
        begun = problem.evaluate(problem.space.sample(rng), problem.fidelities[0])
        problem.resume(begun, problem.fidelities[-1])

@hookimpl
def nasbench_strategies():
    return [search]
'''
