"""What a surrogate chooses from: never twice the same, ties by a fixed random order, whole or sampled."""

from __future__ import annotations

import numpy as np
import pytest
from nasbench_strategies.candidates import Candidates, as_matrix, best_of, most_promising
from searching import grid

from nasbench_suite import Evaluation, Space
from nasbench_suite.testing import wide_benchmark


def test_the_whole_space_is_chosen_from_once_each_from_best_to_worst() -> None:
    space = grid(3, 2, 2)
    candidates = Candidates(space, np.random.default_rng(0))
    scores = np.arange(12.0)
    assert candidates.pool([]) is space.architectures()
    chosen = [candidates.choose(scores)[0] for _ in range(12)]
    assert chosen == list(reversed(space.architectures()))
    assert candidates.exhausted and candidates.choose(scores) == []


def test_a_batch_is_what_single_choices_would_be() -> None:
    space = grid(4, 4)
    scores = np.random.default_rng(1).integers(0, 3, 16).astype(float)
    one, many = Candidates(space, np.random.default_rng(7)), Candidates(space, np.random.default_rng(7))
    assert [one.choose(scores)[0] for _ in range(5)] == many.choose(scores, 5)


def test_ties_up_to_the_last_bits_are_broken_at_random_but_the_same_way_again() -> None:
    space = grid(10, 10)
    noise = np.random.default_rng(0).normal(0, 1e-13, (2, 100))
    firsts = set()
    for seed in range(10):
        a, b = (Candidates(space, np.random.default_rng(seed)).choose(1.0 + noise[k]) for k in (0, 1))
        assert a == b
        firsts.update(a)
    assert len(firsts) > 5


def test_an_initial_design_is_different_and_at_most_the_whole_space() -> None:
    candidates = Candidates(grid(2, 3), np.random.default_rng(0))
    assert sorted(candidates.first(100)) == sorted(grid(2, 3).architectures())
    assert candidates.exhausted


@pytest.mark.parametrize("space", [wide_benchmark().space, grid(40, 40, 40)])
def test_a_pool_of_a_large_space_is_fresh_distinct_and_holds_mutants_of_the_best(space: Space) -> None:
    rng = np.random.default_rng(0)
    candidates = Candidates(space, rng, sampled=50, mutated=50)
    taken = candidates.first(20)
    pool = list(candidates.pool(taken[:2]))
    assert not candidates.is_whole
    assert len(set(pool)) == len(pool) and not set(pool) & set(taken)
    distances = (as_matrix(pool, space)[:, None] != as_matrix(taken[:2], space)).sum(axis=2).min(axis=1)
    assert (distances == 1).sum() > 10 and (distances > 1).sum() > 40
    (chosen,) = candidates.choose(-distances.astype(float))
    assert chosen == pool[int(distances.argmin())]
    assert chosen not in candidates.pool(taken[:2])


def test_a_pool_is_never_empty_while_something_is_left() -> None:
    space = grid(3, 3)
    candidates = Candidates(space, np.random.default_rng(0), whole=0, sampled=1, mutated=0)
    seen = set()
    while not candidates.exhausted:
        pool = candidates.pool([])
        seen.update(candidates.choose(np.zeros(len(pool))))
    assert len(seen) == 9


def test_best_first_and_earlier_first() -> None:
    evaluations = [Evaluation((n,), 1, accuracy, 1.0, 1) for n, accuracy in enumerate([0.1, 0.5, 0.5, 0.3])]
    assert best_of(evaluations, 3) == [(1,), (2,), (3,)]
    assert most_promising([(0,), (1,), (2,)], np.array([0.1, 0.2, 0.2 + 1e-13]), 2) == [(1,), (2,)]
