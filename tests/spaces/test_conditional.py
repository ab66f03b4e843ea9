"""Spaces with conditions, and spaces that refuse: against listing everything by brute force."""

from __future__ import annotations

import itertools
import math
import pickle
import tracemalloc
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasbench_suite import Architecture, ConditionalSpace, ConstrainedSpace, Decision, Space, SpaceError
from nasbench_suite.spaces import dense_wide

DEPTH = Decision("depth", ("1", "2", "3"), values=(1, 2, 3))
TREE = ConditionalSpace(
    "tree",
    [
        DEPTH,
        Decision("width", ("a", "b")),
        Decision("second", ("x", "y", "z"), when=("depth", ("2", "3"))),
        Decision("kind of y", ("p", "q"), when=("second", ("y",))),
        Decision("third", ("m", "n"), values=(0.1, 0.2), when=("depth", ("3",))),
    ],
)


@st.composite
def spaces(draw: st.DrawFn) -> ConditionalSpace:
    decisions: list[Decision] = []
    for number in range(draw(st.integers(1, 5))):
        options = tuple(f"o{option}" for option in range(draw(st.integers(1, 4))))
        when = None
        if decisions and draw(st.booleans()):
            above = draw(st.sampled_from(decisions))
            when = (above.name, tuple(draw(st.lists(st.sampled_from(above.options), min_size=1, unique=True))))
        decisions.append(Decision(f"d{number}", options, when=when))
    return ConditionalSpace("drawn", decisions)


def different(space: ConditionalSpace) -> list[Architecture]:
    """All different architectures, by listing every tuple and putting to 0 what does not count."""
    every = itertools.product(*(range(len(decision.options)) for decision in space.decisions))
    return sorted({settled(space, options) for options in every})


def settled(space: ConditionalSpace, options: Architecture) -> Architecture:
    chosen: dict[str, str] = {}
    kept = []
    for decision, option in zip(space.decisions, options, strict=True):
        counts = decision.when is None or chosen.get(decision.when[0]) in decision.when[1]
        kept.append(option if counts else 0)
        if counts:
            chosen[decision.name] = decision.options[option]
    return tuple(kept)


@settings(max_examples=60)
@given(spaces(), st.integers(0, 2**32))
def test_size_index_and_listing_are_those_of_the_different_architectures(space: ConditionalSpace, seed: int) -> None:
    every = different(space)
    assert isinstance(space, Space)
    assert space.size == len(every)
    assert list(space.architectures()) == every == list(space)
    assert [space.index(architecture) for architecture in every] == list(range(space.size))
    assert [space.architecture(index) for index in range(space.size)] == every
    assert all(space.parse(space.format(architecture)) == architecture for architecture in every)
    rng = np.random.default_rng(seed)
    raw = tuple(int(rng.integers(len(decision.options))) for decision in space.decisions)
    assert space.check(raw) == settled(space, raw)
    assert space.index(raw) == every.index(settled(space, raw))


@settings(max_examples=60)
@given(spaces(), st.integers(0, 2**32))
def test_mutants_neighbours_and_children_stay_in_the_space_and_change_what_counts(
    space: ConditionalSpace, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    first, second = space.sample(rng), space.sample(rng)
    counts = space.counting(first)
    for mutant in [space.mutate(first, rng), *space.neighbours(first)]:
        assert space.check(mutant) == mutant
        both = [a and b for a, b in zip(counts, space.counting(mutant), strict=True)]
        changed = sum(a != b for a, b, counting in zip(first, mutant, both, strict=True) if counting)
        assert changed == 1 or (changed == 0 and mutant == first and not space.neighbours(first))
    child = space.crossover(first, second, rng)
    assert space.check(child) == child
    for place, (counting, option) in enumerate(zip(space.counting(child), child, strict=True)):
        parents = [p for p in (first, second) if space.counting(p)[place]]
        assert not counting or option in [parent[place] for parent in parents]


@pytest.mark.parametrize("listed", [True, False], ids=["listed", "too large to list"])
def test_sampling_is_uniform_over_different_architectures(listed: bool) -> None:
    space = pickle.loads(pickle.dumps(TREE))
    space._enumerable = listed  # the way of drawing of a space too large to list, where every outcome can be counted
    rng = np.random.default_rng(3)
    draws = Counter(space.sample(rng) for _ in range(1000 * TREE.size))
    assert len(draws) == TREE.size == 2 * (1 + 4 + 4 * 2)
    chi_square = sum((count - 1000) ** 2 / 1000 for count in draws.values())
    assert chi_square < 52.6  # 0.999 quantile with 25 degrees of freedom


def test_what_begins_to_count_by_a_mutation_is_drawn() -> None:
    rng = np.random.default_rng(0)
    mutants = {TREE.mutate((0, 0, 0, 0, 0), rng) for _ in range(3000)}
    deeper = {mutant for mutant in different(TREE) if mutant[0] and mutant[1] == 0}
    assert mutants == deeper | {(0, 1, 0, 0, 0)}


def test_large_conditional_spaces_are_counted_exactly_and_never_listed() -> None:
    space = dense_wide()
    assert space.size == sum(8**layers for layers in range(1, 11)) == 1_227_133_512
    assert space.architecture(space.size - 1) == (9, *[7] * 10)
    tracemalloc.start()
    rng = np.random.default_rng(1)
    depths = Counter()
    for _ in range(2000):
        architecture = space.sample(rng)
        assert space.architecture(space.index(architecture)) == architecture
        depths[len(space.widths(architecture))] += 1
        space.neighbours(space.mutate(architecture, rng))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**21
    assert math.isclose(depths[10] / 2000, 8**10 / space.size, abs_tol=0.03)
    with pytest.raises(SpaceError, match="too many to list"):
        space.architectures()


def test_what_does_not_count_is_neither_written_nor_needed_nor_encoded() -> None:
    assert TREE.format((0, 1, 2, 1, 1)) == "depth=1,width=b"
    assert TREE.choices((2, 0, 1, 1, 1)) == {"depth": 3, "width": "a", "second": "y", "kind of y": "q", "third": 0.2}
    assert TREE.parse("depth=1,width=b,second=z") == (0, 1, 0, 0, 0)
    assert TREE.parse(" width=a, depth=2, second=x") == (1, 0, 0, 0, 0)
    for text, message in (
        ("depth=2,width=b", "does not say 'second'"),
        ("depth=1,width=b,hight=2", "'hight' is no decision"),
        ("depth=1,depth=2,width=b", "twice"),
        ("depth=2,width=b,second=w", "one of x, y, z"),
    ):
        with pytest.raises(SpaceError, match=message):
            TREE.parse(text)
    assert TREE.encode([(0, 1, 0, 0, 0)]).sum() == 2
    np.testing.assert_allclose(TREE.encode([(1, 1, 2, 0, 0)], "ordered"), [[0.5, 0, 1, 0, 0, 1, 0, 0, 0]])


@pytest.mark.parametrize(
    ("decisions", "message"),
    [
        ([Decision("a", ("x",), when=("b", ("y",)))], "depends on 'b'; expected one before it"),
        ([Decision("a", ("x",)), Decision("b", ("x",), when=("a", ("y",)))], "being y; expected among x"),
        ([Decision("a", ("x",)), Decision("a", ("y",))], "there twice"),
    ],
)
def test_conditions_on_what_is_not_there_are_told(decisions: list[Decision], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        ConditionalSpace("wrong", decisions)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"values": (1.0,)}, "one finite number for each"),
        ({"values": (1.0, math.nan)}, "one finite number for each"),
        ({"values": (2.0, 1.0)}, "do not rise"),
        ({"when": ("depth", "2")}, "expected \\(an earlier decision"),
        ({"when": ("depth", ())}, "expected \\(an earlier decision"),
    ],
)
def test_decisions_say_what_is_wrong_with_them(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        Decision("d", ("a", "b"), **arguments)  # type: ignore[arg-type]


def few(architecture: Architecture) -> str:
    """At most two of the decisions are on, as NAS-Bench-101 has at most nine edges."""
    return "" if sum(architecture) <= 2 else f"{sum(architecture)} are on, at most 2 may be"


def even(architecture: Architecture) -> str:
    return "" if sum(architecture) % 2 == 0 else "an odd number is on"


SWITCHES = [Decision(f"switch {number}", ("off", "on")) for number in range(6)]


@pytest.mark.parametrize("listed", [True, False], ids=["listed", "too large to list"])
@pytest.mark.parametrize("refuse", [few, even])
def test_a_space_that_refuses_samples_and_mutates_among_what_it_takes(refuse: object, listed: bool) -> None:
    copies = 1 if listed else 3
    switches = [Decision(f"{d.name}.{copy}", d.options) for copy in range(copies) for d in SWITCHES]
    space = pickle.loads(pickle.dumps(ConstrainedSpace("refusing", switches, refuse)))  # type: ignore[arg-type]
    rng = np.random.default_rng(5)
    valid = [a for a in itertools.product((0, 1), repeat=len(switches)) if not refuse(a)]  # type: ignore[operator]
    if listed:
        assert space.size == len(valid)
        assert list(space) == list(space.architectures()) == valid
    seen = set()
    architecture = space.sample(rng)
    for _ in range(400):
        assert space.check(architecture) == architecture
        assert space.architecture(space.index(architecture)) == architecture
        assert all(space.is_valid(neighbour) for neighbour in space.neighbours(architecture))
        assert space.is_valid(space.crossover(architecture, space.sample(rng), rng))
        mutant = space.mutate(architecture, rng)
        assert mutant != architecture
        seen.add(mutant)
        architecture = mutant
    assert len(seen) > 15
    refused = next(a for a in itertools.product((0, 1), repeat=len(switches)) if a not in set(valid))
    with pytest.raises(SpaceError, match=r"at most 2 may be|odd number"):
        space.check(refused)


def test_sampling_among_valid_architectures_is_uniform() -> None:
    space = ConstrainedSpace("refusing", SWITCHES, few)
    draws = Counter(space.sample(np.random.default_rng(seed)) for seed in range(22_000))
    assert len(draws) == 22
    assert sum((count - 1000) ** 2 / 1000 for count in draws.values()) < 46.8  # 0.999 quantile, 21 degrees


def everything(architecture: Architecture) -> str:
    return "never"


def test_a_space_that_refuses_everything_is_told() -> None:
    with pytest.raises(SpaceError, match="refuses every architecture"):
        ConstrainedSpace("nothing", SWITCHES, everything)
    many = [Decision(f"{number}", ("off", "on")) for number in range(40)]
    with pytest.raises(SpaceError, match="takes too few"):
        ConstrainedSpace("nothing", many, everything).sample(np.random.default_rng(0))
