"""A task that is no table, for those that look for its scores."""

from nasbench_suite import hookimpl
from nasbench_suite.benchmarks.synthetic import SyntheticBenchmark
from nasbench_suite.spaces import CategoricalSpace, Decision


def made_up():
    space = CategoricalSpace("zoo-made-up", [Decision(f"d{place}", tuple("abcd")) for place in range(6)])
    return SyntheticBenchmark("zoo/made-up", space)


@hookimpl
def nasbench_benchmarks():
    return {"zoo/made-up": made_up}
