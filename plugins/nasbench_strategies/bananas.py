"""BANANAS (White, Neiswanger & Savani, AAAI 2021, https://arxiv.org/abs/1910.11858), Algorithm 1."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from nasbench_strategies.candidates import DECIMALS, Candidates, best_of
from nasbench_strategies.perceptrons import Perceptrons
from nasbench_strategies.posterior import log_regret
from nasbench_suite import Architecture, Problem, strategy


@strategy("bananas", family="bayesian", paper="https://arxiv.org/abs/1910.11858")
def bananas(
    problem: Problem,
    rng: Generator,
    *,
    initial_design: int = 10,
    batch: int = 5,
    members: int = 5,
    parents: int = 10,
    mutants: int = 200,
    steps: int = 150,
    rate: float = 0.01,
    decay: float = 0.1,
    width: int = 20,
    layers: int = 2,
    floor: float = 0.1,
    dev: float = 1.0,
    again: float = 0.5,
    enc: str = 'p',
) -> None:
    """Mutants of the best, ranked by Thompson sampling from an ensemble of networks on the paths of the architectures."""
    space = problem.space
    encoding = "paths" if "paths" in space.encodings else space.encodings[0]
    candidates = Candidates(space, rng)
    evaluations = problem.evaluate_many(candidates.first(initial_design))
    while not candidates.exhausted:
        if enc == "o": encoding="one-hot"
        features = space.encode([evaluation.architecture for evaluation in evaluations], encoding)
        values = log_regret(np.array([evaluation.accuracy for evaluation in evaluations]), floor)
        ensemble = Perceptrons(features.shape[1], (width,) * layers, members, rng)
        ensemble.fit(features, values, steps, rate, decay)
        best = best_of(evaluations, parents)
        pool = []
        for i in range(mutants):
            a = space.mutate(best[i % len(best)], rng)
            while rng.random() < again:
                a = space.mutate(a, rng)
            pool.append(a)
        pool = [a for a in dict.fromkeys(pool) if not candidates.is_taken(a)]
        if pool:
            predictions = ensemble.predict(space.encode(pool, encoding))
            samples = predictions.mean(axis=0) + dev*predictions.std(axis=0) * rng.standard_normal(len(pool))
            order = np.argsort(-np.round(samples, DECIMALS), kind="stable")[:batch]
            chosen = [pool[i] for i in order]
        else:
            chosen = [candidates.random()]
        for architecture in chosen:
            candidates.take(architecture)
            evaluations.append(problem.evaluate(architecture))
