"""The conformance checks pass every registered strategy, and catch what they are for."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest

from nasbench_suite import Problem, strategy
from nasbench_suite.benchmarks import Answers, Benchmark
from nasbench_suite.plugins import load_registry
from nasbench_suite.testing import assert_conforms, check_strategy, single_benchmark, tiny_benchmark, wide_benchmark

REGISTRY = load_registry()


@pytest.mark.parametrize("name", sorted(REGISTRY.strategies))
def test_registered_strategies_conform(name: str) -> None:
    strategy = REGISTRY.strategies[name].strategy
    if "training" in strategy.requires:
        pytest.importorskip("torch", reason="needs PyTorch (the extra 'live')")
    assert_conforms(strategy)


@pytest.mark.parametrize("benchmark", [tiny_benchmark(), wide_benchmark(), single_benchmark()], ids=lambda b: b.name)
def test_the_benchmarks_keep_to_their_protocols(benchmark: Benchmark) -> None:
    assert isinstance(benchmark, Benchmark)
    assert isinstance(benchmark.answers(0), Answers)
    scores = benchmark.scores()["truth"]
    rng = np.random.default_rng(0)
    assert scores.best is not None
    assert all(scores.of(benchmark.space.sample(rng)) <= scores.best for _ in range(300))
    if benchmark.space.size < 100:
        assert max(map(scores.of, benchmark.space.architectures())) == pytest.approx(scores.best)


def draws(problem: Problem, rng: np.random.Generator) -> Iterator[tuple[int, ...]]:
    while True:
        yield problem.space.sample(rng)


@strategy("bad-own-generator")
def own_generator(problem: Problem, rng: np.random.Generator) -> None:
    """Ignore the rng that is passed in."""
    for architecture in draws(problem, np.random.default_rng(0)):
        problem.evaluate(architecture)


@strategy("bad-global-generator")
def global_generator(problem: Problem, rng: np.random.Generator) -> None:
    """Draw from the standard library's global generator."""
    while True:
        problem.evaluate(problem.space.architecture(random.randrange(problem.space.size)))


@strategy("bad-catches-all")
def catches_all(problem: Problem, rng: np.random.Generator) -> None:
    """Swallow the end of the budget, ask once more."""
    try:
        for architecture in draws(problem, rng):
            problem.evaluate(architecture)
    except BaseException:
        problem.evaluate(problem.space.sample(rng))


MEMORY: list[object] = []


@strategy("bad-remembers")
def remembers(problem: Problem, rng: np.random.Generator) -> None:
    """Keep state between runs."""
    MEMORY.append(None)
    for _ in range(len(MEMORY)):
        rng.random()
    for architecture in draws(problem, rng):
        problem.evaluate(architecture)


@strategy("bad-peeks-at-the-budget")
def peeks(problem: Problem, rng: np.random.Generator) -> None:
    """Behave otherwise when the budget is small."""
    for _ in range(int(problem._meter.limit) % 3):
        rng.random()
    for architecture in draws(problem, rng):
        problem.evaluate(architecture)


@strategy("bad-asks-nonsense")
def asks_nonsense(problem: Problem, rng: np.random.Generator) -> None:
    """Ask for a fidelity that does not exist."""
    problem.evaluate(problem.space.sample(rng), epochs=7)


@strategy("bad-cheats")
def cheats(problem: Problem, rng: np.random.Generator) -> None:
    """Take the budget off."""
    problem._meter.limit = 1e6
    for _ in range(200):
        problem.evaluate(problem.space.sample(rng))


@pytest.mark.parametrize(
    ("bad", "check"),
    [
        (own_generator, "differs between seeds"),
        (global_generator, "leaves the global generators alone"),
        (catches_all, "ends when the budget ends"),
        (remembers, "depends on nothing but its seed"),
        (peeks, "does the same under any budget"),
        (asks_nonsense, "runs"),
        (cheats, "pays for every answer"),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_each_fault_is_found_by_its_check(bad: object, check: str) -> None:
    state = random.getstate()
    failed = {finding.check.rpartition(" on ")[0] for finding in check_strategy(bad) if not finding.passed}  # type: ignore[arg-type]
    random.setstate(state)
    assert check in failed
    with pytest.raises(AssertionError, match=check):
        assert_conforms(bad)  # type: ignore[arg-type]
