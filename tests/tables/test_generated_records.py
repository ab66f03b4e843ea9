"""Any official record, whatever seeds, epochs and data sets it has, is read and staged without loss."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nasbench_suite.tables import open_table, write_table
from nasbench_suite.tables.importers.official import DATASETS, SIZE, trials
from nasbench_suite.tables.importers.staging import Staging

PERCENT = st.floats(0, 100)


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    keys = draw(st.lists(st.tuples(st.sampled_from(sorted(DATASETS)), st.integers(0, 999)), min_size=1, unique=True))
    results: dict[tuple[str, int], Any] = {}
    listed: dict[str, list[int]] = {}
    for name, seed in keys:
        held = sorted(draw(st.sets(st.integers(0, 11), min_size=1)))
        sets = draw(st.lists(st.sampled_from(sorted(DATASETS[name].evaluated)), unique=True))
        results[name, seed] = {
            "name": name,
            "epochs": 12,
            "seed": f"{seed:04d}",
            "train_acc1es": {epoch: draw(PERCENT) for epoch in held},
            "train_losses": {epoch: draw(PERCENT) for epoch in held},
            "train_times": draw(st.none() | st.just(dict.fromkeys(range(12), 2.5))),
            "eval_names": sets,
            "eval_acc1es": {f"{x}@{epoch}": draw(PERCENT) for x in sets for epoch in held},
            "eval_losses": {f"{x}@{epoch}": draw(PERCENT) for x in sets for epoch in held},
            "eval_times": {},
        }
        listed.setdefault(name, []).append(seed)
    record = {"arch_index": 3, "arch_str": "8:8:8:8:32", "all_results": results, "dataset_seed": listed}
    return {"12": record}


@settings(max_examples=40, deadline=None)
@given(records())
def test_generated_records_survive(record: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        staging = Staging(Path(scratch) / "staging", SIZE, "generated", double=True)
        staging.put(3, trials(record, 3, "8:8:8:8:32", SIZE, "generated"))
        write_table(staging.record(np.arange(32768), "generated"), Path(scratch) / "table.h5")
        table = open_table(Path(scratch) / "table.h5")
        for (name, seed), result in record["12"]["all_results"].items():
            training = table.training(name, "12-epochs")
            place = training.seeds.index(seed)
            wanted = {"train": result["train_acc1es"]}
            for official in result["eval_names"]:
                wanted[DATASETS[name].evaluated[official]] = {
                    int(key.rpartition("@")[2]): value
                    for key, value in result["eval_acc1es"].items()
                    if key.startswith(f"{official}@")
                }
            for prefix, values in wanted.items():
                curve = table.curves(name, "12-epochs", f"{prefix}-accuracy", 3)[place].tolist()
                held = training.metrics[f"{prefix}-accuracy"]
                read = {epoch - 1: value for epoch, value in zip(held, curve, strict=True) if value == value}
                assert read == {epoch: value / 100 for epoch, value in values.items()}
                last = max(values)
                percent = table.percent(name, "12-epochs", f"{prefix}-accuracy", last + 1)
                assert percent[3, place] == values[last]
