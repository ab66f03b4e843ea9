"""Reading a file of nobody known in a process of its own: a damaged HDF5 file can make its library go round for ever.

``python -m nasbench_suite.tables.probe PATH`` reads the whole file and prints nothing, or what is wrong in one line.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from nasbench_suite.errors import SuiteError, TableError

SECONDS_PER_GIBIBYTE = 120
LEAST_SECONDS = 30
"""How long a file may take: sound ones of a gibibyte take some ten seconds."""


def probe(path: Path) -> None:
    """Read all of a file and check it in another process, within a time that its size sets.

    Raises:
        TableError: what is wrong with it; that it could not be read in time, or that reading it ended the process.
    """
    seconds = LEAST_SECONDS + SECONDS_PER_GIBIBYTE * path.stat().st_size / 2**30
    command = [sys.executable, "-m", "nasbench_suite.tables.probe", str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=seconds)
    except subprocess.TimeoutExpired:
        raise TableError(
            f"table {path} cannot be read: its file keeps the HDF5 library busy without end; restore it or make it again"
        ) from None
    except OSError as error:
        raise TableError(f"table {path} cannot be checked: {error.strerror or error}") from None
    if done.returncode:
        told = done.stdout.strip() or (
            f"table {path} cannot be read: the HDF5 library ended with status {done.returncode}; restore it or make it again"
        )
        raise TableError(told)


def main(path: str) -> int:
    """Read and check a file; the exit status is 1 if it is no sound table."""
    from nasbench_suite.tables.table import read_whole

    try:
        read_whole(Path(path))
    except SuiteError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
