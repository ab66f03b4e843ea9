"""Checking bundles: in a fresh process and directory, with other seeds, with code that is not here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bundles import DirectExecutor, made, registry, small_bundle

from nasbench_suite.benchmarks.synthetic import SyntheticBenchmark
from nasbench_suite.comparisons import Comparison, Entry, Task
from nasbench_suite.harness import make_plan
from nasbench_suite.harness.executing import execute
from nasbench_suite.leaderboards import render_json
from nasbench_suite.plugins import Registry
from nasbench_suite.publishing import read_bundle, verify, write_bundle
from nasbench_suite.publishing.publish import make_bundle, outcome_of
from nasbench_suite.publishing.rerun import rank_sum_test
from nasbench_suite.scoring import score
from nasbench_suite.search.budget import Budget
from nasbench_suite.search.journal import Evaluation
from nasbench_suite.testing import tiny_benchmark

NASBENCH = [sys.executable, "-m", "nasbench_suite.cli"]

LOOSE = '''
from nasbench_suite import hookimpl, strategy


@strategy("my-search", family="other")
def my_search(problem, rng):
    """Draw, evaluate, forget."""
    while True:
        problem.evaluate(problem.space.sample(rng))


@hookimpl
def nasbench_strategies():
    return [my_search]
'''


def nasbench(directory: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*NASBENCH, *arguments], cwd=directory, capture_output=True, text=True, env=dict(os.environ))
    assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def test_published_in_one_place_and_verified_in_another(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    (ours / "loose").mkdir(parents=True)
    theirs.mkdir()
    (ours / "loose" / "mine.py").write_text(LOOSE)
    plugins = ["--plugins-dir", "loose"]
    pair = ["--strategy", "my-search", "--strategy", "local-search", "--name", "mine"]
    small = ["--benchmark", "nas-bench-201/cifar10", "--seeds", "4", "--budget", "20evaluations"]
    nasbench(ours, "run-all", *small, *pair, *plugins, "--jobs", "1")
    told = json.loads(nasbench(ours, "publish", "leaderboards/mine", *plugins, "--json").stdout)
    assert "sources/mine/mine.py" in told["sources"] and told["runs"] == 8
    bundle = theirs / "from-a-stranger.zip"
    bundle.write_bytes((ours / told["bundle"]).read_bytes())
    replayed = json.loads(nasbench(theirs, "verify", bundle.name, "--json").stdout)
    assert replayed["passed"] and replayed["replayed"] == told["answers"] and replayed["sha256"] == told["sha256"]
    assert replayed["badges"] == {"local-search": "replayed", "my-search": "replayed"}
    absent = nasbench(theirs, "verify", bundle.name, "--rerun", "1", "--jobs", "1", "--sources", "read-me")
    assert "my-search" in absent.stdout and "is not installed" in absent.stdout
    assert "local-search: re-run" in absent.stdout and "my-search: replayed" in absent.stdout
    assert (theirs / "read-me" / "sources" / "mine" / "mine.py").read_text() == LOOSE
    with_code = nasbench(
        theirs, "verify", bundle.name, "--rerun", "2", "--jobs", "1", "--plugins-dir", "read-me/sources/mine",
        "--output", "checked",
    )  # fmt: skip
    assert "my-search: re-run" in with_code.stdout
    for name in ("leaderboard.json", "curves.csv"):
        assert (theirs / "checked" / "mine" / name).read_bytes() == (ours / "leaderboards" / "mine" / name).read_bytes()
    page = (theirs / "checked" / "mine" / "index.html").read_text()
    assert '<span class="badge re-run">re-run</span>' in page and 'class="badge self-reported"' not in page
    without = nasbench(theirs, "verify", bundle.name, "--pictures", "svg", code=2).stderr
    assert "need --output" in without


def test_a_refused_bundle_exits_with_one_and_names_the_place(tmp_path: Path) -> None:
    bundle = small_bundle()
    pair, runs = next(iter(bundle.records.items()))
    forged = replace(runs[3], spent=runs[3].spent - 1)
    write_bundle(replace(bundle, records={**bundle.records, pair: {**runs, 3: forged}}), tmp_path / "forged.zip")
    done = nasbench(tmp_path, "verify", "forged.zip", code=1)
    assert f"{pair[0]} on {pair[1]}, seed 3: says that it spent" in done.stdout
    assert done.stdout.rstrip().endswith("refused: 1 findings")
    (tmp_path / "nothing.zip").write_bytes(b"PK")
    assert nasbench(tmp_path, "verify", "nothing.zip", code=1).stderr.startswith("error: nothing.zip is no bundle")


def test_publish_refuses_a_leaderboard_that_was_edited(tmp_path: Path) -> None:
    small = ["--benchmark", "nas-bench-201/cifar10", "--seeds", "2", "--budget", "9evaluations", "--name", "small"]
    nasbench(tmp_path, "run-all", *small, "--strategy", "random-search", "--jobs", "1")
    path = tmp_path / "leaderboards" / "small" / "leaderboard.json"
    document = json.loads(path.read_text())
    document["benchmarks"][0]["ranked"][0]["mean"] += 0.01
    path.write_text(json.dumps(document))
    refused = nasbench(tmp_path, "publish", "leaderboards/small", code=1).stderr
    assert "benchmarks, nas-bench-201/cifar10, ranked, random-search, mean: claimed" in refused
    assert nasbench(tmp_path, "publish", "leaderboards/none", code=1).stderr.count("\n") == 1


def test_an_honest_row_passes_a_large_rerun() -> None:
    honest = made(strategies=("random-sampling",), seeds=range(40), evaluations=1, name="chosen")
    found = verify(honest, registry(), count=40, executor=DirectExecutor(), entropy=5)
    assert found.passed and found.badges == {"random-sampling": "re-run"}
    assert all(repeated.p_value > 0.01 and len(repeated.fresh) == 40 for repeated in found.reruns)


def test_fresh_seeds_do_not_agree_with_a_lucky_window() -> None:
    """Consecutive seeds, every answer true, every run repeatable: only fresh seeds show that the window was chosen."""
    pool = made(strategies=("random-sampling",), seeds=range(1500), evaluations=1, name="window")
    pair = ("random-sampling", "nas-bench-201/cifar10")
    accuracies = []
    for seed in range(1500):
        (event,) = pool.records[pair][seed].journal
        assert isinstance(event, Evaluation)
        accuracies.append(event.accuracy)
    means = np.convolve(accuracies, np.ones(6) / 6, "valid")
    start = int(np.argmax(means))
    lucky = made(strategies=("random-sampling",), seeds=range(start, start + 6), evaluations=1, name="lucky")
    assert verify(lucky, registry()).passed
    found = verify(lucky, registry(), count=60, executor=DirectExecutor(), entropy=5)
    assert any("on nas-bench-201/cifar10: 60 fresh seeds" in str(finding) for finding in found.findings)
    assert found.badges == {}


def test_the_rank_sum_test_agrees_with_scipy_and_keeps_its_level() -> None:
    from scipy.stats import mannwhitneyu

    rng = np.random.default_rng(0)
    for _ in range(8):
        first, second = rng.standard_normal(30), rng.standard_normal(5) + rng.uniform(0, 2)
        exact = float(mannwhitneyu(first, second, method="exact").pvalue)
        assert rank_sum_test(first, second, rng) == pytest.approx(exact, abs=0.012)
    p_values = [rank_sum_test(rng.integers(0, 4, 30), rng.integers(0, 4, 5), rng) for _ in range(100)]
    assert np.mean(np.array(p_values) <= 0.05) < 0.12


def test_resumed_trainings_skipped_pairs_and_recommendations_are_checked(tmp_path: Path) -> None:
    tiny = tiny_benchmark()
    plain = SyntheticBenchmark("plain", tiny.space, fidelities=(10,))
    known = Registry(strategies=registry().strategies, benchmarks={"tiny": lambda: tiny, "plain": lambda: plain})
    names = ("random-search", "successive-halving")
    comparison = Comparison(
        "tiny",
        "Tiny",
        "",
        "",
        (Task("plain", Budget(300.0)), Task("tiny", Budget(300.0))),
        tuple(Entry(name, name, {}) for name in names),
        (0, 1, 2),
    )
    plan = make_plan(comparison, known)
    assert plan.skipped
    results = {run.id: execute(run, known) for run in plan.all_runs}
    bundle = make_bundle(plan, results, render_json(score(plan, results)))
    read = read_bundle(write_bundle(bundle, tmp_path / "tiny.zip"))
    assert verify(read, known).passed
    pair = ("successive-halving", "tiny")
    record = bundle.records[pair][1]
    place, resumed = next(
        (n, e) for n, e in enumerate(record.journal) if isinstance(e, Evaluation) and e.paid and e.architecture
    )
    begun = next(
        n
        for n, e in enumerate(record.journal)
        if isinstance(e, Evaluation) and (e.architecture, e.epochs) == (resumed.architecture, resumed.paid)
    )
    assert begun < place
    journal = record.journal[:begun] + record.journal[begun + 1 :]
    spent, answer = outcome_of(journal, Budget(300.0), 16)
    forged = replace(record, journal=journal, own_seconds=(), spent=spent, answer=answer)
    found = verify(replace(bundle, records={**bundle.records, pair: {**bundle.records[pair], 1: forged}}), known)
    assert any("successive-halving on tiny, seed 1: event" in str(f) and "never did" in str(f) for f in found.findings)


def test_what_is_not_installed_is_named() -> None:
    found = verify(small_bundle(), Registry())
    assert [finding.where for finding in found.findings] == [
        "benchmark nas-bench-201/cifar10",
        "benchmark nas-bench-201/cifar100",
    ]


def test_the_name_of_a_preset_is_not_for_other_comparisons() -> None:
    bundle = made(name="nas-bench-201")
    found = [str(finding) for finding in verify(bundle, registry()).findings]
    assert any("has the name of a preset and other tasks" in line for line in found)
    assert any("has the name of a preset and other seeds" in line for line in found)
    assert any("compares all strategies, but" in line for line in found)
