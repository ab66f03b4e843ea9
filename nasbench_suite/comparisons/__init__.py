"""A comparison: which strategies, on which benchmarks, with which budgets and seeds, as a small TOML file.

``comparison.py`` reads and checks one; ``presets/`` holds those that come with the suite.
"""

from nasbench_suite.comparisons.comparison import Comparison, Entry, Task, load_comparison, preset_names
from nasbench_suite.comparisons.written import read_written, written

__all__ = ["Comparison", "Entry", "Task", "load_comparison", "preset_names", "read_written", "written"]
