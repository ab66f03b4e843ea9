"""Writing a leaderboard's files, each at once or not at all."""

from __future__ import annotations

import csv
import errno
import io
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from nasbench_suite.errors import OutputError, UsageError
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

    All but ``timings.md`` and ``timings.csv``, which git ignores where this repository keeps its own leaderboards, depend on nothing but the runs and what is asked for: not on the
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
        OutputError: the files cannot be written; then none of them is.
    """
    text = document.render_json(scoreboard)
    shown = read_badges(directory, text) if badges is None else dict(badges)
    named = presentable(scoreboard)
    with _staged(directory) as stage:
        drawn, failed = _drawn(scoreboard, stage, pictures)
        if in_the_way := [path.name for path in drawn if (directory / path.name).is_dir()]:
            failed = f"the pictures could not be drawn: {directory / in_the_way[0]} is a directory"
            for path in drawn:
                path.unlink()
            drawn = []
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
        written = [write_file(stage / name, content) for name, content in files.items()]
        if parquet:
            written.append(papers.write_parquet(scoreboard, stage / "curves.parquet"))
    if failed:
        raise UsageError(f"{failed}; all other files of {directory} are written")
    return [directory / path.name for path in [*written, *drawn]]


@contextmanager
def _staged(directory: Path) -> Iterator[Path]:
    """A directory whose files come into ``directory`` at the end, all of them or none."""
    stage = directory / f".{os.getpid()}.partial"
    try:
        stage.mkdir(parents=True, exist_ok=True)
        yield stage
        for path in sorted(stage.iterdir()):
            os.replace(path, directory / path.name)
    except OSError as error:
        raise _unwritable(directory, error) from None
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def check_writable(directory: Path) -> None:
    """See whether files can be made in a directory, or in the nearest one above it that is there; nothing stays.

    Raises:
        OutputError: they cannot.
    """
    nearest = directory
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    try:
        with tempfile.NamedTemporaryFile(dir=nearest, prefix=".nasbench-", suffix=".partial") as file:
            file.write(b"room" * 4096)
            file.flush()
    except OSError as error:
        raise _unwritable(directory, error) from None


def _unwritable(path: Path, error: OSError) -> OutputError:
    why = error.strerror or str(error)
    todo = {
        errno.ENOSPC: "make room and give the same command again",
        errno.EDQUOT: "make room and give the same command again",
        errno.EFBIG: "raise the limit on the size of files and give the same command again",
        errno.ENOTDIR: "a file is where a directory is expected; choose another place",
        errno.EEXIST: "a file is where a directory is expected; choose another place",
    }.get(error.errno or 0, "choose another place or make it writable")
    return OutputError(f"{path} cannot be written ({why}): {todo}")


def _drawn(scoreboard: Scoreboard, directory: Path, kinds: Sequence[Kind]) -> tuple[list[Path], str]:
    """The pictures that were asked for, or none and why not: no fault of a drawing library costs the figures."""
    if not kinds:
        return [], ""
    try:
        return write_pictures(scoreboard, directory, kinds), ""
    except UsageError as error:
        return [], str(error)
    except OSError:
        raise  # no room for any file
    except Exception as error:
        return [], f"the pictures could not be drawn: {type(error).__name__}: {one_line(error)}"


def write_file(path: Path, content: str | bytes) -> Path:
    """Write beside, then rename: a reader sees the old file or the new one, never a part.

    Raises:
        OutputError: it cannot be written; nothing of it stays.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        try:
            partial.write_bytes(content.encode() if isinstance(content, str) else content)
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from None
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
