"""Joining bundles: rows and seeds from several people, and every refusal with the difference named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from bundles import made, registry, small_bundle
from test_verify import nasbench

from nasbench_suite.comparisons import Task
from nasbench_suite.errors import BundleError
from nasbench_suite.leaderboards.badges import read_badges
from nasbench_suite.publishing import Bundle, merge, read_bundle, verify, write_bundle
from nasbench_suite.search.budget import Budget


def refused(first: Bundle, second: Bundle, words: str) -> None:
    with pytest.raises(BundleError, match=words) as raised:
        merge({"ours.zip": first, "theirs.zip": second}, registry())
    assert "\n" not in str(raised.value)


def test_rows_of_two_people_give_the_leaderboard_of_one_who_ran_all() -> None:
    ours, theirs = made(strategies=("local-search", "random-search")), made(strategies=("random-sampling",))
    joined, _ = merge({"ours": ours, "theirs": theirs}, registry())
    assert joined.leaderboard == small_bundle().leaderboard
    assert joined.records.keys() == small_bundle().records.keys()
    assert verify(joined, registry()).passed


def test_seeds_of_two_people_give_the_leaderboard_of_one_who_ran_all() -> None:
    ours, theirs = made(seeds=range(4)), made(seeds=range(3, 6))
    joined, _ = merge({"ours": ours, "theirs": theirs}, registry())
    assert joined.leaderboard == small_bundle().leaderboard
    assert len(joined.environments) == 1


def test_a_row_without_some_seeds_is_refused() -> None:
    refused(
        made(strategies=("local-search",), seeds=range(6)),
        made(strategies=("random-search",), seeds=range(5)),
        "random-search on nas-bench-201/cifar10 has no seed 5, which other rows have",
    )


def test_seeds_with_a_gap_are_refused() -> None:
    refused(made(seeds=range(2)), made(seeds=range(4, 6)), "seed 2 is left out between 0 and 5")


def test_another_budget_is_refused() -> None:
    refused(
        small_bundle(),
        made(evaluations=14),
        "the budget on nas-bench-201/cifar10 is 15 evaluations in ours.zip and 14 evaluations in theirs.zip",
    )


def test_another_table_protocol_or_limit_is_refused() -> None:
    bundle = small_bundle()
    first, *rest = bundle.sites
    table = replace(first, identity="0" * 64, provenance={**first.provenance, "table sha256": "0" * 64})
    refused(
        bundle, replace(bundle, sites=(table, *rest)), "table sha256 of nas-bench-201/cifar10 is .* in ours.zip and 0"
    )
    refused(bundle, replace(bundle, sites=(table, *rest)), "the identity of nas-bench-201/cifar10 is")
    epochs = replace(first, fidelities=(12, 200))
    refused(bundle, replace(bundle, sites=(epochs, *rest)), r"the fidelities of nas-bench-201/cifar10 is \(200,\)")
    refused(bundle, replace(bundle, suite={**bundle.suite, "api": 99}), "the plugin API is 2 in ours.zip and 99")
    limited = replace(bundle, comparison=replace(bundle.comparison, time_limit=1))
    refused(bundle, limited, "the time limit is 300.* in ours.zip and 1 in theirs.zip")
    tasks = (*bundle.comparison.tasks, Task("nas-bench-201/imagenet16-120", Budget(15, "evaluations")))
    more = replace(bundle, comparison=replace(bundle.comparison, tasks=tasks))
    refused(bundle, more, "benchmark nas-bench-201/imagenet16-120 is in theirs.zip and not in ours.zip")


def test_another_version_or_parameter_of_a_row_is_refused() -> None:
    bundle = small_bundle()
    first, *rest = bundle.members
    refused(
        bundle,
        replace(bundle, members=(replace(first, version="9+0"), *rest)),
        "row local-search: version is .* 9\\+0 in",
    )
    other = replace(first, parameters={**first.parameters, "initial_samples": 3})
    refused(
        bundle, replace(bundle, members=(other, *rest)), "row local-search: parameters is .*initial_samples=10 in ours"
    )


def test_two_journals_of_one_run_are_refused() -> None:
    bundle = small_bundle()
    pair = ("random-search", "nas-bench-201/cifar10")
    runs = bundle.records[pair]
    forged = replace(bundle, records={**bundle.records, pair: {**runs, 2: replace(runs[2], digest="0" * 32)}})
    refused(bundle, forged, "random-search on nas-bench-201/cifar10, seed 2: theirs.zip has another journal")


def test_the_command_writes_leaderboard_bundle_and_badges(tmp_path: Path) -> None:
    write_bundle(made(strategies=("local-search", "random-search")), tmp_path / "a.zip")
    write_bundle(made(strategies=("random-sampling",)), tmp_path / "b.zip")
    told = json.loads(nasbench(tmp_path, "merge", "a.zip", "b.zip", "--name", "joined", "--json").stdout)
    assert set(told["badges"].values()) == {"replayed"}
    directory = tmp_path / "leaderboards" / "joined"
    assert read_badges(directory, (directory / "leaderboard.json").read_text()) == told["badges"]
    assert (directory / "index.html").read_text().count('<span class="badge replayed">replayed</span>') >= 3
    joined = read_bundle(tmp_path / told["bundle"])
    assert verify(joined, registry()).passed
    assert joined.leaderboard == (directory / "leaderboard.json").read_text()
    write_bundle(made(evaluations=14, strategies=("random-search",)), tmp_path / "c.zip")
    refusal = nasbench(tmp_path, "merge", "a.zip", "c.zip", code=1).stderr
    assert "the budget on nas-bench-201/cifar10 is 15 evaluations in a.zip and 14 evaluations in c.zip" in refusal
    assert "at least two" in nasbench(tmp_path, "merge", "a.zip", code=2).stderr
