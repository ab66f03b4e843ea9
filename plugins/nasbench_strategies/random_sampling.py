"""Random sampling: one draw. What the space is worth without any search (Lindauer & Hutter 2020, JMLR 21(243), item 9)."""

from __future__ import annotations

from numpy.random import Generator

from nasbench_suite import Problem, strategy


@strategy("random-sampling", family="reference", paper="https://arxiv.org/abs/1909.02453")
def random_sampling(problem: Problem, rng: Generator) -> None:
    """Evaluate one architecture, drawn uniformly."""
    problem.evaluate(problem.space.sample(rng))
