"""Writing a leaderboard's files, each at once or not at all."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from nasbench_suite.leaderboards import document, markdown, page, papers
from nasbench_suite.scoring import Scoreboard


def write_leaderboard(scoreboard: Scoreboard, directory: Path) -> list[Path]:
    """Write ``README.md``, ``leaderboard.json``, ``leaderboard.csv``, ``curves.csv``, ``index.html``, ``table.tex`` and the timings.

    All but ``timings.md`` and ``timings.csv`` depend on nothing but the runs: not on the machine, the clock, the
    number of jobs or the order in which runs finished.

    Args:
        scoreboard: what to show.
        directory: is made if it is not there.

    Returns:
        The files written.
    """
    files = {
        "README.md": markdown.readme(scoreboard),
        "leaderboard.json": document.render_json(scoreboard),
        "leaderboard.csv": _csv(document.LEADERBOARD_COLUMNS, document.leaderboard_rows(scoreboard)),
        "curves.csv": _csv(document.CURVE_COLUMNS, document.curve_rows(scoreboard)),
        "index.html": page.page(scoreboard),
        "table.tex": papers.latex(scoreboard),
        "timings.md": markdown.timings(scoreboard),
        "timings.csv": _csv(document.TIMING_COLUMNS, document.timing_rows(scoreboard)),
    }
    directory.mkdir(parents=True, exist_ok=True)
    return [write_file(directory / name, content) for name, content in files.items()]


def write_file(path: Path, content: str | bytes) -> Path:
    """Write beside, then rename: a reader sees the old file or the new one, never a part."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_bytes(content.encode() if isinstance(content, str) else content)
    os.replace(partial, path)
    return path


def _csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return buffer.getvalue()
