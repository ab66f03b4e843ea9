"""Strategies that tamper with the problem."""

from nasbench_suite import hookimpl, strategy


@strategy("zoo-raises-its-budget")
def zoo_raises_its_budget(problem, rng):
    """Give itself ten times the budget."""
    problem._limit *= 10
    while True:
        problem.evaluate(problem.space.sample(rng))


@strategy("zoo-invents-answers")
def zoo_invents_answers(problem, rng):
    """Write an answer into the journal that the benchmark never gave."""
    evaluation = problem.evaluate(problem.space.sample(rng))
    problem._events.append(evaluation._replace(accuracy=0.99))
    problem._own.append(0.0)


@hookimpl
def nasbench_strategies():
    return [zoo_raises_its_budget, zoo_invents_answers]
