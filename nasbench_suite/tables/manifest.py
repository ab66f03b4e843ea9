"""Which tables there are: directories with a ``manifest.toml`` that lists files with hash, source and licence."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from nasbench_suite.errors import TableError, UsageError, unknown
from nasbench_suite.plain.texts import read_toml

MANIFEST = "manifest.toml"
PATH_VARIABLE = "NASBENCH_TABLES"


@dataclass(frozen=True)
class Entry:
    """One table of a manifest.

    Attributes:
        name: of the table.
        path: of the file.
        sha256: what the file must have.
        source, licence, made_by: where the numbers come from, under which terms, and the command that made the file.
    """

    name: str
    path: Path
    sha256: str
    source: str
    licence: str
    made_by: str


def shipped_directory() -> Path:
    """The directory of the tables that come with the suite (inside the package, or beside it in a checkout)."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "tabular_data"
    return inside if inside.is_dir() else package.parent / "tabular_data"


def table_directories() -> list[Path]:
    """Where tables are looked for: the directories in ``NASBENCH_TABLES``, the user's data directory, the shipped."""
    import platformdirs

    named = [Path(part).expanduser() for part in os.environ.get(PATH_VARIABLE, "").split(os.pathsep) if part]
    return [*named, Path(platformdirs.user_data_dir("nasbench-suite")) / "tables", shipped_directory()]


def own_directory() -> Path:
    """Where new tables go: the first directory in ``NASBENCH_TABLES``, else the user's data directory."""
    return table_directories()[0]


def read_manifest(directory: Path) -> dict[str, Entry]:
    """The entries of a directory's manifest by table name; empty if there is none.

    Raises:
        TableError: a manifest that is not TOML or lacks a field.
    """
    path = directory / MANIFEST
    if not path.is_file():
        return {}
    try:
        document = read_toml(path, "manifest", TableError)
        return {
            name: Entry(
                name,
                directory / fields["file"],
                fields["sha256"],
                fields["source"],
                fields["licence"],
                fields["made_by"],
            )
            for name, fields in document.items()
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise TableError(f"manifest {path} cannot be read: {error}") from None


def known_tables() -> dict[str, Entry]:
    """Every listed table by name; where two directories list the same name, the earlier directory counts."""
    known: dict[str, Entry] = {}
    for directory in table_directories():
        for name, entry in read_manifest(directory).items():
            known.setdefault(name, entry)
    return known


def find_table(name_or_path: str | Path) -> Path:
    """The file of a table given by name or by path.

    Raises:
        UsageError: an unknown name.
        TableError: the file is not there.
    """
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith((".h5", ".hdf5")) or os.sep in text:
        path = Path(name_or_path).expanduser()
        if not path.is_file():
            raise TableError(f"table file {path} does not exist")
        return path
    known = known_tables()
    if text not in known:
        raise unknown("table", text, known, "put its directory into NASBENCH_TABLES or give the path of a .h5 file")
    path = known[text].path
    if not path.is_file():
        raise TableError(
            f"table {text!r}: {path} is missing, though the manifest lists it; make it again: {known[text].made_by}"
        )
    return path


def expected_sha256(path: Path) -> str | None:
    """The hash that the manifest beside a file demands, or ``None`` if no manifest lists the file."""
    for entry in read_manifest(path.parent).values():
        if entry.path.name == path.name:
            return entry.sha256
    return None


def list_in_manifest(entry: Entry) -> None:
    """Write or replace a table's entry in the manifest of its directory.

    Raises:
        UsageError: a field with a quote or a line break, which the manifest does not hold.
    """
    directory = entry.path.parent
    entries = {**read_manifest(directory), entry.name: entry}
    lines = ["# Written by nasbench-suite. A file whose sha256 differs is refused.\n"]
    for name, listed in sorted(entries.items()):
        fields = {
            "file": listed.path.name,
            "sha256": listed.sha256,
            "source": listed.source,
            "licence": listed.licence,
            "made_by": listed.made_by,
        }
        if any(character in value for value in fields.values() for character in '"\\\n'):
            raise UsageError(f"table {name!r}: a manifest field contains a quote, a backslash or a line break")
        lines.append(f'\n["{name}"]\n' + "".join(f'{key} = "{value}"\n' for key, value in fields.items()))
    partial = directory / (MANIFEST + ".partial")
    partial.write_text("".join(lines), encoding="utf-8")
    os.replace(partial, directory / MANIFEST)
