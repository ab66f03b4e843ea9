"""Which large files were hashed before: so that opening a table of hundreds of megabytes does not read all of it.

The note on a file holds as long as its device, inode, size, modification and change time do; any write to the file
changes the last of them, and no program can set it back. The notes are a convenience: without them, or when they
cannot be read, a file is hashed again.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

NOTES = "verified-tables.json"


@dataclass(frozen=True)
class Note:
    """What is known of a file.

    Attributes:
        stamp: device, inode, size, and both times in nanoseconds when it was hashed.
        sha256: of the whole file then.
        checked: whether every value was checked against the schema.
    """

    stamp: tuple[int, ...]
    sha256: str
    checked: bool


def recall(path: Path) -> Note | None:
    """The note on a file, if it has not been touched since."""
    fields = _read().get(str(path.resolve()))
    try:
        note = Note(tuple(fields["stamp"]), str(fields["sha256"]), bool(fields["checked"]))  # type: ignore[index,arg-type]
    except (KeyError, TypeError, ValueError):
        return None
    return note if note.stamp == stamp(path) else None


def remember(path: Path, note: Note) -> None:
    """Keep a note; a cache directory that cannot be written is no error."""
    notes = {name: fields for name, fields in _read().items() if Path(name).exists()}
    notes[str(path.resolve())] = asdict(note)
    file = _notes_file()
    partial = file.with_name(f"{file.name}.{os.getpid()}.partial")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(notes, indent=1), encoding="utf-8")
        os.replace(partial, file)
    except OSError:
        partial.unlink(missing_ok=True)


def stamp(path: Path) -> tuple[int, ...]:
    """Device, inode, size, modification and change time of a file."""
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _notes_file() -> Path:
    import platformdirs

    return Path(platformdirs.user_cache_dir("nasbench-suite")) / NOTES


def _read() -> dict[str, dict[str, object]]:
    try:
        notes = json.loads(_notes_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return notes if isinstance(notes, dict) else {}
