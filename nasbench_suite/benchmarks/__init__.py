"""Where answers come from: one protocol for look-ups in tables and for live training.

The protocol itself is in ``search/answers.py``; ``tabular.py`` has the look-ups, ``live.py`` the live trainings, ``official.py``
the benchmarks on tables of official records, and ``shipped.py`` lists all that come with the suite.
"""

from nasbench_suite.benchmarks.tabular import Measure, TabularBenchmark
from nasbench_suite.search.answers import Answers, Benchmark, Scores, training_of

__all__ = ["Answers", "Benchmark", "Measure", "Scores", "TabularBenchmark", "training_of"]
