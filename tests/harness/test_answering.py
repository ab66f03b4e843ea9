"""Benchmarks in a process of their own: the same answers, the same refusals, and nothing else."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_runner import ZOO

from nasbench_suite.benchmarks import Benchmark
from nasbench_suite.errors import QuestionError, SpaceError, SuiteError
from nasbench_suite.harness.answering import RemoteBenchmark
from nasbench_suite.plugins import load_registry

NAME = "zoo/made-up"
REGISTRY = load_registry(ZOO)
HOMES = [plugin.key for plugin in REGISTRY.plugins if NAME in plugin.adds.get("benchmarks", ())]


@pytest.fixture(scope="module")
def remote() -> Iterator[RemoteBenchmark]:
    benchmark = RemoteBenchmark(NAME, ZOO, HOMES)
    yield benchmark
    benchmark.close()


def test_it_answers_as_the_benchmark_does(remote: RemoteBenchmark) -> None:
    here = REGISTRY.benchmark(NAME)
    assert isinstance(remote, Benchmark)
    assert (remote.identity, remote.fidelities, remote.capabilities, remote.currency) == (
        here.identity,
        here.fidelities,
        here.capabilities,
        here.currency,
    )
    assert remote.scores() == {}
    for seed in (0, 1):
        there, near = remote.answers(seed), here.answers(seed)
        for question in [((0, 1, 2, 3, 0, 1), 16, 16, 0), ((3, 3, 3, 3, 3, 3), 1, 1, 0), ((3, 3, 3, 3, 3, 3), 4, 1, 1)]:
            assert there.ask(*question) == near.ask(*question)


@pytest.mark.parametrize(
    ("question", "error", "words"),
    [
        (((0, 1, 2, 3, 0), 16, 16, 0), SpaceError, "zoo-made-up has 6"),
        (((0, 1, 2, 3, 0, 9), 16, 16, 0), SpaceError, "9"),
        (((0, 1, 2, 3, 0, 1), 7, 7, 0), QuestionError, "7 epochs do not exist; it has 1, 4, 16"),
    ],
)
def test_its_refusals_are_the_benchmarks(
    remote: RemoteBenchmark, question: tuple[tuple[int, ...], int, int, int], error: type[SuiteError], words: str
) -> None:
    with pytest.raises(error, match=words):
        remote.answers(0).ask(*question)


def test_what_cannot_be_opened_or_handed_over_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="unknown benchmark 'zoo/made-down'"):
        RemoteBenchmark("zoo/made-down", ZOO, HOMES)
    local = 'type("Local", (CategoricalSpace,), {})('  # a class that no other process can import
    text = (ZOO / "made_up.py").read_text().replace("CategoricalSpace(", local)
    (tmp_path / "made_up.py").write_text(text.replace("zoo/made-up", "zoo/not-handed"))
    homes = [plugin.key for plugin in load_registry(tmp_path).plugins]
    with pytest.raises(SuiteError, match="cannot be handed to an isolated search: its space or its images cannot be"):
        RemoteBenchmark("zoo/not-handed", tmp_path, homes)


def test_a_process_that_is_gone_is_said() -> None:
    benchmark = RemoteBenchmark(NAME, ZOO, HOMES)
    os.kill(benchmark.pid, signal.SIGKILL)
    with pytest.raises(SuiteError, match="the process of benchmark 'zoo/made-up' has ended"):
        benchmark.answers(0).ask((0, 0, 0, 0, 0, 0), 16, 16, 0)
    benchmark.close()
    assert not benchmark.alive
