"""Standard streams that any terminal, pipe and code page can take, and an end that no plugin can put off."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
import threading
from collections.abc import Callable
from typing import NoReturn

ERRORS = "nasbench"
"""How text that a code page does not have is written: by :data:`PLAIN`, else as an escape."""

PLAIN = {"→": "->", "←": "<-", "–": "-", "—": "-", "…": "...", "×": "x", "·": "*", "≥": ">=", "≤": "<=", "µ": "u"}


class LostOutput(OSError):
    """Standard output was closed before the command began."""


class _Closed(io.TextIOBase):
    """A standard output that is not there: writing to it is an error, as it is with a full disk."""

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        if text:
            raise LostOutput("standard output is closed")
        return 0


def prepare() -> None:
    """Make the standard streams safe to write to: present, and able to take every text."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:  # else the next file that is opened would take its place
            os.open(os.devnull, os.O_RDWR)
    if sys.stdout is None:
        sys.stdout = _Closed()
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # for as long as the process lives
    codecs.register_error(ERRORS, _plainly)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ERRORS)


def _plainly(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    told = "".join(PLAIN.get(character) or _escaped(character) for character in lost)
    return told, error.end


def _escaped(character: str) -> str:
    return character.encode("ascii", "backslashreplace").decode()


def finish(run: Callable[[], int]) -> NoReturn:
    """Run a command to its exit code and end the process, threads and exit functions of plugins notwithstanding.

    What exit functions print goes to stderr, so that what the command printed stays what it is.
    """
    code = run()
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of stdout, such as head, has seen enough
        _silence(1)
    except OSError as error:
        _silence(1)
        code = code or 1
        say(f"error: cannot write to standard output: {error.strerror or error}")
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.flush()
    with contextlib.suppress(OSError):
        os.dup2(2, 1)
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        os._exit(code)
    sys.exit(code)


def say(line: str) -> None:
    """A line on stderr, if it can take one."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


def _silence(number: int) -> None:
    """Send what is still buffered for a standard stream nowhere."""
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)
