"""How much faster fully-connected networks train side by side: ``python tests/benchmarks/bench_dense.py``.

Prints seconds of one core for ten training seeds one after another and side by side, and their ratio, the least of
alternating turns.
"""

from __future__ import annotations

import time

from nasbench_suite.networks.machine import cpu_threads, keep_freed_memory
from nasbench_suite.spaces.dense import dense
from nasbench_suite.training import Network, dense_network, digits_rows, train

SEEDS = range(10)


def main() -> None:
    keep_freed_memory()
    task, _ = digits_rows()
    with cpu_threads(1):
        for text in ("10", "10-10-10-10-10", "-".join(["10"] * 10)):
            network = Network(dense_network, dense().parse(text))

            def apart(network: Network = network) -> None:
                for seed in SEEDS:
                    train(network, task, [seed], epochs=2)

            def together(network: Network = network) -> None:
                train(network, task, list(SEEDS), epochs=2)

            least = [float("inf")] * 2
            for _ in range(4):
                for side, action in enumerate((apart, together)):
                    started = time.process_time()
                    action()
                    least[side] = min(least[side], time.process_time() - started)
            print(
                f"{text:30} one after another {least[0]:.3f} s, side by side {least[1]:.3f} s: {least[0] / least[1]:.1f}×"
            )


if __name__ == "__main__":
    main()
