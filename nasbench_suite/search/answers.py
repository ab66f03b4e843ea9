"""The protocol of a benchmark: a space, answers for the search, and scores for afterwards, kept apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from nasbench_suite.spaces import Architecture, Space

if TYPE_CHECKING:
    from nasbench_suite.tasks.task import Offer

Currency = Literal["simulated", "measured"]

Answer = tuple[Architecture, float, float]
"""Architecture, value of the first objective, seconds."""

More = Callable[[Architecture, int, int, int], tuple[float, ...]]
"""``more(architecture, epochs, origin, paid)``: the values of the objectives after the first, of an answer given before."""


@runtime_checkable
class Answers(Protocol):
    """What the search may learn, for one run seed. It holds validation accuracies and costs and nothing else.

    Where only some trainings can be resumed, answers also have ``resumes(origin, paid, epochs) -> bool``, which says
    whether ``ask`` would answer; without it, every training can be where the benchmark offers ``"resume"``. Where the
    benchmark has several objectives, answers also have ``more(architecture, epochs, origin, paid) -> tuple[float, ...]``,
    the values of those after the first, which belong to the answer and cost nothing more.
    """

    def ask(self, architecture: Sequence[int], epochs: int, origin: int, paid: int) -> Answer:
        """Train and validate an architecture with the training seed that this run draws for it.

        Args:
            architecture: one option number per decision.
            epochs: how long, one of the benchmark's ``fidelities``.
            origin: the epochs with which this training began (equal to ``epochs`` from scratch): together with run
                seed and architecture it decides the training seed.
            paid: epochs of this training that were paid before; their cost is not charged again.

        Returns:
            The architecture as a tuple of plain integers, its accuracy in [0, 1], the cost in seconds.

        Raises:
            SpaceError: not an architecture of the space.
            QuestionError: a fidelity that does not exist, or a training that cannot be resumed.
            NotMeasured: the table has a gap there.
        """


@dataclass(frozen=True)
class Scores:
    """What a leaderboard reports: the test metric, for scoring only. No ``Problem`` ever holds one.

    Attributes:
        split: what was measured on which images after which training, in words.
        of: the score of an architecture: the mean over its training seeds, NaN if it was never measured.
        best: the best score there is, for the oracle and for regret; ``None`` where nobody knows.
        of_run: run seed -> the scores of that run, from trainings that it did not see; ``None`` where the trainings
            that score are other ones than those that answer.
        job: how the score of an architecture is computed where that takes a training; ``None`` where it is a look-up.
    """

    split: str
    of: Callable[[Architecture], float]
    best: float | None = None
    of_run: Callable[[int], RunScores] | None = None
    job: Callable[[Architecture], ScoreJob] | None = None


class ScoreJob(Protocol):
    """A score that is computed by training: a pure function without arguments, which can be pickled."""

    @property
    def identity(self) -> str:
        """A hash of all that decides the number."""

    def __call__(self) -> float:
        """Compute it."""


class RunScores(Protocol):
    """The scores of one run where the training that answered it could be among those that score.

    Of every architecture the training seed that answers the run's plain question (the last fidelity, from scratch) is
    kept for the search, asked or not, so that all strategies are scored alike in run k.
    """

    best: float
    """The best score of any architecture in this run."""
    typical: float
    """The mean score of all architectures in this run: what one uniform draw is worth."""

    def of(self, architecture: Architecture, origins: Iterable[int] = ()) -> tuple[float, int, bool]:
        """The score of an architecture in this run.

        Args:
            architecture: of the space.
            origins: the epochs with which trainings of it began that the run saw besides the plain question; their
                training seeds do not count either, as long as others are left.

        Returns:
            The mean over the training seeds that the run did not see (NaN if it was never measured), how many they
            are, and whether they are unseen: an architecture that was trained once is scored by that training.
        """


@runtime_checkable
class Benchmark(Protocol):
    """A task to search on. ``name`` looks like ``table/data set``.

    A benchmark that offers ``"training"`` also has ``training()``, which returns an
    :class:`~nasbench_suite.tasks.task.Offer` (see :func:`training_of`).
    """

    @property
    def name(self) -> str:
        """The name in comparisons and leaderboards."""

    @property
    def space(self) -> Space:
        """The architectures."""

    @property
    def fidelities(self) -> tuple[int, ...]:
        """The epochs that may be asked for, rising; the last is the default."""

    @property
    def capabilities(self) -> frozenset[str]:
        """What it offers beyond an accuracy: ``"fidelities"``, ``"resume"``, ``"training"``."""

    @property
    def currency(self) -> Currency:
        """Whether seconds are looked up in a table or measured on a clock; the two are never ranked together."""

    @property
    def identity(self) -> str:
        """A hash of everything that decides its answers."""

    @property
    def provenance(self) -> Mapping[str, str]:
        """What a leaderboard says of it: table, hash, source, licence, signal and score split."""

    def answers(self, seed: int) -> Answers:
        """The answers for one run seed; the same seed gives the same noise to every strategy."""

    def scores(self) -> Mapping[str, Scores]:
        """What to report of a found architecture, by name; the first is the one that ranks."""


@runtime_checkable
class FormerlyKnown(Protocol):
    """A benchmark that plugin API 1 knew by another identity, by which bundles of that time name it."""

    @property
    def former_identity(self) -> str:
        """The identity of that time."""

    def formerly(self) -> Benchmark:
        """The same benchmark under that identity."""


def known_as(benchmark: Benchmark, identity: str) -> Benchmark:
    """The benchmark under an identity that it has or had; itself if it never had this one."""
    if isinstance(benchmark, FormerlyKnown) and identity == benchmark.former_identity != benchmark.identity:
        return benchmark.formerly()
    return benchmark


def training_of(benchmark: Benchmark) -> Offer | None:
    """What a benchmark gives to strategies that train for themselves; ``None`` unless it offers ``"training"``."""
    if "training" not in benchmark.capabilities:
        return None
    offer: Offer = benchmark.training()  # type: ignore[attr-defined]  # only benchmarks with the capability have it
    return offer
