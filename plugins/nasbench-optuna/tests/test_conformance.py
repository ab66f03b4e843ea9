"""The real library keeps the rules of the suite."""

import pytest

pytest.importorskip("optuna", reason="optuna is not installed")

from nasbench_suite.testing import conformance_test

test_optuna = conformance_test("nasbench_optuna")
