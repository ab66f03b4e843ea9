"""Running a comparison: each run once, within its limits, whatever a plugin does.

``runs.py`` says what a run and its result are, ``plan.py`` turns a comparison into runs.
"""

from nasbench_suite.harness.plan import Plan, Row, Skipped, make_plan
from nasbench_suite.harness.runs import Result, Run

__all__ = ["Plan", "Result", "Row", "Run", "Skipped", "make_plan"]
