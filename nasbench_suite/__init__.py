"""A fair, reproducible comparison of neural architecture search strategies.

These are the names that the author of a plugin needs; everything else is imported from its module.
"""

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
    "Architecture",
    "Budget",
    "CategoricalSpace",
    "CellSpace",
    "Decision",
    "Evaluation",
    "NotMeasured",
    "OutOfBudget",
    "Problem",
    "QuestionError",
    "Space",
    "SpaceError",
    "Strategy",
    "SuiteError",
    "hookimpl",
    "strategy",
]
