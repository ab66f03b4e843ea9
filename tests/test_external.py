"""Programs as strategies: the same metering, and every fault of a program is one line."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from repository import REPOSITORY

from nasbench_suite import Budget, OutOfBudget, Problem
from nasbench_suite.errors import PluginError, SuiteError, UsageError
from nasbench_suite.search.external import command_strategy, parse_command
from nasbench_suite.testing import check_strategy, tiny_benchmark

SEARCHER = """
import json, random, sys
hello = json.loads(input())
random.seed(hello["seed"])
counts = [len(decision["options"]) for decision in hello["decisions"]]
def ask(**question):
    print(json.dumps(question), flush=True)
    answer = json.loads(input())
    if "end" in answer or "error" in answer:
        sys.exit(0)
    return answer
def draw():
    return [random.randrange(count) for count in counts]
"""


def search(tmp_path: Path, text: str, evaluations: float = 20) -> Problem:
    (tmp_path / "searcher.py").write_text(SEARCHER + text)
    benchmark = tiny_benchmark()
    budget = Budget(evaluations, "evaluations")
    problem = Problem(benchmark.space, benchmark.fidelities, benchmark.answers(0), budget, resumable=True)
    strategy = command_strategy("searcher", [sys.executable, str(tmp_path / "searcher.py")])
    with suppress(OutOfBudget):
        strategy.run(problem, np.random.default_rng(0))
    return problem


def test_every_question_of_the_protocol_is_metered(tmp_path: Path) -> None:
    problem = search(
        tmp_path,
        "first = ask(evaluate=draw(), epochs=1)\nask(resume=first['evaluation'], epochs=16)\n"
        "batch = ask(evaluate_many=[draw(), draw()])\nask(recommend=batch['answers'][1]['architecture'])\n"
        "while True: ask(evaluate=draw())",
    )
    first, resumed, third, fourth, recommendation, *rest = problem.journal
    assert (first.epochs, resumed.paid, third.epochs) == (1, 1, 16)  # type: ignore[union-attr]
    assert recommendation.architecture == fourth.architecture  # type: ignore[union-attr]
    assert len(rest) == 16


def test_a_program_may_end_before_its_budget(tmp_path: Path) -> None:
    assert len(search(tmp_path, "ask(evaluate=draw())").journal) == 1


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("print('hello', flush=True); input()", PluginError, "expected a JSON object"),
        ("ask(train=draw())", PluginError, "expected one of evaluate"),
        ("ask(evaluate=[99])", SuiteError, "has 1 decisions"),
        ("ask(resume=7, epochs=16)", PluginError, "cannot be answered"),
        ("raise ValueError('lost')", PluginError, "exited with status 1: .*ValueError: lost"),
        ("print('x' * 2**21, flush=True); input()", PluginError, "a line of more than"),
    ],
)
def test_every_fault_is_one_line(tmp_path: Path, text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        search(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_a_program_that_will_not_end_is_ended(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    search(
        tmp_path,
        f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid()))\n"
        "while True:\n    print(json.dumps({'evaluate': draw()}), flush=True); sys.stdin.readline()",
    )
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and Path(f"/proc/{pid.read_text()}").exists():
        time.sleep(0.05)
    assert not Path(f"/proc/{pid.read_text()}").exists()


def test_what_cannot_be_run_is_refused() -> None:
    for text in ("", "no-such-program-here", "'"):
        with pytest.raises(UsageError, match="command"):
            parse_command(text)


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_example_in_javascript_conforms_and_runs_from_the_command_line(tmp_path: Path) -> None:
    script = REPOSITORY / "docs" / "examples" / "evolution.js"
    name, program, _ = parse_command(f"node {script}")
    findings = check_strategy(command_strategy(name, program), [tiny_benchmark()])
    assert [finding for finding in findings if not finding.passed] == []
    arguments = ["--benchmark", "nas-bench-201/cifar10", "--budget", "20000s", "--json"]
    command = [sys.executable, "-m", "nasbench_suite.cli", "run", "--command", f"node {script}", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "evolution" in json.dumps(json.loads(done.stdout))
