"""The package plugins/nasbench-optuna against the real library (``make test-adapters`` has the other libraries)."""

from __future__ import annotations

import pytest
from repository import REPOSITORY

from nasbench_suite.plugins import load_plugin
from nasbench_suite.testing import assert_conforms
from nasbench_suite.testing.conformance import documentation_findings

pytest.importorskip("optuna")
REGISTRY = load_plugin(str(REPOSITORY / "plugins" / "nasbench-optuna"))


@pytest.mark.parametrize("name", ["optuna-cma-es", "optuna-random", "optuna-tpe"])  # a Gaussian process takes minutes
def test_the_samplers_keep_the_rules(name: str) -> None:
    assert_conforms(REGISTRY.strategies[name].strategy)


def test_every_sampler_is_documented() -> None:
    assert not REGISTRY.problems
    for offered in REGISTRY.strategies.values():
        assert [finding for finding in documentation_findings(offered.strategy) if not finding.passed] == []
