"""A fair, reproducible comparison of neural architecture search strategies.

These are the names that the author of a plugin needs; everything else is imported from its module.
"""

from nasbench_suite.adapters import ask_and_tell, minimize
from nasbench_suite.benchmarks import Answers, Benchmark, Scores
from nasbench_suite.budget import Budget
from nasbench_suite.errors import NotMeasured, OutOfBudget, QuestionError, SpaceError, SuiteError
from nasbench_suite.hookspecs import API_VERSION, hookimpl
from nasbench_suite.journal import Evaluation
from nasbench_suite.problem import Problem
from nasbench_suite.spaces import Architecture, CategoricalSpace, CellSpace, Decision, Space
from nasbench_suite.strategies import Strategy, strategy

__version__ = "0.1.0"

__all__ = [
    "API_VERSION",
    "Answers",
    "Architecture",
    "Benchmark",
    "Budget",
    "CategoricalSpace",
    "CellSpace",
    "Decision",
    "Evaluation",
    "NotMeasured",
    "OutOfBudget",
    "Problem",
    "QuestionError",
    "Scores",
    "Space",
    "SpaceError",
    "Strategy",
    "SuiteError",
    "ask_and_tell",
    "hookimpl",
    "minimize",
    "strategy",
]
