"""The size space of NATS-Bench (Dong et al., TPAMI 2021, https://arxiv.org/abs/2009.00437, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from nasbench_suite.errors import SpaceError
from nasbench_suite.spaces.protocols import Architecture
from nasbench_suite.spaces.space import CategoricalSpace, Decision

CHANNELS = tuple(str(channels) for channels in range(8, 65, 8))
"""The candidates of every layer."""


class ChannelSpace(CategoricalSpace):
    """Numbers of channels, one choice per layer; the text of an architecture is ``8:16:64:8:8``.

    Args:
        name: of the space.
        layers: how many.
        channels: the options of every layer, as texts.
    """

    def __init__(self, name: str, layers: int, channels: Sequence[str]) -> None:
        super().__init__(name, [Decision(f"layer {layer}", tuple(channels)) for layer in range(1, layers + 1)])

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.name, len(self.decisions), self.decisions[0].options)

    def format(self, architecture: Sequence[int]) -> str:
        """The channels joined by colons, e.g. ``8:16:64:8:8``."""
        options = self.check(architecture)
        return ":".join(decision.options[option] for decision, option in zip(self.decisions, options, strict=True))

    def parse(self, text: str) -> Architecture:
        """The inverse of :meth:`format`; raises :class:`SpaceError` naming the part that does not fit."""
        parts = text.strip().split(":")
        if len(parts) != len(self.decisions):
            raise SpaceError(
                f"{text!r} has {len(parts)} layers; {self.name} has {len(self.decisions)}, as in "
                f"{self.format((0,) * len(self.decisions))!r}"
            )
        for part, decision in zip(parts, self.decisions, strict=True):
            if part not in decision.options:
                raise SpaceError(
                    f"{text!r}: {part!r} channels are not a choice for {decision.name} of {self.name}; "
                    f"expected one of {', '.join(decision.options)}"
                )
        return tuple(d.options.index(part) for d, part in zip(self.decisions, parts, strict=True))


@cache
def nats_bench_sss() -> ChannelSpace:
    """Five layers of 8, 16, … or 64 channels: 32,768 networks (one shared instance).

    The index counts in base 8 with the first layer as the highest digit, which is the official order as well.
    """
    return ChannelSpace("nats-bench-sss", 5, CHANNELS)
