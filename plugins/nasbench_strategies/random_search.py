"""Random search (Li & Talwalkar, UAI 2019, https://arxiv.org/abs/1902.07638): hard to beat at small budgets."""

from __future__ import annotations

from numpy.random import Generator

from nasbench_suite import Problem, strategy


@strategy("random-search", family="reference", paper="https://arxiv.org/abs/1902.07638")
def random_search(problem: Problem, rng: Generator) -> None:
    """Evaluate uniform draws until the budget ends; the best one seen is the answer."""
    while True:
        problem.evaluate(problem.space.sample(rng))
