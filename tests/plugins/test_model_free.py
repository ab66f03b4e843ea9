"""What every model-free strategy keeps to, whatever the space."""

from __future__ import annotations

import pytest
from nasbench_strategies.asha import asha
from nasbench_strategies.exhaustive import exhaustive
from nasbench_strategies.genetic_algorithm import genetic_algorithm
from nasbench_strategies.hyperband import hyperband
from nasbench_strategies.local_search import local_search
from nasbench_strategies.ppo import ppo
from nasbench_strategies.recurrent_controller import recurrent_controller
from nasbench_strategies.regularized_evolution import regularized_evolution
from nasbench_strategies.reinforce import reinforce
from nasbench_strategies.successive_halving import successive_halving
from nasbench_strategies.umda import umda
from searching import asked, evaluations, grid, search

from nasbench_suite import Strategy
from nasbench_suite.benchmarks.synthetic import SyntheticBenchmark
from nasbench_suite.testing import assert_conforms

ALL = [
    asha,
    exhaustive,
    genetic_algorithm,
    hyperband,
    local_search,
    ppo,
    recurrent_controller,
    regularized_evolution,
    reinforce,
    successive_halving,
    umda,
]
ASK_ONCE = [strategy for strategy in ALL if strategy not in (regularized_evolution, reinforce)]


def named(strategy: Strategy) -> str:
    return strategy.name


@pytest.mark.parametrize("strategy", ALL, ids=named)
def test_it_conforms(strategy: Strategy) -> None:
    uneven = SyntheticBenchmark("uneven", grid(1, 7, 2, 1, 3), fidelities=(2, 6, 54))
    assert_conforms(strategy)
    assert_conforms(strategy, [uneven])


@pytest.mark.parametrize("strategy", ALL, ids=named)
@pytest.mark.parametrize("counts", [(1,), (1, 1, 1), (2,), (1, 3)])
def test_it_ends_on_tiny_spaces_and_sees_all_of_them(strategy: Strategy, counts: tuple[int, ...]) -> None:
    benchmark = SyntheticBenchmark("tiny", grid(*counts), fidelities=(1, 3))
    problem = search(strategy, benchmark, "300 evaluations")
    assert set(asked(problem)) == set(benchmark.space.architectures())


@pytest.mark.parametrize("strategy", ASK_ONCE, ids=named)
def test_no_training_is_paid_twice(strategy: Strategy) -> None:
    benchmark = SyntheticBenchmark("once", grid(4, 3, 2, 4), fidelities=(1, 3, 9))
    trainings = [(e.architecture, e.epochs) for e in evaluations(search(strategy, benchmark, "100000 epochs"))]
    assert len(set(trainings)) == len(trainings)
    assert len({architecture for architecture, _ in trainings}) == 96


@pytest.mark.parametrize("strategy", ALL, ids=named)
def test_a_single_fidelity_is_enough_to_run(strategy: Strategy) -> None:
    benchmark = SyntheticBenchmark("single", grid(5, 5, 5, 5), fidelities=(7,))
    answers = evaluations(search(strategy, benchmark, "50 evaluations"))
    assert len(answers) == 50
    assert {answer.epochs for answer in answers} == {7}
