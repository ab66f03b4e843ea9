"""The NAS-Bench-201 paper's protocol: 12,000 s on CIFAR-10 with the 12-epoch signal, many runs per strategy.

Needs a table ``nats-bench-tss``. Run: ``python tests/benchmarks/paper_protocol.py [runs]``.
"""

from __future__ import annotations

import contextlib
import sys

import numpy as np

from nasbench_suite import Budget, OutOfBudget, Problem
from nasbench_suite.benchmarks import shipped
from nasbench_suite.plugins import load_registry


def main(runs: int) -> None:
    benchmark = shipped.benchmarks()["nats-bench-tss/cifar10-12-epochs"]()
    scores = benchmark.scores()
    registry = load_registry()
    for name in ("random-search", "regularized-evolution"):
        function = registry.strategy(name).strategy.function
        found = []
        for seed in range(runs):
            problem = Problem(benchmark.space, benchmark.fidelities, benchmark.answers(seed), Budget(12_000))
            with contextlib.suppress(OutOfBudget):
                function(problem, np.random.default_rng(seed))
            best = max((event for event in problem.journal), key=lambda event: event.accuracy)
            found.append(benchmark.space.index(best.architecture))
        for score, column in scores.items():
            values = 100 * column.values[found]
            print(f"{name:22} {score:24} {values.mean():.2f} ± {values.std(ddof=1):.2f}  best {100 * column.best:.3f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
