"""Price of a supernet epoch on digits ÷ what it takes here: ``python tests/benchmarks/bench_supernet_prices.py``.

Prices are counted operations at the table's prices, so they do not depend on this machine; the seconds of processor time do.
What matters is that the quotient is about the same for all kinds: a kind far below the others is underpriced.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from nasbench_strategies.darts import Differentiable
from nasbench_strategies.drnas import DirichletMixture
from nasbench_strategies.enas import Controller
from nasbench_strategies.gdas import GumbelHard
from nasbench_strategies.rsps import UniformSharing

from nasbench_suite.benchmarks.digits import digits_table
from nasbench_suite.building.supernet_costs import KINDS, time_epoch
from nasbench_suite.training.sharing import Relaxation, SharingRecipe, SupernetSearch

MADE: dict[str, Callable[[SupernetSearch], Relaxation]] = {
    "darts-first-order": Differentiable,
    "darts-second-order": lambda search: Differentiable(search, second_order=True),
    "gdas": GumbelHard,
    "drnas": DirichletMixture,
    "random-sharing": UniformSharing,
    "enas": Controller,
}


def main() -> None:
    """Print a line per kind: price, the least of three epochs, and the quotient."""
    benchmark = digits_table()
    offer = benchmark.training()
    assert offer.supernet_seconds is not None and set(MADE) == set(KINDS)
    for kind, make in MADE.items():
        search = SupernetSearch(benchmark.space, offer.task, SharingRecipe(), np.random.default_rng(0))
        relaxation = make(search)
        measured = min(time_epoch(search, relaxation) for _ in range(3))
        price = offer.supernet_seconds[kind]
        print(f"{kind:20} price {price:.3f} s  measured {measured:.3f} s  price ÷ measured {price / measured:.2f}")


if __name__ == "__main__":
    main()
