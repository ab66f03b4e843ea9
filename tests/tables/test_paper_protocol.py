"""The protocol of the NAS-Bench-201 paper on an imported npz collection: 500 runs end where published ones do."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from nasbench_suite import Budget, Evaluation, OutOfBudget, Problem
from nasbench_suite.benchmarks import shipped
from nasbench_suite.plugins import load_registry
from nasbench_suite.spaces import read_space
from nasbench_suite.tables.importers.from_files import import_arrays

RUNS = 500


def test_random_search_and_evolution_end_where_they_are_published(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapping = Path(__file__).with_name("nas_bench_201_npz.toml")
    import_arrays(data / "nas_bench_201.npz", mapping, read_space("nas-bench-201"), tmp_path, "nats-bench-tss")
    monkeypatch.setenv("NASBENCH_TABLES", str(tmp_path))
    benchmark = shipped.benchmarks()["nats-bench-tss/cifar10-12-epochs"]()
    score = benchmark.scores()["cifar10 test"]
    assert score.best == pytest.approx(0.94373, abs=1e-5)
    assert benchmark.scores()["cifar100 test"].best == pytest.approx(0.73513, abs=1e-5)
    registry = load_registry()
    ends = {}
    for name in ("random-search", "regularized-evolution"):
        strategy = registry.strategy(name).strategy
        found = []
        for seed in range(RUNS):
            problem = Problem(benchmark.space, benchmark.fidelities, benchmark.answers(seed), Budget(12_000))
            with suppress(OutOfBudget):
                strategy.run(problem, np.random.default_rng(seed))
            answers = [event for event in problem.journal if isinstance(event, Evaluation)]
            assert sum(answer.cost for answer in answers) <= 12_000
            found.append(score.of(max(answers, key=lambda event: event.accuracy).architecture))
        ends[name] = 100 * float(np.mean(found))
    assert ends["random-search"] == pytest.approx(93.74, abs=0.1)
    assert ends["regularized-evolution"] >= 93.85
