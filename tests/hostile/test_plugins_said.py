"""What a plugin says of itself, prints, returns and leaves behind: one line at that plugin, and everybody else's rows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from nasbench_suite.errors import PluginError, UsageError
from nasbench_suite.plugins import load_registry
from nasbench_suite.search.checking import CheckedAnswers

NASBENCH = [sys.executable, "-m", "nasbench_suite.cli"]
HEAD = "from nasbench_suite import Strategy, hookimpl, strategy\nimport math, sys, os, threading, atexit\n"
TAIL = "\n@hookimpl\ndef nasbench_strategies():\n    return [bad]\n"
SEARCH = "    problem.evaluate(problem.space.sample(rng))\n"
GOOD = (
    HEAD
    + "@strategy('good')\ndef bad(problem, rng):\n    'Draw.'\n    while True:\n        problem.evaluate(problem.space.sample(rng))\n"
    + TAIL
)


def decorated(parameters: str = "", body: str = SEARCH, doc: str = "Draw.", kind: str = "def") -> str:
    comma = f", *, {parameters}" if parameters else ""
    return f"{HEAD}@strategy('bad')\n{kind} bad(problem, rng{comma}):\n    {doc!r}\n{body}{TAIL}"


def made(**fields: str) -> str:
    """A strategy that goes round the decorator."""
    chosen = {"name": "'bad'", "family": "'other'", "function": "body", **fields}
    given = ", ".join(f"{name}={value}" for name, value in chosen.items())
    return f"{HEAD}def body(problem, rng):\n    'Draw.'\n{SEARCH}bad = Strategy({given}){TAIL}"


REFUSED = {
    "an infinite default": (decorated("clip=math.inf"), "not finite"),
    "a default that is no number": (decorated("clip=math.nan"), "not finite"),
    "a huge default": (decorated("size=10**5000"), "too large"),
    "half a surrogate pair in a default": (decorated("word='\\ud800'"), "surrogate"),
    "half a surrogate pair in a docstring": (HEAD + "@strategy('bad')\ndef bad(problem, rng):\n    '\\ud800'\n" + SEARCH + TAIL, "surrogate"),
    "a docstring of a megabyte": (decorated(doc="x" * 10**6), "characters"),
    "a zero character": (made(paper="'a\\0b'"), "zero character"),
    "a list as a default": (made(defaults="{'size': [1]}"), "default"),
    "defaults that are a list": (made(defaults="['size']"), "defaults"),
    "a name that is no text": (made(name="7"), "name"),
    "a family that is a list": (made(family="[]"), "family"),
    "requires as a list": (made(requires="['cell']"), "requires"),
    "a paper that is a path": (made(paper="__import__('pathlib').Path('x')"), "no text"),
    "a function that is none": (made(function="7"), "no function"),
    "a coroutine": (decorated(kind="async def"), "never runs"),
    "a generator": (decorated(body=SEARCH + "    yield 1\n"), "never runs"),
    "an asynchronous generator": (decorated(kind="async def", body="    yield 1\n"), "never runs"),
    "a partial coroutine": (
        HEAD + "import functools\nasync def body(problem, rng):\n    'Draw.'\n"
        "bad = Strategy('bad', 'other', functools.partial(body))\n" + TAIL,
        "never runs",
    ),
    "an exception without a text": (
        HEAD + "class Bad(Exception):\n    def __str__(self):\n        raise ValueError\nraise Bad\n",
        "raises Bad",
    ),
    "an exit": (HEAD + "sys.exit(0)\n", "raises SystemExit"),
    "a hook whose answer cannot be shown": (
        HEAD + "class Bad:\n    def __repr__(self):\n        raise ValueError\n"
        "@hookimpl\ndef nasbench_strategies():\n    return Bad()\n",
        "expected a list of strategies",
    ),
    "builders without a name": (HEAD + "@hookimpl\ndef nasbench_builders():\n    return [len]\n", "function with a name"),
    "tasks that are a list": (HEAD + "@hookimpl\ndef nasbench_tasks():\n    return [1]\n", "expected a dict"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_written_down_is_one_line_at_that_plugin(tmp_path: Path, kind: str) -> None:
    text, reason = REFUSED[kind]
    (tmp_path / "bad.py").write_text(text)
    (tmp_path / "good.py").write_text(GOOD)
    registry = load_registry(tmp_path)
    (line,) = registry.problems
    assert reason in line and "\n" not in line and str(tmp_path / "bad.py") in line
    line.encode()
    assert "good" in registry.strategies and "bad" not in registry.strategies
    json.dumps([dict(offered.strategy.defaults) for offered in registry.strategies.values()], allow_nan=False)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400])
def test_parameters_that_cannot_be_written_down_are_refused(tmp_path: Path, value: float) -> None:
    (tmp_path / "bad.py").write_text(decorated("clip=0.5, size=3"))
    strategy = load_registry(tmp_path).strategies["bad"].strategy
    name = "size" if isinstance(value, int) else "clip"
    with pytest.raises(UsageError, match=name):
        strategy.check_parameters({name: value})
    with pytest.raises(UsageError, match="clip"):
        strategy.check_parameters({"clip": value})


NOISY = {
    "prints when imported": "print('noise')\n",
    "writes to the stream by its number": "os.write(1, b'noise')\n",
    "prints when it ends": "atexit.register(print, 'noise')\n",
    "writes to the stream by its number when it ends": "atexit.register(os.write, 1, b'noise')\n",
    "starts a thread that never ends": "threading.Thread(target=threading.Event().wait).start()\n",
}


@pytest.mark.parametrize("kind", NOISY)
def test_json_stays_json_and_commands_end(tmp_path: Path, kind: str) -> None:
    (tmp_path / "noisy.py").write_text(GOOD.replace("@strategy", NOISY[kind] + "@strategy", 1))
    command = [*NASBENCH, "list", "strategies", "--json", "--plugins-dir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "good" in {row["name"] for row in json.loads(done.stdout)}


BENCHMARK = """
from pathlib import Path
from nasbench_suite import CategoricalSpace, Decision, hookimpl

class Bad:
    name = "bad/one"
    space = CategoricalSpace("small", [Decision("a", ("0", "1"))])
    fidelities = (1,)
    capabilities = frozenset()
    currency = "simulated"
    identity = "0123456789abcdef"
    provenance = {"source": "nowhere"}
    def answers(self, seed):
        raise NotImplementedError
    def scores(self):
        return {}

@hookimpl
def nasbench_benchmarks():
    return {"bad/one": Bad}
"""
MEMBERS = {
    "a path in the provenance": ("{'source': Path('x')}", "provenance"),
    "capabilities as a list": ("capabilities = []", "capabilities"),
    "epochs as a list": ("fidelities = [1]", "fidelities"),
    "epochs that fall": ("fidelities = (4, 1)", "fidelities"),
    "a currency of its own": ("currency = 'euros'", "currency"),
    "an identity that is a number": ("identity = 7", "identity"),
    "no space": ("space = 7", "space"),
    "an opener that raises": ("def __init__(self):\n        raise RuntimeError('no')", "opening it raises RuntimeError"),
    "an opener that exits": ("def __init__(self):\n        raise SystemExit(0)", "opening it raises SystemExit"),
    "a member that raises": ("provenance = property(lambda self: 1 / 0)", "lacks members"),
}  # fmt: skip


@pytest.mark.parametrize("kind", MEMBERS)
def test_a_benchmark_is_checked_when_it_is_opened(tmp_path: Path, kind: str) -> None:
    change, reason = MEMBERS[kind]
    member = (
        change if change.startswith(("def", "provenance")) else f"provenance = {change}" if change[0] == "{" else change
    )
    (tmp_path / "bad.py").write_text(BENCHMARK.replace("    def answers", f"    {member}\n    def answers", 1))
    registry = load_registry(tmp_path)
    assert not registry.problems
    with pytest.raises(PluginError, match=reason) as told:
        registry.benchmark("bad/one")
    assert "\n" not in str(told.value)


def test_an_opener_that_raises_takes_nobody_else_out_of_the_listing(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(BENCHMARK.replace("    def answers", "    capabilities = []\n    def answers", 1))
    done = subprocess.run(
        [*NASBENCH, "list", "benchmarks", "--json", "--plugins-dir", str(tmp_path)], capture_output=True, text=True
    )
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert done.returncode == 0 and rows["bad/one"]["state"] == "not here"
    assert rows["nas-bench-201/cifar10"]["state"] == "ready"


class Answering:
    def __init__(self, answer: object) -> None:
        self.answer = answer

    def ask(self, *_: object) -> object:
        return self.answer


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (((0,), 73.3, 1.0), "a fraction from 0 to 1"),
        (((0,), -0.1, 1.0), "a fraction from 0 to 1"),
        (((0,), float("nan"), 1.0), "a fraction from 0 to 1"),
        (((0,), 0.7, -1.0), "seconds of at least 0"),
        (((0,), 0.7, float("nan")), "seconds of at least 0"),
        (((0,), 0.7, float("inf")), "seconds of at least 0"),
        (((0,), "0.7", 1.0), "a plain number"),
        (((0,), True, 1.0), "a plain number"),
        ([(0,), 0.7, 1.0], "expected (architecture"),
        (((0,), 0.7), "expected (architecture"),
        (0.7, "expected (architecture"),
    ],
)
def test_answers_are_checked_when_they_come(answer: object, reason: str) -> None:
    with pytest.raises(PluginError) as told:
        CheckedAnswers(Answering(answer), "bad/one").ask((0,), 1, 1, 0)  # type: ignore[arg-type]
    assert reason in str(told.value)


@pytest.mark.parametrize(
    ("returned", "recommended"),
    [("best.architecture", True), ("list(best.architecture)", True), ("best", True), ("0.5", False), ("()", False)],
)
def test_a_returned_architecture_is_the_recommendation(tmp_path: Path, returned: str, recommended: bool) -> None:
    import numpy as np

    from nasbench_suite import Budget
    from nasbench_suite.search.journal import Recommendation
    from nasbench_suite.search.problem import Problem
    from nasbench_suite.testing import tiny_benchmark

    body = f"    best = problem.evaluate(problem.space.sample(rng))\n    return {returned}\n"
    (tmp_path / "bad.py").write_text(decorated(body=body))
    benchmark = tiny_benchmark()
    problem = Problem(benchmark.space, benchmark.fidelities, benchmark.answers(0), Budget(5, "evaluations"))
    load_registry(tmp_path).strategies["bad"].strategy.run(problem, np.random.default_rng(0))
    assert isinstance(problem.journal[-1], Recommendation) is recommended
