"""Running a comparison: each run once, within its limits, whatever a plugin does.

``runs.py`` says what a run and its result are, ``plan.py`` turns a comparison into runs, ``store.py`` keeps results,
``worker.py`` executes runs and ``audit.py`` checks them, ``executor.py`` spreads them over processes, ``runner.py``
does what is left of a plan.
"""

from nasbench_suite.harness.engine import Executor
from nasbench_suite.harness.engines import EngineSettings, make_executor
from nasbench_suite.harness.local import LocalExecutor
from nasbench_suite.harness.plan import Plan, Row, Skipped, make_plan
from nasbench_suite.harness.runner import Summary, run_plan
from nasbench_suite.harness.runs import Result, Run
from nasbench_suite.harness.scores import plan_scores, with_scores
from nasbench_suite.harness.store import Store

__all__ = [
    "EngineSettings",
    "Executor",
    "LocalExecutor",
    "Plan",
    "Result",
    "Row",
    "Run",
    "Skipped",
    "Store",
    "Summary",
    "make_executor",
    "make_plan",
    "plan_scores",
    "run_plan",
    "with_scores",
]
