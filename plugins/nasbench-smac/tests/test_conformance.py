"""The real library keeps the rules of the suite."""

import pytest

pytest.importorskip("smac", reason="smac is not installed")

from nasbench_suite.testing import conformance_test

test_smac = conformance_test("nasbench_smac")
