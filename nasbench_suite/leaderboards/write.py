"""Writing a leaderboard's files, each at once or not at all."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from nasbench_suite.errors import UsageError
from nasbench_suite.leaderboards import document, markdown, page, papers
from nasbench_suite.leaderboards.badges import FILE, Badge, badges_text, read_badges
from nasbench_suite.leaderboards.pictures import Kind, write_pictures
from nasbench_suite.leaderboards.presentable import one_line, presentable
from nasbench_suite.scoring import Scoreboard


def write_leaderboard(
    scoreboard: Scoreboard,
    directory: Path,
    *,
    pictures: Sequence[Kind] = (),
    parquet: bool = False,
    badges: Mapping[str, Badge] | None = None,
) -> list[Path]:
    """Write ``README.md``, ``leaderboard.json``, ``leaderboard.csv``, ``curves.csv``, ``index.html``, ``table.tex`` and the timings.

    All but ``timings.md`` and ``timings.csv`` depend on nothing but the runs and what is asked for: not on the
    machine, the clock, the number of jobs or the order in which runs finished. Pictures and Parquet are the same bytes
    from the same matplotlib and pyarrow.

    Args:
        scoreboard: what to show.
        directory: is made if it is not there.
        pictures: the kinds of pictures to draw beside them (see :func:`write_pictures`).
        parquet: whether to write every step of every run as ``curves.parquet``, too.
        badges: label -> how far a verification checked the row; they are kept in ``badges.json``. By default those
            that are kept there already, if they were given to these very figures.

    Returns:
        The files written.

    Raises:
        UsageError: pictures without matplotlib or that cannot be drawn, or Parquet without pyarrow; all other files are
            written before.
    """
    drawn, failed = _drawn(scoreboard, directory, pictures)
    text = document.render_json(scoreboard)
    shown = read_badges(directory, text) if badges is None else dict(badges)
    named = presentable(scoreboard)
    files = {
        "README.md": markdown.readme(scoreboard, [path.name for path in drawn], shown),
        "leaderboard.json": text,
        "leaderboard.csv": _csv(document.LEADERBOARD_COLUMNS, document.leaderboard_rows(named)),
        "curves.csv": _csv(document.CURVE_COLUMNS, document.curve_rows(named)),
        "index.html": page.page(scoreboard, shown),
        "table.tex": papers.latex(scoreboard),
        "timings.md": markdown.timings(scoreboard),
        "timings.csv": _csv(document.TIMING_COLUMNS, document.timing_rows(named)),
    }
    if badges is not None:
        files[FILE] = badges_text(badges, text)
    directory.mkdir(parents=True, exist_ok=True)
    written = [write_file(directory / name, content) for name, content in files.items()]
    if parquet:
        written.append(papers.write_parquet(scoreboard, directory / "curves.parquet"))
    if failed:
        raise UsageError(f"{failed}; all other files of {directory} are written")
    return [*written, *drawn]


def _drawn(scoreboard: Scoreboard, directory: Path, kinds: Sequence[Kind]) -> tuple[list[Path], str]:
    """The pictures that were asked for, or none and why not: no fault of a drawing library costs the figures."""
    if not kinds:
        return [], ""
    try:
        return write_pictures(scoreboard, directory, kinds), ""
    except UsageError as error:
        return [], str(error)
    except Exception as error:
        return [], f"the pictures could not be drawn: {type(error).__name__}: {one_line(error)}"


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
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return buffer.getvalue()


def _harmless(cell: object) -> object:
    """A cell that no spreadsheet takes for a formula: text that begins like one gets an apostrophe in front."""
    return (
        f"'{cell}"
        if isinstance(cell, str) and cell.lstrip()[:1] in ("=", "+", "-", "@", "\t", "|", "%") and cell.lstrip()
        else cell
    )
