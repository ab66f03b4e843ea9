"""What one epoch of a supernet costs for each kind of weight sharing: operations counted, at the table's own prices.

A table prices what one training of a cell computes, part by part (:mod:`nasbench_suite.building.costs`). A supernet
epoch computes the same parts: all operations of every edge where a method mixes them, one operation per edge where it
samples. A sampled epoch costs the expectation over the distribution with which the method starts, which is uniform
over the operations of each edge: no draw is cheaper than another, and the price of an epoch is known before it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.networks.cells.macro import KERNELS
from nasbench_suite.spaces import CellSpace

if TYPE_CHECKING:
    from nasbench_suite.tables import Table
    from nasbench_suite.tasks.task import Task
    from nasbench_suite.training.sharing import Relaxation, SupernetSearch


@dataclass(frozen=True)
class SupernetEpoch:
    """What one epoch of a kind of weight sharing computes.

    Attributes:
        passes: over the training images, forwards and backwards: one for the shared weights, and one for each gradient
            with respect to what else learns.
        sampled: whether a pass computes one operation per edge; otherwise it computes all.
        judged: sampled cells that are validated on one batch each.
    """

    passes: int
    sampled: bool
    judged: int = 0


KINDS = {
    "darts-first-order": SupernetEpoch(2, sampled=False),
    # Two gradients for the step ahead (equation 7), two for the difference (equation 8), one for the weights.
    "darts-second-order": SupernetEpoch(5, sampled=False),
    "gdas": SupernetEpoch(2, sampled=True),
    "drnas": SupernetEpoch(2, sampled=False),
    "random-sharing": SupernetEpoch(1, sampled=True, judged=100),
    "enas": SupernetEpoch(1, sampled=True, judged=60),
}
"""By the name under which an epoch is charged."""

PartPrices = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Seconds of each of :data:`~nasbench_suite.building.costs.FEATURES`: for an epoch of training, for a validation."""


def mixed_parts(space: CellSpace) -> NDArray[np.float64]:
    """How many of each part (:data:`~nasbench_suite.building.costs.FEATURES`) a mixture of all operations computes."""
    edges, names = len(space.edges), space.operations
    sources = len({source for source, _ in space.edges})
    flows = edges * (len(names) - (space.zero is not None))
    return np.array(
        [
            1,
            edges * names.count("nor_conv_1x1"),
            edges * names.count("nor_conv_3x3"),
            sources * ("avg_pool_3x3" in names),
            sources * any(name in KERNELS for name in names),
            flows - (space.nodes - 1),
        ],
        dtype=np.float64,
    )


def sampled_parts(space: CellSpace, probabilities: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """Expected number of each part when every edge draws its operation by itself.

    An edge is computed if its source receives anything. Whether it does depends on earlier edges only, so with the
    probability of every set of nodes that receive something, all expectations are sums of products.

    Args:
        space: of the cells.
        probabilities: ``[edge, operation]``; uniform by default.
    """
    names = space.operations
    drawn = np.full((len(space.edges), len(names)), 1 / len(names)) if probabilities is None else probabilities
    nothing = drawn[:, space.zero] if space.zero is not None else np.zeros(len(drawn))
    reached = _reached(space, nothing)
    counts = np.zeros(6)
    counts[0] = 1
    convolving = [number for number, name in enumerate(names) if name in KERNELS]
    for place, (source, _) in enumerate(space.edges):
        counts[1] += reached[source] * sum(drawn[place, n] for n, name in enumerate(names) if name == "nor_conv_1x1")
        counts[2] += reached[source] * sum(drawn[place, n] for n, name in enumerate(names) if name == "nor_conv_3x3")
        counts[5] += reached[source] * (1 - nothing[place])
    for source in sorted({source for source, _ in space.edges}):
        leaving = [place for place, (start, _) in enumerate(space.edges) if start == source]
        for part, options in ((3, [n for n, name in enumerate(names) if name == "avg_pool_3x3"]), (4, convolving)):
            counts[part] += reached[source] * (1 - np.prod(1 - drawn[leaving][:, options].sum(axis=1)))
    counts[5] -= reached[1:].sum()
    return counts


def supernet_prices(space: CellSpace, parts: PartPrices, batches: tuple[int, int]) -> dict[str, float]:
    """Kind -> seconds of one epoch.

    Args:
        space: of the supernet.
        parts: prices for an epoch of training and for a whole validation.
        batches: steps of an epoch of training, and batches in the validation images.
    """
    train, valid = parts
    return {
        kind: float(
            epoch.passes * (sampled_parts(space) if epoch.sampled else mixed_parts(space)) @ train
            + epoch.judged / batches[1] * (sampled_parts(space) @ valid)
        )
        for kind, epoch in KINDS.items()
    }
