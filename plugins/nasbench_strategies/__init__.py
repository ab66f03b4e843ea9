"""The strategies that come with the suite, one file each, registered like anybody's plugin."""

from __future__ import annotations

from nasbench_strategies.bananas import bananas
from nasbench_strategies.gaussian_process import gaussian_process
from nasbench_strategies.gaussian_process_wl import gaussian_process_wl
from nasbench_strategies.random_forest import random_forest
from nasbench_strategies.random_sampling import random_sampling
from nasbench_strategies.random_search import random_search
from nasbench_strategies.regularized_evolution import regularized_evolution
from nasbench_strategies.tpe import tpe
from nasbench_suite import Strategy, hookimpl

NASBENCH_API = 1


@hookimpl
def nasbench_strategies() -> list[Strategy]:
    """All of them."""
    return [
        bananas,
        gaussian_process,
        gaussian_process_wl,
        random_forest,
        random_sampling,
        random_search,
        regularized_evolution,
        tpe,
    ]
