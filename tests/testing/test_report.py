"""``nasbench plugin check``: what is wrong with a plugin, in a report that says how to mend it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nasbench_suite.benchmarks import Answers
from nasbench_suite.benchmarks.synthetic import SyntheticAnswers, SyntheticBenchmark
from nasbench_suite.errors import UsageError
from nasbench_suite.plugins import load_registry
from nasbench_suite.spaces import Architecture
from nasbench_suite.testing import check_benchmark, single_benchmark, tiny_benchmark, wide_benchmark
from nasbench_suite.testing.conformance import documentation_findings, growth_finding
from nasbench_suite.testing.process import check_apart

HEAD = "from nasbench_suite import hookimpl, strategy\n"
TAIL = "\n@hookimpl\ndef nasbench_strategies():\n    return [search]\n"
GOOD = '''
@strategy("checked", paper="https://example.org")
def search(problem, rng, *, size: int = 3):
    """Draw.

    Args:
        size: of nothing.
    """
    while True:
        problem.evaluate(problem.space.sample(rng))
'''


def failed(path: Path, text: str, seconds: float = 60) -> dict[str, str]:
    """Check -> what was seen, of those that do not hold; the place is left off."""
    path.write_text(HEAD + text + TAIL)
    sections = list(check_apart(str(path), seconds))
    assert len(sections) >= 1
    return {s.finding.check.partition(" on ")[0]: s.finding.seen for s in sections if not s.finding.passed}


def test_a_good_plugin_has_no_failure(tmp_path: Path) -> None:
    assert failed(tmp_path / "good.py", GOOD) == {}


@pytest.mark.parametrize(
    ("old", "new", "check", "seen"),
    [
        ("    while True", "    print(open)\n    while 1 == 1", None, ""),
        ("while True:", "while True: pass\n    while True:", "comes to an end", "still running after 3 s"),
        ("while True:", "import os; os._exit(9)\n    while True:", "comes to an end", "ended with status 9"),
        ("size: of nothing.", "nothing.", "explains its parameters", "not in the docstring: size"),
        ('paper="https://example.org"', 'paper="unpublished"', "names its paper", "paper='unpublished'"),
        ("Draw.\n", "\n", "says what it does", "its docstring begins with 'Args:'"),
        ("= 3", "= float('nan')", "can be loaded", "is not finite"),
        (
            "while True:",
            "try: problem.evaluate([99])\n    except ValueError: pass\n    while True:",
            "asks legal questions only",
            "a question was refused and the refusal caught",
        ),
        (
            "while True:",
            "for _ in range(int(''.join({str(n) for n in range(9)})) % 997): rng.random()\n    while True:",
            "does the same in every process",
            "two processes with other hashes",
        ),
        (
            "while True:",
            "hoard = []\n    while True:\n        hoard.append(bytearray(2**20))",
            "stays small and quick over 200 evaluations",
            "KiB per event",
        ),
        (
            "while True:",
            "assert len(problem.space.decisions) > 1\n    while True:",
            "runs",
            "AssertionError",
        ),
        (
            "while True:",
            "import sys\n    m = sys.modules[search.function.__module__]\n"
            "    m.COUNT = getattr(m, 'COUNT', 0) + 1\n    [rng.random() for _ in range(m.COUNT)]\n    while True:",
            "seeds are independent",
            "done in another order",
        ),
    ],
)
def test_every_fault_is_found(tmp_path: Path, old: str, new: str, check: str | None, seen: str) -> None:
    assert old in GOOD
    found = failed(tmp_path / "bad.py", GOOD.replace(old, new, 1), 3 if "running" in seen else 60)
    if check is None:
        assert found == {}
    else:
        assert seen in found[check]


def test_the_report_says_what_was_seen_expected_and_how_to_mend_it(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(HEAD + GOOD.replace("https://example.org", "soon") + TAIL)
    command = [sys.executable, "-m", "nasbench_suite.cli", "plugin", "check", str(tmp_path / "bad.py")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout.startswith(
        "strategy checked\n"
        "  FAIL  names its paper\n"
        "          seen      paper='soon'\n"
        "          expected  a URL\n"
        "          mend      give @strategy(..., paper="
    )
    assert done.stdout.endswith("checks, 1 failed\n")
    program = subprocess.run([*command, "--json"], capture_output=True, text=True)
    assert [row["check"] for row in json.loads(program.stdout) if not row["passed"]] == ["names its paper"]


def test_a_plugin_that_cannot_be_loaded_is_a_finding_and_one_that_is_not_there_an_error(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import no_such_module")
    (section,) = [s for s in check_apart(str(tmp_path / "broken.py"), 60) if not s.finding.passed]
    assert "No module named 'no_such_module'" in section.finding.seen
    with pytest.raises(UsageError, match="unknown plugin 'nasbench-strategis'; did you mean nasbench-strategies"):
        list(check_apart("nasbench-strategis", 60))


@pytest.mark.parametrize("benchmark", [tiny_benchmark(), wide_benchmark(), single_benchmark()], ids=lambda b: b.name)
def test_our_benchmarks_conform(benchmark: SyntheticBenchmark) -> None:
    assert [finding for finding in check_benchmark(benchmark) if not finding.passed] == []


class Percent(SyntheticAnswers):
    """Forgets to divide by 100."""

    def ask(self, architecture, epochs, origin, paid):  # type: ignore[no-untyped-def]
        options, accuracy, cost = super().ask(architecture, epochs, origin, paid)
        return options, accuracy * 100, cost


class Shared(SyntheticAnswers):
    """Draws its noise from a shared generator."""

    rng = np.random.default_rng(0)

    def ask(self, architecture, epochs, origin, paid):  # type: ignore[no-untyped-def]
        options, accuracy, cost = super().ask(architecture, epochs, origin, paid)
        return options, min(1.0, accuracy * self.rng.random()), cost


class Lenient(SyntheticAnswers):
    """Answers whatever is asked."""

    def ask(self, architecture, epochs, origin, paid) -> tuple[Architecture, float, float]:  # type: ignore[no-untyped-def]
        return tuple(architecture), 0.5, float(epochs)


@pytest.mark.parametrize(
    ("answers", "check"),
    [
        (Percent, "answers are an architecture, a fraction and seconds"),
        (Shared, "batch and single questions agree"),
        (Lenient, "refuses what does not exist"),
    ],
)
def test_bad_benchmarks_are_found(answers: type[SyntheticAnswers], check: str) -> None:
    class Bad(SyntheticBenchmark):
        def answers(self, seed: int) -> Answers:  # type: ignore[override]
            return answers(self, seed)

    good = tiny_benchmark()
    found = {f.check for f in check_benchmark(Bad("bad", good.space)) if not f.passed}
    assert check in found


@pytest.mark.parametrize("name", ["random-search", "regularized-evolution"])
def test_the_suites_own_strategies_are_documented_and_stay_small(name: str) -> None:
    strategy = load_registry().strategies[name].strategy
    assert all(finding.passed for finding in documentation_findings(strategy))
    assert growth_finding(strategy).passed
