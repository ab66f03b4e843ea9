"""Leaderboards: a scoreboard as a page, pictures, Markdown, CSV, JSON, LaTeX and text. No statistic is computed here.

``document.py`` makes the one plain document that is ``leaderboard.json``, ``text.py`` formats numbers and tables,
``markdown.py``, ``terminal.py``, ``page.py``, ``papers.py`` and ``pictures.py`` lay them out, ``checklist.py`` answers
the NAS checklist, ``appearance.py`` gives every strategy its look, ``write.py`` writes all files.
"""

from nasbench_suite.leaderboards.document import render_json
from nasbench_suite.leaderboards.papers import write_parquet
from nasbench_suite.leaderboards.pictures import write_pictures
from nasbench_suite.leaderboards.terminal import render_terminal
from nasbench_suite.leaderboards.write import write_leaderboard

__all__ = ["render_json", "render_terminal", "write_leaderboard", "write_parquet", "write_pictures"]
