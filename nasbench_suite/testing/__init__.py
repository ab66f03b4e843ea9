"""Conformance checks for plugins, and small benchmarks to run them on: for us and for plugin authors.

One line in a test file checks all that a plugin adds::

    from nasbench_suite.testing import conformance_test

    test_my_plugin = conformance_test("my_plugin")

``conformance.py`` has the checks of strategies, ``benchmarks.py`` those of benchmarks, ``report.py`` puts together
what is checked of a whole plugin, ``process.py`` does that in a process that can be ended.
"""

from nasbench_suite.testing.benchmarks import check_benchmark
from nasbench_suite.testing.conformance import (
    Finding,
    assert_conforms,
    check_strategy,
    single_benchmark,
    tiny_benchmark,
    wide_benchmark,
)
from nasbench_suite.testing.report import check_plugin, conformance_test

__all__ = [
    "Finding",
    "assert_conforms",
    "check_benchmark",
    "check_plugin",
    "check_strategy",
    "conformance_test",
    "single_benchmark",
    "tiny_benchmark",
    "wide_benchmark",
]
