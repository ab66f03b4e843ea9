"""Weisfeiler-Lehman features against a literal transcription of the definition."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from nasbench_strategies.weisfeiler_lehman import Vocabulary, similarities

from nasbench_suite import CellSpace
from nasbench_suite.spaces import Graph

CHAIN = Graph(("input", "conv", "pool", "output"), ((0, 1), (1, 2), (2, 3)))
FORK = Graph(("input", "conv", "conv", "output"), ((0, 1), (0, 2), (1, 3), (2, 3)))
RENUMBERED_FORK = Graph(("input", "output", "conv", "conv"), ((0, 3), (0, 2), (3, 1), (2, 1)))


def literal(graph, rounds):
    """Label counts per round, with whole nested texts in place of numbers."""
    labels = list(graph.labels)
    counts = [Counter(labels)]
    for _ in range(rounds):
        labels = [
            f"{labels[node]}<{','.join(sorted(labels[s] for s, t in graph.edges if t == node))}>"
            for node in range(len(labels))
        ]
        counts.append(Counter(labels))
    return counts


def literal_similarity(first, second, rounds):
    values = []
    for a, b in zip(literal(first, rounds), literal(second, rounds), strict=True):
        dot = sum(a[label] * b[label] for label in a)
        values.append(dot / np.sqrt(sum(v * v for v in a.values()) * sum(v * v for v in b.values())))
    return values


def test_a_chain_by_hand():
    counts = Vocabulary(1).counts(CHAIN)
    assert [sorted(c.values()) for c in counts] == [[1, 1, 1, 1], [1, 1, 1, 1]]
    fork = Vocabulary(1).counts(FORK)
    # The two convolutions look alike: both are conv after input.
    assert [sorted(c.values()) for c in fork] == [[1, 1, 2], [1, 1, 2]]


def test_all_pairs_of_a_cell_space_agree_with_the_definition():
    space = CellSpace("cells", 4, ("none", "skip", "conv"), zero="none", identity="skip")
    rng = np.random.default_rng(0)
    graphs = [space.graph(space.sample(rng)) for _ in range(25)]
    vocabulary = Vocabulary(3)
    features = vocabulary.features(graphs)
    computed = similarities(features[:10], features)
    for i in range(10):
        for j, other in enumerate(graphs):
            assert computed[:, i, j] == pytest.approx(literal_similarity(graphs[i], other, 3), abs=1e-12)


def test_the_numbering_of_the_nodes_does_not_matter():
    features = Vocabulary(2).features([FORK, RENUMBERED_FORK, CHAIN])
    computed = similarities(features, features)
    assert computed[:, 0, 1] == pytest.approx([1.0, 1.0, 1.0])
    assert computed[2, 0, 2] < 1.0


def test_features_made_at_different_times_fit_together():
    vocabulary = Vocabulary(2)
    early = vocabulary.features([FORK])
    late = vocabulary.features([CHAIN, FORK])
    assert late.rounds[2].shape[1] > early.rounds[2].shape[1]
    assert similarities(early, late)[:, 0, 1] == pytest.approx([1.0, 1.0, 1.0])
    assert similarities(early, late)[:, 0, 0] == pytest.approx(literal_similarity(FORK, CHAIN, 2))


def test_the_direction_of_edges_matters():
    reverse = Graph(("input", "pool", "conv", "output"), ((0, 1), (1, 2), (2, 3)))
    features = Vocabulary(1).features([CHAIN, reverse])
    computed = similarities(features, features)[:, 0, 1]
    assert computed[0] == pytest.approx(1.0) and computed[1] < 1.0
