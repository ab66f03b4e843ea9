"""Live benchmarks: what they answer, what they cost, what they do not tell, and searches that train for real."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nasbench_suite.benchmarks import Benchmark, training_of
from nasbench_suite.benchmarks.synthetic import SyntheticBenchmark
from nasbench_suite.comparisons import Comparison, Entry
from nasbench_suite.comparisons import Task as Search
from nasbench_suite.errors import OutOfBudget, QuestionError, SpaceError
from nasbench_suite.harness import make_plan
from nasbench_suite.harness.executing import execute
from nasbench_suite.harness.runs import Run
from nasbench_suite.plugins import Registry, load_registry
from nasbench_suite.search.budget import Budget
from nasbench_suite.search.journal import Charge, Evaluation, Recommendation
from nasbench_suite.search.problem import Problem
from nasbench_suite.spaces import nas_bench_201
from nasbench_suite.testing import check_strategy
from nasbench_suite.training import Offer, Recipe, digits_cells, digits_task

torch = pytest.importorskip("torch", reason="needs PyTorch (the extra 'live')")

from nasbench_suite.benchmarks.digits import live_digits  # noqa: E402
from nasbench_suite.benchmarks.live import LiveBenchmark  # noqa: E402
from nasbench_suite.building.build import METRICS, run_build, write_build  # noqa: E402
from nasbench_suite.building.costs import CostModel  # noqa: E402
from nasbench_suite.building.digits_table import digits_build  # noqa: E402
from nasbench_suite.building.supernet_costs import KINDS  # noqa: E402
from nasbench_suite.tables.manifest import Entry as TableEntry  # noqa: E402
from nasbench_suite.tables.manifest import list_in_manifest  # noqa: E402
from nasbench_suite.tables.table import file_sha256  # noqa: E402
from nasbench_suite.training.log import written_to  # noqa: E402

SHARING = ("darts", "darts-second-order", "drnas", "enas", "gdas", "rsps")
CHEAP = (0, 0, 0, 2, 0, 0)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def small_benchmark() -> LiveBenchmark:
    recipe = Recipe(epochs=4, batch_size=50, learning_rate=0.1, flip=False, padding=0)
    task, test = digits_task(recipe, training=100)
    task = replace(task, valid=task.valid.take(slice(0, 100)))
    return LiveBenchmark(
        "live/small",
        nas_bench_201(),
        digits_cells(),
        task,
        test.take(slice(0, 100)),
        fidelities=(1, 2, 4),
        source="some digits",
    )


BENCHMARK = small_benchmark()


def test_it_is_a_benchmark() -> None:
    assert isinstance(BENCHMARK, Benchmark)
    assert BENCHMARK.currency == "measured"
    assert {"training", "fidelities", "resume", "cell"} <= BENCHMARK.capabilities
    assert BENCHMARK.identity == small_benchmark().identity
    assert "100 validation images" in BENCHMARK.provenance["signal"]


def test_run_and_cell_decide_the_accuracy_and_the_clock_the_cost() -> None:
    one, other = BENCHMARK.answers(3), BENCHMARK.answers(3)
    other.ask((3,) * 6, 1, 1, 0)
    cell, accuracy, cost = one.ask(list(CHEAP), 2, 2, 0)
    assert (cell, accuracy) == other.ask(CHEAP, 2, 2, 0)[:2]
    assert cost > 0
    draws = {BENCHMARK.answers(seed).ask((2,) * 6, 2, 2, 0)[1] for seed in range(4)}
    assert len(draws) > 1


def test_a_resumed_training_is_the_training_that_began_there() -> None:
    answers = BENCHMARK.answers(0)
    answers.ask(CHEAP, 1, 1, 0)
    resumed = answers.ask(CHEAP, 4, 1, 1)
    lost = BENCHMARK.answers(0).ask(CHEAP, 4, 1, 1)  # after an interruption the state is gone
    assert resumed[1] == lost[1]
    assert answers.resumes(1, 1, 4) and not answers.resumes(1, 4, 2)


@pytest.mark.parametrize(("epochs", "origin", "paid"), [(3, 3, 0), (2, 2, 2), (4, 1, 3)])
def test_impossible_questions_are_refused(epochs: int, origin: int, paid: int) -> None:
    with pytest.raises(QuestionError, match="live/small"):
        BENCHMARK.answers(0).ask(CHEAP, epochs, origin, paid)
    with pytest.raises(SpaceError):
        BENCHMARK.answers(0).ask((9,) * 6, 4, 4, 0)
    with pytest.raises(QuestionError, match="recipe's 4 epochs"):
        LiveBenchmark(
            "live/x",
            nas_bench_201(),
            digits_cells(),
            digits_task(Recipe(epochs=4))[0],
            digits_task()[1],
            fidelities=(2,),
            source="",
        )


def test_scores_are_trained_once_on_images_that_no_search_sees() -> None:
    (score,) = BENCHMARK.scores().values()
    assert 0.0 <= score.of(CHEAP) <= 1.0 and score.of(CHEAP) == score.of(CHEAP)
    assert score.best is None
    seen = {image.tobytes() for image in reachable_images(BENCHMARK.training())}
    seen |= {image.tobytes() for image in reachable_images(BENCHMARK.answers(0))}
    test_images = BENCHMARK._test.pixels
    assert len(seen) == len(BENCHMARK._task.train) + len(BENCHMARK._task.valid)
    assert not any(image.tobytes() in seen for image in test_images)


def test_scores_that_a_table_has_are_not_trained_again() -> None:
    known = {CHEAP: 0.25}
    benchmark = LiveBenchmark(
        "live/small",
        BENCHMARK.space,
        digits_cells(),
        BENCHMARK._task,
        BENCHMARK._test,
        fidelities=(4,),
        source="some digits",
        recorded=lambda cell: known.get(cell, float("nan")),
    )
    (score,) = benchmark.scores().values()
    other = (0, 0, 0, 4, 0, 0)
    assert score.of(CHEAP) == 0.25
    assert score.of(other) == BENCHMARK.scores()["test"].of(other) != 0.25
    assert "of the table" in score.split


def test_live_digits_knows_the_scores_of_its_own_table_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = digits_build((0, 1), sample=2)
    costs = CostModel((1.0,) * 6, (0.5,) * 6, (0.1, 0.1), 6, "a made-up machine")
    chosen = build.to_train()
    line = {name: [[0.25] * build.task.recipe.epochs] * 2 for name in METRICS}
    for name, made in (("own", build), ("other", replace(build, task=replace(build.task, name="other")))):
        work, target = tmp_path / name / "work", tmp_path / name
        run_build(replace(made, sample=0), work)
        (work / "costs.json").write_text(json.dumps(costs.as_json()))
        (work / "results.jsonl").write_text(
            "".join(json.dumps({"index": i, "seeds": [0, 1], **line}) + "\n" for i in chosen)
        )
        path = write_build(made, work, target, dict.fromkeys(KINDS, 1.0))
        list_in_manifest(TableEntry(made.name, path, file_sha256(path), "trained", "MIT", "by hand"))
    cell = build.space.architecture(chosen[0])
    monkeypatch.setenv("NASBENCH_TABLES", str(tmp_path / "own"))
    assert live_digits().scores()["test"].of(cell) == 0.25
    looked_up = load_registry().benchmark("digits-201/digits")
    offer = training_of(looked_up)
    assert offer is not None and offer.supernet_seconds == dict.fromkeys(KINDS, 1.0)
    assert offer.task.identity == build.task.identity
    assert looked_up.currency == "simulated" and live_digits().currency == "measured"
    monkeypatch.setenv("NASBENCH_TABLES", str(tmp_path / "other"))
    assert "of the table" not in live_digits().scores()["test"].split
    monkeypatch.setattr("nasbench_suite.benchmarks.digits.find_spec", lambda name: None)
    tasks, entries = (Search("digits-201/digits", Budget(1.0)),), (Entry("darts", "darts", {}),)
    plan = make_plan(Comparison("x", "", "", "", tasks, entries, (0,)), load_registry())
    assert not plan.all_runs and "pip install 'nasbench-suite[live]'" in plan.skipped[0].reason


def reachable_images(root: object) -> list[Any]:
    """Every image that attributes lead to."""
    found, waiting, known = [], [root], set()
    while waiting:
        thing = waiting.pop()
        if id(thing) in known:
            continue
        known.add(id(thing))
        if isinstance(thing, np.ndarray):
            found += list(thing) if thing.ndim == 4 else []
        elif isinstance(thing, dict):
            waiting += list(thing.values())
        elif hasattr(thing, "__dict__"):
            waiting += list(vars(thing).values())
    return found


def test_an_answer_that_overran_is_discarded() -> None:
    problem = Problem(BENCHMARK.space, BENCHMARK.fidelities, BENCHMARK.answers(0), Budget(1e-6))
    with pytest.raises(OutOfBudget):
        problem.evaluate(CHEAP, 1)
    assert problem.journal == ()


def test_only_benchmarks_with_training_offer_any() -> None:
    assert training_of(SyntheticBenchmark("made", nas_bench_201())) is None
    offer = training_of(BENCHMARK)
    assert isinstance(offer, Offer) and offer.supernet_seconds is None


class PricedBenchmark(SyntheticBenchmark):
    """A look-up with the digits beside it: what weight sharing is compared on."""

    def __init__(self) -> None:
        super().__init__("priced", nas_bench_201(), fidelities=(4,))
        self.capabilities = self.capabilities | {"training"}

    def training(self) -> Offer:
        return Offer(BENCHMARK._task, dict.fromkeys(KINDS, 30.0), digits_cells())


@pytest.mark.parametrize("name", ["gdas"])
def test_weight_sharing_conforms_at_recorded_prices(name: str) -> None:
    strategy = load_registry().strategy(name).strategy
    short = replace(strategy, function=lambda problem, rng: strategy.function(problem, rng, epochs=3))
    findings = check_strategy(short, [PricedBenchmark()])
    failed = [finding for finding in findings if not finding.passed]
    assert [f.check for f in failed if not f.check.startswith("differs between seeds")] == [], failed


@pytest.mark.parametrize("name", SHARING)
def test_weight_sharing_runs_live_through_the_harness(name: str) -> None:
    registry = load_registry()
    registry.benchmarks["live/small"] = small_benchmark
    offered = registry.strategy(name)
    assert offered.strategy.family == "weight-sharing"
    run = planned(registry, name, {"epochs": 2})
    result = execute(run, registry)
    assert result.outcome == "finished", result.reason
    charges = [event for event in result.journal if isinstance(event, Charge)]
    assert len(charges) == 2 and all(charge.cost > 0 for charge in charges)


def test_curves_can_be_followed_while_it_runs(tmp_path: Path) -> None:
    answers = BENCHMARK.answers(0)
    path = tmp_path / "curves" / "run.jsonl"
    with written_to(path):
        _, accuracy, _ = answers.ask(CHEAP, 2, 2, 0)
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        assert [(line["what"], line["epoch"]) for line in lines] == [("training", 1), ("training", 2)]
        assert lines[1]["cell"] == BENCHMARK.space.format(CHEAP) and lines[1]["valid_accuracy"] == accuracy
        assert lines[1]["valid_loss"] > 0 and lines[1]["seconds"] > 0
        problem = Problem(
            BENCHMARK.space, BENCHMARK.fidelities, answers, Budget(2, "epochs"), training=BENCHMARK.training()
        )
        with suppress(OutOfBudget):
            load_registry().strategy("gdas").strategy.run(problem, np.random.default_rng(0), epochs=2)
        epochs = [json.loads(line) for line in path.read_text().splitlines()[2:]]
        assert [(line["what"], line["kind"], line["epoch"]) for line in epochs] == [
            ("supernet", "gdas", 1),
            ("supernet", "gdas", 2),
        ]
        assert all(0 < line["train_loss"] < 10 and BENCHMARK.space.parse(line["cell"]) for line in epochs)
    assert answers.ask(CHEAP, 2, 2, 0)[1] == accuracy
    assert len(path.read_text().splitlines()) == 4


def test_ordinary_strategies_train_live() -> None:
    problem = Problem(
        BENCHMARK.space, BENCHMARK.fidelities, BENCHMARK.answers(0), Budget(3, "evaluations"), resumable=True
    )
    with suppress(OutOfBudget):
        load_registry().strategy("random-search").strategy.run(problem, np.random.default_rng(0))
    assert [type(event) for event in problem.journal] == [Evaluation] * 3


def test_weight_sharing_is_skipped_where_nothing_can_be_trained() -> None:
    registry = load_registry()
    comparison = Comparison(
        "x", "", "", "", (Search("nas-bench-201/cifar10", Budget(1.0)),), (Entry("darts", "darts", {}),), (0,)
    )
    plan = make_plan(comparison, registry)
    assert not plan.all_runs and "training" in plan.skipped[0].reason


def test_nothing_is_trained_on_cifar_without_its_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NASBENCH_DATA", raising=False)
    assert training_of(load_registry().benchmark("nas-bench-201/cifar10")) is None


def test_supernets_train_on_the_users_cifar_and_are_scored_by_the_table(cifar10_images: Path) -> None:
    benchmark = load_registry().benchmark("nas-bench-201/cifar10")
    offer = training_of(benchmark)
    assert offer is not None and offer.supernet_seconds is not None
    assert (len(offer.task.train), len(offer.task.valid), offer.task.recipe.batch_size) == (10, 10, 64)
    problem = Problem(
        benchmark.space, benchmark.fidelities, benchmark.answers(0), Budget(2 * 126.44 + 1), training=offer
    )
    with suppress(OutOfBudget):
        load_registry().strategy("gdas").strategy.run(problem, np.random.default_rng(0))
    assert [type(event) for event in problem.journal] == [Charge, Recommendation] * 2
    last = problem.journal[-1]
    assert isinstance(last, Recommendation)
    assert 0.09 < next(iter(benchmark.scores().values())).of(last.architecture) < 0.92


def planned(registry: Registry, name: str, parameters: dict[str, Any]) -> Run:
    comparison = Comparison(
        "x", "", "", "", (Search("live/small", Budget(600.0)),), (Entry(name, name, parameters),), (0,)
    )
    (run,) = make_plan(comparison, registry).all_runs
    return run
