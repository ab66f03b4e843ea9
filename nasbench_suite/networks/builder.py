"""A builder makes the network of an architecture: a function, like a strategy, and any module is allowed.

>>> @network_builder("chain", space="chain")
... def chain(architecture, signature):
...     ...
...     return network
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from nasbench_suite.errors import UsageError
from nasbench_suite.sources import TRAINING_ROOMS, code_hash, record_hash
from nasbench_suite.spaces import Architecture
from nasbench_suite.tasks.task import Signature

if TYPE_CHECKING:
    from torch import nn

    from nasbench_suite.networks.members import Members

Build = Callable[[Architecture, Signature], "nn.Module"]
"""``(architecture, signature) -> network``: ``[example, *signature.inputs] -> [example, signature.outputs]``"""


@runtime_checkable
class Builder(Protocol):
    """What makes networks. Make one with :func:`network_builder`."""

    @property
    def name(self) -> str:
        """Lower-case words joined by hyphens."""

    @property
    def space(self) -> str:
        """The name of the space whose architectures it builds."""

    @property
    def record(self) -> tuple[Any, ...]:
        """Plain values that decide its networks, its code apart."""

    def __call__(self, architecture: Architecture, signature: Signature) -> nn.Module:
        """The network of an architecture, as plain modules, with weights drawn by PyTorch's generator."""

    def members(self, architecture: Architecture, signature: Signature, seeds: Sequence[int]) -> Members:
        """The network once per training seed, to be trained side by side."""


@dataclass(frozen=True)
class NetworkBuilder:
    """A builder that is a function.

    Attributes:
        name: lower-case words joined by hyphens.
        space: the name of the space whose architectures it builds.
        function: ``(architecture, signature) -> nn.Module``.
    """

    name: str
    space: str
    function: Build = field(repr=False)

    @property
    def record(self) -> tuple[Any, ...]:
        """Name and space."""
        return self.name, self.space

    def __call__(self, architecture: Architecture, signature: Signature) -> nn.Module:
        """The network of an architecture; raises :class:`UsageError` if the function returns none."""
        from torch import nn

        network = self.function(architecture, signature)
        if not isinstance(network, nn.Module):
            raise UsageError(f"builder {self.name!r} returned {network!r} for {architecture!r}; expected an nn.Module")
        return network

    def members(self, architecture: Architecture, signature: Signature, seeds: Sequence[int]) -> Members:
        """One network per seed, each with the weights that PyTorch draws under its seed."""
        from nasbench_suite.networks.members import seeded, side_by_side

        return side_by_side(seeded(lambda: self(architecture, signature), seeds), seeds)

    def __reduce__(self) -> tuple[Any, ...]:
        # Under its function's name a module holds the builder, so the function itself cannot be pickled.
        names = (self.function.__module__, self.function.__qualname__)
        return (_imported, names) if _held(*names) is self else (NetworkBuilder, (self.name, self.space, self.function))


def network_builder(name: str, *, space: str) -> Callable[[Build], NetworkBuilder]:
    """Turn a function ``(architecture, signature) -> nn.Module`` into a :class:`Builder`.

    The network takes a batch ``[example, *signature.inputs]`` and gives ``[example, signature.outputs]``. Whether its
    training seeds run as one fast network is found out: those of fully-connected layers do.

    Args:
        name: lower-case words joined by hyphens, unlike any other builder's.
        space: the name of the space whose architectures it builds.
    """

    def made(function: Build) -> NetworkBuilder:
        return NetworkBuilder(name, space, function)

    return made


@dataclass(frozen=True)
class Network:
    """What is trained: an architecture, and who builds it.

    Attributes:
        builder: makes the network.
        architecture: one option number per decision of the builder's space.
    """

    builder: Builder
    architecture: Architecture

    def members(self, signature: Signature, seeds: Sequence[int]) -> Members:
        """The network once per training seed."""
        return self.builder.members(self.architecture, signature, seeds)

    @property
    def identity(self) -> str:
        """A hash of architecture and builder."""
        return record_hash(builder_identity(self.builder), self.architecture)


def builder_identity(builder: Builder) -> str:
    """A hash of what decides a builder's networks, its code included."""
    code = builder.function if isinstance(builder, NetworkBuilder) else type(builder)
    return record_hash(builder.record, code_hash(code, rooms=TRAINING_ROOMS))


def _held(module: str, name: str) -> Any:
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _imported(module: str, name: str) -> NetworkBuilder:
    builder: NetworkBuilder = _held(module, name)
    return builder
