"""Other libraries' optimizers: asked and told, or calling a function; none can go past the meter."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from nasbench_suite import Budget, OutOfBudget, Problem, ask_and_tell, minimize
from nasbench_suite.testing import tiny_benchmark


def problem(evaluations: float = 10) -> Problem:
    benchmark = tiny_benchmark()
    return Problem(benchmark.space, benchmark.fidelities, benchmark.answers(0), Budget(evaluations, "evaluations"))


def test_an_optimizer_is_asked_and_told_until_it_proposes_nothing() -> None:
    searched, told = problem(), []
    proposals = iter([(0, 0, 0), (1, 2, 3)])
    ask_and_tell(searched, lambda: next(proposals, None), told.append)
    assert tuple(told) == searched.journal
    with pytest.raises(OutOfBudget):
        ask_and_tell(searched, lambda: (0, 0, 0), told.append)
    assert len(searched.journal) == len(told) == 10


def draws(objective: Callable[[Sequence[int]], float]) -> None:
    rng = np.random.default_rng(0)
    while True:
        objective(tuple(rng.integers(4, size=3).tolist()))


def swallows(objective: Callable[[Sequence[int]], float]) -> None:
    """As libraries do that count a failed trial as one."""
    while True:
        try:
            draws(objective)
        except BaseException:
            continue


@pytest.mark.parametrize("library", [draws, swallows])
def test_a_library_that_owns_the_loop_is_left_behind(
    library: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nasbench_suite.search.adapters.LEAVE_SECONDS", 0.2)
    searched = problem()
    with pytest.raises(OutOfBudget):
        minimize(searched, library)
    assert len(searched.journal) == 10
    assert searched.asked_after_end == 0


def test_a_library_that_returns_or_raises() -> None:
    searched = problem()
    losses: list[float] = []
    minimize(searched, lambda objective: losses.append(objective((0, 1, 2))))
    assert losses == [1.0 - searched.journal[0].accuracy]  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="of its own"):
        minimize(problem(), lambda objective: exec("raise ValueError('of its own')"))
    assert not [thread for thread in threading.enumerate() if thread.name == "nasbench-minimize" and not thread.daemon]
