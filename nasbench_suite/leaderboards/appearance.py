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

FIRST = {
    "reference": ("random-search", "random-sampling", "local-search", "exhaustive"),
    "evolution": ("regularized-evolution", "genetic-algorithm", "umda"),
    "reinforcement-learning": ("reinforce", "ppo", "recurrent-controller"),
    "bayesian": ("gaussian-process", "gaussian-process-wl", "bananas", "tpe", "random-forest"),
    "progressive": ("pnas",),
    "multi-fidelity": ("successive-halving", "hyperband", "asha", "bohb"),
    "entropy": ("maximum-entropy",),
    "weight-sharing": ("darts", "darts-second-order", "gdas", "drnas", "enas", "rsps"),
}
"""Strategies that everybody has: the looks of one family's are apart. All others take one of the looks that are left."""

DASHES: tuple[tuple[int, ...], ...] = ((), (8, 3), (2, 3), (8, 3, 2, 3))
MARKERS = "osD^vP*X"
_SHADES = (0.0, -0.4, 0.3)
_VARIANTS = len(_SHADES) * len(DASHES)


@dataclass(frozen=True)
class Look:
    """Colours on light and on dark ground, dashes in pixels (none: a whole line), and matplotlib's marker."""

    light: str
    dark: str
    dashes: tuple[int, ...]
    marker: str


def look(label: str, family: str) -> Look:
    """The look of a row: one of twelve of its family."""
    hue = HUES.get(family, HUES["other"])
    first = FIRST.get(family, ())
    if label in first:
        variant = first.index(label)
    else:
        digest = hashlib.sha256(label.encode()).digest()
        variant = len(first) + digest[0] % (_VARIANTS - len(first))
    # Three shades and four kinds of dashes come together in twelve ways before a pair is there again.
    shade = _SHADES[variant % len(_SHADES)]
    return Look(
        mixed(hue, shade),
        mixed(hue, 0.35 + shade / 3),
        DASHES[variant % len(DASHES)],
        MARKERS[variant % len(MARKERS)],
    )


def mixed(colour: str, shade: float) -> str:
    """A colour mixed with that much white, or where negative with black."""
    target = 255 if shade > 0 else 0
    parts = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return "#" + "".join(f"{round(part + (target - part) * abs(shade)):02x}" for part in parts)
