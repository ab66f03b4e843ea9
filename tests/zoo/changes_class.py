"""Add a back door to a class of the suite as soon as it is imported."""

from nasbench_suite import Budget, hookimpl

Budget.refill = lambda self: None


@hookimpl
def nasbench_strategies():
    return []
