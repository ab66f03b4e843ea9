"""The real library keeps the rules of the suite, and its memory stays in bounds."""

import pytest

pytest.importorskip("nevergrad", reason="nevergrad is not installed")

from nasbench_suite.testing import conformance_test

test_nevergrad = conformance_test("nasbench_nevergrad")
