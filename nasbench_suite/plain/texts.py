"""TOML files of others: whatever is in them, the answer is a document or one line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from nasbench_suite.errors import SuiteError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read_toml(path: Path, what: str, error: type[SuiteError]) -> dict[str, Any]:
    """The document of a TOML file.

    Args:
        path: of the file.
        what: the file is, for messages, such as ``"comparison"``.
        error: raised if it cannot be read.

    Raises:
        SuiteError: of the given kind: no such file, no UTF-8, no TOML, or nested without end.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise error(f"{what} {path} cannot be read: {problem.strerror or problem}") from None
    except UnicodeDecodeError as problem:
        raise error(f"{what} {path} is not UTF-8 at byte {problem.start}") from None
    except ValueError as problem:  # not TOML, or a number of more digits than Python converts
        raise error(f"{what} {path} is not valid TOML: {problem}") from None
    except RecursionError:
        raise error(f"{what} {path} is nested too deeply to be read") from None
