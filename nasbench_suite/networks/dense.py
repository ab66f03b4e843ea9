"""Fully-connected networks: the hidden layers that ``dense`` and ``dense-wide`` describe, with ReLU between them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nasbench_suite.networks.builder import network_builder
from nasbench_suite.spaces import Architecture
from nasbench_suite.spaces.dense import dense, dense_wide
from nasbench_suite.tasks.task import Signature

if TYPE_CHECKING:
    from torch import nn


@network_builder("dense", space="dense")
def dense_network(architecture: Architecture, signature: Signature) -> nn.Module:
    """As many hidden layers of as many units as ``dense`` says; inputs of any shape are flattened."""
    return perceptron(dense().widths(architecture), signature)


@network_builder("dense-wide", space="dense-wide")
def wide_dense_network(architecture: Architecture, signature: Signature) -> nn.Module:
    """Hidden layers of the widths that ``dense-wide`` says; inputs of any shape are flattened."""
    return perceptron(dense_wide().widths(architecture), signature)


def perceptron(widths: Sequence[int], signature: Signature) -> nn.Sequential:
    """Linear layers with ReLU between them, initialised as PyTorch does it.

    Args:
        widths: units of the hidden layers.
        signature: the shapes of input and output.
    """
    from torch import nn

    layers: list[nn.Module] = [nn.Flatten()] if len(signature.inputs) > 1 else []
    sizes = [math.prod(signature.inputs), *widths]
    for before, after in itertools.pairwise(sizes):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], signature.outputs))
