"""Fully-connected networks as spaces."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from nasbench_suite import Levelled, SpaceError
from nasbench_suite.spaces import KNOWN_SPACES, dense, dense_wide, protocols_of


def test_dense_is_one_hundred_networks_of_one_width_each() -> None:
    space = dense()
    assert space.size == 100
    assert {space.widths(architecture) for architecture in space} == {
        (units,) * layers for layers in range(1, 11) for units in range(1, 11)
    }
    assert space.format((2, 9)) == "10-10-10"
    assert all(space.parse(space.format(architecture)) == architecture for architecture in space)


def test_dense_wide_gives_every_layer_a_width_of_its_own() -> None:
    space = dense_wide()
    architecture = space.parse("16-128-48")
    assert architecture == (2, 0, 7, 2, *[0] * 7)
    assert space.widths(architecture) == (16, 128, 48)
    rng = np.random.default_rng(0)
    for _ in range(300):
        drawn = space.sample(rng)
        widths = space.widths(drawn)
        assert 1 <= len(widths) <= 10
        assert set(widths) <= set(range(16, 129, 16))
        assert space.parse(space.format(drawn)) == drawn


def test_dense_wide_grows_layer_by_layer() -> None:
    space = dense_wide()
    assert isinstance(space, Levelled)
    assert protocols_of(space) == {"levels"}
    (first, *_) = simplest = space.grow(None, 0)
    assert sorted(space.widths(architecture) for architecture in simplest) == [(w,) for w in range(16, 129, 16)]
    grown = space.grow(space.grow(first, 1)[3], 2)
    assert [space.widths(architecture) for architecture in grown] == [(16, 64, w) for w in range(16, 129, 16)]
    assert len(space.grow((8, *[7] * 9, 0), 9)) == 8
    with pytest.raises(SpaceError, match="levels 0 to 9, not 10"):
        space.grow(first, 10)


@pytest.mark.parametrize("name", sorted(KNOWN_SPACES))
def test_known_spaces_can_be_handed_to_other_processes(name: str) -> None:
    space = KNOWN_SPACES[name]()
    assert space.name == name
    assert pickle.loads(pickle.dumps(space)) == space


@pytest.mark.parametrize(
    ("space", "text", "message"),
    [
        (dense(), "10-9", "equally many units, 1 to 10"),
        (dense(), "11-11", "1 to 10"),
        (dense(), "1-" * 10 + "1", "1 to 10 layers"),
        (dense(), "ten", "joined by hyphens"),
        (dense(), "", "joined by hyphens"),
        (dense(), "1-²", "joined by hyphens"),
        (dense_wide(), "16-17", "16, 32"),
        (dense_wide(), "16-" * 10 + "16", "1 to 10 layers"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_no_network_is_told(space: object, text: str, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        space.parse(text)  # type: ignore[attr-defined]
