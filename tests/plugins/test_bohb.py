"""BOHB: Hyperband's brackets, and a model that is the paper's."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from nasbench_strategies.bohb import ModelledLadder, bohb
from nasbench_strategies.hyperband import hyperband
from searching import evaluations, grid, search

from nasbench_suite import Budget, Problem, Strategy
from nasbench_suite.benchmarks.synthetic import SyntheticBenchmark
from nasbench_suite.search.journal import Recommendation
from nasbench_suite.testing import wide_benchmark

CURVES = SyntheticBenchmark("bohb", wide_benchmark().space, fidelities=range(1, 82))


def ladder(benchmark: SyntheticBenchmark, **changes: float) -> ModelledLadder:
    problem = Problem(benchmark.space, benchmark.fidelities, benchmark.answers(0), Budget(1e9), resumable=True)
    parameters = {"good_share": 0.15, "random_share": 0.0, "widening": 3.0, **changes}
    return ModelledLadder(problem, 3.0, draws=64, **parameters)


def test_it_trains_as_many_as_hyperband_for_as_long() -> None:
    shapes = [
        Counter((answer.epochs, answer.paid) for answer in evaluations(search(strategy, CURVES, "300 evaluations")))
        for strategy in (bohb, hyperband)
    ]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("fidelities", [(12, 200), (1, 2, 3), (5, 50, 51), (10,)])
def test_any_list_of_fidelities_serves(fidelities: tuple[int, ...]) -> None:
    benchmark = SyntheticBenchmark("some", grid(3, 3, 3), fidelities=fidelities)
    problem = search(bohb, benchmark, "100000 epochs")
    assert {answer.architecture for answer in evaluations(problem)} == set(benchmark.space.architectures())
    assert any(isinstance(event, Recommendation) for event in problem.journal)


def test_the_model_is_of_the_highest_rung_that_has_seen_enough() -> None:
    benchmark = SyntheticBenchmark("model", grid(3, 4, 5), fidelities=(1, 3, 9))
    rng = np.random.default_rng(0)
    grown = ladder(benchmark)
    # 3 decisions: at least 4 good and 4 bad ones, and 4 + 2 evaluations in all.
    for count in range(1, 21):
        grown.enter(1, rng)
        assert (grown.densities() is None) == (count < 6)
    for _ in range(5):
        grown.enter(9, rng)
    good, bad, _ = grown.densities() or pytest.fail("no model")
    assert (len(good.examples), len(bad.examples)) == (4, 16)
    grown.enter(9, rng)
    good, bad, wide = grown.densities() or pytest.fail("no model")
    ranked = sorted(grown._by_epochs[9], key=lambda answer: -answer.accuracy)
    assert good.examples.tolist() == [list(answer.architecture) for answer in ranked[:4]]
    assert bad.examples.tolist() == [list(answer.architecture) for answer in ranked[2:]]
    assert np.all(wide._bandwidths >= good._bandwidths)


def test_the_share_of_random_architectures() -> None:
    """With random_share 1 the model is never used: the architectures are those of Hyperband."""
    mine = [a.architecture for a in evaluations(search(bohb, CURVES, "100 evaluations", random_share=0.0))]
    never = [a.architecture for a in evaluations(search(bohb, CURVES, "100 evaluations", random_share=1.0))]
    assert mine != never


def test_proposals_are_new_and_better_than_random_ones() -> None:
    rng = np.random.default_rng(1)
    grown = ladder(CURVES)
    (score,) = CURVES.scores().values()
    entered = [grown.enter(81, rng) for _ in range(150)]
    assert len({answer.architecture for answer in entered}) == 150
    first, last = (
        np.mean([score.of(answer.architecture) for answer in part]) for part in (entered[:30], entered[-30:])
    )
    assert last > first + 0.05


def test_it_beats_hyperband() -> None:
    benchmark = SyntheticBenchmark("bohb", wide_benchmark().space, fidelities=(1, 3, 9, 27), noise=0.01)
    (score,) = benchmark.scores().values()

    def found(strategy: Strategy) -> np.ndarray:
        bests = []
        for seed in range(10):
            events = search(strategy, benchmark, "2700 epochs", seed).journal
            named = [event.architecture for event in events if isinstance(event, Recommendation)]
            bests.append(score.of(named[-1]))
        return np.array(bests)

    ours, theirs = found(bohb), found(hyperband)
    error = np.sqrt(ours.var(ddof=1) / 10 + theirs.var(ddof=1) / 10)
    assert ours.mean() - theirs.mean() > 1.96 * error
