"""Where answers come from: one protocol for look-ups in tables and for live training.

``benchmark.py`` has the protocol, ``tabular.py`` the look-ups, ``live.py`` the live trainings, ``official.py``
the benchmarks on tables of official records, and ``shipped.py`` lists all that come with the suite.
"""

from nasbench_suite.benchmarks.benchmark import Answers, Benchmark, Scores, training_of
from nasbench_suite.benchmarks.tabular import Measure, TabularBenchmark

__all__ = ["Answers", "Benchmark", "Measure", "Scores", "TabularBenchmark", "training_of"]
