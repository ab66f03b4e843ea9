"""What a network costs, whatever it learns: parameters and multiply-adds counted, latency and memory measured.

Counting runs on PyTorch's meta device: shapes alone go through the network, nothing is computed and nothing stored.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

from nasbench_suite.errors import UsageError
from nasbench_suite.networks.builder import Builder
from nasbench_suite.networks.machine import cpu_threads
from nasbench_suite.networks.members import Members
from nasbench_suite.spaces import Architecture
from nasbench_suite.tasks.task import Signature, Task


@dataclass(frozen=True)
class Counts:
    """What was counted.

    Attributes:
        parameters: trainable numbers.
        flops: multiply-adds of one example in convolutions and products of matrices, additions of their biases
            included, as NAS-Bench-201 counts them; normalisations, poolings and sums count nothing.
        layers: convolutions and products of matrices.
    """

    parameters: int
    flops: int
    layers: int


def count(builder: Builder, architecture: Architecture, signature: Signature) -> Counts:
    """Count the network of an architecture without building or running it.

    Raises:
        UsageError: a network that needs numbers and not only shapes to be run.
    """
    with torch.device("meta"):
        return count_network(builder(architecture, signature), signature)


def count_network(network: nn.Module, signature: Signature) -> Counts:
    """Count a network that lies on the meta device; see :func:`count`."""
    example = torch.zeros(1, *signature.inputs, device="meta", dtype=torch.int64 if signature.words else None)
    layers: list[int] = []

    def counted(formula: Callable[..., int]) -> Callable[..., int]:
        def count_layer(*shapes: Any, **more: Any) -> int:
            layers.append(1)
            return formula(*shapes, **more)

        return count_layer

    aten = torch.ops.aten
    counter = FlopCounterMode(
        display=False,
        custom_mapping={
            aten.convolution: counted(_convolution),
            aten.mm: counted(_product),
            aten.addmm: counted(_product_with_bias),
            aten.bmm: counted(_product),
            aten.baddbmm: counted(_product_with_bias),
        },
    )
    network.eval()
    try:
        with torch.device("meta"), torch.no_grad(), counter:
            network(example)
    except (RuntimeError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0]
        raise UsageError(
            f"{type(network).__name__} cannot be counted: it needs numbers and not only shapes ({reason}); let its "
            "forward depend on shapes alone"
        ) from None
    parameters = sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
    return Counts(parameters, counter.get_total_flops() // 2, len(layers))


def _convolution(
    x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, transposed: bool, *_: Any, **more: Any
) -> int:
    """Twice the multiply-adds, as the counter adds them."""
    products: int = conv_flop_count(x, weight, more["out_shape"], transposed=transposed)
    return products + (2 * _size(more["out_shape"]) if bias is not None else 0)


def _product(left: Sequence[int], right: Sequence[int], *_: Any, **more: Any) -> int:
    return 2 * _size(left) * right[-1]


def _product_with_bias(bias: Any, left: Sequence[int], right: Sequence[int], *_: Any, **more: Any) -> int:
    return 2 * _size(left) * right[-1] + 2 * _size(more["out_shape"])


def _size(shape: Sequence[int]) -> int:
    size = 1
    for side in shape:
        size *= side
    return size


@dataclass(frozen=True)
class Profile:
    """What a network costs.

    Attributes:
        parameters, flops: counted (see :class:`Counts`).
        latency: seconds for one example, the least of repeated passes on this machine.
        memory: bytes that one training step keeps for its backward pass: weights and activations, counted.
    """

    parameters: int
    flops: int
    latency: float
    memory: int


def profile(builder: Builder, architecture: Architecture, task: Task, *, repeats: int = 20) -> Profile:
    """Count and time the network of an architecture on one thread of the CPU."""
    signature = task.signature
    counts = count(builder, architecture, signature)
    network = builder.members(architecture, signature, [0])
    with cpu_threads(1):
        network.eval()
        one, batch = (_examples(signature, size) for size in (1, task.recipe.batch_size))
        passes = []
        with torch.inference_mode():
            for _ in range(repeats):
                started = time.perf_counter()
                network.apart(one)
                passes.append(time.perf_counter() - started)
        return Profile(counts.parameters, counts.flops, min(passes), _kept_bytes(network, batch))


def _examples(signature: Signature, size: int) -> Tensor:
    return torch.zeros(1, size, *signature.inputs, dtype=torch.int64 if signature.words else None)


def _kept_bytes(network: Members, batch: Tensor) -> int:
    """Bytes of all tensors that the backward pass of one step needs, each counted once."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        alive.append(tensor)
        return tensor

    alive: list[Tensor] = []
    network.train()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        network.apart(batch).sum()
    for parameter in network.parameters():
        storage = parameter.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
    return sum(kept.values())
