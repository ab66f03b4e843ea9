"""The conformance checks of strategies, and small benchmarks of many shapes to run them on."""

from __future__ import annotations

import hashlib
import inspect
import json
import math
import pickle
import re
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from nasbench_suite.benchmarks import Answers, Benchmark, training_of
from nasbench_suite.benchmarks.synthetic import SyntheticBenchmark
from nasbench_suite.errors import OutOfBudget, ReplayMismatch, SuiteError
from nasbench_suite.harness.audit import audit
from nasbench_suite.harness.executing import global_generators
from nasbench_suite.search.budget import Budget
from nasbench_suite.search.journal import Charge, Evaluation, Event, encode_journal
from nasbench_suite.search.problem import Problem
from nasbench_suite.search.strategies import Strategy
from nasbench_suite.spaces import Architecture, CategoricalSpace, CellSpace, Decision

if TYPE_CHECKING:
    from nasbench_suite.tasks.task import Offer

SEEDS = (0, 1, 2, 3, 4)
CUTS = 12
SAME_END = "the same journal, wherever it was cut"


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


def shaped_benchmarks() -> list[SyntheticBenchmark]:
    """Spaces of other shapes and fidelities: 1 to 40 decisions of 2 to 64 options, uneven ones among them."""
    return [
        _shaped((2,), (1,)),
        _shaped((64,), (3, 9, 27)),
        _shaped((2,) * 40, (200,)),
        _shaped((64,) * 40, (1, 2, 4, 8, 16)),
        _shaped((1, 2, 64, 3, 1, 17), (5, 50)),
    ]


def _shaped(counts: Sequence[int], fidelities: Sequence[int]) -> SyntheticBenchmark:
    decisions = [
        Decision(f"decision {n}", tuple(f"option {option}" for option in range(count)))
        for n, count in enumerate(counts)
    ]
    named = f"{len(counts)} decisions of {min(counts)} to {max(counts)} options, {len(fidelities)} fidelities"
    return SyntheticBenchmark(named, CategoricalSpace(named, decisions), fidelities=fidelities)


class TrainableBenchmark(SyntheticBenchmark):
    """Answers by a formula, with a few random images beside it: enough for any supernet to be trained, at fixed prices."""

    KINDS = ("darts-first-order", "darts-second-order", "drnas", "enas", "gdas", "random-sharing")

    def __init__(self) -> None:
        operations = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
        space = CellSpace("trainable-cells", 3, operations, zero="none", identity="skip_connect")
        super().__init__("trainable", space)
        self._cells = space
        self.capabilities = self.capabilities | {"training"}

    def training(self) -> Offer:
        """Thirty-two images of two classes, and what an epoch on them costs."""
        from nasbench_suite.training import CellBuilder, Images, Macro, Offer, Recipe, Signature, Task

        rng = np.random.default_rng(0)
        labels = np.arange(32) % 2
        pixels = rng.standard_normal((32, 1, 4, 4)) + labels[:, None, None, None]
        images = Images(pixels.astype(np.float32), labels, 2)
        recipe = Recipe(epochs=self.fidelities[-1], batch_size=8, flip=False, padding=0)
        macro = Macro((1, 4, 4), 2, 2, 1, 1, "pool", shift_of_nothing=False)
        parts = images.take(slice(16)), images.take(slice(16, 32))
        task = Task("trainable", *parts, Signature((1, 4, 4), 2), "classification", recipe)
        return Offer(task, dict.fromkeys(self.KINDS, 200.0), CellBuilder(self._cells, macro))


@dataclass(frozen=True)
class Finding:
    """One check of one strategy or benchmark.

    Attributes:
        check: what was checked.
        passed: whether it holds.
        seen: if not, what was seen instead; if it does, perhaps what was measured.
        advice: if not, how to mend it.
        expected: if not, what should have been seen.
    """

    check: str
    passed: bool
    seen: str = ""
    advice: str = ""
    expected: str = ""


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
        benchmarks: where; by default a tiny one, a wide one, one with a single architecture, and spaces of 1 to 40
            decisions with up to 64 options, each if it offers what the strategy requires.

    Returns:
        One finding per check and benchmark.
    """
    return list(strategy_findings(strategy, benchmarks))


def strategy_findings(strategy: Strategy, benchmarks: Sequence[Benchmark] | None = None) -> Iterator[Finding]:
    """The findings of :func:`check_strategy`, each as soon as it is known."""
    yield _writable(strategy)
    made: list[Benchmark] = [tiny_benchmark(), wide_benchmark(), single_benchmark()]
    if "training" in strategy.requires and find_spec("torch"):
        made.append(TrainableBenchmark())
    chosen = made if benchmarks is None else list(benchmarks)
    offered = [benchmark for benchmark in chosen if _offers(benchmark, strategy)]
    if not offered:
        missing = ", ".join(sorted(strategy.requires))
        yield Finding(
            "runs at all", False, f"no benchmark offers {missing}", "pass a benchmark that does", "one that can be run"
        )
    for benchmark in offered:
        yield from _check_on(strategy, benchmark)
    if benchmarks is None:
        for benchmark in shaped_benchmarks():
            if _offers(benchmark, strategy):
                yield _short_search(strategy, benchmark)


def _offers(benchmark: Benchmark, strategy: Strategy) -> bool:
    return strategy.requires <= benchmark.capabilities | benchmark.space.capabilities


def _writable(strategy: Strategy) -> Finding:
    """Parameters go into hashes, stores and to other processes."""
    try:
        same = pickle.loads(pickle.dumps(dict(strategy.defaults))) == dict(strategy.defaults)
        json.dumps(dict(strategy.defaults), allow_nan=False)
    except Exception as error:  # whatever a value's own pickling raises
        same, seen = False, f"{type(error).__name__}: {error}"
    else:
        seen = "they are not equal after being pickled"
    return _finding(
        "parameters can be written down",
        same,
        seen,
        "use finite numbers, texts and True or False as defaults; None for 'not given'",
        "defaults that JSON and pickle keep as they are",
    )


def documentation_findings(strategy: Strategy) -> Iterator[Finding]:
    """What a reader of the leaderboard needs: a summary, every parameter explained, the paper."""
    text = inspect.getdoc(strategy.function) or ""
    yield _finding(
        "says what it does",
        bool(strategy.summary) and not strategy.summary.endswith(":"),
        f"its docstring begins with {strategy.summary!r}" if strategy.summary else "no docstring",
        "open the function with one line that says what it does",
        "a docstring whose first line tells the idea",
    )
    unexplained = [name for name in strategy.defaults if not re.search(rf"^\s*{re.escape(name)}\b.*:", text, re.M)]
    yield _finding(
        "explains its parameters",
        not unexplained,
        f"not in the docstring: {', '.join(unexplained)}",
        "add a section 'Args:' with a line 'name: meaning.' for each",
        "a line for every parameter",
    )
    yield _finding(
        "names its paper",
        strategy.paper.startswith(("http://", "https://")),
        f"paper={strategy.paper!r}",
        "give @strategy(..., paper='https://...'): the paper, or the page of the code",
        "a URL",
    )


def _check_on(strategy: Strategy, benchmark: Benchmark) -> Iterator[Finding]:
    """Every check on one benchmark; the first that cannot run at all ends them."""
    place = f" on {benchmark.name}"
    budget = Budget(40 * benchmark.fidelities[-1] * 1.0)
    before = global_generators()
    watched = {seed: _WatchedAnswers(benchmark.answers(seed)) for seed in SEEDS}
    try:
        problems = {seed: _search(strategy, benchmark, budget, seed, answers=watched[seed]) for seed in SEEDS}
    except Exception as error:
        advice = "ask only for architectures of problem.space and for problem.fidelities, and let no error out"
        yield Finding("runs" + place, False, f"{type(error).__name__}: {error}", advice, "a search without errors")
        return
    after = global_generators()
    yield Finding("runs" + place, True)
    refused = [answers.refused for answers in watched.values() if answers.refused]
    yield _finding(
        "asks legal questions only" + place,
        not refused,
        f"a question was refused and the refusal caught: {refused[0] if refused else ''}",
        "do not try out what exists: problem.space and problem.fidelities tell",
        "no refused question",
    )
    journals = {seed: problem.journal for seed, problem in problems.items()}
    asked_on = max(problem.asked_after_end for problem in problems.values())
    yield _finding(
        "ends when the budget ends" + place,
        asked_on == 0,
        f"asked {asked_on} more questions after OutOfBudget",
        "do not catch OutOfBudget (nor BaseException)",
        "no question after OutOfBudget",
    )
    yield _finding(
        "leaves the global generators alone" + place,
        before == after,
        "random or numpy.random was used or reseeded",
        "draw everything from rng",
        "the global generators as they were",
    )
    again = _search(strategy, benchmark, budget, SEEDS[0]).journal
    yield _finding(
        "depends on nothing but its seed" + place,
        again == journals[SEEDS[0]],
        f"two runs with seed {SEEDS[0]} differ at event {_first_difference(again, journals[SEEDS[0]])}",
        "draw everything from rng; keep no state outside the function; do not iterate over sets",
        "the same journal each time",
    )
    backwards = {seed: _search(strategy, benchmark, budget, seed).journal for seed in reversed(SEEDS[-2:])}
    differing = [seed for seed, journal in backwards.items() if journal != journals[seed]]
    yield _finding(
        "seeds are independent" + place,
        not differing,
        f"done in another order, seed {differing[0] if differing else ''} ended in another journal",
        "keep no state outside the function: no module-level lists, caches or counters",
        "the same journal whatever ran before",
    )
    if benchmark.space.size > 1:
        yield _finding(
            "differs between seeds" + place,
            len({_questions(journal) for journal in journals.values()}) > 1,
            f"{len(SEEDS)} seeds asked the same questions",
            "draw from rng, do not make a generator of your own",
            "other questions with another seed",
        )
    wrong = [
        audit(journal, benchmark.answers(seed), budget, benchmark.fidelities[-1]) for seed, journal in journals.items()
    ]
    yield _finding(
        "pays for every answer" + place,
        not any(wrong),
        "; ".join(filter(None, wrong)),
        "leave the problem's members alone",
        "the benchmark's own answers, within the budget",
    )
    yield _any_budget(strategy, benchmark, budget, journals[SEEDS[0]], place)
    yield _any_cut(strategy, benchmark, budget, journals[SEEDS[0]], place)


def _short_search(strategy: Strategy, benchmark: Benchmark) -> Finding:
    """On a space of another shape: the search runs, ends and pays."""
    check = f"runs on {benchmark.name}"
    budget = Budget(12 * benchmark.fidelities[-1] * 1.0)
    answers = _WatchedAnswers(benchmark.answers(0))
    try:
        problem = _search(strategy, benchmark, budget, 0, answers=answers)
    except Exception as error:
        return Finding(
            check,
            False,
            f"{type(error).__name__}: {error}",
            "take numbers of decisions, options and epochs from problem.space and problem.fidelities",
            "a search without errors",
        )
    wrong = (
        answers.refused
        or ("" if not problem.asked_after_end else f"asked {problem.asked_after_end} questions after OutOfBudget")
        or audit(problem.journal, benchmark.answers(0), budget, benchmark.fidelities[-1])
    )
    return _finding(
        check, not wrong, wrong, "keep to problem.space, problem.fidelities and the budget", "a legal search"
    )


def growth_finding(
    strategy: Strategy, evaluations: int = 200, seconds: float = 300.0, kibibytes: float = 256
) -> Finding:
    """Whether memory and own time stay in bounds over a long budget.

    Args:
        strategy: what to check.
        evaluations: how many full evaluations the budget pays for.
        seconds: of processor time that the search may take in all of them.
        kibibytes: what it may keep per event.
    """
    check = f"stays small and quick over {evaluations} evaluations"
    benchmark = next((b for b in (wide_benchmark(), tiny_benchmark()) if _offers(b, strategy)), None)
    if benchmark is None:
        return Finding(check, True, "not measured: no small benchmark offers what it requires")
    answers = _WatchedAnswers(benchmark.answers(0), time.process_time() + 1.2 * seconds)
    try:
        _search(strategy, benchmark, Budget(3, "evaluations"), 0, answers=answers)  # what it imports is not its growth
        tracemalloc.start()
        started = time.process_time()
        problem = _search(strategy, benchmark, Budget(evaluations, "evaluations"), 0, answers=answers)
        own = time.process_time() - started
        kept = tracemalloc.get_traced_memory()[1] / 1024 / max(1, len(problem.journal))
    except Exception as error:
        return Finding(check, False, f"{type(error).__name__}: {error}", "mend the search first", "a long search")
    finally:
        tracemalloc.stop()
    seen = f"{own:.2f} s of processor time and {kept:.1f} KiB per event (measured with memory tracing on)"
    if own > seconds or kept > kibibytes:
        advice = "refit less often, or on a bounded number of evaluations; keep no copy of the history per step"
        return Finding(check, False, seen, advice, f"at most {seconds:g} s and {kibibytes:g} KiB per event")
    return Finding(check, True, seen)


def digest(strategy: Strategy) -> str:
    """A hash of what the strategy asks on the small benchmarks: the same in every process, or it depends on one."""
    journals = [
        _search(strategy, benchmark, Budget(30 * benchmark.fidelities[-1]), 0).journal
        for benchmark in (tiny_benchmark(), wide_benchmark())
        if _offers(benchmark, strategy)
    ]
    return hashlib.sha256(b"".join(map(encode_journal, journals))).hexdigest()[:16]


class _WatchedAnswers:
    """A benchmark's answers that remember the first question they had to refuse, and end a search that is late."""

    def __init__(self, answers: Answers, until: float = math.inf) -> None:
        self._answers = answers
        self._until = until
        self.refused = ""

    def ask(
        self, architecture: Sequence[int], epochs: int, origin: int, paid: int
    ) -> tuple[Architecture, float, float]:
        if time.process_time() > self._until:
            raise TimeoutError("the strategy computes for too long between its questions")
        try:
            return self._answers.ask(architecture, epochs, origin, paid)
        except SuiteError as error:
            self.refused = self.refused or str(error)
            raise


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
                "does the same under any budget" + place,
                False,
                seen,
                "depend on nothing but rng and the answers",
                "the same questions, only fewer",
            )
    return Finding("does the same under any budget" + place, True)


def _any_cut(strategy: Strategy, benchmark: Benchmark, budget: Budget, journal: Sequence[Event], place: str) -> Finding:
    """Cut anywhere, the journal is replayed and goes on to the same end."""
    check = "resumes from any cut of its journal" + place
    for cut in sorted({round(part * len(journal) / CUTS) for part in range(CUTS + 1)}):
        try:
            resumed = _search(strategy, benchmark, budget, SEEDS[0], journal[:cut]).journal
        except ReplayMismatch as error:
            return Finding(check, False, str(error), "depend on nothing but rng and the answers", SAME_END)
        if resumed != tuple(journal):
            return Finding(
                check,
                False,
                f"cut at event {cut} it ended in another journal",
                "depend on nothing but rng and the answers",
                SAME_END,
            )
    return Finding(check, True)


def _search(
    strategy: Strategy,
    benchmark: Benchmark,
    budget: Budget,
    seed: int,
    journal: Sequence[Event] = (),
    answers: Answers | None = None,
) -> Problem:
    problem = Problem(
        benchmark.space,
        benchmark.fidelities,
        benchmark.answers(seed) if answers is None else answers,
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


def _finding(check: str, passed: bool, seen: str, advice: str, expected: str) -> Finding:
    return Finding(check, True) if passed else Finding(check, False, seen, advice, expected)


def _first_difference(first: Sequence[Event], second: Sequence[Event]) -> int:
    pairs = enumerate(zip(first, second, strict=False), start=1)
    return next((number for number, (a, b) in pairs if a != b), min(len(first), len(second)) + 1)
