"""The tables that the suite trains by itself, by the names of the commands that make and audit them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nasbench_suite.building.build import Build
from nasbench_suite.building.dense_table import dense_build
from nasbench_suite.building.digits_table import digits_build


@dataclass(frozen=True)
class KnownBuild:
    """A table that can be made.

    Attributes:
        make: ``(training seeds, sample) -> build``.
        seeds: how many training seeds the shipped table has.
    """

    make: Callable[[tuple[int, ...], int | None], Build]
    seeds: int

    def build(self, seeds: int | None = None, sample: int | None = None) -> Build:
        """The build with so many training seeds; by default those of the shipped table."""
        return self.make(tuple(range(seeds or self.seeds)), sample)


KNOWN_BUILDS = {"digits": KnownBuild(digits_build, 3), "dense-100": KnownBuild(dense_build, 5)}
"""Name of the command's argument -> table."""


def build_of(table: str) -> KnownBuild | None:
    """The build of a table of this name, or ``None``."""
    return next((known for name, known in KNOWN_BUILDS.items() if table in (name, known.build().name)), None)
