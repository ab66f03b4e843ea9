"""Scoring: journals become curves, curves become scores with intervals, ranks and tests. Pure functions.

``curves.py`` follows the incumbent through a journal, ``statistics.py`` has the statistics, ``scoreboard.py`` puts
them together for a comparison.
"""

from nasbench_suite.scoring.curves import Curve, trace
from nasbench_suite.scoring.scoreboard import (
    MOMENTS,
    Board,
    Entrant,
    Overall,
    OverallStanding,
    Scoreboard,
    Standing,
    Task,
    Timing,
    Unranked,
    score,
)
from nasbench_suite.scoring.statistics import Differences, Interval

__all__ = [
    "MOMENTS",
    "Board",
    "Curve",
    "Differences",
    "Entrant",
    "Interval",
    "Overall",
    "OverallStanding",
    "Scoreboard",
    "Standing",
    "Task",
    "Timing",
    "Unranked",
    "score",
    "trace",
]
