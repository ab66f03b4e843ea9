"""What a run is, by which hash it is known, and what came out of it."""

from __future__ import annotations

import errno
import hashlib
import json
import zlib
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple, get_args

from nasbench_suite.errors import StoreError
from nasbench_suite.hookspecs import API_VERSION
from nasbench_suite.search.budget import Budget
from nasbench_suite.search.journal import Event, decode_journal, encode_journal

Outcome = Literal["finished", "failed", "timeout", "memory", "died", "invalid", "machine"]

MACHINE: Outcome = "machine"
"""The machine failed: that is no outcome of a run, is never stored, and the run is done again by the next call."""

OUTCOMES: tuple[Outcome, ...] = tuple(outcome for outcome in get_args(Outcome) if outcome != MACHINE)
"""The outcomes that a store may hold."""

MACHINE_FAILURES = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ENFILE, errno.ESTALE, errno.ENODEV, errno.ENXIO}
)
"""Error numbers that tell of the machine and not of the code that met them: no room, a broken disk, a lost mount."""


def is_machine_failure(error: BaseException | None) -> bool:
    """Whether an exception, or one that it was raised from, is the machine's fault."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OSError) and error.errno in MACHINE_FAILURES:
            return True
        error = error.__cause__ or error.__context__
    return False


MARKS = "; "
"""Between two marks of a result."""


@dataclass(frozen=True)
class Run:
    """One search: everything that decides its journal.

    Attributes:
        strategy: name.
        version: of the strategy's code (package version and hash of its file).
        parameters: all of them, defaults included.
        benchmark: name.
        identity: hash of all that decides the benchmark's answers.
        budget: what it may spend.
        seed: of the run.
        recommend: ``"any"`` architecture, or only an ``"evaluated"`` one.
        api: the version of the plugin API for which the strategy was written.
        kind: ``"search"``, or ``"score"`` for the training that tells what a found architecture is worth (see
            ``scores.py``).
    """

    strategy: str
    version: str
    parameters: Mapping[str, Any]
    benchmark: str
    identity: str
    budget: Budget
    seed: int
    recommend: str = "any"
    api: int = API_VERSION
    kind: str = "search"

    @cached_property
    def recipe(self) -> str:
        """The run as canonical JSON."""
        fields = {
            "api": self.api,
            "strategy": self.strategy,
            "version": self.version,
            "parameters": dict(self.parameters),
            "benchmark": self.benchmark,
            "identity": self.identity,
            "budget": [self.budget.amount, self.budget.unit],
            "seed": self.seed,
        }
        if self.recommend != "any":
            fields["recommend"] = self.recommend
        if self.kind != "search":
            fields["kind"] = self.kind
        return json.dumps(fields, sort_keys=True, separators=(",", ":"))

    @cached_property
    def id(self) -> str:
        """32 hexadecimal digits of the recipe's sha256."""
        return hashlib.sha256(self.recipe.encode()).hexdigest()[:32]

    @classmethod
    def from_recipe(cls, recipe: str) -> Run:
        """The inverse of :attr:`recipe`."""
        fields = json.loads(recipe)
        amount, unit = fields["budget"]
        return cls(
            strategy=fields["strategy"],
            version=fields["version"],
            parameters=fields["parameters"],
            benchmark=fields["benchmark"],
            identity=fields["identity"],
            budget=Budget(amount, unit),
            seed=fields["seed"],
            recommend=fields.get("recommend", "any"),
            api=fields["api"],
            kind=fields.get("kind", "search"),
        )


@dataclass(frozen=True)
class Result:
    """What came out of a run.

    Attributes:
        run: the run.
        outcome: ``finished`` if the search came to its end or spent its budget; else how it went wrong: ``failed``
            (raised), ``timeout``, ``memory``, ``died`` (the process ended), ``invalid`` (broke a rule).
        reason: why it did not finish, in one line.
        journal: all events; they count only if the run finished.
        own_seconds: per event, the strategy's own computing time before it (wall clock).
        wall_seconds: of the whole run.
        cpu_seconds: of the whole run, all threads.
        marks: what readers of the results should know of how it was done, such as that it was not confined; no part
            of what must be the same everywhere.
    """

    run: Run
    outcome: Outcome
    reason: str = ""
    journal: tuple[Event, ...] = field(default=(), repr=False)
    own_seconds: tuple[float, ...] = field(default=(), repr=False)
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    marks: tuple[str, ...] = ()

    def packed(self) -> Packed:
        """The result as it is stored and sent between processes."""
        own = zlib.compress(array("f", self.own_seconds).tobytes(), 6)
        times = (self.wall_seconds, self.cpu_seconds)
        journal = encode_journal(self.journal)
        marks = MARKS.join(self.marks)
        return Packed(self.run.id, self.run.recipe, self.outcome, self.reason, journal, own, *times, marks)


class Packed(NamedTuple):
    """A result as bytes and plain values; ``unpacked`` gives the result back.

    Attributes:
        id, recipe: of the run.
        outcome, reason: as in :class:`Result`.
        journal: compressed canonical journal; equal runs have equal bytes.
        own: compressed 32-bit floats, seconds.
        wall_seconds, cpu_seconds: as in :class:`Result`.
        marks: joined by :data:`MARKS`.
    """

    id: str
    recipe: str
    outcome: str
    reason: str
    journal: bytes
    own: bytes
    wall_seconds: float
    cpu_seconds: float
    marks: str = ""

    def unpacked(self) -> Result:
        """The result.

        Raises:
            StoreError: damaged data.
        """
        own = array("f")
        try:
            own.frombytes(zlib.decompress(self.own))
            run = Run.from_recipe(self.recipe)
        except (zlib.error, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"stored run {self.id} is damaged ({error})") from None
        if self.outcome not in OUTCOMES or run.id != self.id:
            raise StoreError(
                f"stored run {self.id} is damaged: its recipe or its outcome {self.outcome!r} does not fit"
            )
        journal = tuple(decode_journal(self.journal))
        marks = tuple(mark for mark in self.marks.split(MARKS) if mark)
        return Result(run, self.outcome, self.reason, journal, tuple(own), self.wall_seconds, self.cpu_seconds, marks)
