"""A fair, reproducible comparison of neural architecture search strategies.

These are the names that the author of a plugin needs; everything else is imported from its module.
"""

from nasbench_suite.benchmarks import Answers, Benchmark, Scores
from nasbench_suite.benchmarks.live import LiveBenchmark
from nasbench_suite.deprecation import renamed
from nasbench_suite.errors import NotMeasured, OutOfBudget, QuestionError, SpaceError, SuiteError
from nasbench_suite.hookspecs import API_VERSION, hookimpl
from nasbench_suite.moved import install as _install
from nasbench_suite.search.adapters import ask_and_tell, minimize
from nasbench_suite.search.budget import Budget
from nasbench_suite.search.external import command_strategy
from nasbench_suite.search.journal import Evaluation
from nasbench_suite.search.problem import Problem
from nasbench_suite.search.strategies import Step, Strategy, strategy
from nasbench_suite.spaces import (
    Architecture,
    CategoricalSpace,
    Cells,
    CellSpace,
    ConditionalSpace,
    ConstrainedSpace,
    Decision,
    Graph,
    Graphed,
    Levelled,
    Space,
)

__version__ = "0.1.0"

__all__ = [
    "API_VERSION",
    "Answers",
    "Architecture",
    "Benchmark",
    "Budget",
    "CategoricalSpace",
    "CellSpace",
    "Cells",
    "ConditionalSpace",
    "ConstrainedSpace",
    "Decision",
    "Evaluation",
    "Graph",
    "Graphed",
    "Levelled",
    "LiveBenchmark",
    "NotMeasured",
    "OutOfBudget",
    "Problem",
    "QuestionError",
    "Scores",
    "Space",
    "SpaceError",
    "Step",
    "Strategy",
    "SuiteError",
    "ask_and_tell",
    "command_strategy",
    "hookimpl",
    "minimize",
    "strategy",
]

__getattr__ = renamed(__name__, {})  # old name -> new name; nothing has been renamed in API version 1

_install()  # old module paths of plugin API 1
