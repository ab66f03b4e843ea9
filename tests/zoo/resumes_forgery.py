"""Train on from a training that never was."""

from nasbench_suite import hookimpl, strategy


@strategy("zoo-resumes-forgery")
def search(problem, rng):
    """Train on from a training that never was."""
    evaluation = problem.evaluate(problem.space.sample(rng))
    problem.resume(evaluation._replace(epochs=1, cost=0.0), 200)


@hookimpl
def nasbench_strategies():
    return [search]
