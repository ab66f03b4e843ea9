"""What a space takes of what a strategy puts together by itself, decision by decision.

Samples, mutants and neighbours come from the space. A policy or a density knows nothing of gaps in a table and of
combinations that a space refuses, so what it draws is asked for as the nearest architecture that there is.
"""

from __future__ import annotations

from collections.abc import Iterable

from nasbench_suite import Architecture, Space


def taken_by(space: Space, options: Iterable[int]) -> Architecture:
    """The options as an architecture, or the nearest one that was measured (see ``MeasuredSpace.nearest``)."""
    architecture = tuple(options)
    nearest = getattr(space, "nearest", None)
    return architecture if nearest is None else nearest(architecture)
