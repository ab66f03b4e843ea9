"""How a strategy looks, everywhere the same: its family gives the hue, its name the shade, the dashes and the marker.

Nothing depends on which other strategies are there, so a strategy looks the same in every leaderboard.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

HUES = {
    "reference": "#5f6772",
    "evolution": "#0072b2",
    "reinforcement-learning": "#d55e00",
    "bayesian": "#009e73",
    "progressive": "#cc79a7",
    "multi-fidelity": "#e69f00",
    "entropy": "#56b4e9",
    "weight-sharing": "#8a5a00",
    "other": "#7b4fb0",
}
"""Okabe & Ito's palette for the colour-blind, with brown for its yellow, which is lost on
white paper, violet for its black, and grey for the references."""

DASHES: tuple[tuple[int, ...], ...] = ((), (8, 3), (2, 3), (8, 3, 2, 3))
MARKERS = "osD^vP*X"
_SHADES = (-0.3, 0.0, 0.3)


@dataclass(frozen=True)
class Look:
    """Colours on light and on dark ground, dashes in pixels (none: a whole line), and matplotlib's marker."""

    light: str
    dark: str
    dashes: tuple[int, ...]
    marker: str


def look(label: str, family: str) -> Look:
    """The look of a row."""
    digest = hashlib.sha256(label.encode()).digest()
    hue = HUES.get(family, HUES["other"])
    shade = _SHADES[digest[0] % len(_SHADES)]
    return Look(
        mixed(hue, shade),
        mixed(hue, 0.35 + shade / 3),
        DASHES[digest[1] % len(DASHES)],
        MARKERS[digest[2] % len(MARKERS)],
    )


def mixed(colour: str, shade: float) -> str:
    """A colour mixed with that much white, or where negative with black."""
    target = 255 if shade > 0 else 0
    parts = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return "#" + "".join(f"{round(part + (target - part) * abs(shade)):02x}" for part in parts)
