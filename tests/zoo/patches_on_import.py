"""Change the meter as soon as it is imported."""

import nasbench_suite
from nasbench_suite import hookimpl

nasbench_suite.Problem.evaluate = lambda self, architecture, epochs=None: None


@hookimpl
def nasbench_strategies():
    return []
