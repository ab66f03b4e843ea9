"""Documentation that is checked: commands, options, hooks and examples."""

from __future__ import annotations

import inspect
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from repository import REPOSITORY

from nasbench_suite import hookspecs
from nasbench_suite.cli import cli
from nasbench_suite.cli.reference import commands, page
from nasbench_suite.plugins import load_registry
from nasbench_suite.testing import assert_conforms

PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").glob("*.md"))]


def console_lines(text: str) -> list[str]:
    """The commands in ``console`` blocks, continued lines joined."""
    blocks = re.findall(r"```console\n(.*?)```", text, flags=re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line[2:].strip() for line in lines if line.startswith("$ ")]


COMMANDS = [(path.name, line) for path in PAGES for line in console_lines(path.read_text())]


def test_the_command_line_page_is_up_to_date() -> None:
    assert (REPOSITORY / "docs" / "cli.md").read_text() == page(), (
        "run python -m nasbench_suite.cli.reference > docs/cli.md"
    )


def test_every_command_and_option_has_help_and_every_command_an_example() -> None:
    for path, command in commands(cli, "nasbench"):
        assert command.help, path
        if not isinstance(command, click.Group):
            assert "Example" in command.help, f"{path} has no example"
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{path} {parameter.name}"


@pytest.mark.parametrize(("name", "line"), [(n, line) for n, line in COMMANDS if line.startswith("nasbench ")])
def test_documented_commands_exist(name: str, line: str) -> None:
    command: click.Command = cli
    words = shlex.split(line.partition(" #")[0].partition(" > ")[0])[1:]
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        assert words[0] in command.commands, f"{name}: no command {words[0]!r} in {line!r}"
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h", "--version"}
    assert {word.partition("=")[0] for word in words if word.startswith("-")} <= known, f"{name}: {line!r}"


@pytest.mark.parametrize(("name", "line"), [(n, line) for n, line in COMMANDS if line.startswith("python ")])
def test_documented_scripts_exist(name: str, line: str) -> None:
    words = shlex.split(line)[1:]
    if words[0] == "-m":
        subprocess.run(
            [sys.executable, "-c", f"import importlib.util as u; assert u.find_spec({words[1]!r})"], check=True
        )
    else:
        assert (REPOSITORY / words[0]).is_file(), f"{name}: {line!r}"


def test_every_hook_is_documented_with_its_signature() -> None:
    text = (REPOSITORY / "docs" / "plugins.md").read_text()
    hooks = [value for name, value in vars(hookspecs).items() if name.startswith("nasbench_") and callable(value)]
    assert len(hooks) == 3
    for hook in hooks:
        signature = str(inspect.signature(hook)).replace("'", "")
        assert f"### `{hook.__name__}{signature}`" in text
        assert inspect.getdoc(hook) in text


def test_the_example_plugin_works_as_printed(tmp_path: Path) -> None:
    text = (REPOSITORY / "docs" / "plugins.md").read_text()
    example = re.findall(r"```python\n(# my_search.py\n.*?)```", text, flags=re.DOTALL)[0]
    assert len(example.splitlines()) <= 40
    (tmp_path / "my_search.py").write_text(example)
    registry = load_registry(tmp_path)
    assert registry.problems == []
    assert_conforms(registry.strategies["my-search"].strategy)


def test_the_readme_shows_the_shipped_leaderboard() -> None:
    text = (REPOSITORY / "README.md").read_text()
    shown = text.partition("<!-- leaderboard:")[2].partition("-->")[2].partition("<!-- /leaderboard -->")[0].strip()
    board = (REPOSITORY / "leaderboards" / "nas-bench-201" / "README.md").read_text()
    assert shown == board.partition("## Overall")[2].strip().partition("\n\n")[0]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", path.read_text()):
        assert target.startswith("http") or (path.parent / target).exists(), f"{path.name} links to {target}"
