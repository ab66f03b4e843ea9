"""NAS-Bench-201's cells: texts, isomorphism, graph, paths and levels."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from nasbench_suite import CellSpace, SpaceError
from nasbench_suite.spaces import nas_bench_201

SPACE = nas_bench_201()


def test_texts_are_the_official_ones(nas_bench_201_arrays: dict[str, Any]) -> None:
    texts, options = nas_bench_201_arrays["arch_str"].tolist(), list(map(tuple, nas_bench_201_arrays["ops"].tolist()))
    assert nas_bench_201_arrays["op_names"].tolist() == list(SPACE.operations)
    assert [SPACE.parse(text) for text in texts] == options
    assert [SPACE.format(cell) for cell in options] == texts
    assert sorted(map(SPACE.index, options)) == list(range(15_625))


def test_there_are_6466_cells_up_to_isomorphism() -> None:
    assert SPACE.size == 15_625
    assert len({SPACE.canonical(cell) for cell in SPACE}) == 6_466


def evaluate(cell: tuple[int, ...], values: dict[int, Any]) -> np.ndarray[Any, Any]:
    """A cell as a function: each operation is some nonlinear map, absent edges give zero."""
    maps = {
        1: lambda x: x,
        2: lambda x: np.tanh(1.3 * x + 0.2),
        3: lambda x: np.sin(2 * x + 0.4),
        4: lambda x: x**2 / 3 + 0.1,
    }
    nodes = [np.linspace(-1, 1, 7)]
    edges = iter(cell)
    for target in range(1, 4):
        terms = []
        for source in range(target):
            option = next(edges)
            terms.append(np.zeros(7) if option == 0 or not nodes[source].any() else maps[option](nodes[source]))
        nodes.append(np.sum(terms, axis=0))
    return nodes[-1]


def test_cells_of_one_canonical_form_compute_the_same() -> None:
    seen: dict[str, Any] = {}
    for cell in SPACE:
        output = evaluate(cell, {})
        np.testing.assert_allclose(seen.setdefault(SPACE.canonical(cell), output), output, atol=1e-12)


def test_levels_grow_to_the_whole_space() -> None:
    first = SPACE.grow(None, 0)
    assert len(first) == 5
    second = [cell for start in first for cell in SPACE.grow(start, 1)]
    assert len(set(second)) == 5 * 25
    third = [cell for start in second for cell in SPACE.grow(start, 2)]
    assert sorted(third) == list(SPACE.architectures())
    assert SPACE.levels == 3
    # Edges of nodes that are not yet decided are absent: 2<-0, 2<-1 and 3<-2 at level 1.
    assert all(cell[1] == cell[2] == cell[5] == 0 for cell in second)
    with pytest.raises(SpaceError, match="levels 0 to 2"):
        SPACE.grow(first[0], 3)


def test_path_encoding_agrees_with_walking_the_graph() -> None:
    names = [name for name in SPACE.operations if name != "none"]
    every = [p for length in (1, 2, 3) for p in itertools.product(names, repeat=length)]
    rng = np.random.default_rng(0)
    cells = [SPACE.sample(rng) for _ in range(200)]
    features = SPACE.encode(cells, "paths")
    assert features.shape == (200, 4 + 16 + 64)
    for cell, row in zip(cells, features, strict=True):
        operation = dict(zip(SPACE.edges, (SPACE.operations[option] for option in cell), strict=True))
        walked = set()
        for way in [(0, 3), (0, 1, 3), (0, 2, 3), (0, 1, 2, 3)]:
            walked.add(tuple(operation[pair] for pair in itertools.pairwise(way)))
        assert {path for path, present in zip(every, row, strict=True) if present} == {
            p for p in walked if "none" not in p
        }


def test_graph_leaves_out_what_the_output_does_not_see() -> None:
    # 1<-0 conv, 2<-0 none, 2<-1 none, 3<-0 skip, 3<-1 none, 3<-2 pool: node 1 leads nowhere, node 2 gets nothing.
    graph = SPACE.graph(SPACE.parse("|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|avg_pool_3x3~2|"))
    assert graph.labels == ("input", "skip_connect", "output")
    assert graph.edges == ((0, 1), (1, 2))
    chain = SPACE.graph(SPACE.parse("|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|none~0|none~1|avg_pool_3x3~2|"))
    assert chain.labels == ("input", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3", "output")
    assert chain.edges == ((0, 1), (1, 2), (2, 3), (3, 4))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("|none~0|+|none~0|none~1|", "2 nodes after the input"),
        ("|none~0|+|none~1|none~0|+|none~0|none~1|none~2|", "does not describe node 2"),
        ("|none~0|+|none~0|conv~1|+|none~0|none~1|none~2|", "'conv' is not an operation"),
    ],
)
def test_bad_texts_are_told(text: str, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        SPACE.parse(text)


def test_larger_cells_work_alike() -> None:
    space = CellSpace("five", 5, ("none", "skip", "conv"), zero="none", identity="skip")
    assert space.size == 3**10
    cell = space.sample(np.random.default_rng(3))
    assert space.parse(space.format(cell)) == cell
    assert space.encode([cell], "paths").shape == (1, 2 + 4 + 8 + 16)
    cells = space.grow(None, 0)
    for level in range(1, space.levels):
        cells = [grown for cell in cells for grown in space.grow(cell, level)]
    assert len(set(cells)) == space.size
    with pytest.raises(SpaceError, match="at least 2 nodes"):
        CellSpace("bad", 1, ("none", "skip"), zero="none", identity="skip")
