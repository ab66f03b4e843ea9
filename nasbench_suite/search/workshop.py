"""Training of one's own at stated prices: batches come out only of epochs that are paid.

A strategy that trains for itself (a supernet, an ensemble of weights) opens the workshop of its problem and buys epochs::

    with problem.workshop() as shop:
        for _ in range(50):
            with shop.epoch("darts-first-order") as epoch:
                for images, labels in epoch.training(64, rng):
                    ...                                             # a step on (images, labels)
                    images, labels = epoch.validation(64, rng)
            problem.recommend(best)

An epoch whose price the benchmark states is paid before its first batch. Where it states none the clock decides: the
seconds between the beginning and the end of the epoch are paid, and no batch comes out any more once they do not fit
the budget. What Python cannot prevent is in docs/isolation.md: a strategy may keep the images of an epoch that it paid.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.errors import QuestionError

if TYPE_CHECKING:
    from types import TracebackType

    from nasbench_suite.tasks.task import Arrays, Offer, Task

Batch = tuple[NDArray[Any], NDArray[Any]]
"""Inputs ``[example, …]`` and targets ``[example, …]``."""

VALIDATION_SHARE = 100
"""A paid epoch gives out at most so many validation examples for each example of the task."""

UNMETERED = "training of its own, not metered"
"""The mark of runs that took all images at once or named prices themselves, as plugins of API version 1 may."""


class Batches:
    """Shuffled batches of a task's examples: once through for training, around and around for validation.

    Args:
        task: whose examples.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._around: dict[int, Iterator[Batch]] = {}

    def training(self, size: int, rng: np.random.Generator) -> Iterator[Batch]:
        """All training examples in batches of a size, in random order; the last batch is what is left."""
        return _shuffled(self._task.train, size, rng)

    def validation(self, size: int, rng: np.random.Generator) -> Batch:
        """The next batch of validation examples; a new random order begins when all were there."""
        if size not in self._around:
            self._around[size] = self._endless(size, rng)
        return next(self._around[size])

    def _endless(self, size: int, rng: np.random.Generator) -> Iterator[Batch]:
        while True:
            yield from _shuffled(self._task.valid, size, rng)


class Epoch:
    """One paid epoch, open inside its ``with`` block."""

    def __init__(self, batches: Batches, examples: int, check: Callable[[], None]) -> None:
        self._batches = batches
        self._check = check
        self._left = VALIDATION_SHARE * examples
        self._trained = False
        self._open = True

    def training(self, size: int, rng: np.random.Generator) -> Iterator[Batch]:
        """All training examples once, shuffled, in batches of a size.

        Raises:
            OutOfBudget: the clock decides, and what it says does not fit the budget any more.
            QuestionError: the epoch is over, or its training examples were all given out.
        """
        if self._trained:
            raise QuestionError("an epoch goes through its training examples once; pay for another epoch")
        self._trained = True
        for batch in self._batches.training(size, rng):
            self._look()
            yield batch

    def validation(self, size: int, rng: np.random.Generator) -> Batch:
        """The next batch of validation examples, around and around over the epochs.

        Raises:
            OutOfBudget: the clock decides, and what it says does not fit the budget any more.
            QuestionError: the epoch is over, or gave out its share.
        """
        self._look()
        batch = self._batches.validation(size, rng)
        self._left -= len(batch[1])
        if self._left < 0:
            raise QuestionError("an epoch gives out no more validation examples; pay for another epoch")
        return batch

    def close(self) -> None:
        """Give out nothing any more."""
        self._open = False

    def _look(self) -> None:
        if not self._open:
            raise QuestionError("this epoch is over; its batches come out inside its 'with' block")
        self._check()


class Workshop:
    """Where a strategy trains for itself (see the module).

    Args:
        offer: examples, recipe and prices.
        pay: ``pay(kind, what, seconds)`` pays the stated price of a kind, or the seconds where there is none; raises
            ``OutOfBudget`` if it does not fit.
        fits: whether so many further seconds would fit.

    Attributes:
        task: the task without its examples: shapes, classes, recipe.
        examples: how many there are for training and for validation.
        prices: kind of epoch -> seconds; ``None`` where the clock decides.
        builder: makes the networks of the benchmark.
    """

    def __init__(self, offer: Offer, pay: Callable[[str, str, float], None], fits: Callable[[float], bool]) -> None:
        task = offer.task
        self.task = replace(task, train=task.train.take(slice(0)), valid=task.valid.take(slice(0)))
        self.examples = {"training": len(task.train), "validation": len(task.valid)}
        self.prices = None if offer.supernet_seconds is None else dict(offer.supernet_seconds)
        self.builder = offer.builder
        self._batches = Batches(task)
        self._pay, self._fits = pay, fits
        self._open = True

    def __enter__(self) -> Workshop:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False

    def price(self, kind: str) -> float | None:
        """Seconds of one epoch; ``None`` where the clock decides.

        Raises:
            QuestionError: the benchmark states prices, but none of this kind.
        """
        return stated_price(self.prices, kind)

    @contextmanager
    def epoch(self, kind: str, what: str = "") -> Iterator[Epoch]:
        """One epoch: paid, then open inside the ``with`` block.

        Args:
            kind: of training, which decides its price.
            what: how the journal calls it; by default by its kind.

        Raises:
            OutOfBudget: it does not fit the budget.
            QuestionError: a kind without a price, or a workshop that is left.
        """
        if not self._open:
            raise QuestionError("the workshop is left; buy epochs inside its 'with' block")
        price, name = self.price(kind), what or f"epoch, {kind}"
        if price is not None:
            self._pay(kind, name, 0.0)
        started = time.perf_counter()

        def check() -> None:
            seconds = time.perf_counter() - started
            if price is None and not self._fits(seconds):
                self._pay(kind, name, seconds)

        epoch = Epoch(self._batches, sum(self.examples.values()), check)
        try:
            yield epoch
        finally:
            epoch.close()
        if price is None:
            self._pay(kind, name, time.perf_counter() - started)


def stated_price(prices: Mapping[str, float] | None, kind: str) -> float | None:
    """Seconds of one epoch of a kind; ``None`` where the clock decides; :class:`QuestionError` without its price."""
    if prices is None:
        return None
    if kind not in prices:
        raise QuestionError(
            f"no price of a supernet epoch of kind {kind!r} is recorded; recorded: {', '.join(sorted(prices))}"
        )
    return prices[kind]


def _shuffled(split: Arrays, size: int, rng: np.random.Generator) -> Iterator[Batch]:
    order = rng.permutation(len(split))
    for first in range(0, len(order), size):
        batch = split.take(order[first : first + size])
        yield batch.inputs, batch.targets
