"""Leaderboards: a scoreboard as Markdown, CSV, JSON and text. No statistic is computed here.

``document.py`` makes the one plain document that is ``leaderboard.json``, ``text.py`` formats numbers and tables,
``markdown.py`` and ``terminal.py`` lay them out, ``write.py`` writes all files.
"""

from nasbench_suite.leaderboards.document import render_json
from nasbench_suite.leaderboards.terminal import render_terminal
from nasbench_suite.leaderboards.write import write_leaderboard

__all__ = ["render_json", "render_terminal", "write_leaderboard"]
