"""Scoring: journals become curves, curves become scores with intervals, groups and tests. Pure functions.

``curves.py`` follows the incumbent through a journal, ``statistics.py`` has the statistics, ``groups.py`` the letters of
rows that no test tells apart, ``steps.py`` how far runs came in their own method, ``luck.py`` what no search without
knowledge does; ``score.py`` puts them together for a comparison, and ``board.py`` is what comes out;
``apart.py`` does it in a process that has imported no strategy of others.
"""

from nasbench_suite.scoring.apart import found_architectures, score_store
from nasbench_suite.scoring.board import (
    LEVELS,
    MOMENTS,
    SNAPSHOTS,
    TARGETS,
    Board,
    Contest,
    Entrant,
    Overall,
    OverallStanding,
    Placing,
    Progress,
    Reference,
    Scoreboard,
    Snapshot,
    Standing,
    Timing,
    Unranked,
)
from nasbench_suite.scoring.curves import Curve, trace
from nasbench_suite.scoring.luck import Luck
from nasbench_suite.scoring.score import score
from nasbench_suite.scoring.statistics import CriticalDifference, Differences, Interval, TimeToTarget

__all__ = [
    "LEVELS",
    "MOMENTS",
    "SNAPSHOTS",
    "TARGETS",
    "Board",
    "Contest",
    "CriticalDifference",
    "Curve",
    "Differences",
    "Entrant",
    "Interval",
    "Luck",
    "Overall",
    "OverallStanding",
    "Placing",
    "Progress",
    "Reference",
    "Scoreboard",
    "Snapshot",
    "Standing",
    "TimeToTarget",
    "Timing",
    "Unranked",
    "found_architectures",
    "score",
    "score_store",
    "trace",
]
