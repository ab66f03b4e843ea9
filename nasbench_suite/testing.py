"""Conformance checks for strategies, and small benchmarks to run them on: for us and for plugin authors.

In a test of a plugin::

    from nasbench_suite.testing import assert_conforms
    from my_plugin import my_strategy

    def test_my_strategy():
        assert_conforms(my_strategy)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from nasbench_suite.benchmarks import Benchmark, training_of
from nasbench_suite.benchmarks.synthetic import SyntheticBenchmark
from nasbench_suite.budget import Budget
from nasbench_suite.errors import OutOfBudget, ReplayMismatch
from nasbench_suite.harness.audit import audit
from nasbench_suite.harness.worker import global_generators
from nasbench_suite.journal import Charge, Evaluation, Event
from nasbench_suite.problem import Problem
from nasbench_suite.spaces import CategoricalSpace, CellSpace, Decision
from nasbench_suite.strategies import Strategy

if TYPE_CHECKING:
    from nasbench_suite.training.tasks import Offer

SEEDS = (0, 1, 2, 3, 4)
CUTS = 12


def tiny_benchmark() -> SyntheticBenchmark:
    """A cell space of 64 architectures with three fidelities, levels and a graph: enough for any strategy to run."""
    space = CellSpace("tiny-cells", 3, ("none", "skip_connect", "conv", "pool"), zero="none", identity="skip_connect")
    return SyntheticBenchmark("tiny", space)


def wide_benchmark(decisions: int = 30, options: int = 5) -> SyntheticBenchmark:
    """A space too large to list, with one fidelity."""
    names = tuple(f"option {number}" for number in range(options))
    space = CategoricalSpace(
        f"wide-{decisions}x{options}", [Decision(f"decision {n}", names) for n in range(decisions)]
    )
    return SyntheticBenchmark(space.name, space, fidelities=(10,))


def single_benchmark() -> SyntheticBenchmark:
    """A space with a single architecture: nothing to mutate, nothing to compare."""
    space = CategoricalSpace("single", [Decision("only", ("option",))])
    return SyntheticBenchmark("single", space, fidelities=(1, 3))


class TrainableBenchmark(SyntheticBenchmark):
    """Answers by a formula, with a few random images beside it: enough for any supernet to be trained, at fixed prices."""

    KINDS = ("darts-first-order", "darts-second-order", "drnas", "enas", "gdas", "random-sharing")

    def __init__(self) -> None:
        operations = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
        space = CellSpace("trainable-cells", 3, operations, zero="none", identity="skip_connect")
        super().__init__("trainable", space)
        self.capabilities = self.capabilities | {"training"}

    def training(self) -> Offer:
        """Thirty-two images of two classes, and what an epoch on them costs."""
        from nasbench_suite.training import Macro, Offer, Recipe, Task
        from nasbench_suite.training.datasets import Images

        rng = np.random.default_rng(0)
        labels = np.arange(32) % 2
        pixels = rng.standard_normal((32, 1, 4, 4)) + labels[:, None, None, None]
        images = Images(pixels.astype(np.float32), labels, 2)
        recipe = Recipe(epochs=self.fidelities[-1], batch_size=8, flip=False, padding=0)
        macro = Macro((1, 4, 4), 2, 2, 1, 1, "pool", shift_of_nothing=False)
        task = Task("trainable", images.take(slice(16)), images.take(slice(16, 32)), macro, recipe)
        return Offer(task, dict.fromkeys(self.KINDS, 200.0))


@dataclass(frozen=True)
class Finding:
    """One check of one strategy.

    Attributes:
        check: what was checked.
        passed: whether it holds.
        seen: if not, what was seen instead.
        advice: if not, how to mend it.
    """

    check: str
    passed: bool
    seen: str = ""
    advice: str = ""


def assert_conforms(strategy: Strategy, benchmarks: Sequence[Benchmark] | None = None) -> None:
    """Check a strategy and fail with every finding that does not hold.

    Raises:
        AssertionError: one line per failed check.
    """
    failed = [finding for finding in check_strategy(strategy, benchmarks) if not finding.passed]
    assert not failed, f"strategy {strategy.name!r} does not conform:\n" + "\n".join(
        f"  {finding.check}: {finding.seen}; {finding.advice}" for finding in failed
    )


def check_strategy(strategy: Strategy, benchmarks: Sequence[Benchmark] | None = None) -> list[Finding]:
    """Check what every strategy must keep to, with its default parameters.

    Args:
        strategy: what to check.
        benchmarks: where; by default a tiny one, a wide one, one with a single architecture and, with PyTorch, one
            on which supernets can be trained, each if it offers what the strategy requires.

    Returns:
        One finding per check and benchmark.
    """
    made: list[Benchmark] = [tiny_benchmark(), wide_benchmark(), single_benchmark()]
    if "training" in strategy.requires and find_spec("torch"):
        made.append(TrainableBenchmark())
    chosen = made if benchmarks is None else benchmarks
    findings: list[Finding] = []
    for benchmark in chosen:
        if strategy.requires <= benchmark.capabilities | benchmark.space.capabilities:
            findings += _check_on(strategy, benchmark)
    if not findings:
        missing = ", ".join(sorted(strategy.requires))
        findings.append(Finding("runs at all", False, f"no benchmark offers {missing}", "pass a benchmark that does"))
    return findings


def _check_on(strategy: Strategy, benchmark: Benchmark) -> Iterator[Finding]:
    """Every check on one benchmark; the first that cannot run at all ends them."""
    place = f" on {benchmark.name}"
    budget = Budget(40 * benchmark.fidelities[-1] * 1.0)
    before = global_generators()
    try:
        problems = {seed: _search(strategy, benchmark, budget, seed) for seed in SEEDS}
    except Exception as error:
        advice = "ask only for architectures of problem.space and for problem.fidelities, and let no error out"
        yield Finding("runs" + place, False, f"{type(error).__name__}: {error}", advice)
        return
    after = global_generators()
    yield Finding("runs" + place, True)
    journals = {seed: problem.journal for seed, problem in problems.items()}
    asked_on = max(problem.asked_after_end for problem in problems.values())
    yield _finding(
        "ends when the budget ends" + place,
        asked_on == 0,
        f"asked {asked_on} more questions after OutOfBudget",
        "do not catch OutOfBudget (nor BaseException)",
    )
    yield _finding(
        "leaves the global generators alone" + place,
        before == after,
        "random or numpy.random was used or reseeded",
        "draw everything from rng",
    )
    again = _search(strategy, benchmark, budget, SEEDS[0]).journal
    yield _finding(
        "depends on nothing but its seed" + place,
        again == journals[SEEDS[0]],
        f"two runs with seed {SEEDS[0]} differ at event {_first_difference(again, journals[SEEDS[0]])}",
        "draw everything from rng; keep no state outside the function; do not iterate over sets",
    )
    if benchmark.space.size > 1:
        yield _finding(
            "differs between seeds" + place,
            len({_questions(journal) for journal in journals.values()}) > 1,
            f"{len(SEEDS)} seeds asked the same questions",
            "draw from rng, do not make a generator of your own",
        )
    wrong = [
        audit(journal, benchmark.answers(seed), budget, benchmark.fidelities[-1]) for seed, journal in journals.items()
    ]
    yield _finding(
        "pays for every answer" + place,
        not any(wrong),
        "; ".join(filter(None, wrong)),
        "leave the problem's members alone",
    )
    yield _any_budget(strategy, benchmark, budget, journals[SEEDS[0]], place)
    yield _any_cut(strategy, benchmark, budget, journals[SEEDS[0]], place)


def _any_budget(
    strategy: Strategy, benchmark: Benchmark, budget: Budget, journal: Sequence[Event], place: str
) -> Finding:
    """With a smaller budget the strategy, which cannot see it, does the same and is only cut off earlier."""
    first = next((event.cost for event in journal if isinstance(event, Evaluation | Charge)), 1.0)
    for amount in (0.0, max(0.0, first - 1.0), first, 2.5 * first, min(10 * first, budget.amount)):
        shorter = _search(strategy, benchmark, Budget(amount), SEEDS[0]).journal
        if shorter != tuple(journal[: len(shorter)]):
            seen = f"with {amount:g} s it differs from the longer run at event {_first_difference(shorter, journal)}"
            return Finding(
                "does the same under any budget" + place, False, seen, "depend on nothing but rng and the answers"
            )
    return Finding("does the same under any budget" + place, True)


def _any_cut(strategy: Strategy, benchmark: Benchmark, budget: Budget, journal: Sequence[Event], place: str) -> Finding:
    """Cut anywhere, the journal is replayed and goes on to the same end."""
    check = "resumes from any cut of its journal" + place
    for cut in sorted({round(part * len(journal) / CUTS) for part in range(CUTS + 1)}):
        try:
            resumed = _search(strategy, benchmark, budget, SEEDS[0], journal[:cut]).journal
        except ReplayMismatch as error:
            return Finding(check, False, str(error), "depend on nothing but rng and the answers")
        if resumed != tuple(journal):
            return Finding(
                check,
                False,
                f"cut at event {cut} it ended in another journal",
                "depend on nothing but rng and the answers",
            )
    return Finding(check, True)


def _search(
    strategy: Strategy, benchmark: Benchmark, budget: Budget, seed: int, journal: Sequence[Event] = ()
) -> Problem:
    problem = Problem(
        benchmark.space,
        benchmark.fidelities,
        benchmark.answers(seed),
        budget,
        resumable="resume" in benchmark.capabilities,
        training=training_of(benchmark),
        journal=journal,
        on_defiance=_stop(strategy),
    )
    with suppress(OutOfBudget):
        strategy.run(problem, np.random.default_rng(seed))
    return problem


def _questions(journal: Sequence[Event]) -> tuple[object, ...]:
    """What was asked for and recommended, without the answers."""
    return tuple(
        (event.architecture, getattr(event, "epochs", None)) for event in journal if not isinstance(event, Charge)
    )


def _stop(strategy: Strategy) -> Callable[[], None]:
    def stop() -> None:
        raise SystemExit(f"strategy {strategy.name!r} will not stop asking after OutOfBudget")

    return stop


def _finding(check: str, passed: bool, seen: str, advice: str) -> Finding:
    return Finding(check, True) if passed else Finding(check, False, seen, advice)


def _first_difference(first: Sequence[Event], second: Sequence[Event]) -> int:
    pairs = enumerate(zip(first, second, strict=False), start=1)
    return next((number for number, (a, b) in pairs if a != b), min(len(first), len(second)) + 1)
