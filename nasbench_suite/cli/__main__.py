"""``python -m nasbench_suite.cli``, the same as ``nasbench``."""

from nasbench_suite.cli import main

main()
