"""Why results that a store has are not used for the runs that a plan asks for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from nasbench_suite.harness.plan import Plan
from nasbench_suite.harness.store import Store

_WORDS = {
    "version": "the code of {strategy} is another",
    "identity": "what {benchmark} answers is another",
    "parameters": "{strategy} had other parameters",
    "budget": "the budget on {benchmark} was another",
    "api": "they were made for plugin API {api}",
    "recommend": "what may be recommended was another",
}
"""What differs -> how to say it, of the older run."""


def why_not_reused(plan: Plan, store: Store) -> Iterator[str]:
    """One line for each reason, with how many runs of the store it concerns, where runs of the plan are missing."""
    held = store.outcomes(run.id for run in plan.all_runs)
    missing = {
        (run.strategy, run.benchmark, run.seed): json.loads(run.recipe) for run in plan.all_runs if run.id not in held
    }
    wanted = {run.recipe for run in plan.all_runs}
    reasons: dict[str, int] = {}
    for recipe in store.recipes() if missing else ():
        if recipe in wanted:
            continue
        try:
            other: dict[str, Any] = json.loads(recipe)
            asked = missing.get((other["strategy"], other["benchmark"], other["seed"]))
        except (ValueError, KeyError, TypeError):
            continue
        if asked is None or other.get("kind") != asked.get("kind"):
            continue
        differing = [
            words.format(**{"api": 1, **other}) for key, words in _WORDS.items() if other.get(key) != asked.get(key)
        ]
        if differing:
            reason = " and ".join(differing)
            reasons[reason] = reasons.get(reason, 0) + 1
    for reason, count in sorted(reasons.items()):
        yield f"{count} runs of the store are not used, since {reason}"
