"""Hashes of records: what changes a value is new, what changes nothing is not."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, make_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nasbench_suite.errors import SuiteError
from nasbench_suite.sources import code_hash, record_hash
from nasbench_suite.spaces import CategoricalSpace, CellSpace, Decision, space_identity
from nasbench_suite.tasks.task import Recipe


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@dataclass(frozen=True)
class Record:
    size: int
    names: tuple[str, ...] = ()
    more: Mapping[str, float] = field(default_factory=dict)
    cache: object = field(default=None, compare=False)


def test_a_new_field_with_a_default_changes_nothing() -> None:
    later = make_dataclass("Recipe", [("epochs", int), ("learning_rate", float), ("warmup", int, field(default=0))])
    before = make_dataclass("Recipe", [("epochs", int), ("learning_rate", float)])
    assert record_hash(before(8, 0.1)) == record_hash(later(8, 0.1))
    assert record_hash(later(8, 0.1)) != record_hash(later(8, 0.1, 1))
    assert record_hash(Record(1)) == record_hash(Record(1, (), {}, cache=[1, 2]))


def test_the_default_of_a_hashed_field_is_a_promise() -> None:
    """A default that changed would keep its hash, and old results would pass for new ones: add a field instead."""
    kept = {
        "epochs": 200,
        "batch_size": 256,
        "learning_rate": 0.1,
        "momentum": 0.9,
        "weight_decay": 5e-4,
        "flip": True,
        "padding": 4,
    }
    assert {name: getattr(Recipe(), name) for name in kept} == kept


DIFFERENT: list[Any] = [
    None, False, 0, 0.0, "", "0", (), ((),), {}, frozenset(), b"", 1, 1.0, True, "1", float("nan"), float("inf"),
    float("-inf"), 2**70, {"a": 1}, {"a": 1.0}, {"a": 1, "b": 2}, frozenset({"a"}), frozenset({"a", "b"}), Colour.RED,
    Colour.BLUE, np.zeros(2), np.zeros(3), np.zeros((1, 2)), np.zeros(2, np.float32), np.array([0, -0.0]), b"\0",
    Record(1), Record(2), Record(1, ("a",)), Record(1, (), {"a": 0.0}), "\ud800", record_hash, code_hash, Record,
]  # fmt: skip


def test_different_values_have_different_hashes() -> None:
    hashes = [record_hash(value) for value in DIFFERENT]
    assert len(set(hashes)) == len(hashes)


def test_equal_values_have_equal_hashes() -> None:
    assert record_hash({"a": 1, "b": 2}) == record_hash({"b": 2, "a": 1})
    assert record_hash(frozenset("abc")) == record_hash(frozenset("cba"))
    assert record_hash(np.arange(6).reshape(2, 3)) == record_hash(np.asfortranarray(np.arange(6).reshape(2, 3)))
    assert record_hash(np.int64(3), np.float64(0.5)) == record_hash(3, 0.5)
    assert record_hash((1, 2)) == record_hash([1, 2])


@pytest.mark.parametrize("value", [Path("/somewhere"), object(), np.array([object()]), iter(()), {"file": Path("x")}])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(SuiteError, match="identity"):
        record_hash(value)


def test_what_a_space_is_made_of_belongs_to_it() -> None:
    def cells(nodes: int = 3, operations: tuple[str, ...] = ("none", "skip", "pool"), **roles: str) -> str:
        return space_identity(CellSpace("cells", nodes, operations, **{"zero": "none", "identity": "skip", **roles}))

    class Other(CategoricalSpace):
        def sample(self, rng: np.random.Generator) -> tuple[int, ...]:
            return (0,)

    decisions = [Decision("a", ("x", "y"))]
    found = [
        cells(),
        cells(4),
        cells(identity="pool"),
        cells(operations=("none", "pool", "skip")),
        space_identity(CategoricalSpace("cells", decisions)),
        space_identity(CategoricalSpace("other", decisions)),
        space_identity(Other("cells", decisions)),
    ]
    assert len(set(found)) == len(found)
    assert cells() == cells()
