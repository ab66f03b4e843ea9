"""What a strategy itself takes per evaluation, next to bare loops and to other libraries in the same process.

Run ``python tests/benchmarks/bench_strategy_overhead.py [repetitions]``. Every search makes 100 evaluations on the
shipped NAS-Bench-201 table (CIFAR-10). "own" is the time between the problem's answers; "whole" also has the
look-ups and the books, and is processor time. The bare loops do the same search on a dict, without a problem. REINFORCE
in PyTorch, Optuna and SMAC are timed where they are installed, with their defaults, and answer from the same dict.
"""

from __future__ import annotations

import gc
import importlib.util
import statistics
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from time import process_time

from numpy.random import default_rng

from nasbench_suite import Architecture, Budget, Evaluation, OutOfBudget, Problem, Space, Strategy
from nasbench_suite.benchmarks import Benchmark
from nasbench_suite.plugins import load_registry

EVALUATIONS = 100
Loop = Callable[[Space, Mapping[Architecture, float], int], None]


def bare_random(space: Space, accuracies: Mapping[Architecture, float], seed: int) -> None:
    """Random search on a dict."""
    rng = default_rng(seed)
    history = []
    for _ in range(EVALUATIONS):
        architecture = space.sample(rng)
        history.append((accuracies[architecture], architecture))
    max(history)


def bare_evolution(space: Space, accuracies: Mapping[Architecture, float], seed: int) -> None:
    """Regularized evolution on a dict, with the suite's defaults (population 30, tournament 15)."""
    rng = default_rng(seed)
    population: deque[tuple[float, Architecture]] = deque(maxlen=30)
    history = []
    for place in range(EVALUATIONS):
        if place < 30:
            architecture = space.sample(rng)
        else:
            parent = max(population[int(rng.random() * 30)] for _ in range(15))
            architecture = space.mutate(parent[1], rng)
        population.append((accuracies[architecture], architecture))
        history.append(population[-1])
    max(history)


def torch_reinforce(space: Space, accuracies: Mapping[Architecture, float], seed: int) -> None:
    """REINFORCE as the scripts of NAS-Bench-201's authors do it: one softmax per decision, autograd and Adam in PyTorch."""
    import torch

    torch.manual_seed(seed)
    logits = torch.nn.Parameter(1e-3 * torch.randn(len(space.decisions), len(space.decisions[0].options)))
    optimizer = torch.optim.Adam([logits], lr=0.001)
    baseline = 0.0
    for _ in range(EVALUATIONS):
        policy = torch.distributions.Categorical(torch.softmax(logits, dim=-1))
        action = policy.sample()
        reward = accuracies[tuple(action.tolist())]
        baseline = 0.9 * baseline + 0.1 * reward
        optimizer.zero_grad()
        (-policy.log_prob(action).sum() * (reward - baseline)).backward()
        optimizer.step()


def optuna_search(sampler: str) -> Loop:
    """A study of one categorical parameter per decision."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def loop(space: Space, accuracies: Mapping[Architecture, float], seed: int) -> None:
        study = optuna.create_study(direction="maximize", sampler=getattr(optuna.samplers, sampler)(seed=seed))
        choices = [(decision.name, tuple(range(len(decision.options)))) for decision in space.decisions]
        study.optimize(
            lambda trial: accuracies[tuple(trial.suggest_categorical(name, options) for name, options in choices)],
            n_trials=EVALUATIONS,
        )

    return loop


def smac_search(space: Space, accuracies: Mapping[Architecture, float], seed: int) -> None:
    """SMAC's facade for hyperparameter optimisation (a random forest)."""
    import ConfigSpace
    from smac import HyperparameterOptimizationFacade, Scenario

    configurations = ConfigSpace.ConfigurationSpace(seed=seed)
    for decision in space.decisions:
        configurations.add(ConfigSpace.Categorical(decision.name, list(range(len(decision.options)))))
    names = [decision.name for decision in space.decisions]
    with tempfile.TemporaryDirectory() as directory:
        scenario = Scenario(configurations, n_trials=EVALUATIONS, seed=seed, output_directory=Path(directory))

        def objective(configuration: ConfigSpace.Configuration, seed: int = 0) -> float:
            return 1.0 - accuracies[tuple(int(configuration[name]) for name in names)]

        HyperparameterOptimizationFacade(scenario, objective, overwrite=True, logging_level=50).optimize()


def time_strategy(strategy: Strategy, benchmark: Benchmark, seed: int) -> tuple[float, float]:
    """Microseconds per evaluation: the strategy's own, and the whole."""
    answers = benchmark.answers(seed)
    problem = Problem(benchmark.space, benchmark.fidelities, answers, Budget(EVALUATIONS, "evaluations"))
    rng = default_rng(seed)
    begin = process_time()
    with suppress(OutOfBudget):
        strategy.run(problem, rng)
    whole = process_time() - begin
    count = max(1, sum(isinstance(event, Evaluation) for event in problem.journal))
    return 1e6 * sum(problem.own_seconds) / count, 1e6 * whole / count


def time_loop(loop: Loop, space: Space, accuracies: Mapping[Architecture, float], seed: int) -> float:
    """Microseconds per evaluation."""
    begin = process_time()
    loop(space, accuracies, seed)
    return 1e6 * (process_time() - begin) / EVALUATIONS


def main(repetitions: int = 20) -> None:
    """Time everything in turn, repeatedly, and print the medians."""
    registry = load_registry()
    benchmark = registry.benchmark("nas-bench-201/cifar10")
    space, full = benchmark.space, benchmark.fidelities[-1]
    answers = benchmark.answers(0)
    accuracies = {a: answers.ask(a, full, full, 0)[1] for a in space.architectures()}
    offered = benchmark.capabilities | space.capabilities
    strategies = [o.strategy for _, o in sorted(registry.strategies.items()) if o.strategy.requires <= offered]
    loops: dict[str, Loop] = {"bare loop: random": bare_random, "bare loop: evolution": bare_evolution}
    missing = [name for name in ("torch", "optuna", "smac") if not importlib.util.find_spec(name)]
    if "torch" not in missing:
        loops["torch: REINFORCE"] = torch_reinforce
    if "optuna" not in missing:
        for sampler in ("RandomSampler", "NSGAIISampler", "TPESampler"):
            loops[f"optuna: {sampler}"] = optuna_search(sampler)
    if "smac" not in missing:
        loops["smac: random forest"] = smac_search
    own: dict[str, list[float]] = {strategy.name: [] for strategy in strategies}
    whole: dict[str, list[float]] = {name: [] for name in [*loops, *own]}
    gc.disable()  # as timeit does: a collection would be charged to whoever comes by
    for seed in range(repetitions + 1):
        gc.collect()
        for name, loop in loops.items():
            # The slow ones are not repeated as often: their first digits are enough.
            if seed < 3 or not name.startswith(("torch", "optuna", "smac")):
                whole[name].append(time_loop(loop, space, accuracies, seed))
        for strategy in strategies:
            if seed < 3 or statistics.median(whole[strategy.name]) < 10_000:
                times = time_strategy(strategy, benchmark, seed)
                own[strategy.name].append(times[0])
                whole[strategy.name].append(times[1])
    bare = statistics.median(whole["bare loop: evolution"][1:])
    print(f"µs per evaluation, median of up to {repetitions} runs of {EVALUATIONS} evaluations on {benchmark.name}\n")
    for name in missing:
        print(f"{name}: left out, it is not installed")
    print(f"{'':36}{'own':>10}{'whole':>10}{'above bare evolution':>22}")
    for name, values in whole.items():
        value = statistics.median(values[1:])
        mine = f"{statistics.median(own[name][1:]):10.1f}" if name in own else f"{'':10}"
        print(f"{name:36}{mine}{value:10.1f}{value - bare:22.1f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
