"""How likely it is that a search that knows nothing begins, or ends unasked, with architectures as good as these.

A search without knowledge has to begin with a draw, and each of its evaluations is at best one more draw. The first
architectures of a row's runs are therefore no better than uniform ones; what a run recommends without having
evaluated it is no better than the best of as many draws as it had evaluations, and one. What is far better than that
was known before. The same architecture in several runs is one piece of knowledge and counts once.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.scoring.curves import Curve
from nasbench_suite.search.journal import Evaluation, Event
from nasbench_suite.spaces import Architecture

IMPROBABLE = 1e-6
"""Below this a row is flagged."""


@dataclass(frozen=True)
class Luck:
    """What came of it for one row on one benchmark.

    Attributes:
        p_value: for the row over its seeds, corrected for both tests and all rows; NaN where nothing was tested.
        starts: different architectures with which its runs began.
        unevaluated: different answers that the run itself had not evaluated.
        exempt: why it was not tested; empty if it was.
    """

    p_value: float = math.nan
    starts: int = 0
    unevaluated: int = 0
    exempt: str = ""

    @property
    def flagged(self) -> bool:
        """Whether it is too improbable to be luck."""
        return self.p_value < IMPROBABLE


class Ladder:
    """All scores of a space in order, so that the share that is at least as good is looked up.

    Args:
        scores: ``[architectures]``; NaN where there is none.
    """

    def __init__(self, scores: Iterable[float]) -> None:
        values: NDArray[np.float64] = np.sort(np.fromiter(scores, dtype=np.float64))
        self._values = values[~np.isnan(values)]

    def __len__(self) -> int:
        return len(self._values)

    def share(self, score: float) -> float:
        """How many of all architectures are at least as good: how likely a uniform draw is. 1 of what has no score."""
        if math.isnan(score):
            return 1.0
        below = int(np.searchsorted(self._values, score, side="left"))
        return max(len(self._values) - below, 1) / len(self._values)


@dataclass(frozen=True)
class Traces:
    """What of a row's runs bears on it.

    Attributes:
        starts: the different architectures that its runs evaluated first.
        unevaluated: answer that its run had not evaluated -> evaluations that the run had.
    """

    starts: frozenset[Architecture]
    unevaluated: Mapping[Architecture, int]


def traces(journals: Iterable[Sequence[Event]], curves: Iterable[Curve]) -> Traces:
    """Read a row's journals.

    Args:
        journals: one per run.
        curves: of the same runs.
    """
    starts: set[Architecture] = set()
    unevaluated: dict[Architecture, int] = {}
    for journal, curve in zip(journals, curves, strict=True):
        evaluated = (event.architecture for event in journal if type(event) is Evaluation)
        starts.update(itertools.islice(evaluated, 1))
        answer = curve.incumbents[-1]
        if curve.recommended and answer not in {e.architecture for e in journal if type(e) is Evaluation}:
            unevaluated[answer] = max(curve.evaluations, unevaluated.get(answer, 0))
    return Traces(frozenset(starts), unevaluated)


def judge(found: Traces, shares: Mapping[Architecture, float], rows: int) -> Luck:
    """The probability for one row.

    Args:
        found: in its journals.
        shares: for all its architectures, see :meth:`Ladder.share`.
        rows: how many rows are tested beside it, itself included.
    """
    began = _together([shares[architecture] for architecture in found.starts])
    guessed = _together(
        [-math.expm1((count + 1) * math.log1p(-min(shares[a], 1 - 1e-16))) for a, count in found.unevaluated.items()]
    )
    p_value = min(1.0, 2 * rows * min(began, guessed))
    return Luck(float(f"{p_value:.3g}"), len(found.starts), len(found.unevaluated))


def _together(shares: Sequence[float]) -> float:
    """How likely the product of so many uniform numbers is as small (Fisher's method)."""
    from scipy.special import gammaincc

    if not shares:
        return 1.0
    return float(gammaincc(len(shares), -math.fsum(map(math.log, sorted(shares)))))
