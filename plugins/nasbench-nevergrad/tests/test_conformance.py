"""The real library keeps the rules of the suite; its memory per evaluation is said in the README."""

import pytest

pytest.importorskip("nevergrad", reason="nevergrad is not installed")

from nasbench_nevergrad import nasbench_strategies

from nasbench_suite.testing import assert_conforms


@pytest.mark.parametrize("strategy", nasbench_strategies(), ids=lambda strategy: strategy.name)
def test_it_conforms(strategy) -> None:
    assert_conforms(strategy)
