"""The table of fully-connected networks: all 100 of the space ``dense`` on digits (``nasbench table build dense-100``)."""

from __future__ import annotations

from nasbench_suite.building.build import Build
from nasbench_suite.networks.dense import dense_network
from nasbench_suite.spaces.dense import dense
from nasbench_suite.tasks.tabular import digits_rows

NAME = "dense-100"
DATASET = "digits"


def dense_build(seeds: tuple[int, ...] = (0, 1, 2, 3, 4), sample: int | None = None) -> Build:
    """What the table is made from.

    Args:
        seeds: training seeds.
        sample: train only so many random networks.
    """
    task, test = digits_rows()
    words = {
        "title": "100 fully-connected networks of 1 to 10 layers with 1 to 10 units each on handwritten digits",
        "dataset": "scikit-learn's handwritten digits as rows of 64 pixels",
        "licence": "MIT (numbers and code); the digits are CC BY 4.0 (UCI, Alpaydin and Kaynak 1998)",
        "source": "trained by nasbench-suite on the digits of scikit-learn",
        "citation": "nasbench-suite",
    }
    return Build(NAME, DATASET, dense(), dense_network, task, test, seeds, sample, words)
