"""The real library keeps the rules of the suite."""

import pytest

pytest.importorskip("syne_tune", reason="syne-tune is not installed")

from nasbench_suite.testing import conformance_test

test_syne_tune = conformance_test("nasbench_syne_tune")
