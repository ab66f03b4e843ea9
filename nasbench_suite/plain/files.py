"""Opening what strangers give: regular files alone, so that no pipe or device makes a command wait for ever."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from nasbench_suite.errors import TableError


def expect_regular(path: Path) -> None:
    """Refuse what is not a regular file (or a link to one).

    Raises:
        TableError: it is not there, or a directory, a pipe, a socket or a device.
    """
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror or error}") from None
    if not stat.S_ISREG(mode):
        raise TableError(f"{path} is no regular file (a directory, a pipe or a device); expected a file")


def read_bytes(path: Path, most: int) -> bytes:
    """All bytes of a regular file of bounded size.

    Raises:
        TableError: it cannot be read, is no regular file, or is larger than ``most`` bytes.
    """
    expect_regular(path)
    try:
        with path.open("rb") as stream:
            data = stream.read(most + 1)
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror or error}") from None
    if len(data) > most:
        raise TableError(f"{path} has more than {most:,} bytes; such files are much smaller")
    return data
