"""The table of digits: NAS-Bench-201's cells on cluttered digits, trained by ourselves (``nasbench table build digits``).

How the recipe was chosen is in ``docs/digits-table.md``.
"""

from __future__ import annotations

from nasbench_suite.building.build import Build
from nasbench_suite.networks.cells.builder import digits_cells
from nasbench_suite.tasks.digits import digits_task

NAME = "digits-201"
DATASET = "digits"


def digits_build(seeds: tuple[int, ...] = (0, 1, 2), sample: int | None = None) -> Build:
    """What the table is made from.

    Args:
        seeds: training seeds.
        sample: train only so many random cells.
    """
    task, test = digits_task()
    builder = digits_cells()
    words = {
        "title": "NAS-Bench-201's 15,625 cells on handwritten digits under clutter and noise, every epoch",
        "dataset": "scikit-learn's handwritten digits under clutter and noise",
        "licence": "MIT (numbers and code); the digits are CC BY 4.0 (UCI, Alpaydin and Kaynak 1998)",
        "source": "trained by nasbench-suite on the digits of scikit-learn",
        "citation": "nasbench-suite; space: Dong & Yang, ICLR 2020, https://arxiv.org/abs/2001.00326",
    }
    return Build(NAME, DATASET, builder.cells, builder, task, test, seeds, sample, words)
