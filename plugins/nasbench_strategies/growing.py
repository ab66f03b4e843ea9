"""What progressive strategies need of a space."""

from __future__ import annotations

from typing import Protocol

from nasbench_suite import Architecture


class GrowingSpace(Protocol):
    """A space of the capability ``"levels"``."""

    @property
    def levels(self) -> int:
        """How many levels of complexity there are."""

    def grow(self, architecture: Architecture | None, level: int) -> list[Architecture]:
        """The architectures of a level that keep what one of the level before has."""
