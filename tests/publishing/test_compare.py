"""What changed between two leaderboards, and whether it matters: as a plugin author's CI asks."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bundles import made, small_bundle
from scipy.stats import wilcoxon
from test_verify import nasbench

from nasbench_suite.errors import BundleError
from nasbench_suite.publishing import Changes, compare, write_bundle


@lru_cache(maxsize=1)
def board() -> str:
    return made(seeds=range(12)).leaderboard


def edited(change: Any) -> str:
    document = json.loads(board())
    change(document)
    return json.dumps(document)


def scores(document: Any, label: str, benchmark: int = 0) -> list[float]:
    (row,) = (row for row in document["benchmarks"][benchmark]["ranked"] if row["label"] == label)
    found: list[float] = row["scores"]["validation"]
    return found


def shifted(label: str, by: float) -> str:
    def change(document: Any) -> None:
        values = scores(document, label)
        values[:] = [value + by * (1 + place / 100) for place, value in enumerate(values)]

    return edited(change)


def verdicts(changes: Changes) -> set[tuple[str, str, str]]:
    return {(c.label, c.benchmark.partition("/")[2], c.verdict) for c in changes.changes if c.verdict != "same"}


def test_a_leaderboard_is_like_itself() -> None:
    found = compare(board(), board())
    assert found.counts == {"same": 6} and not found.worse and not found.protocol


def test_worse_and_better_are_significant_and_a_small_change_is_not() -> None:
    assert verdicts(compare(board(), shifted("random-search", -0.01))) == {("random-search", "cifar10", "worse")}
    assert verdicts(compare(board(), shifted("random-search", 0.01))) == {("random-search", "cifar10", "better")}

    def one_seed(document: Any) -> None:
        scores(document, "random-search")[0] -= 0.2

    found = compare(board(), edited(one_seed))
    assert verdicts(found) == {("random-search", "cifar10", "not significant")} and not found.worse


def test_the_p_value_is_that_of_the_signed_rank_test_with_holm() -> None:
    rng = np.random.default_rng(3)

    def change(document: Any) -> None:
        for label in ("random-search", "local-search"):
            values = scores(document, label)
            values[:] = (np.array(values) + rng.normal(0.003, 0.005, len(values))).tolist()

    new = edited(change)
    raw = {}
    for label in ("random-search", "local-search"):
        old_values, new_values = (np.array(scores(json.loads(text), label)) for text in (board(), new))
        raw[label] = wilcoxon(new_values - old_values, zero_method="pratt", method="exact").pvalue
    low, high = sorted(raw, key=lambda label: raw[label])
    found = {c.label: c for c in compare(board(), new).changes if c.verdict != "same"}
    assert found[low].p_value == pytest.approx(2 * raw[low], rel=1e-6)
    assert found[high].p_value == pytest.approx(max(2 * raw[low], raw[high]), rel=1e-6)


def test_leaderboards_of_two_forms_are_not_mixed() -> None:
    """Form 1 scored by all training seeds; two of form 1 can still be compared with each other."""
    first = edited(lambda document: document.update(format=1))
    with pytest.raises(BundleError, match="the old one has format 1 and the new one 2"):
        compare(first, board())
    assert compare(first, first).counts.keys() == {"same"}
    with pytest.raises(BundleError, match="has format 3, this release reads 1 and 2"):
        compare(board(), edited(lambda document: document.update(format=3)))


def test_rows_that_come_go_and_lose_their_place() -> None:
    def change(document: Any) -> None:
        ranked = document["benchmarks"][0]["ranked"]
        ranked[:] = [row for row in ranked if row["label"] != "random-search"]

    found = compare(board(), edited(change))
    assert verdicts(found) == {("random-search", "cifar10", "no longer ranked")} and found.worse
    fewer = made(seeds=range(12), strategies=("local-search", "random-search")).leaderboard
    assert {verdict for *_, verdict in verdicts(compare(board(), fewer))} == {"gone"}
    more = compare(fewer, board())
    assert {verdict for *_, verdict in verdicts(more)} == {"new"} and not more.worse


def test_two_rows_can_be_put_side_by_side() -> None:
    found = compare(board(), board(), rows=[("random-search", "random-sampling")])
    assert all(change.label == "random-search → random-sampling" for change in found.changes)
    assert {change.verdict for change in found.changes} == {"worse"}
    with pytest.raises(BundleError, match="the new leaderboard has no row 'nobody'"):
        compare(board(), board(), rows=[("random-search", "nobody")])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["benchmarks"][0]["budget"].update(amount=16), "the budget of nas-bench-201/cifar10 is 15 eval"),
        (lambda d: d["benchmarks"][0].update(identity="0"), "the identity of nas-bench-201/cifar10"),
        (lambda d: d["benchmarks"].pop(), "benchmark nas-bench-201/cifar100 is only in the old leaderboard"),
        (lambda d: d.update(format=0), "has format 0"),
        (lambda d: d.pop("strategies"), "is no leaderboard"),
        (lambda d: d["comparison"].update(seeds=list(range(20, 32))), "no seed in common"),
    ],
)
def test_what_cannot_be_compared_is_refused(change: Any, words: str) -> None:
    with pytest.raises(BundleError, match=words):
        compare(board(), edited(change))


def test_fewer_seeds_are_paired_and_said() -> None:
    few = made(seeds=range(3)).leaderboard
    found = compare(board(), few)
    assert any("the number of seeds is 12 in the old and 3 in the new" in line for line in found.protocol)
    assert any("3 paired seeds are too few" in line for line in found.protocol)


def test_exit_codes_for_a_ci(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(board())
    (tmp_path / "worse.json").write_text(shifted("random-search", -0.01))
    (tmp_path / "better.json").write_text(shifted("random-search", 0.01))
    assert "6 same" in nasbench(tmp_path, "compare", "old.json", "old.json").stdout
    assert "1 worse" in nasbench(tmp_path, "compare", "old.json", "worse.json", code=1).stdout
    nasbench(tmp_path, "compare", "old.json", "better.json")
    nasbench(tmp_path, "compare", "old.json", "better.json", "--fail-on", "change", code=1)
    nasbench(tmp_path, "compare", "old.json", "worse.json", "--strategy", "local-search")
    told = json.loads(nasbench(tmp_path, "compare", "old.json", "worse.json", "--json", "--fail-on", "never").stdout)
    assert told["worse"] and told["counts"] == {"same": 5, "worse": 1}
    write_bundle(small_bundle(), tmp_path / "small.zip")
    nasbench(tmp_path, "compare", "old.json", "small.zip")
    assert "cannot be read" in nasbench(tmp_path, "compare", "old.json", "none", code=2).stderr
