"""The real library keeps the rules of the suite, and asks the same questions in every process."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("smac", reason="smac is not installed")

from nasbench_suite.testing import conformance_test

test_smac = conformance_test("nasbench_smac")


def test_two_processes_that_hash_otherwise_ask_the_same() -> None:
    command = [sys.executable, "-m", "nasbench_suite.testing.process", "digest", "nasbench_smac"]
    told = [
        subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONHASHSEED": seed}).stdout
        for seed in ("1", "2")
    ]
    assert "smac" in told[0]
    assert told[0] == told[1]
