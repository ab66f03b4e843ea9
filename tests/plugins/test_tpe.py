"""The tree-structured Parzen estimator against its definition."""

from __future__ import annotations

import math

import numpy as np
from nasbench_strategies.tpe import tpe
from searching import asked, evaluations, grid, search

from nasbench_suite.benchmarks.synthetic import SyntheticBenchmark

BENCHMARK = SyntheticBenchmark("tpe", grid(3, 4, 2, 3), fidelities=(10,))


def density(options: np.ndarray, count: int, place: int, prior: float) -> list[float]:
    column = options[:, place].tolist()
    return [(column.count(option) + prior / count) / (len(column) + prior) for option in range(count)]


def test_every_proposal_is_the_best_ratio_among_the_draws() -> None:
    """Repeated with plain counting and the same generator."""
    counts, prior, draws, initial = (3, 4, 2, 3), 2.0, 8, 6
    problem = search(tpe, BENCHMARK, "30 evaluations", 3, prior=prior, draws=draws, initial_design=initial, gamma=1.0)
    answers = evaluations(problem)
    rng = np.random.default_rng(3)
    rng.permutation(72)
    taken = set()
    while len(taken) < initial:
        taken.add(BENCHMARK.space.sample(rng))
    for number in range(initial, 30):
        ranked = sorted(answers[:number], key=lambda answer: -answer.accuracy)
        options = np.array([answer.architecture for answer in ranked])
        border = math.ceil(math.sqrt(number))
        good = [density(options[:border], count, place, prior) for place, count in enumerate(counts)]
        bad = [density(options[border:], count, place, prior) for place, count in enumerate(counts)]
        drawn = []
        for place in range(4):
            uniform = rng.random(draws)
            drawn.append([next((o for o in range(counts[place]) if u < sum(good[place][: o + 1])), 0) for u in uniform])
        proposals = [tuple(column) for column in zip(*drawn, strict=True)]
        fresh = [proposal for proposal in proposals if proposal not in taken]
        if fresh:
            ratios = {p: math.prod(good[d][o] / bad[d][o] for d, o in enumerate(p)) for p in fresh}
            assert ratios[answers[number].architecture] >= max(ratios.values()) * (1 - 1e-8)
        else:
            while BENCHMARK.space.sample(rng) in taken:
                pass
        taken.add(answers[number].architecture)


def test_a_small_space_is_asked_once_and_whole() -> None:
    found = asked(search(tpe, BENCHMARK, "1000 evaluations"))
    assert len(found) == len(set(found)) == 72
