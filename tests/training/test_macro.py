"""The network around a cell: counts against the published ones, and against networks that were built."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nasbench_suite.errors import SpaceError, UsageError
from nasbench_suite.networks.cells.macro import Macro, check_buildable
from nasbench_suite.spaces import CellSpace, nas_bench_201

PUBLISHED = (("cifar10", 32, 10), ("cifar100", 32, 100), ("ImageNet16-120", 16, 120))


@pytest.mark.parametrize(("dataset", "side", "classes"), PUBLISHED)
def test_all_counts_are_the_published_ones(
    nas_bench_201_arrays: dict[str, Any], dataset: str, side: int, classes: int
) -> None:
    space, macro = nas_bench_201(), Macro((3, side, side), classes)
    cells = [space.parse(str(text)) for text in nas_bench_201_arrays["arch_str"]]
    assert len(cells) == 15_625
    parameters = [macro.parameters(space, cell) for cell in cells]
    flops = [macro.flops(space, cell) for cell in cells]
    np.testing.assert_array_equal(parameters, nas_bench_201_arrays[f"params_{dataset}"])
    np.testing.assert_array_equal(flops, nas_bench_201_arrays[f"flops_{dataset}"])


def test_sizes_that_make_no_sense_are_refused() -> None:
    with pytest.raises(UsageError, match="at least 1"):
        Macro((1, 8, 8), 10, cells=0)
    with pytest.raises(UsageError, match="too small"):
        Macro((1, 3, 3), 10, stages=3)


def test_residual_blocks_need_even_sides() -> None:
    with pytest.raises(UsageError, match="multiples of 4"):
        Macro((1, 14, 14), 10)
    assert Macro((1, 14, 14), 10, stages=2).stages == 2
    assert Macro((1, 14, 14), 10, reduction="pool").stages == 3


def test_operations_without_layers_are_named() -> None:
    with pytest.raises(SpaceError, match="sep_conv_5x5"):
        check_buildable(
            CellSpace("other", 3, ("none", "skip_connect", "sep_conv_5x5"), zero="none", identity="skip_connect")
        )
