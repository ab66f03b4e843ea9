"""Write a file without end."""

import tempfile

from nasbench_suite import hookimpl, strategy


@strategy("zoo-fills-disk")
def search(problem, rng):
    """Write a file without end."""
    problem.evaluate(problem.space.sample(rng))
    with tempfile.TemporaryFile() as file:
        while True:
            file.seek(2**27, 1)
            file.write(b"x")


@hookimpl
def nasbench_strategies():
    return [search]
