"""Open the benchmark once more, with its scores."""

from nasbench_suite import hookimpl, strategy


@strategy("zoo-opens-benchmark")
def search(problem, rng):
    """Open the benchmark once more, with its scores."""
    from nasbench_suite.benchmarks.synthetic import SyntheticBenchmark

    benchmark = SyntheticBenchmark("zoo/made-up", problem.space)
    best = max(problem.space.architectures(), key=benchmark.scores()["truth"].of)
    problem.evaluate(best)


@hookimpl
def nasbench_strategies():
    return [search]
