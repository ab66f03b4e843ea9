"""Scoring: journals become curves, curves become scores with intervals, ranks and tests. Pure functions.

``curves.py`` follows the incumbent through a journal, ``statistics.py`` has the statistics, ``scoreboard.py`` puts
them together for a comparison.
"""

from nasbench_suite.scoring.curves import Curve, trace
from nasbench_suite.scoring.scoreboard import (
    LEVELS,
    MOMENTS,
    SNAPSHOTS,
    TARGETS,
    Board,
    Entrant,
    Overall,
    OverallStanding,
    Placing,
    Scoreboard,
    Snapshot,
    Standing,
    Task,
    Timing,
    Unranked,
    score,
)
from nasbench_suite.scoring.statistics import CriticalDifference, Differences, Interval, TimeToTarget

__all__ = [
    "LEVELS",
    "MOMENTS",
    "SNAPSHOTS",
    "TARGETS",
    "Board",
    "CriticalDifference",
    "Curve",
    "Differences",
    "Entrant",
    "Interval",
    "Overall",
    "OverallStanding",
    "Placing",
    "Scoreboard",
    "Snapshot",
    "Standing",
    "Task",
    "TimeToTarget",
    "Timing",
    "Unranked",
    "score",
    "trace",
]
