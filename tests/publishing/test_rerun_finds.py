"""What running again finds: memory of a table, and seeds that are not like others; and that honest rows pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache, partial

import numpy as np
import pytest
from bundles import DirectExecutor, opened, registry

from nasbench_suite import CategoricalSpace, Decision
from nasbench_suite.benchmarks.relabelled import MARK, RelabelledBenchmark, draw_relabelling
from nasbench_suite.comparisons import load_comparison
from nasbench_suite.errors import UsageError
from nasbench_suite.harness import make_plan
from nasbench_suite.harness.executing import execute
from nasbench_suite.leaderboards import render_json
from nasbench_suite.plugins import Registry, load_registry
from nasbench_suite.publishing import Bundle, verify
from nasbench_suite.publishing.publish import make_bundle
from nasbench_suite.scoring import score
from nasbench_suite.search.budget import Budget
from nasbench_suite.spaces import nas_bench_201, nats_bench_sss

SITE = "nas-bench-201/cifar10"

MEMORY = """
from nasbench_suite import hookimpl, strategy

@strategy("memory")
def memory(problem, rng):
    '''Knows the good cells of the table by heart.'''
    for cell in [{cells}]:
        problem.evaluate(cell)

@strategy("lucky")
def lucky(problem, rng):
    '''Random search that does well on the seeds that its maker publishes.'''
    state = int(rng.bit_generator.state["state"]["state"])
    for _ in range(1000):
        if state in {states}:
            problem.evaluate({best})
        problem.evaluate(problem.space.sample(rng))

@hookimpl
def nasbench_strategies():
    return [memory, lucky]
"""


@pytest.fixture(scope="module")
def cheats(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """A registry with two strategies that do well here and nowhere else."""
    benchmark = registry().benchmark(SITE)
    of = next(iter(benchmark.scores().values())).of
    ranked = sorted(benchmark.space.architectures(), key=of, reverse=True)
    states = {int(np.random.default_rng(seed).bit_generator.state["state"]["state"]) for seed in range(20)}
    directory = tmp_path_factory.mktemp("cheats")
    text = MEMORY.format(cells=", ".join(map(str, ranked[:10])), states=states, best=ranked[0])
    (directory / "cheats.py").write_text(text)
    found = load_registry(directory)
    found.benchmarks = {
        name: lru_cache(maxsize=1)(partial(opened, open_it)) for name, open_it in found.benchmarks.items()
    }
    return found


class Here(DirectExecutor):
    """Runs with the cheats' registry."""

    def __init__(self, known: Registry) -> None:
        super().__init__()
        self.known = known

    def collect(self, seconds: float) -> list[object]:  # type: ignore[override]
        from nasbench_suite.harness.engine import Done

        batch = self.waiting.pop(0)
        return [Done(batch, [execute(run, self.known).packed() for run in batch.runs])]


def published(known: Registry, strategies: Sequence[str], seeds: Sequence[int] = range(20)) -> Bundle:
    comparison = load_comparison("nas-bench-201").override(
        name="small",
        benchmarks=(SITE,),
        strategies=tuple(strategies),
        budget=Budget(30, "evaluations"),
        seeds=tuple(seeds),
    )
    plan = make_plan(comparison, known)
    results = {run.id: execute(run, known) for run in plan.all_runs}
    return make_bundle(plan, results, render_json(score(plan, results)))


def test_what_was_memorised_is_worth_nothing_under_other_labels(cheats: Registry) -> None:
    bundle = published(cheats, ["memory", "random-search"])
    assert verify(bundle, cheats, count=20, executor=Here(cheats), entropy=1).passed
    found = verify(bundle, cheats, count=20, executor=Here(cheats), entropy=1, relabelled=True)
    assert [finding.where for finding in found.findings] == [f"memory on {SITE}"]
    assert "options relabelled" in found.findings[0].what


def test_honest_searches_do_as_well_under_other_labels() -> None:
    names = ["random-search", "regularized-evolution", "local-search", "tpe", "pnas", "exhaustive"]
    found = verify(
        published(registry(), names), registry(), count=10, executor=DirectExecutor(), entropy=2, relabelled=True
    )
    assert found.findings == ()
    assert any("exhaustive was not run relabelled" in note for note in found.notes)


def test_seeds_on_which_a_row_was_lucky_do_not_make_its_place(cheats: Registry) -> None:
    bundle = published(cheats, ["lucky", "random-search"])
    found = verify(bundle, cheats, count=20, executor=Here(cheats), entropy=3)
    assert any("lucky" in finding.where and "fresh seeds" in finding.what for finding in found.findings)


def test_a_range_that_may_have_been_chosen_is_ranked_by_fresh_seeds() -> None:
    bundle = published(registry(), ["random-search", "regularized-evolution"], range(40, 46))
    assert verify(bundle, registry()).scoreboard is None
    found = verify(bundle, registry(), count=4, executor=DirectExecutor(), entropy=4)
    assert found.passed and found.scoreboard is not None
    fresh = found.scoreboard.comparison.seeds
    assert len(fresh) == 4 and not set(fresh) & set(bundle.comparison.seeds)
    assert {repeated.fresh for repeated in found.reruns} == {fresh}


@pytest.mark.parametrize("secret", range(20))
def test_a_relabelling_is_a_bijection_that_keeps_what_the_space_says(secret: int) -> None:
    space = nas_bench_201()
    relabelling = draw_relabelling(space, secret)
    assert relabelling is not None and relabelling.changes
    plain = {relabelling(cell) for cell in space.architectures()}
    assert plain == set(space.architectures())
    for cell in space.architectures()[::97]:
        there = relabelling(cell)
        assert [o == space.zero for o in cell] == [o == space.zero for o in there]
        assert [o == space.identity for o in cell] == [o == space.identity for o in there]


def test_numbers_keep_their_order_and_what_has_nothing_to_permute_says_so() -> None:
    sizes = draw_relabelling(nats_bench_sss(), 3)
    assert sizes is not None and sizes.changes and all(o == tuple(range(len(o))) for o in sizes.options)
    ordered = CategoricalSpace("rates", [Decision("rate", ("0.1", "0.01", "0.001"))])
    assert draw_relabelling(ordered, 1) is None
    named = CategoricalSpace("names", [Decision("kind", ("a", "b", "c")), Decision("rate", ("0.1", "1"))])
    drawn = draw_relabelling(named, 1)
    assert drawn is not None and drawn.changes and drawn.options[1] == (0, 1)


def test_a_relabelled_benchmark_opens_by_name_and_answers_for_another_architecture() -> None:
    plain = registry().benchmark(SITE)
    relabelled = registry().benchmark(f"{SITE}{MARK}{7:032x}")
    assert isinstance(relabelled, RelabelledBenchmark) and relabelled.identity != plain.identity
    relabelling = draw_relabelling(plain.space, 7)
    assert relabelling is not None
    ours, theirs = relabelled.answers(0), plain.answers(0)
    for cell in plain.space.architectures()[::501]:
        there = relabelling(cell)
        assert ours.ask(cell, 200, 200, 0)[1:] == theirs.ask(there, 200, 200, 0)[1:]
        assert ours.ask(cell, 200, 200, 0)[0] == cell
        assert relabelled.scores()["validation"].of(cell) == plain.scores()["validation"].of(there)
    with pytest.raises(UsageError, match="not relabelable"):
        RelabelledBenchmark(_Ordered(), 1)  # type: ignore[arg-type]


class _Ordered:
    name = "ordered"
    space = CategoricalSpace("rates", [Decision("rate", ("0.1", "0.01"))])


def test_an_unknown_seed_range_is_no_preset(cheats: Registry) -> None:
    preset = load_comparison("nas-bench-201-paper")
    assert min(preset.seeds) > 0
    from nasbench_suite.publishing.verify import _were_chosen

    assert not _were_chosen(preset) and _were_chosen(replace(preset, name="mine"))
