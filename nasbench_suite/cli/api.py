"""The public names as one Markdown page: ``python -m nasbench_suite.cli.api > docs/api.md``."""

from __future__ import annotations

import inspect
from types import ModuleType

import nasbench_suite
import nasbench_suite.testing
from nasbench_suite.hookspecs import API_VERSION

_ABOUT = {
    "API_VERSION": "The version of this interface, a whole number.",
    "Architecture": "One option number per decision: a tuple of `int`.",
    "hookimpl": "Marks a function of a plugin's module as one of the hooks.",
}


def page() -> str:
    """The page; it depends on the names and their docstrings alone."""
    parts = [
        f"# Public names, API version {API_VERSION}\n",
        "Made by `python -m nasbench_suite.cli.api`; a test compares it. What is not here may change at any time.\n",
    ]
    for module in (nasbench_suite, nasbench_suite.testing):
        parts += [f"## {module.__name__}\n", *_entries(module)]
    return "\n".join(parts)


def _entries(module: ModuleType) -> list[str]:
    entries = []
    for name in module.__all__:
        value = getattr(module, name)
        callable_with_signature = inspect.isfunction(value)
        shown = f"{name}{inspect.signature(value)}".replace("'", "") if callable_with_signature else name
        about = _ABOUT.get(name) or (inspect.getdoc(value) or "").partition("\n")[0]
        entries.append(f"- `{shown}`: {about}")
    return [*entries, ""]


if __name__ == "__main__":
    print(page(), end="")
