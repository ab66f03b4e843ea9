"""The record of a run: every question with its answer, in order, and nothing else.

A journal is what a run *is*: the leaderboard is computed from it, an interrupted run continues from it, and anyone
can replay it. Its canonical form is one JSON array per line; the same events always give the same bytes.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from nasbench_suite.errors import StoreError
from nasbench_suite.spaces import Architecture


class Evaluation(NamedTuple):
    """One answer of a benchmark. Read the fields by name: later versions may append more.

    Attributes:
        architecture: what was trained.
        epochs: for how long.
        accuracy: the search signal, validation accuracy of one training seed, a fraction in [0, 1].
        cost: what this answer cost, in seconds of training (for a resumed training only the difference).
        origin: the epochs of the evaluation that began this training; it differs from ``epochs`` after ``resume``.
        paid: epochs of this training that had been paid before (0 for a training from scratch).
        more: the values of the benchmark's objectives after the first, where it has several.
    """

    architecture: Architecture
    epochs: int
    accuracy: float
    cost: float
    origin: int
    paid: int = 0
    more: tuple[float, ...] = ()


class Charge(NamedTuple):
    """Training that is not an evaluation, such as an epoch of a supernet.

    Attributes:
        what: in words.
        cost: seconds of training.
        epochs: epochs of training it counts for where the budget is in epochs.
    """

    what: str
    cost: float
    epochs: float


class Recommendation(NamedTuple):
    """The strategy's answer from here on."""

    architecture: Architecture


Event = Evaluation | Charge | Recommendation


def encode_event(event: Event) -> str:
    """One event as one line of JSON without the line break."""
    if type(event) is Evaluation:
        kind = "resume" if event.paid else "evaluate"
        fields: list[object] = [kind, event.architecture, event.epochs, event.accuracy, event.cost]
        if event.paid:
            fields += [event.origin, event.paid]
        if event.more:
            fields.append(event.more)
    elif type(event) is Charge:
        fields = ["charge", *event]
    else:
        fields = ["recommend", *event]
    return json.dumps(fields, separators=(",", ":"))


def decode_event(line: str) -> Event:
    """The inverse of :func:`encode_event`.

    Raises:
        StoreError: a line that is not an event.
    """
    try:
        kind, *fields = json.loads(line)
        if kind == "evaluate":
            options, epochs, accuracy, cost, *more = fields
            return Evaluation(tuple(options), epochs, accuracy, cost, epochs, 0, *map(_values, more))
        if kind == "resume":
            options, epochs, accuracy, cost, origin, paid, *more = fields
            return Evaluation(tuple(options), epochs, accuracy, cost, origin, paid, *map(_values, more))
        if kind == "charge":
            what, cost, epochs = fields
            return Charge(what, cost, epochs)
        if kind == "recommend":
            (options,) = fields
            return Recommendation(tuple(options))
    except (ValueError, TypeError, RecursionError):
        pass
    raise StoreError(f"journal line {line[:80]!r} is not an event")


def _values(more: object) -> tuple[float, ...]:
    """The values of further objectives; raises ``ValueError`` for anything but a list of numbers."""
    if not isinstance(more, list) or not more or not all(type(value) in (int, float) for value in more):
        raise ValueError(f"{more!r} are no values of objectives")
    return tuple(more)


def encode_journal(events: Iterable[Event]) -> bytes:
    """A whole journal, compressed; the same events give the same bytes."""
    return zlib.compress("\n".join(map(encode_event, events)).encode(), 6)


def decode_journal(data: bytes) -> list[Event]:
    """The inverse of :func:`encode_journal`.

    Raises:
        StoreError: damaged data.
    """
    try:
        text = zlib.decompress(data).decode()
    except (zlib.error, UnicodeDecodeError) as error:
        raise StoreError(f"a stored journal is damaged ({error})") from None
    return [decode_event(line) for line in text.split("\n") if line]


def same_question(asked: Sequence[object], recorded: Event) -> bool:
    """Whether a question is the one that a recorded event answers.

    Args:
        asked: ``(event class, *fields that make the question)``: architecture, epochs, origin, paid of an
            evaluation; what, cost, epochs of a charge; architecture of a recommendation.
        recorded: the event in the journal.
    """
    if type(recorded) is Evaluation:
        return tuple(asked) == (Evaluation, recorded.architecture, recorded.epochs, recorded.origin, recorded.paid)
    if type(recorded) is Charge and recorded.cost != recorded.cost:
        return False
    return tuple(asked) == (type(recorded), *recorded)
