"""What a surrogate takes per evaluation and what it finds, next to Optuna, SMAC and scikit-learn in the same process.

Run ``python tests/benchmarks/bench_surrogates.py [seeds]``. Every search makes 100 evaluations of the same objective, the
shipped NAS-Bench-201 table (CIFAR-100, one training seed's validation accuracy), and all but the look-ups is its
own time. "found" is the mean validation accuracy over training seeds of the best architecture seen. Optuna and SMAC run
with their defaults where they are installed, SMAC on a fifth of the seeds. The last rows are what
scikit-learn would take for a proposal after 100 evaluations, against ours.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import mean, median, pstdev
from time import process_time

import numpy as np
from nasbench_strategies.candidates import as_matrix
from nasbench_strategies.forests import Forest
from nasbench_strategies.kernels import DecisionKernel
from nasbench_strategies.posterior import GaussianProcess
from nasbench_strategies.targets import log_regret

from nasbench_suite import Architecture, Budget, Evaluation, OutOfBudget, Problem
from nasbench_suite.benchmarks import Benchmark
from nasbench_suite.plugins import load_registry

EVALUATIONS = 100
OURS = (
    "random-search",
    "tpe",
    "random-forest",
    "gaussian-process",
    "gaussian-process-wl",
    "maximum-entropy",
    "bananas",
    "pnas",
    "progressive-ensemble",
)
Search = Callable[[Problem, int], None]


def ours(name: str) -> Search:
    """A strategy of the suite."""
    strategy = load_registry().strategy(name).strategy
    return lambda problem, seed: strategy.run(problem, np.random.default_rng(seed))


def optuna_sampler(name: str) -> Search:
    """A study of one categorical parameter per decision."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def search(problem: Problem, seed: int) -> None:
        study = optuna.create_study(direction="maximize", sampler=getattr(optuna.samplers, name)(seed=seed))
        choices = [(decision.name, tuple(range(len(decision.options)))) for decision in problem.space.decisions]
        study.optimize(
            lambda trial: (
                problem.evaluate(tuple(trial.suggest_categorical(name, options) for name, options in choices)).accuracy
            ),
            n_trials=EVALUATIONS,
        )

    return search


def smac(problem: Problem, seed: int) -> None:
    """SMAC's facade for hyperparameter optimisation (a random forest)."""
    import ConfigSpace
    from smac import HyperparameterOptimizationFacade, Scenario

    configurations = ConfigSpace.ConfigurationSpace(seed=seed)
    names = [decision.name for decision in problem.space.decisions]
    for decision in problem.space.decisions:
        configurations.add(ConfigSpace.Categorical(decision.name, list(range(len(decision.options)))))

    def objective(configuration: ConfigSpace.Configuration, seed: int = 0) -> float:
        return 1.0 - problem.evaluate(tuple(int(configuration[name]) for name in names)).accuracy

    with tempfile.TemporaryDirectory() as directory:
        scenario = Scenario(configurations, n_trials=EVALUATIONS, seed=seed, output_directory=Path(directory))
        HyperparameterOptimizationFacade(scenario, objective, overwrite=True, logging_level=50).optimize()


def measure(search: Search, benchmark: Benchmark, seed: int) -> tuple[float, float]:
    """Own milliseconds per evaluation, and the true accuracy of what was found."""
    budget = Budget(EVALUATIONS, "evaluations")
    problem = Problem(benchmark.space, benchmark.fidelities, benchmark.answers(seed), budget)
    begin = process_time()
    with suppress(OutOfBudget):
        search(problem, seed)
    own = process_time() - begin
    answers = [event for event in problem.journal if isinstance(event, Evaluation)]
    best: Architecture = max(answers, key=lambda answer: answer.accuracy).architecture
    return 1e3 * own / len(answers), next(iter(benchmark.scores().values())).of(best)


def proposal_costs(benchmark: Benchmark) -> None:
    """Milliseconds that one proposal over the whole space takes after 100 evaluations."""
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    space = benchmark.space
    rng = np.random.default_rng(0)
    options = as_matrix(space.architectures(), space)
    hot = space.encode(space.architectures(), "one-hot")
    rows = rng.permutation(space.size)[:EVALUATIONS]
    full = benchmark.fidelities[-1]
    asked = benchmark.answers(0)
    values = log_regret(np.array([asked.ask(space.architecture(row), full, full, 0)[1] for row in rows.tolist()]))

    def timed(what: str, run: Callable[[], object], repetitions: int) -> None:
        begin = process_time()
        for _ in range(repetitions):
            run()
        print(f"{what:<64}{1e3 * (process_time() - begin) / repetitions:>12.2f} ms")

    model = GaussianProcess(DecisionKernel(len(space.decisions)), growth=1e9)
    model.predict(options[rows[:50]], values[:50], options)
    known = iter(range(51, EVALUATIONS))
    timed(
        "Gaussian process, ours: learn one observation, predict all",
        lambda: model.predict(options[rows[: (count := next(known))]], values[:count], options),
        EVALUATIONS - 51,
    )
    kernel = ConstantKernel() * Matern(np.ones(hot.shape[1]), nu=2.5) + WhiteKernel()
    theirs = GaussianProcessRegressor(kernel, normalize_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        timed(
            "Gaussian process, scikit-learn: fit, predict all",
            lambda: theirs.fit(hot[rows], values).predict(hot, return_std=True),
            1,
        )
    fixed = GaussianProcessRegressor(theirs.kernel_, normalize_y=True, optimizer=None)
    timed(
        "Gaussian process, scikit-learn: the same without hyperparameters",
        lambda: fixed.fit(hot[rows], values).predict(hot, return_std=True),
        3,
    )
    counts = [len(decision.options) for decision in space.decisions]
    timed(
        "forest of 20 trees, ours: fit, predict 1,000",
        lambda: Forest(options[rows], values, counts, rng, trees=20, share=0.2, least=4, bootstrap=False).predict(
            options[:1000]
        ),
        20,
    )
    timed(
        "forest of 20 trees, scikit-learn: fit, predict 1,000",
        lambda: RandomForestRegressor(20, max_features=0.2, bootstrap=False).fit(hot[rows], values).predict(hot[:1000]),
        5,
    )


def main(seeds: int = 10) -> None:
    """Run everything and print a table."""
    benchmark = load_registry().benchmark("nas-bench-201/cifar100")
    searches: list[tuple[str, Search, int]] = [(name, ours(name), seeds) for name in OURS]
    missing = [name for name in ("optuna", "torch", "smac") if not importlib.util.find_spec(name)]
    if "optuna" not in missing:
        searches.append(("Optuna TPE", optuna_sampler("TPESampler"), seeds))
    if not {"optuna", "torch"} & set(missing):
        searches.append(("Optuna GP", optuna_sampler("GPSampler"), seeds))
    if "smac" not in missing:
        searches.append(("SMAC", smac, max(1, seeds // 5)))
    print(f"{benchmark.name}, {EVALUATIONS} evaluations")
    for name in missing:
        print(f"{name}: left out, it is not installed")
    print(f"{'':<24}{'seeds':>6}{'ms per evaluation':>20}{'found':>18}")
    for name, search, count in searches:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            measure(search, benchmark, 10_000)  # imports and what is made once per process
            pairs = [measure(search, benchmark, seed) for seed in range(count)]
        times, found = zip(*pairs, strict=True)
        quality = f"{100 * mean(found):.2f} ± {100 * pstdev(found):.2f}"
        print(f"{name:<24}{count:>6}{median(times):>20.2f}{quality:>18}", flush=True)
    print()
    proposal_costs(benchmark)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
