"""Every error that the suite raises on purpose, so that a caller can catch a family and a reader can see them all.

::

    BaseException
    ├── OutOfBudget              the meter refused an answer; ends a strategy, never meant to be caught
    └── Exception
        └── SuiteError           one line for the user, exit code 1
            ├── UsageError       the request itself is wrong (unknown name, bad option), exit code 2
            ├── SpaceError       not an architecture of this space
            ├── QuestionError    a question that the benchmark cannot answer
            │   └── NotMeasured  the table has no such measurement; nothing is imputed
            ├── TableError       a table that is missing, damaged, or of another schema
            ├── DataError        images that are missing, damaged, or of another format
            ├── PluginError      a plugin that cannot be loaded or breaks the rules
            ├── ComparisonError  a comparison file with mistakes
            ├── StoreError       a run store that cannot be used
            ├── OutputError      files that cannot be written where they were asked for
            ├── ScoringError     a journal or a table of scores that cannot be scored
            ├── BundleError      a published bundle that is damaged, or leaderboards that do not fit together
            └── ReplayMismatch   a resumed run asked something else than its journal says
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def printable(text: str) -> str:
    """A text of anybody, without what would steer a terminal; its lines stay lines."""
    return "".join(character if character.isprintable() or character == "\n" else "?" for character in text)


class OutOfBudget(BaseException):
    """The budget is spent: the meter gives no answer and the problem is closed for good.

    A ``BaseException``, so that ``except Exception`` in a strategy does not swallow it. The harness
    catches it; a strategy that catches it and asks on makes its run invalid.
    """


class SuiteError(Exception):
    """Base of all errors with a message for the user: who, what was given, what was expected, what to do."""

    exit_code = 1

    def __str__(self) -> str:
        """The message without what would steer a terminal: it may quote anybody's file."""
        return printable(super().__str__())


class UsageError(SuiteError):
    """The request is wrong before anything ran: an unknown name, an option with a bad value."""

    exit_code = 2


class SpaceError(SuiteError, ValueError):
    """Something that is not an architecture (or an architecture's text) of the space at hand."""


class QuestionError(SuiteError, ValueError):
    """A question that the benchmark cannot answer, such as a fidelity that it does not have."""


class NotMeasured(QuestionError, LookupError):
    """The table has a gap here. Missing stays missing."""


class TableError(SuiteError):
    """A table file that is missing, truncated, altered, of another schema version, or not HDF5."""


class DataError(SuiteError):
    """A data set whose files are missing, damaged, or not of the format that was named."""


class PluginError(SuiteError):
    """A plugin that cannot be imported, names a hook that is not there, or returns the wrong thing."""


class ComparisonError(UsageError):
    """A comparison that cannot be read or makes no sense."""


class StoreError(SuiteError):
    """A run store that is damaged, of another schema version, or not to be written."""


class OutputError(SuiteError):
    """Files that cannot be written: no room, no permission, or a file where a directory is expected."""


class ScoringError(SuiteError):
    """A journal that breaks the rules of its run, or scores of the wrong shape."""


class BundleError(SuiteError):
    """A bundle that cannot be read, or bundles and leaderboards that cannot be put side by side."""


class ReplayMismatch(SuiteError):
    """A resumed strategy asked a different question than its journal: it is not deterministic in its seed."""


def unknown(kind: str, given: str, known: Iterable[str], hint: str = "") -> UsageError:
    """Make the error for an unknown name, with near names first and a way to see all.

    Args:
        kind: what was looked for, e.g. ``"strategy"``.
        given: the name that was given.
        known: the names that exist.
        hint: what to do next, e.g. a command that lists them.
    """
    names = sorted(known)
    near = get_close_matches(given, names, n=3, cutoff=0.5)
    if near:
        tail = f"did you mean {' or '.join(near)}?"
    elif len(names) <= 8:
        tail = f"known: {', '.join(names) or 'none'}"
    else:
        tail = f"there are {len(names)}"
    return UsageError(f"unknown {kind} {given!r}; {tail}" + (f" ({hint})" if hint else ""))
