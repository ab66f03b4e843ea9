"""Three hundred forged bundles: each is refused, and the forged place is named."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bundles import (
    Parts,
    change_head,
    complaints,
    hash_again,
    registry,
    rezip,
    small_bundle,
    unzip,
    written_parts,
)

from nasbench_suite.harness import Run
from nasbench_suite.leaderboards import render_json
from nasbench_suite.leaderboards.document import encode
from nasbench_suite.publishing import Bundle, write_bundle
from nasbench_suite.publishing.bundle import Record, digest
from nasbench_suite.publishing.merge import results_of
from nasbench_suite.publishing.publish import outcome_of
from nasbench_suite.publishing.verify import plan_of
from nasbench_suite.scoring import score
from nasbench_suite.search.journal import Evaluation, decode_event, encode_event

FORGED = 300
SEEDS = len(small_bundle().comparison.seeds)


def evaluations(record: Record) -> list[int]:
    return [place for place, event in enumerate(record.journal) if isinstance(event, Evaluation)]


def with_record(bundle: Bundle, pair: tuple[str, str], seed: int, record: Record | None) -> Bundle:
    runs = {p: dict(held) for p, held in bundle.records.items()}
    if record is None:
        del runs[pair][seed]
    else:
        runs[pair][seed] = record
    return replace(bundle, records=runs)


def told_again(bundle: Bundle, pair: tuple[str, str], record: Record) -> Record:
    """The record with every figure that follows from its journal computed anew, as a careful forger would."""
    (budget,) = (task.budget for task in bundle.comparison.tasks if task.benchmark == pair[1])
    (site,) = (site for site in bundle.sites if site.name == pair[1])
    spent, answer = outcome_of(record.journal, budget, site.fidelities[-1])
    return replace(record, spent=spent, answer=answer, digest=digest(record.journal))


def scored_again(bundle: Bundle) -> Bundle:
    """The bundle with the leaderboard that its forged runs give."""
    plan = plan_of(bundle, registry(), [])
    assert plan is not None
    return replace(bundle, leaderboard=render_json(score(plan, results_of(bundle, plan))))


class Forger:
    """Draws what to forge and where; each method returns the forged bundle or parts, and what must be named."""

    def __init__(self, seed: int, directory: Path) -> None:
        self.random = random.Random(seed)
        self.bundle = small_bundle()
        self.parts = dict(written_parts(directory))
        self.label = self.random.choice([member.label for member in self.bundle.members])
        self.site = self.random.choice(self.bundle.sites).name
        self.seed = self.random.choice(self.bundle.comparison.seeds)
        self.pair = (self.label, self.site)
        self.where = f"{self.label} on {self.site}, seed {self.seed}"
        self.record = self.bundle.records[self.pair][self.seed]
        self.careful = self.random.random() < 0.7
        self.rerun = 0

    def put(self, record: Record) -> Bundle:
        if self.careful:
            record = told_again(self.bundle, self.pair, record)
        return with_record(self.bundle, self.pair, self.seed, record)

    def event_changed(self, **change: Callable[[Any], Any]) -> Bundle:
        place = self.random.choice(evaluations(self.record))
        journal = list(self.record.journal)
        event = journal[place]
        assert isinstance(event, Evaluation)
        journal[place] = event._replace(**{name: new(getattr(event, name)) for name, new in change.items()})
        return self.put(replace(self.record, journal=tuple(journal)))

    def accuracy_raised(self) -> tuple[Bundle, str]:
        return self.event_changed(accuracy=lambda value: min(1.0, value + 0.0001)), self.where

    def accuracy_raised_and_scored_again(self) -> tuple[Bundle, str]:
        self.careful = True
        return scored_again(self.event_changed(accuracy=lambda value: min(1.0, value + 0.0001))), self.where

    def cost_lowered(self) -> tuple[Bundle, str]:
        return self.event_changed(cost=lambda value: value * 0.999), self.where

    def architecture_changed(self) -> tuple[Bundle, str]:
        return self.event_changed(architecture=lambda value: (*value[:-1], (value[-1] + 1) % 5)), self.where

    def shorter_training(self) -> tuple[Bundle, str]:
        return self.event_changed(epochs=lambda value: value - 1, origin=lambda value: value - 1), self.where

    def resumed_from_nothing(self) -> tuple[Bundle, str]:
        return self.event_changed(paid=lambda value: 199, origin=lambda value: 200), self.where

    def evaluation_dropped(self) -> tuple[Bundle, str]:
        place = self.random.choice(evaluations(self.record))
        journal = self.record.journal[:place] + self.record.journal[place + 1 :]
        own = self.record.own_seconds[:place] + self.record.own_seconds[place + 1 :]
        # With every figure of the run made anew, the leaderboard's mean number of evaluations gives it away.
        where = f"{self.site}, ranked, {self.label}" if self.careful else self.where
        return self.put(replace(self.record, journal=journal, own_seconds=own)), where

    def evaluation_dropped_and_scored_again(self) -> tuple[Bundle, str]:
        self.careful, self.rerun = True, SEEDS
        bundle, _ = self.evaluation_dropped()
        return scored_again(bundle), self.where

    def evaluation_added(self) -> tuple[Bundle, str]:
        journal = (*self.record.journal, self.record.journal[0])
        own = (*self.record.own_seconds, 0.0)
        # A run that had not spent its budget may hold one more true answer; the leaderboard knows better.
        fits = self.careful and len(journal) <= self.bundle.comparison.tasks[0].budget.amount
        return self.put(replace(self.record, journal=journal, own_seconds=own)), (
            f"{self.site}, ranked, {self.label}" if fits else self.where
        )

    def seed_left_out(self) -> tuple[Bundle, str]:
        return with_record(self.bundle, self.pair, self.seed, None), self.where

    def seed_left_out_everywhere(self) -> tuple[Bundle, str]:
        self.seed = self.random.choice(self.bundle.comparison.seeds[1:-1])
        seeds = tuple(seed for seed in self.bundle.comparison.seeds if seed != self.seed)
        records = {p: {s: r for s, r in held.items() if s != self.seed} for p, held in self.bundle.records.items()}
        comparison = replace(self.bundle.comparison, seeds=seeds)
        return scored_again(replace(self.bundle, comparison=comparison, records=records)), f"seed {self.seed} "

    def other_label(self) -> str:
        return self.random.choice([member.label for member in self.bundle.members if member.label != self.label])

    def journal_swapped(self) -> tuple[Bundle, str]:
        """Two strategies on one benchmark with one seed: every answer is true, the questions are another's."""
        other = (self.other_label(), self.site)
        record = self.bundle.records[other][self.seed]
        bundle = self.put(replace(record, id=self.record.id, digest=self.record.digest))
        swapped = replace(self.record, id=record.id, digest=record.digest)
        if self.careful:
            swapped = told_again(self.bundle, other, swapped)
        # Where both found the same cell with as many questions, only running the strategy again tells.
        self.rerun = SEEDS
        told = self.careful and (record.answer, len(record.journal)) != (self.record.answer, len(self.record.journal))
        where = f"{self.site}, ranked, {self.label}" if told else self.where
        return with_record(bundle, other, self.seed, swapped), where

    def journal_swapped_and_scored_again(self) -> tuple[Bundle, str]:
        self.careful, self.rerun = True, SEEDS
        bundle, _ = self.journal_swapped()
        return scored_again(bundle), self.where

    def journal_of_another_seed(self) -> tuple[Bundle, str]:
        other = self.random.choice([seed for seed in self.bundle.comparison.seeds if seed != self.seed])
        record = self.bundle.records[self.pair][other]
        self.careful = False
        return self.put(replace(record, id=self.record.id, digest=self.record.digest)), self.where

    def journal_of_another_seed_and_scored_again(self) -> tuple[Bundle, str]:
        self.rerun = SEEDS
        forged, where = self.journal_of_another_seed()
        self.careful = True
        record = told_again(forged, self.pair, forged.records[self.pair][self.seed])
        return scored_again(with_record(forged, self.pair, self.seed, record)), where

    def row_renamed(self) -> tuple[Bundle, str]:
        """A row under a new name: its runs and the leaderboard know it by the old one."""
        name = f"a-{self.label}"
        bundle = self.renamed(name)
        return bundle, f"strategies, {self.random.choice([name, self.label])}"

    def rows_exchange_names(self) -> tuple[Bundle, str]:
        """The runs of one strategy under the name of another, with a leaderboard to match."""
        other = self.other_label()
        names = {self.label: other, other: self.label}
        members = tuple(
            sorted((replace(m, label=names.get(m.label, m.label)) for m in self.bundle.members), key=lambda m: m.label)
        )
        records = {(names.get(p[0], p[0]), p[1]): held for p, held in self.bundle.records.items()}
        return scored_again(replace(self.bundle, members=members, records=records)), f"row {other}"

    def renamed(self, name: str) -> Bundle:
        members = tuple(
            sorted(
                (replace(m, label=name) if m.label == self.label else m for m in self.bundle.members),
                key=lambda m: m.label,
            )
        )
        records = {(name if p[0] == self.label else p[0], p[1]): held for p, held in self.bundle.records.items()}
        return replace(self.bundle, members=members, records=records)

    def strategy_exchanged(self) -> tuple[Bundle, str]:
        """The row says that another strategy made its runs, and every id is computed anew."""
        self.rerun = SEEDS
        label = self.other_label()
        other = next(m for m in self.bundle.members if m.label == label)
        mine = next(m for m in self.bundle.members if m.label == self.label)
        name = f"{other.strategy}-again"
        forged = replace(other, label=name)
        bundle = replace(
            self.bundle,
            members=tuple(sorted((*(m for m in self.bundle.members if m != mine), forged), key=lambda m: m.label)),
        )
        budgets = {task.benchmark: task.budget for task in bundle.comparison.tasks}
        identities = {site.name: site.identity for site in bundle.sites}
        records = {p: held for p, held in bundle.records.items() if p[0] != self.label}
        for (label, site), held in self.bundle.records.items():
            if label == self.label:
                records[name, site] = {
                    seed: replace(
                        record,
                        id=Run(
                            forged.strategy,
                            forged.version,
                            forged.parameters,
                            site,
                            identities[site],
                            budgets[site],
                            seed,
                        ).id,
                    )
                    for seed, record in held.items()
                }
        return scored_again(replace(bundle, records=records)), f"{name} on "

    def outcome_changed(self) -> tuple[Bundle, str]:
        self.rerun = SEEDS
        forged = replace(self.record, outcome="failed", reason="raised ValueError")
        return scored_again(with_record(self.bundle, self.pair, self.seed, forged)), self.where

    def head_changed(self, change: Callable[[dict[str, Any]], None], where: str) -> tuple[Parts, str]:
        parts = dict(self.parts)
        change_head(parts, change)
        return parts, where

    def budget_raised(self) -> tuple[Parts, str]:
        def change(head: dict[str, Any]) -> None:
            for item in head["comparison"]["benchmarks"]:
                if item["name"] == self.site:
                    item["amount"] += 1

        return self.head_changed(change, f"on {self.site}, seed")

    def table_changed(self) -> tuple[Parts, str]:
        def change(head: dict[str, Any]) -> None:
            for item in head["benchmarks"]:
                if item["name"] == self.site:
                    item["identity"] = hashlib.sha256(self.where.encode()).hexdigest()

        return self.head_changed(change, f"benchmark {self.site}: identity")

    def paper_changed(self) -> tuple[Parts, str]:
        def change(head: dict[str, Any]) -> None:
            for item in head["rows"]:
                if item["label"] == self.label:
                    item["paper"] = "https://example.org/ours"

        return self.head_changed(change, f"row {self.label}: paper")

    def hash_changed(self) -> tuple[Parts, str]:
        name = self.random.choice([name for name in self.parts if name != "bundle.json"])

        def change(head: dict[str, Any]) -> None:
            head["parts"][name] = hashlib.sha256(b"other").hexdigest()

        return self.head_changed(change, name)

    def source_changed(self) -> tuple[Parts, str]:
        member = next(m for m in self.bundle.members if m.label == self.label)
        name = self.random.choice(member.sources)
        parts = {**self.parts, name: self.parts[name] + b"nothing = 0\n"}
        hash_again(parts)
        return parts, f"row {self.label}: its source"

    def claim_changed(self) -> tuple[Parts, str]:
        """A figure of the leaderboard alone."""
        document = json.loads(self.parts["leaderboard.json"])
        board = next(b for b in document["benchmarks"] if b["name"] == self.site)
        row = next(r for r in board["ranked"] if r["label"] == self.label)
        name = self.random.choice(["mean", "std", "regret", "rank", "evaluations", "spent", "place"])
        row[name] = "1" if name == "place" and row[name] != "1" else "2" if name == "place" else row[name] + 0.0001
        parts = {**self.parts, "leaderboard.json": (encode(document) + "\n").encode()}
        hash_again(parts)
        return parts, f"{self.site}, ranked, {self.label}, {name}"

    def score_of_a_seed_changed(self) -> tuple[Parts, str]:
        document = json.loads(self.parts["leaderboard.json"])
        board = next(b for b in document["benchmarks"] if b["name"] == self.site)
        row = next(r for r in board["ranked"] if r["label"] == self.label)
        row["scores"]["validation"][self.bundle.comparison.seeds.index(self.seed)] += 0.0001
        parts = {**self.parts, "leaderboard.json": (encode(document) + "\n").encode()}
        hash_again(parts)
        return parts, f"{self.site}, ranked, {self.label}, scores, validation, seed {self.seed}"

    def order_of_rows_changed(self) -> tuple[Parts, str]:
        document = json.loads(self.parts["leaderboard.json"])
        board = next(b for b in document["benchmarks"] if b["name"] == self.site)
        self.random.shuffle(board["ranked"])
        if json.loads(self.parts["leaderboard.json"]) == document:
            board["ranked"].reverse()
        parts = {**self.parts, "leaderboard.json": (encode(document) + "\n").encode()}
        hash_again(parts)
        return parts, f"{self.site}, ranked, order"

    def event_changed_in_place(self) -> tuple[Parts, str]:
        """One line of the list of events, with or without new hashes; the run that uses it is named."""
        number = [site.name for site in self.bundle.sites].index(self.site)
        name = f"events/{number}.jsonl"
        lines = self.parts[name].decode().splitlines()
        place = self.random.randrange(len(lines))
        event = decode_event(lines[place])
        assert isinstance(event, Evaluation)
        lines[place] = encode_event(event._replace(accuracy=event.accuracy - 0.0001))
        users = [
            f"{label} on {site}, seed {seed}"
            for (label, site), held in self.bundle.records.items()
            if site == self.site
            for seed, record in held.items()
            if event in record.journal
        ]
        parts = {**self.parts, name: ("\n".join(lines) + "\n").encode()}
        if self.careful:
            hash_again(parts)
        return parts, self.random.choice(users) if lines == sorted(lines) else name


KINDS = sorted(
    name
    for name, member in vars(Forger).items()
    if callable(member)
    and name not in ("put", "event_changed", "other_label", "renamed", "head_changed", "__init__")
    and not name.startswith("__")
)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bundles")


def test_the_honest_bundle_is_accepted(directory: Path) -> None:
    written_parts(directory)
    assert complaints(directory / "small.nasbench.zip", count=2) == []


@pytest.mark.parametrize("kind", KINDS)
def test_forged_bundles_are_refused_and_the_place_is_named(kind: str, directory: Path) -> None:
    numbers = range(KINDS.index(kind), FORGED, len(KINDS))
    for number in numbers:
        forger = Forger(number, directory)
        forged, where = getattr(forger, kind)()
        path = directory / f"{number}.nasbench.zip"
        if isinstance(forged, Bundle):
            assert forged != forger.bundle
            write_bundle(forged, path)
            if forger.random.random() < 0.5 and not forger.careful:  # the list of hashes of the honest bundle
                parts = unzip(path)
                hashes = json.loads(forger.parts["bundle.json"])["parts"]
                change_head(parts, lambda head, hashes=hashes: head.update(parts=hashes))  # type: ignore[misc]
                rezip(parts, path)
        else:
            rezip(forged, path)
        found = complaints(path, forger.rerun)
        assert found, f"number {number} ({kind}, {forger.where}) was accepted"
        assert any(where in line for line in found), f"number {number} ({kind}): {where!r} is not named in {found[:5]}"
        assert all("\n" not in line for line in found)


def test_every_number_is_forged_once() -> None:
    assert sorted(n for k in range(len(KINDS)) for n in range(k, FORGED, len(KINDS))) == list(range(FORGED))
    assert len(KINDS) >= 20
