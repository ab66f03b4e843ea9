"""Several training seeds of one network as one network: *members*, side by side.

Fully-connected layers of all members are one product of matrices per layer. Any other module is computed member by
member, each with random numbers of its own, so that no member's training depends on who trains beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from nasbench_suite.errors import UsageError

POINTWISE = (nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.Softplus, nn.Identity)
"""Layers without weights that treat every number alike."""


class Members(nn.Module):
    """Networks side by side: ``[members, examples, …] -> [members, examples, …]``.

    Attributes:
        members: how many.
        capturable: whether a step can be recorded as a CUDA graph.
    """

    members: int
    capturable = True

    def begin_epoch(self, epoch: int) -> None:
        """Called before each epoch, the first being 0: whatever is random within it begins anew."""

    def apart(self, batch: Tensor) -> Tensor:
        """Outputs of each member for its own examples: ``[members, examples, …] -> [members, examples, …]``."""
        found: Tensor = self(batch)
        return found


class Stacked(Members):
    """Members of linear and pointwise layers, with the weights of each layer in one tensor.

    Args:
        networks: sequences of the same layers.
    """

    def __init__(self, networks: Sequence[nn.Sequential]) -> None:
        super().__init__()
        self.members = len(networks)
        layers: list[nn.Module] = []
        for together in zip(*networks, strict=True):
            first = together[0]
            layers.append(Linear(together) if isinstance(first, nn.Linear) else first)
        self.layers = nn.ModuleList(layers)

    def forward(self, batch: Tensor) -> Tensor:
        x = batch
        for layer in self.layers:
            x = x.flatten(2) if isinstance(layer, nn.Flatten) else layer(x)
        return x


class Linear(nn.Module):
    """One linear layer per member: ``[members, examples, inputs] -> [members, examples, outputs]``."""

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.stack([layer.weight.detach().t() for layer in layers]).contiguous())
        biases = [layer.bias.detach()[None] for layer in layers if layer.bias is not None]
        self.bias = nn.Parameter(torch.stack(biases)) if biases else None

    def forward(self, x: Tensor) -> Tensor:
        return torch.bmm(x, self.weight) if self.bias is None else torch.baddbmm(self.bias, x, self.weight)


class Looped(Members):
    """Members of any kind, one after another.

    Args:
        networks: one per member.
        seeds: of their random numbers, such as those of dropout.
    """

    capturable = False

    def __init__(self, networks: Sequence[nn.Module], seeds: Sequence[int]) -> None:
        super().__init__()
        self.members = len(networks)
        self.networks = nn.ModuleList(networks)
        self._seeds = tuple(seeds)
        self._streams: list[list[Tensor]] = []
        self.begin_epoch(0)

    def begin_epoch(self, epoch: int) -> None:
        """Begin each member's random numbers anew; a function of its seed and the epoch."""
        self._streams = []
        with _generators_kept():
            for seed in self._seeds:
                torch.manual_seed((seed * 1_000_003 + epoch) % 2**63)
                self._streams.append(_states())

    def forward(self, batch: Tensor) -> Tensor:
        found = []
        for member, network in enumerate(self.networks):
            if not self.training:
                found.append(network(batch[member]))
                continue
            with _generators_kept():
                _set_states(self._streams[member])
                found.append(network(batch[member]))
                self._streams[member] = _states()
        return torch.stack(found)


def side_by_side(networks: Sequence[nn.Module], seeds: Sequence[int]) -> Members:
    """Members as one network: stacked where every layer allows it, otherwise looped over.

    Raises:
        UsageError: no seed, or not one network per seed.
    """
    if not networks or len(networks) != len(seeds):
        raise UsageError(
            f"{len(networks)} networks for {len(seeds)} training seeds; expected one for each, at least one"
        )
    chains = [network for network in networks if type(network) is nn.Sequential and _is_dense(network)]
    return Stacked(chains) if len(chains) == len(networks) else Looped(networks, seeds)


def seeded(make: Callable[[], nn.Module], seeds: Sequence[int]) -> list[nn.Module]:
    """One network per seed, made while PyTorch's generator stands at it; afterwards it stands where it stood."""
    made = []
    with _generators_kept():
        for seed in seeds:
            torch.manual_seed(int(seed))
            made.append(make())
    return made


def _is_dense(network: nn.Sequential) -> bool:
    """Whether a sequence is made of linear and pointwise layers, flattened at most at its beginning."""
    layers = list(network)
    if layers and type(layers[0]) is nn.Flatten and (layers[0].start_dim, layers[0].end_dim) == (1, -1):
        layers = layers[1:]
    hooked = any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
    return not hooked and all(type(layer) in (nn.Linear, *POINTWISE) for layer in layers)


def _states() -> list[Tensor]:
    gpu = [torch.cuda.get_rng_state()] if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
    return [torch.get_rng_state(), *gpu]


def _set_states(states: Sequence[Tensor]) -> None:
    torch.set_rng_state(states[0])
    if len(states) > 1:
        torch.cuda.set_rng_state(states[1])


@contextmanager
def _generators_kept() -> Iterator[None]:
    before = _states()
    try:
        yield
    finally:
        _set_states(before)
