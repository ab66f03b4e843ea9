"""Every input that a reader once took wrongly, and a short campaign with a new seed."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from campaign import CORPUS, READERS, Tally, fault_of, fuzz

KEPT = [(folder.name, path) for folder in sorted(CORPUS.iterdir()) for path in sorted(folder.iterdir())]


@pytest.mark.parametrize(("reader", "path"), KEPT, ids=lambda value: value.name if isinstance(value, Path) else value)
def test_what_was_wrong_once_is_right_now(reader: str, path: Path) -> None:
    assert fault_of(READERS[reader.replace("-", " ")], path.read_bytes()) == ""


@pytest.mark.parametrize("reader", READERS)
def test_readers_take_what_is_sound(reader: str) -> None:
    """A campaign of damaged inputs says nothing if the sound ones are refused already."""
    import mutations

    sound = {
        **{"csv": mutations.CSV.encode(), "npz": mutations.arrays(), "parquet": mutations.parquet() or b""},
        **{"space": mutations.SPACE.encode(), "comparison": mutations.COMPARISON.encode()},
        "journal": "\n".join(mutations.EVENTS).encode(),
        "bundle": mutations.bundle(),
    }
    if reader not in sound or not sound[reader]:
        pytest.skip("its sound inputs are read by other tests")
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / f"input{READERS[reader].suffix}"
        path.write_bytes(sound[reader])
        READERS[reader].read(path)


def test_a_short_campaign_finds_nothing_wrong() -> None:
    """The same inputs for everybody; ``python tests/campaign.py`` draws new ones and disturbs comparisons, too."""
    rng, tally = random.Random(20261126), Tally()
    for _ in range(8):
        fuzz(rng, tally, None)
    assert tally.wrong == [], tally.wrong[:10]
    assert tally.tried.total() > 100
