"""The strategies that come with the suite, one file each, registered like anybody's plugin."""

from __future__ import annotations

from nasbench_strategies.asha import asha
from nasbench_strategies.bananas import bananas
from nasbench_strategies.bohb import bohb
from nasbench_strategies.darts import darts, darts_second_order
from nasbench_strategies.drnas import drnas
from nasbench_strategies.enas import enas
from nasbench_strategies.exhaustive import exhaustive
from nasbench_strategies.gaussian_process import gaussian_process
from nasbench_strategies.gaussian_process_wl import gaussian_process_wl
from nasbench_strategies.gdas import gdas
from nasbench_strategies.genetic_algorithm import genetic_algorithm
from nasbench_strategies.hyperband import hyperband
from nasbench_strategies.local_search import local_search
from nasbench_strategies.maximum_entropy import maximum_entropy
from nasbench_strategies.pnas import pnas
from nasbench_strategies.ppo import ppo
from nasbench_strategies.progressive_ensemble import progressive_ensemble
from nasbench_strategies.random_forest import random_forest
from nasbench_strategies.random_sampling import random_sampling
from nasbench_strategies.random_search import random_search
from nasbench_strategies.recurrent_controller import recurrent_controller
from nasbench_strategies.regularized_evolution import regularized_evolution
from nasbench_strategies.reinforce import reinforce
from nasbench_strategies.rsps import rsps
from nasbench_strategies.successive_halving import successive_halving
from nasbench_strategies.tpe import tpe
from nasbench_strategies.umda import umda
from nasbench_suite import Strategy, hookimpl

NASBENCH_API = 2


@hookimpl
def nasbench_strategies() -> list[Strategy]:
    """All of them."""
    return [
        asha,
        bananas,
        bohb,
        darts,
        darts_second_order,
        drnas,
        enas,
        exhaustive,
        gaussian_process,
        gaussian_process_wl,
        gdas,
        genetic_algorithm,
        hyperband,
        local_search,
        maximum_entropy,
        pnas,
        ppo,
        progressive_ensemble,
        random_forest,
        random_sampling,
        random_search,
        recurrent_controller,
        regularized_evolution,
        reinforce,
        rsps,
        successive_halving,
        tpe,
        umda,
    ]
