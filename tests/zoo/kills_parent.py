"""Try to end the suite itself."""

import os
import signal

from nasbench_suite import hookimpl, strategy


@strategy("zoo-kills-parent")
def search(problem, rng):
    """Try to end the suite itself."""
    problem.evaluate(problem.space.sample(rng))
    os.kill(os.getppid(), signal.SIGKILL)


@hookimpl
def nasbench_strategies():
    return [search]
