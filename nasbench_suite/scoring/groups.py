"""Groups of rows that no test tells apart, as compact letters (Piepho, J. Comput. Graph. Stat. 13, 2004).

Two rows share a letter if and only if they are not told apart. Since a row that varies more is told apart from fewer
others, the rows of a letter need not stand side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_lowercase

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.scoring.statistics import LEVEL, Differences, FloatArray


def told_apart(differences: Differences, estimates: Sequence[float] | FloatArray) -> NDArray[np.bool_]:
    """``[rows, rows]``: whether the test tells two rows apart and the estimates agree on which is better.

    Where a test and the estimates point to different sides nothing is claimed, so that no claim contradicts the order.

    Args:
        differences: of the rows.
        estimates: of the same rows, higher is better; NaN is below every number.
    """
    values = np.asarray(estimates, dtype=np.float64)
    known = np.where(np.isnan(values), -np.inf, values)
    above = known[:, None] > known[None, :]
    agree = (above & (differences.effects > 0)) | (above.T & (differences.effects < 0))
    apart: NDArray[np.bool_] = (differences.p_values <= LEVEL) & agree
    return apart


def letters(apart: NDArray[np.bool_]) -> tuple[str, ...]:
    """Per row the letters of the groups that it belongs to, the first row's first.

    Piepho's insert-and-absorb: begin with one group of all, split every group that holds two rows that are told apart,
    and drop groups that lie within another; at the end those that no pair needs.

    Args:
        apart: ``[rows, rows]``, symmetric, in the order in which the rows are shown.
    """
    rows = len(apart)
    groups = [(1 << rows) - 1] if rows else []
    for first in range(rows):
        for second in np.flatnonzero(apart[first, first + 1 :]) + first + 1:
            both = 1 << first | 1 << int(second)
            if not any(group & both == both for group in groups):
                continue
            split = [group for group in groups if group & both != both]
            for group in groups:
                if group & both == both:
                    for part in (group & ~(1 << first), group & ~(1 << int(second))):
                        if not any(part & other == part for other in split):
                            split = [other for other in split if other & part != other]
                            split.append(part)
            groups = split
    groups = _needed(groups, apart)
    groups.sort(key=lambda group: [place for place in range(rows) if group >> place & 1])
    names = list(map(_letter, range(len(groups))))
    separator = "" if len(groups) <= len(ascii_lowercase) else " "
    return tuple(
        separator.join(name for name, group in zip(names, groups, strict=True) if group >> row & 1)
        for row in range(rows)
    )


def _needed(groups: Sequence[int], apart: NDArray[np.bool_]) -> list[int]:
    """The groups without those whose every pair, and every row, is in some other one that is kept."""
    members = [[row for row in range(len(apart)) if group >> row & 1] for group in groups]
    cover = np.zeros(apart.shape, dtype=np.intp)
    for rows in members:
        cover[np.ix_(rows, rows)] += 1
    kept = []
    for group, rows in sorted(zip(groups, members, strict=True), key=lambda held: len(held[1])):
        part = np.ix_(rows, rows)
        if (cover[part] > 1).all():
            cover[part] -= 1
        else:
            kept.append(group)
    return kept


def _letter(number: int) -> str:
    """``a`` to ``z``, then ``aa``, ``ab`` and so on."""
    head, tail = divmod(number, len(ascii_lowercase))
    return (_letter(head - 1) if head else "") + ascii_lowercase[tail]
