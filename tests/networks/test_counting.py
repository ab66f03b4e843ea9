"""Parameters and multiply-adds of any module, counted on the meta device."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from nasbench_suite.errors import UsageError
from nasbench_suite.spaces import nas_bench_201
from nasbench_suite.spaces.dense import dense
from nasbench_suite.training import Signature, dense_network, nas_bench_201_cells, network_builder

torch = pytest.importorskip("torch", reason="needs PyTorch (the extra 'live')")

from torch import nn  # noqa: E402

from nasbench_suite.networks.cells.builder import digits_cells  # noqa: E402
from nasbench_suite.networks.counting import count, count_network  # noqa: E402

SPACE = nas_bench_201()


def test_cells_count_as_their_closed_form_says() -> None:
    """200 random cells and all cells of one operation, in the published network and in that of the digits."""
    rng = np.random.default_rng(0)
    published, small = nas_bench_201_cells(Signature((3, 32, 32), 10)), digits_cells()
    chosen = [SPACE.sample(rng) for _ in range(200)]
    for cells, drawn in ((published, chosen[:100]), (small, chosen[100:])):
        signature = Signature(cells.macro.image, cells.macro.classes)
        for cell in [*drawn, *((option,) * 6 for option in range(5))]:
            counts = count(cells, cell, signature)
            assert counts.parameters == cells.macro.parameters(SPACE, cell)
            assert counts.flops == cells.macro.flops(SPACE, cell)


def test_dense_networks_count_as_by_hand() -> None:
    for layers, units in ((1, 1), (3, 7), (10, 10)):
        counts = count(dense_network, dense().parse("-".join([str(units)] * layers)), Signature((8, 8), 10))
        sizes = [64, *[units] * layers, 10]
        weights = sum(before * after + after for before, after in itertools.pairwise(sizes))
        assert (counts.parameters, counts.flops, counts.layers) == (weights, weights, layers + 1)


def test_convolutions_count_groups_strides_and_biases() -> None:
    with torch.device("meta"):
        network = nn.Sequential(nn.Conv2d(4, 8, 3, stride=2, groups=2), nn.Flatten(), nn.Linear(72, 5, bias=False))
    counts = count_network(network, Signature((4, 8, 8), 5))
    assert counts.parameters == 8 * 2 * 9 + 8 + 72 * 5
    assert counts.flops == 9 * (8 * 2 * 9 + 8) + 72 * 5
    frozen = network[0].weight.requires_grad_(False).numel()
    assert count_network(network, Signature((4, 8, 8), 5)).parameters == counts.parameters - frozen


def test_words_and_attention_count() -> None:
    class Text(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(50, 8)
            self.head = nn.Linear(8, 3)

        def forward(self, words: torch.Tensor) -> torch.Tensor:
            x = self.embedding(words)
            return self.head(torch.bmm(torch.bmm(x, x.transpose(1, 2)), x).mean(1))

    with torch.device("meta"):
        counts = count_network(Text(), Signature((6,), 3, words=50))
    assert counts.flops == 2 * 6 * 6 * 8 + 8 * 3 + 3
    assert counts.parameters == 50 * 8 + 8 * 3 + 3


def test_a_network_that_needs_numbers_is_named() -> None:
    class Sorting(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.sum().item() > 0 else -x

    @network_builder("sorting", space="dense")
    def sorting(architecture: tuple[int, ...], signature: Signature) -> nn.Module:
        return Sorting()

    with pytest.raises(UsageError, match="Sorting cannot be counted"):
        count(sorting, (0, 0), Signature((4,), 2))
