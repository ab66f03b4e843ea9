"""What one epoch of a supernet costs for each kind of weight sharing: operations counted, at the table's own prices.

A table prices what one training of a cell computes, part by part (:mod:`nasbench_suite.building.costs`). A supernet
epoch computes the same parts: all operations of every edge where a method mixes them, one operation per edge where it
samples. A sampled epoch costs the expectation over the distribution with which the method starts, which is uniform
over the operations of each edge: no draw is cheaper than another, and the price of an epoch is known before it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.building.costs import parts_of
from nasbench_suite.errors import DataError
from nasbench_suite.networks.cells.macro import KERNELS
from nasbench_suite.networks.machine import cpu_threads
from nasbench_suite.spaces import CellSpace

if TYPE_CHECKING:
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
    pooling = [number for number, name in enumerate(names) if name == "avg_pool_3x3"]
    for place, (source, _) in enumerate(space.edges):
        for part, wanted in ((1, "nor_conv_1x1"), (2, "nor_conv_3x3")):
            counts[part] += reached[source] * sum(drawn[place, n] for n, name in enumerate(names) if name == wanted)
        counts[5] += reached[source] * (1 - nothing[place])
    for source in sorted({source for source, _ in space.edges}):
        leaving = [place for place, (start, _) in enumerate(space.edges) if start == source]
        for part, options in ((3, pooling), (4, convolving)):
            counts[part] += reached[source] * (1 - np.prod(1 - drawn[leaving][:, options].sum(axis=1)))
    counts[5] -= reached[1:].sum()
    return counts


def part_prices(space: CellSpace, seconds: NDArray[np.floating]) -> NDArray[np.float64]:
    """Seconds of each part for one epoch of training, as the seconds of a table's cells contain them.

    Solved from the cells of one inner node without skip connections: they compute what they are written as (of cells
    that compute the same, a table has the seconds of the one that computes least).

    Args:
        space: of the table's architectures.
        seconds: ``[architecture]`` of one epoch of training each.

    Raises:
        DataError: the seconds are no sums of prices.
    """
    plain = [
        space.index(cell)
        for start in space.grow(None, 0)
        for cell in space.grow(start, 1)
        if space.identity not in cell
    ]
    chosen = sorted(set(plain))
    parts = np.array([parts_of(space, space.architecture(index), shift_of_nothing=False) for index in chosen])
    wanted = np.asarray(seconds, dtype=np.float64)[chosen]
    prices: NDArray[np.float64] = np.linalg.lstsq(parts, wanted, rcond=None)[0]
    if not np.allclose(parts @ prices, wanted, rtol=1e-5):
        raise DataError("the seconds of the table's cells are no sums of prices of operations")
    return prices


def supernet_prices(space: CellSpace, prices: NDArray[np.float64], steps: int) -> dict[str, float]:
    """Kind -> seconds of one epoch.

    Args:
        space: of the supernet.
        prices: seconds of each part for one epoch of training (see :func:`part_prices`).
        steps: in an epoch of training. A batch that is only judged costs the forward third of a step.
    """
    mixed, sampled = mixed_parts(space), sampled_parts(space)
    return {
        kind: float(
            epoch.passes * ((sampled if epoch.sampled else mixed) @ prices)
            + epoch.judged / (3 * steps) * (sampled @ prices)
        )
        for kind, epoch in KINDS.items()
    }


def time_epoch(search: SupernetSearch, relaxation: Relaxation) -> float:
    """Seconds of processor time of one epoch on one core, to be held against its price."""
    with cpu_threads(1):
        search.run_epoch(relaxation, 1)
        started = time.process_time()
        search.run_epoch(relaxation)
        return time.process_time() - started


def _reached(space: CellSpace, nothing: NDArray[np.float64]) -> NDArray[np.float64]:
    """``[node]`` probability that something flows into it, given each edge's probability to carry nothing."""
    receiving = {frozenset({0}): 1.0}  # set of nodes that receive something -> probability
    for node in range(1, space.nodes):
        arriving = [(source, place) for place, (source, target) in enumerate(space.edges) if target == node]
        after: dict[frozenset[int], float] = {}
        for nodes, probability in receiving.items():
            dry = float(np.prod([nothing[place] for source, place in arriving if source in nodes]))
            for found, share in ((nodes, dry), (nodes | {node}, 1 - dry)):
                after[found] = after.get(found, 0.0) + probability * share
        receiving = after
    return np.array([sum(p for nodes, p in receiving.items() if node in nodes) for node in range(space.nodes)])
