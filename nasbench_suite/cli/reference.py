"""The help of every command as one Markdown page: ``python -m nasbench_suite.cli.reference > docs/cli.md``."""

from __future__ import annotations

from collections.abc import Iterator

import click

from nasbench_suite.cli import cli


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """A command and all below it, with their full names."""
    yield path, command
    if isinstance(command, click.Group):
        for name, below in sorted(command.commands.items()):
            yield from commands(below, f"{path} {name}")


def page() -> str:
    """The page; it depends on the commands alone."""
    parts = ["# The command line\n", "Made by `python -m nasbench_suite.cli.reference`; a test compares it.\n"]
    for path, command in commands(cli, "nasbench"):
        context = click.Context(
            command, info_name=path, terminal_width=80, max_content_width=80, help_option_names=["-h", "--help"]
        )
        parts.append(f"## {path}\n\n```text\n{command.get_help(context).rstrip()}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    print(page(), end="")
