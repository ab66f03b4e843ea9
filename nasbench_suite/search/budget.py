"""How much a run may spend, and in which currency."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal, get_args

from nasbench_suite.errors import UsageError

Unit = Literal["seconds", "evaluations", "epochs"]
UNITS: tuple[Unit, ...] = get_args(Unit)

_SUFFIXES: dict[str, tuple[float, Unit]] = {
    "s": (1.0, "seconds"),
    "min": (60.0, "seconds"),
    "h": (3600.0, "seconds"),
    "d": (86400.0, "seconds"),
    **{unit: (1.0, unit) for unit in UNITS},
    **{unit.removesuffix("s"): (1.0, unit) for unit in UNITS},
}


@dataclass(frozen=True)
class Budget:
    """An amount of one currency.

    Attributes:
        amount: at least 0.
        unit: ``"seconds"`` of training (simulated by a table or measured live), ``"evaluations"`` or ``"epochs"``.

    Raises:
        UsageError: a negative or infinite amount, or an unknown unit.
    """

    amount: float
    unit: Unit = "seconds"

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise UsageError(f"budget unit {self.unit!r}: expected one of {', '.join(UNITS)}")
        if not (math.isfinite(self.amount) and self.amount >= 0):
            raise UsageError(f"budget of {self.amount} {self.unit}: expected a finite amount of at least 0")

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read ``"12000s"``, ``"3 h"``, ``"100 evaluations"`` or ``"2400 epochs"``; a bare number is seconds.

        Raises:
            UsageError: anything else.
        """
        match = re.fullmatch(r"\s*([0-9][0-9_,]*\.?[0-9]*(?:[eE][+-]?[0-9]+)?)\s*([a-z]*)\s*", text)
        if not match or (match[2] or "s") not in _SUFFIXES:
            raise UsageError(
                f"budget {text!r}: expected a number and a unit, such as 12000s, 3h, '100 evaluations' or '2400 epochs'"
            )
        factor, unit = _SUFFIXES[match[2] or "s"]
        return cls(float(match[1].replace("_", "").replace(",", "")) * factor, unit)

    def __str__(self) -> str:
        amount = f"{self.amount:,.0f}" if self.amount == int(self.amount) else f"{self.amount:,g}"
        return f"{amount} {'s' if self.unit == 'seconds' else self.unit}"
