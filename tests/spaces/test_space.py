"""The general space: one categorical choice per decision."""

from __future__ import annotations

import pickle
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench_suite import CategoricalSpace, Decision, Space, SpaceError
from nasbench_suite.errors import UsageError
from nasbench_suite.spaces import nas_bench_201


def make_space(counts: list[int]) -> CategoricalSpace:
    decisions = [Decision(f"d{n}", tuple(f"o{o}" for o in range(count))) for n, count in enumerate(counts)]
    return CategoricalSpace("made", decisions)


spaces = st.lists(st.integers(1, 64), min_size=1, max_size=40).map(make_space)


@given(spaces, st.integers(0, 2**32))
def test_what_is_drawn_belongs_to_the_space_and_survives_every_round_trip(space: CategoricalSpace, seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = space.sample(rng), space.sample(rng)
    assert space.check(first) == first
    assert space.architecture(space.index(first)) == first
    assert space.parse(space.format(first)) == first
    child = space.crossover(first, second, rng)
    assert all(c in (a, b) for a, b, c in zip(first, second, child, strict=True))
    mutant = space.mutate(first, rng)
    assert sum(a != b for a, b in zip(first, mutant, strict=True)) == (space.size > 1)
    assert space.check(mutant) == mutant


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_neighbours_are_all_that_differ_in_one_decision(counts: list[int]) -> None:
    space = make_space(counts)
    every = list(space.architectures())
    assert [space.index(a) for a in every] == list(range(space.size))
    for architecture in every:
        brute = [other for other in every if sum(a != b for a, b in zip(architecture, other, strict=True)) == 1]
        assert sorted(space.neighbours(architecture)) == brute


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_one_hot_encoding_counts_shared_decisions(counts: list[int]) -> None:
    space = make_space(counts)
    every = space.architectures()
    features = space.encode(every)
    assert features.shape == (space.size, sum(counts))
    shared = [[sum(x == y for x, y in zip(a, b, strict=True)) for b in every] for a in every]
    np.testing.assert_array_equal(features @ features.T, shared)


def test_sampling_and_mutating_are_uniform() -> None:
    space = make_space([2, 3, 1, 4])
    rng = np.random.default_rng(7)
    draws = Counter(space.sample(rng) for _ in range(24_000))
    assert len(draws) == 24
    chi_square = sum((count - 1000) ** 2 / 1000 for count in draws.values())
    assert chi_square < 49.7  # 0.999 quantile with 23 degrees of freedom
    start = (0, 0, 0, 0)
    mutants = Counter(space.mutate(start, rng) for _ in range(18_000))
    expected = {
        (1, 0, 0, 0): 6000,
        (0, 1, 0, 0): 3000,
        (0, 2, 0, 0): 3000,
        (0, 0, 0, 1): 2000,
        (0, 0, 0, 2): 2000,
        (0, 0, 0, 3): 2000,
    }
    assert set(mutants) == set(expected)
    assert sum((mutants[a] - n) ** 2 / n for a, n in expected.items()) < 20.5  # 0.999 quantile, 5 degrees


def test_a_space_too_large_to_list_can_be_sampled() -> None:
    space = make_space([5] * 40)
    assert space.size == 5**40
    architecture = space.sample(np.random.default_rng(0))
    assert space.architecture(space.index(architecture)) == architecture
    with pytest.raises(SpaceError, match="too many to list"):
        space.architectures()


@pytest.mark.parametrize(
    ("given_architecture", "message"),
    [
        ((0, 0), "has 2 decisions"),
        ((0, 3, 0, 0), "'d1'.*options 0 to 2, not 3"),
        ((0, -1, 0, 0), "not -1"),
        ((0.5, 0, 0, 0), "tuple of 4 integers"),
        (None, "tuple of 4 integers"),
    ],
)
def test_what_is_not_an_architecture_is_named(given_architecture: tuple[int, ...], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        make_space([2, 3, 1, 4]).check(given_architecture)


def test_numpy_integers_become_plain_ones() -> None:
    checked = make_space([2, 3]).check(np.array([1, 2]))  # type: ignore[arg-type]
    assert checked == (1, 2)
    assert all(type(option) is int for option in checked)


def test_bad_texts_and_names_are_told() -> None:
    space = make_space([2, 3])
    with pytest.raises(SpaceError, match="d1= one of o0, o1, o2"):
        space.parse("d0=o1,d1=o7")
    with pytest.raises(SpaceError, match="has 1 parts"):
        space.parse("d0=o1")
    with pytest.raises(SpaceError, match="0 to 5"):
        space.architecture(6)
    with pytest.raises(UsageError, match="one-hot"):
        space.encode([(0, 0)], "one-hut")
    with pytest.raises(SpaceError, match="twice"):
        Decision("d", ("a", "a"))


@pytest.mark.parametrize("space", [make_space([2, 3]), nas_bench_201()])
def test_spaces_keep_to_the_protocol_and_can_be_pickled(space: CategoricalSpace) -> None:
    assert isinstance(space, Space)
    assert pickle.loads(pickle.dumps(space)) == space
