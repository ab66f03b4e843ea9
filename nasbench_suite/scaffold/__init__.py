"""Writing a new plugin: a package that installs, passes its own tests and shows up, with something to change in it.

The templates lie beside this file; ``$name``, ``$module`` and ``$function`` in them are filled in.
"""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from string import Template

from nasbench_suite.errors import UsageError

TEMPLATES = Path(__file__).parent / "templates"
KINDS = ("strategy", "benchmark", "adapter")


def write_package(name: str, directory: Path, kind: str = "strategy") -> Path:
    """Write a plugin's project into ``directory/name``.

    Args:
        name: lower-case words joined by hyphens; the package, the module (with underscores) and what it adds get it.
        directory: where the project's directory is made.
        kind: ``"strategy"``, ``"benchmark"`` or ``"adapter"`` (an optimizer of another library).

    Returns:
        The project's directory.

    Raises:
        UsageError: a name of another form, or a directory that exists.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or keyword.iskeyword(name):
        raise UsageError(
            f"plugin name {name!r}: expected lower-case words and digits joined by hyphens, such as my-search"
        )
    if kind not in KINDS:
        raise UsageError(f"plugin kind {kind!r}: expected one of {', '.join(KINDS)}")
    project = directory / name
    if project.exists():
        raise UsageError(f"{project} exists; choose another name or --directory")
    words = {"name": name, "module": name.replace("-", "_"), "function": name.replace("-", "_")}
    for source in (TEMPLATES / "common", TEMPLATES / kind):
        for template in sorted(source.rglob("*.in")):
            target = project / Template(str(template.relative_to(source)).removesuffix(".in")).substitute(words)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(Template(template.read_text(encoding="utf-8")).substitute(words), encoding="utf-8")
    return project
