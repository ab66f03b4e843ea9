"""What is searched for: each objective with its unit, its direction and its bounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nasbench_suite.errors import UsageError


@dataclass(frozen=True)
class Objective:
    """One number that every answer has.

    Attributes:
        name: e.g. ``"valid-accuracy"``, ``"latency"``.
        unit: what the values are counted in: ``"fraction"`` (shown in percent), ``"s"`` (shown in milliseconds below a
            second), any other word as it is, or nothing.
        maximize: whether larger is better.
        low, high: the bounds, in the unit: one of them is the ideal, the other the reference point, beyond which a
            value is worth nothing.

    Raises:
        UsageError: bounds that are not two finite numbers, the lower first.
    """

    name: str
    unit: str = ""
    maximize: bool = True
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise UsageError(
                f"objective {self.name!r}: bounds {self.low} and {self.high}; expected finite ones, the lower first"
            )

    @property
    def ideal(self) -> float:
        """The best bound."""
        return self.high if self.maximize else self.low

    @property
    def reference(self) -> float:
        """The worst bound."""
        return self.low if self.maximize else self.high

    def worth(self, value: float) -> float:
        """A value as a share of the way from the reference point (0) to the ideal (1); NaN stays NaN."""
        share = (value - self.reference) / (self.ideal - self.reference)
        return min(1.0, max(0.0, share)) if share == share else share

    def shown(self, value: float) -> str:
        """A value for a reader, with its unit."""
        if math.isnan(value):
            return "not measured"
        if self.unit == "fraction":
            return f"{100 * value:.2f} %"
        if self.unit == "s" and abs(value) < 1:
            return f"{1000 * value:.3g} ms"
        return f"{value:,.6g} {self.unit}".rstrip()


ACCURACY = Objective("valid-accuracy", "fraction")
"""What a benchmark is searched for that does not say otherwise."""


def worths(objectives: Sequence[Objective], values: Sequence[float]) -> tuple[float, ...]:
    """Values of some objectives as shares of their ways from reference to ideal, all to be maximized.

    Raises:
        UsageError: another number of values than of objectives.
    """
    if len(values) != len(objectives):
        raise UsageError(f"{len(values)} values for {len(objectives)} objectives; expected one each")
    return tuple(objective.worth(value) for objective, value in zip(objectives, values, strict=True))
