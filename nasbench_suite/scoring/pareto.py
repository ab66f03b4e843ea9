"""Fronts of several objectives and what they are worth: non-dominated sorting and the exact hypervolume.

All values are shares in [0, 1] to be maximized (:func:`~nasbench_suite.search.objectives.worths`), the reference point
is the origin and the ideal is 1 everywhere, so a hypervolume is normalized: 0 for nothing, 1 for the ideal.
"""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasbench_suite.errors import ScoringError

FloatArray = NDArray[np.float64]


def non_dominated(values: ArrayLike) -> NDArray[np.intp]:
    """The rows that no other row dominates, in order; of equal rows the first.

    A row dominates another if it is at least as good everywhere and better somewhere.

    Args:
        values: ``[rows, objectives]``, to be maximized.

    Raises:
        ScoringError: another shape, or NaN.
    """
    points = _points(values)
    _, first = np.unique(points, axis=0, return_index=True)
    candidates = first[np.lexsort(-points[first].T[::-1])]  # falling in the first objective, then in the next
    front: list[int] = []
    best = np.empty((0, points.shape[1]))
    for row in candidates:
        if not (best >= points[row]).all(axis=1).any():
            front.append(int(row))
            best = points[front]
    return np.array(sorted(front), dtype=np.intp)


def ranks(values: ArrayLike) -> NDArray[np.intp]:
    """The front of each row: 0 for the non-dominated, 1 for those that only front 0 dominates, and so on.

    Non-dominated sorting (Deb et al. 2002, https://doi.org/10.1109/4235.996017, section III.A). Equal rows are in one
    front.

    Args:
        values: ``[rows, objectives]``, to be maximized.

    Returns:
        ``[rows]``.

    Raises:
        ScoringError: another shape, or NaN.
    """
    points = _points(values)
    unique, places = np.unique(points, axis=0, return_inverse=True)
    front_of = np.full(len(unique), -1, dtype=np.intp)
    front = 0
    while (left := np.flatnonzero(front_of < 0)).size:
        front_of[left[non_dominated(unique[left])]] = front
        front += 1
    found: NDArray[np.intp] = front_of[places.reshape(-1)]
    return found


def hypervolume(values: ArrayLike) -> float:
    """The part of the unit cube that the rows dominate, exactly.

    One objective: the best value. Two: the area under the staircase. Three: areas of slices, from the best value of the
    last objective down (the sweep of Fonseca, Paquete & López-Ibáñez 2006, https://doi.org/10.1109/CEC.2006.1688440).

    Args:
        values: ``[rows, objectives]`` in [0, 1], one to three objectives; no row is worth 0.

    Raises:
        ScoringError: another shape, values outside [0, 1], or more than three objectives.
    """
    points = _points(values)
    if points.shape[1] > 3:
        raise ScoringError(f"hypervolume of {points.shape[1]} objectives; it is computed for at most three")
    if points.size and (points.min() < 0 or points.max() > 1):
        raise ScoringError("hypervolume: expected values in [0, 1]; make them with worths()")
    if not len(points):
        return 0.0
    if points.shape[1] == 1:
        return float(points.max())
    if points.shape[1] == 2:
        staircase = _Staircase()
        for x, y in points.tolist():
            staircase.add(x, y)
        return staircase.area
    return _volume(points)


def _volume(points: FloatArray) -> float:
    staircase = _Staircase()
    volume, height = 0.0, 0.0
    for x, y, z in sorted(points.tolist(), key=lambda point: -point[2]):
        volume += staircase.area * (height - z)
        height = z
        staircase.add(x, y)
    return volume + staircase.area * height


class _Staircase:
    """The area that points of the unit square dominate, point by point."""

    def __init__(self) -> None:
        self._xs: list[float] = [0.0, 2.0]  # rising, with a step at either end that nothing dominates
        self._ys: list[float] = [2.0, 0.0]  # falling
        self.area = 0.0

    def add(self, x: float, y: float) -> None:
        """Add a point; the steps that it dominates go."""
        xs, ys = self._xs, self._ys
        place = bisect_left(xs, x)
        if ys[place] >= y or x <= 0.0:
            return
        right, below = x, ys[place]
        last = place
        while ys[last - 1] <= y:
            last -= 1
            self.area += (right - xs[last]) * (y - below)
            right, below = xs[last], ys[last]
        self.area += (right - xs[last - 1]) * (y - below)
        xs[last:place], ys[last:place] = [x], [y]


def _points(values: ArrayLike) -> FloatArray:
    points = np.asarray(values, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] < 1:
        raise ScoringError(f"values of shape {points.shape}; expected [rows, objectives]")
    if np.isnan(points).any():
        raise ScoringError("values are NaN; leave out what was never measured")
    return points


__all__ = ["hypervolume", "non_dominated", "ranks"]
