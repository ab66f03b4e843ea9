"""Whoever verifies a bundle is told of rows that no search without knowledge could have."""

from __future__ import annotations

from dataclasses import replace

from bundles import registry
from scored import search

from nasbench_suite.comparisons import load_comparison
from nasbench_suite.harness import Result, make_plan
from nasbench_suite.leaderboards import render_json
from nasbench_suite.publishing import verify
from nasbench_suite.publishing.publish import make_bundle
from nasbench_suite.scoring import score
from nasbench_suite.search.budget import Budget
from nasbench_suite.search.journal import Evaluation

NAME = "nas-bench-201/cifar100"


def test_true_answers_to_questions_that_nobody_can_have_asked_by_luck() -> None:
    """Every answer is the table's and every figure is right, and yet the row began with the best cells there are."""
    comparison = load_comparison("nas-bench-201").override(
        name="lucky",
        benchmarks=(NAME,),
        strategies=("random-sampling", "random-search"),
        budget=Budget(3, "evaluations"),
        seeds=tuple(range(10)),
    )
    plan = make_plan(comparison, registry())
    benchmark = plan.benchmarks[NAME]
    best = sorted(benchmark.space.architectures(), key=benchmark.scores()["validation"].of)[-10:]
    results = {}
    for (label, _), runs in plan.runs.items():
        for run in runs:
            results[run.id] = search(plan, label, run)
            if label == "random-search":
                cell, accuracy, cost = benchmark.answers(run.seed).ask(best[run.seed], 200, 200, 0)
                results[run.id] = Result(run, "finished", journal=(Evaluation(cell, 200, accuracy, cost, 200),))
    bundle = make_bundle(plan, results, render_json(score(plan, results)))
    found = verify(bundle, registry())
    assert found.findings == ()
    (told,) = (note for note in found.notes if "improbable luck" in note)
    assert told.startswith(f"random-search on {NAME}")
    honest = {run.id: search(plan, "random-search", run) for run in plan.runs["random-search", NAME]}
    bundle = make_bundle(plan, results | honest, render_json(score(plan, results | honest)))
    assert not any("luck" in note for note in verify(replace(bundle), registry()).notes)
