"""Least values of parameters, so that a wrong one is an error and not a search that never asks anything."""

from __future__ import annotations


def at_least(least: float, **parameters: float) -> None:
    """Raise ``ValueError`` for a parameter below its least value, naming it."""
    for name, value in parameters.items():
        if value < least:
            raise ValueError(f"{name} is {value}; expected at least {least}")
