"""REINFORCE: the gradient against finite differences, the search against a transcription with plain numbers."""

from __future__ import annotations

import math

import numpy as np
from nasbench_strategies.reinforce import equal_logits, log_probability_gradient, reinforce
from searching import asked, central_differences, grid, search

from nasbench_suite.benchmarks.synthetic import SyntheticBenchmark


def test_gradient_of_the_log_probability() -> None:
    rng = np.random.default_rng(0)
    logits = equal_logits(grid(3, 1, 4)) + rng.normal(size=(3, 4))
    possible = np.isfinite(logits)
    choices = np.array([2, 0, 1])

    def log_probability() -> float:
        rows = [[math.exp(x) for x in row if x > -math.inf] for row in logits.tolist()]
        return sum(math.log(row[choice] / sum(row)) for row, choice in zip(rows, choices.tolist(), strict=True))

    exact = log_probability_gradient(5.0 * np.exp(logits), choices)
    numeric = central_differences(log_probability, logits)
    np.testing.assert_allclose(exact[possible], numeric[possible], atol=1e-8)
    assert (exact[~possible] == 0).all()


def test_it_is_the_baseline_of_nas_bench_201_with_plain_numbers() -> None:
    benchmark = SyntheticBenchmark("reinforce", grid(3, 2, 4, 3, 3), fidelities=(1,))
    problem = search(reinforce, benchmark, "80 evaluations", seed=3, learning_rate=0.1)
    answers, rng = benchmark.answers(3), np.random.default_rng(3)
    counts = [3, 2, 4, 3, 3]
    logits = [[0.0] * count for count in counts]
    m = [[0.0] * count for count in counts]
    v = [[0.0] * count for count in counts]
    numerator = denominator = 0.0
    expected = []
    for t in range(1, 81):
        clocks = rng.standard_exponential((5, 4)).tolist()
        choice = []
        for row, clock in zip(logits, clocks, strict=True):
            # Option o rings after an exponential time of rate exp(logit): the first to ring is chosen.
            rings = [time / math.exp(logit) for logit, time in zip(row, clock, strict=False)]
            choice.append(rings.index(min(rings)))
        reward = answers.ask(choice, 1, 1, 0)[1]
        expected.append(tuple(choice))
        numerator = 0.9 * numerator + 0.1 * reward
        denominator = 0.9 * denominator + 0.1
        advantage = reward - numerator / denominator
        for d, row in enumerate(logits):
            total = sum(map(math.exp, row))
            gradients = [-advantage * ((o == choice[d]) - math.exp(logit) / total) for o, logit in enumerate(row)]
            for o, g in enumerate(gradients):
                m[d][o] = 0.9 * m[d][o] + 0.1 * g
                v[d][o] = 0.999 * v[d][o] + 0.001 * g * g
                row[o] -= 0.1 * m[d][o] / (1 - 0.9**t) / (math.sqrt(v[d][o] / (1 - 0.999**t)) + 1e-8)
    assert asked(problem) == expected
    assert len(set(expected)) > 30
