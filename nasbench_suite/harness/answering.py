"""The process that answers: table or trainer, meter and journal of a search that runs in another process.

What searches holds one end of a local socket and nothing else: no column, no path, no books. Two kinds of messages go
through it: a question for an evaluation, which is numbers only and the same for every benchmark, and all else as JSON.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nasbench_suite.benchmarks import Benchmark, training_of
from nasbench_suite.errors import OutOfBudget, SuiteError
from nasbench_suite.harness.frames import Garbled, read_exactly
from nasbench_suite.search.answers import Currency
from nasbench_suite.search.journal import Evaluation, Event, decode_event
from nasbench_suite.search.problem import Problem
from nasbench_suite.spaces import Space

if TYPE_CHECKING:
    from nasbench_suite.tasks.task import Offer

EVALUATE, OTHER = 1, 2
"""Kinds of questions."""

ANSWERED, REFUSED, SPENT = 0, 1, 2
"""Kinds of answers."""

HEAD = struct.Struct("<BI")
"""Kind, and bytes of what follows."""

MOST_BYTES = 2**26
"""The longest question."""

_AT_ONCE = 2**16


@dataclass(frozen=True)
class Searchable:
    """What a search needs of a benchmark besides its answers.

    Attributes:
        name, space, fidelities, capabilities, currency: the benchmark's.
        offer: what it gives to strategies that train for themselves.
    """

    name: str
    space: Space
    fidelities: tuple[int, ...]
    capabilities: frozenset[str]
    currency: Currency
    offer: Offer | None = field(repr=False)


def searchable(benchmark: Benchmark) -> Searchable:
    """What a search needs of a benchmark."""
    return Searchable(
        benchmark.name,
        benchmark.space,
        tuple(benchmark.fidelities),
        frozenset(benchmark.capabilities),
        benchmark.currency,
        training_of(benchmark),
    )


def spoken(space: Space) -> tuple[struct.Struct, struct.Struct]:
    """How a question for an evaluation and its answer are written in this space, behind their heads.

    The question is epochs and options; the answer is accuracy, cost and options.
    """
    options = f"{len(space.decisions)}i"
    return struct.Struct(f"<i{options}"), struct.Struct(f"<dd{options}")


def first_words(channel: socket.socket) -> dict[str, Any] | None:
    """What a search says before it asks: that it is ready, or how it ended already; ``None`` if it is gone.

    Raises:
        Garbled: neither.
    """
    try:
        head = read_exactly(channel, HEAD.size)
        if len(head) < HEAD.size:
            return None
        kind, length = HEAD.unpack(head)
        words = json.loads(read_exactly(channel, length)) if kind == OTHER and length <= _AT_ONCE else None
    except OSError:
        return None
    except (ValueError, RecursionError):
        words = None
    if not isinstance(words, dict):
        raise Garbled("wrote into the socket of its questions")
    return words


class Conversation:
    """Answering one search until it ends.

    Args:
        problem: the search's real one, with meter and journal.
        channel: this side of the socket.
    """

    def __init__(self, problem: Problem, channel: socket.socket) -> None:
        self._problem, self._channel = problem, channel
        self._question, self._answer = spoken(problem.space)
        self._known: dict[str, Callable[[list[Any]], object]] = {
            "evaluate": lambda given: _told(problem.evaluate(*given)),
            "evaluate_many": lambda given: [_told(each) for each in problem.evaluate_many(*given)],
            "resume": lambda given: _told(problem.resume(_event(given[0]), given[1])),
            "can_resume": lambda given: problem.can_resume(_event(given[0]), given[1]),
            "charge": lambda given: problem.charge(*given[:3], measured=bool(given[3])),
            "training": lambda given: problem.training and None,
            "epoch": lambda given: problem.pay_for_epoch(str(given[0]), str(given[1]), float(given[2])),
            "fits": lambda given: problem.would_fit(float(given[0])),
            "recommend": lambda given: problem.recommend(given[0]),
            "own_seconds": lambda given: list(problem.own_seconds),
        }

    def until_end(self) -> dict[str, Any] | None:
        """Answer until the search says how it ended; ``None`` if it is gone without a word.

        Raises:
            Garbled: it wrote what is no question.
        """
        with suppress(OSError):
            self._channel.sendall(b"1")
        receive, send, evaluate = self._channel.recv, self._channel.sendall, self._problem.evaluate
        unpack, pack = self._question.unpack_from, self._answer.pack
        head, size = HEAD.pack(EVALUATE, self._question.size), HEAD.size
        answered = HEAD.pack(ANSWERED, self._answer.size)
        whole = size + self._question.size
        while True:
            try:
                data = receive(_AT_ONCE)
                if not data:
                    return None
                if len(data) == whole and data.startswith(head):
                    epochs, *options = unpack(data, size)
                    try:
                        found = evaluate(tuple(options), epochs)
                    except OutOfBudget:
                        send(HEAD.pack(SPENT, 0))
                    except SuiteError as error:
                        send(_refusal(error))
                    else:
                        send(answered + pack(found.accuracy, found.cost, *found.architecture))
                    continue
                question = self._parsed(data)
                if "end" in question:
                    return question
                send(self._other(question))
            except (ConnectionError, TimeoutError):
                return None

    def _parsed(self, data: bytes) -> dict[str, Any]:
        """A question in JSON, read to its end."""
        while len(data) < HEAD.size:
            data += self._more()
        kind, length = HEAD.unpack_from(data)
        if kind not in (EVALUATE, OTHER) or length > MOST_BYTES:
            raise Garbled("wrote into the socket of its questions")
        parts, missing = [data], HEAD.size + length - len(data)
        while missing > 0:
            parts.append(self._more())
            missing -= len(parts[-1])
        content = b"".join(parts)[HEAD.size :]
        if missing < 0:
            raise Garbled("wrote into the socket of its questions")
        if kind == EVALUATE and length == self._question.size:
            epochs, *options = self._question.unpack(content)
            return {"ask": "evaluate", "given": [options, epochs]}
        try:
            question = json.loads(content)
        except (ValueError, RecursionError):
            question = None
        if not isinstance(question, dict):
            raise Garbled("wrote into the socket of its questions")
        return question

    def _more(self) -> bytes:
        data = self._channel.recv(_AT_ONCE)
        if not data:
            raise ConnectionError
        return data

    def _other(self, question: dict[str, Any]) -> bytes:
        try:
            answer = self._known[question["ask"]](question["given"])
        except OutOfBudget:
            return HEAD.pack(SPENT, 0)
        except SuiteError as error:
            return _refusal(error)
        except (KeyError, TypeError, ValueError, IndexError, OverflowError):
            raise Garbled("wrote into the socket of its questions") from None
        return _framed(ANSWERED, answer)


def _framed(kind: int, content: object) -> bytes:
    data = json.dumps(content, separators=(",", ":")).encode()
    return HEAD.pack(kind, len(data)) + data


def _refusal(error: SuiteError) -> bytes:
    return _framed(REFUSED, {"error": type(error).__name__, "message": str(error)})


def _told(evaluation: Evaluation) -> list[object]:
    return [list(evaluation.architecture), *evaluation[1:]]


def _event(given: Any) -> Evaluation:
    options, epochs, accuracy, cost, origin, paid, more = given
    evaluation = Evaluation(tuple(options), epochs, accuracy, cost, origin, paid, tuple(more))
    hash(evaluation)
    return evaluation


def told_events(lines: Sequence[str]) -> list[Event]:
    """The inverse of what a restored search is told."""
    return [decode_event(line) for line in lines]
