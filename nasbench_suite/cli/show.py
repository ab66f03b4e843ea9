"""Printing what rich lays out: in colour in a terminal, as plain text of 80 columns anywhere else."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import RenderableType


def show(what: RenderableType) -> None:
    """Print to stdout without trailing blanks."""
    from rich.console import Console

    terminal = sys.stdout.isatty()
    console = Console(highlight=False, markup=False, width=None if terminal else 80, force_terminal=terminal)
    with console.capture() as captured:
        console.print(what)
    click.echo("\n".join(line.rstrip() for line in captured.get().strip("\n").splitlines()))
