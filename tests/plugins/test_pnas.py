"""Progressive search against a brute-force ranking by the surrogate it fitted itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from nasbench_strategies import perceptrons
from nasbench_strategies.pnas import pnas
from nasbench_strategies.progressive_ensemble import progressive_ensemble
from searching import asked, search

from nasbench_suite import Architecture, CellSpace
from nasbench_suite.benchmarks.synthetic import SyntheticBenchmark

SPACE = CellSpace("cells", 4, ("none", "skip", "conv"), zero="none", identity="skip")
OPTIMISM = 1.5
BENCHMARK = SyntheticBenchmark("pnas", SPACE, fidelities=(10,))


@pytest.fixture
def rankings(monkeypatch: pytest.MonkeyPatch) -> list[dict[Architecture, float]]:
    """What every surrogate says of the whole space, with what its members disagree on, noted when it is first asked."""
    noted: list[dict[Architecture, float]] = []
    predict = perceptrons.Surrogate.predict_encoded

    def note(surrogate: perceptrons.Surrogate, features: Any) -> Any:
        everything = SPACE.architectures()
        predicted = predict(surrogate, SPACE.encode(everything, "paths"))
        scores = np.array([np.mean(column) + OPTIMISM * np.sqrt(np.var(column)) for column in predicted.T])
        noted.append(dict(zip(everything, scores.tolist(), strict=True)))
        return predict(surrogate, features)

    monkeypatch.setattr(perceptrons.Surrogate, "predict_encoded", note)
    return noted


def test_every_level_trains_the_brute_force_best_expansions(rankings: list[dict[Architecture, float]]) -> None:
    beam, batch = 6, 4
    found = asked(
        search(progressive_ensemble, BENCHMARK, "40 evaluations", 2, beam=beam, batch=batch, optimism=OPTIMISM)
    )
    direct = SPACE.edges.index((0, 3))
    first_level = [cell for cell in SPACE.architectures() if not any(o for e, o in enumerate(cell) if e != direct)]
    assert found[:3] == first_level
    # Level 1 uses node 1: edges 0->1 and 1->3 may be anything.
    node_1 = {direct, SPACE.edges.index((0, 1)), SPACE.edges.index((1, 3))}
    level_1 = [c for c in SPACE.architectures() if all(o == 0 for e, o in enumerate(c) if e not in node_1)]

    def check(chosen: list[Architecture], allowed: list[Architecture], trained: list[Architecture]) -> None:
        """Different, new, and of the highest predictions among all that were allowed (several may be equal)."""
        ranking = rankings.pop(0)
        fresh = [ranking[cell] for cell in allowed if cell not in trained]
        assert len(set(chosen)) == len(chosen) and not set(chosen) & set(trained) and set(chosen) <= set(allowed)
        assert [ranking[cell] for cell in chosen] == pytest.approx(sorted(fresh, reverse=True)[: len(chosen)], abs=1e-8)

    # Six fit into a beam as a batch of four and one of two, each after a surrogate of its own.
    check(found[3 : 3 + batch], level_1, found[:3])
    check(found[3 + batch : 3 + beam], level_1, found[: 3 + batch])
    # Level 2 keeps the edges of level 1 of a cell that was trained.
    bases = {tuple(cell[e] for e in sorted(node_1)) for cell in found[: 3 + beam]}
    level_2 = [cell for cell in SPACE.architectures() if tuple(cell[e] for e in sorted(node_1)) in bases]
    for start in range(3 + beam, 40 - batch, batch):
        check(found[start : start + batch], level_2, found[:start])


def test_without_end_it_trains_every_expansion_once() -> None:
    found = asked(search(progressive_ensemble, BENCHMARK, "100000 evaluations", beam=100, batch=300))
    assert len(found) == len(set(found)) == SPACE.size


def test_a_space_of_one_level_is_trained_whole() -> None:
    space = CellSpace("edge", 2, ("none", "skip", "conv"), zero="none", identity="skip")
    found = asked(search(progressive_ensemble, SyntheticBenchmark("edge", space, fidelities=(10,)), "100 evaluations"))
    assert found == [(0,), (1,), (2,)]


def test_as_published_one_surrogate_ranks_each_beam_by_its_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[dict[Architecture, float]] = []
    predict = perceptrons.Surrogate.predict_encoded

    def note(surrogate: perceptrons.Surrogate, features: Any) -> Any:
        everything = SPACE.architectures()
        means = predict(surrogate, SPACE.encode(everything, "paths")).mean(axis=0)
        noted.append(dict(zip(everything, means.tolist(), strict=True)))
        return predict(surrogate, features)

    monkeypatch.setattr(perceptrons.Surrogate, "predict_encoded", note)
    found = asked(search(pnas, BENCHMARK, "100000 evaluations", 2, beam=6))
    assert len(found) == 3 + 6 + 6 and len(noted) == SPACE.levels - 1
    for level, ranking in enumerate(noted, start=1):
        start = 3 + 6 * (level - 1)
        parents = found[:start]  # a cell of the level before the last grows into itself first
        allowed = {child for parent in parents for child in SPACE.grow(parent, level)}
        chosen = [ranking[cell] for cell in found[start : start + 6]]
        best = sorted((ranking[cell] for cell in allowed - set(found[:start])), reverse=True)
        assert chosen == pytest.approx(best[:6], abs=1e-8)
