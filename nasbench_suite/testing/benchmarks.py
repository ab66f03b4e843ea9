"""The conformance checks of benchmarks: what the meter and every strategy rely on."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable, Iterator

import numpy as np

from nasbench_suite.benchmarks import Answers, Benchmark
from nasbench_suite.errors import QuestionError, SpaceError, SuiteError
from nasbench_suite.spaces import Architecture, Space
from nasbench_suite.testing.conformance import Finding

ARCHITECTURES = 24

Answer = tuple[Architecture, float, float]


def check_benchmark(benchmark: Benchmark) -> list[Finding]:
    """Check what every benchmark must keep to, on a few architectures of its space.

    A benchmark that trains is asked for as many trainings; pass one with short ones.
    """
    return list(benchmark_findings(benchmark))


def benchmark_findings(benchmark: Benchmark) -> Iterator[Finding]:
    """The findings of :func:`check_benchmark`, each as soon as it is known."""
    if not isinstance(benchmark, Benchmark):
        lacking = [name for name in _members(Benchmark) if not hasattr(benchmark, name)]
        yield Finding(
            "is a benchmark",
            False,
            f"it has no {', '.join(lacking)}",
            "add what is missing",
            "all members of Benchmark",
        )
        return
    for check in (_space, _fidelities, _answers, _order, _resumed, _refusals, _scores):
        try:
            yield from check(benchmark)
        except Exception as error:  # a benchmark may raise anything
            name = check.__name__.strip("_")
            yield Finding(f"{name} can be asked", False, f"{type(error).__name__}: {error}", "mend it", "no error")


def _members(protocol: type) -> list[str]:
    return [name for name in vars(protocol) if not name.startswith("_")]


def _finding(check: str, wrong: str, expected: str, advice: str) -> Finding:
    return Finding(check, False, wrong, advice, expected) if wrong else Finding(check, True)


def _drawn(space: Space) -> list[Architecture]:
    rng = np.random.default_rng(0)
    return [space.sample(rng) for _ in range(ARCHITECTURES)]


def _space(benchmark: Benchmark) -> Iterator[Finding]:
    space, wrong = benchmark.space, ""
    if not isinstance(space, Space):
        wrong = f"{type(space).__name__} has no {', '.join(n for n in _members(Space) if not hasattr(space, n))}"
        yield _finding("its space is a space", wrong, "all members of Space", "build on CategoricalSpace or CellSpace")
        return
    rng = np.random.default_rng(1)
    for architecture in _drawn(space):
        mutant = space.mutate(architecture, rng)
        changed = sum(a != b for a, b in zip(architecture, mutant, strict=True))
        if space.architecture(space.index(architecture)) != architecture:
            wrong = f"architecture(index(x)) is not x for {architecture}"
        elif space.parse(space.format(architecture)) != architecture:
            wrong = f"parse(format(x)) is not x for {architecture}"
        elif changed > 1 or (changed == 0 and space.size > 1):
            wrong = f"mutate changed {changed} decisions of {architecture}"
        elif not all(type(option) is int for option in architecture):
            wrong = f"sample gave {architecture!r}"
    yield _finding(
        "its space keeps to the protocol",
        wrong,
        "index, format and their inverses agree; a mutant differs in one decision",
        "build on CategoricalSpace or CellSpace",
    )
    try:
        handed = pickle.loads(pickle.dumps(space))
        wrong = "" if handed.decisions == space.decisions else "its decisions are others after being pickled"
    except Exception as error:  # whatever a value's own pickling raises
        wrong = f"{type(error).__name__}: {error}"
    yield _finding(
        "its space can be handed to another process",
        wrong,
        "a space that pickle keeps as it is",
        "keep functions and open files out of it; isolated searches get their space from another process",
    )


def _fidelities(benchmark: Benchmark) -> Iterator[Finding]:
    given = benchmark.fidelities
    good = bool(given) and all(type(e) is int and e > 0 for e in given) and list(given) == sorted(set(given))
    yield _finding(
        "its fidelities rise", "" if good else f"fidelities={given!r}", "rising whole numbers of epochs", "sort them"
    )


def _answers(benchmark: Benchmark) -> Iterator[Finding]:
    """Answers are accuracies and costs, and cheaper at fewer epochs."""
    answers, wrong, costs = benchmark.answers(0), "", ""
    if not isinstance(answers, Answers):
        yield _finding("it answers", f"answers(0) is {answers!r}", "an object with ask()", "see the Answers protocol")
        return
    for architecture in _drawn(benchmark.space):
        before = 0.0
        for epochs in benchmark.fidelities:
            options, accuracy, cost = answers.ask(architecture, epochs, epochs, 0)
            if tuple(options) != architecture or not 0 <= accuracy <= 1 or not (math.isfinite(cost) and cost >= 0):
                wrong = f"ask({architecture}, {epochs}) gave {(options, accuracy, cost)}"
            if cost < before:
                costs = f"{architecture} costs {before:g} s at fewer epochs and {cost:g} s at {epochs}"
            before = cost
    yield _finding(
        "answers are an architecture, a fraction and seconds",
        wrong,
        "(the architecture, accuracy in [0, 1], finite seconds of at least 0)",
        "divide percentages by 100; raise NotMeasured where there is no measurement",
    )
    yield _finding("more epochs cost no less", costs, "costs that rise with the epochs", "give cumulative seconds")


def _order(benchmark: Benchmark) -> Iterator[Finding]:
    """One by one, as a batch, backwards, again: the same answers."""
    drawn, epochs = _drawn(benchmark.space), benchmark.fidelities[-1]

    def ask(answers: Answers, architectures: list[Architecture]) -> list[Answer]:
        return [answers.ask(architecture, epochs, epochs, 0) for architecture in architectures]

    ways: dict[str, Callable[[], list[Answer]]] = {
        "one by one": lambda: [ask(benchmark.answers(3), [architecture])[0] for architecture in drawn],
        "backwards": lambda: ask(benchmark.answers(3), drawn[::-1])[::-1],
        "after other questions": lambda: (lambda answers: (ask(answers, drawn[5:]), ask(answers, drawn))[1])(
            benchmark.answers(3)
        ),
    }
    batch = ask(benchmark.answers(3), drawn)
    if benchmark.currency == "measured":  # measured seconds differ; the accuracies must not
        differing = [way for way, asked in ways.items() if [a[1] for a in asked()] != [a[1] for a in batch]]
    else:
        differing = [way for way, asked in ways.items() if asked() != batch]
    yield _finding(
        "batch and single questions agree",
        f"asked {' and '.join(differing)}, the answers of run seed 3 are others" if differing else "",
        "answers that depend on run seed, architecture and epochs alone",
        "derive the training seed from (run seed, architecture, origin), never from a shared generator",
    )


def _resumed(benchmark: Benchmark) -> Iterator[Finding]:
    if "resume" not in benchmark.capabilities or len(benchmark.fidelities) < 2:
        return
    low, high = benchmark.fidelities[0], benchmark.fidelities[-1]
    wrong = ""
    for architecture in _drawn(benchmark.space)[:4]:
        answers = benchmark.answers(0)
        first = answers.ask(architecture, low, low, 0)[2]
        try:
            rest = answers.ask(architecture, high, low, low)[2]
        except QuestionError:  # a training of its own, which says so
            continue
        if not rest >= 0 or not math.isfinite(first + rest):
            wrong = f"resuming {architecture} from {low} to {high} epochs costs {rest:g} s"
    yield _finding("resuming costs the difference", wrong, "seconds of at least 0", "charge only what is trained anew")


def _refusals(benchmark: Benchmark) -> Iterator[Finding]:
    answers, last = benchmark.answers(0), benchmark.fidelities[-1]
    architecture = _drawn(benchmark.space)[0]
    wrong = ""
    questions = [((*architecture, 0), last, SpaceError), (architecture, last + 1, QuestionError)]
    for options, epochs, expected in questions:
        try:
            given = answers.ask(options, epochs, epochs, 0)
            wrong = wrong or f"ask({options}, {epochs}) gave {given}"
        except SuiteError as error:
            if not isinstance(error, expected):
                wrong = wrong or f"ask({options}, {epochs}) raised {type(error).__name__}"
    yield _finding(
        "refuses what does not exist",
        wrong,
        "SpaceError for what is no architecture, QuestionError for other epochs",
        "call space.check(architecture), compare the epochs with fidelities",
    )


def _scores(benchmark: Benchmark) -> Iterator[Finding]:
    scores = benchmark.scores()
    wrong = "" if scores else "scores() is empty"
    for name, score in scores.items():
        for architecture in _drawn(benchmark.space):
            value = score.of(architecture)
            if not math.isnan(value) and not 0 <= value <= 1:
                wrong = f"{name} of {architecture} is {value}"
            elif score.best is not None and value > score.best:
                wrong = f"{name} of {architecture} is {value}, above the best, {score.best}"
    yield _finding(
        "scores are fractions and none is above the best",
        wrong,
        "fractions in [0, 1] (NaN: not measured)",
        "see Scores",
    )
    lacking = [key for key in ("source", "signal") if key not in benchmark.provenance]
    yield _finding(
        "says where its numbers come from",
        f"provenance has no {', '.join(lacking)}" if lacking else "",
        "provenance with source, signal and score in words",
        "fill in provenance",
    )
    again = type(benchmark.identity) is str and len(benchmark.identity) >= 8
    yield _finding(
        "has an identity",
        "" if again else f"identity={benchmark.identity!r}",
        "a hash of all that decides the answers",
        "hash names, fidelities and the data",
    )
