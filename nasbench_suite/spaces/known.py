"""The spaces that come with the suite, by the name under which tables refer to them."""

from __future__ import annotations

from collections.abc import Callable

from nasbench_suite.spaces.channels import nats_bench_sss
from nasbench_suite.spaces.dense import dense, dense_wide
from nasbench_suite.spaces.nas_bench_201 import nas_bench_201
from nasbench_suite.spaces.space import Space

KNOWN_SPACES: dict[str, Callable[[], Space]] = {
    "dense": dense,
    "dense-wide": dense_wide,
    "nas-bench-201": nas_bench_201,
    "nats-bench-sss": nats_bench_sss,
}
"""Name -> function that makes it."""
