"""Weight sharing: the supernet against a literal one, the second-order gradient against autograd, every relaxation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from nasbench_suite.errors import OutOfBudget, QuestionError
from nasbench_suite.search.budget import Budget
from nasbench_suite.search.journal import Charge, Recommendation
from nasbench_suite.search.problem import Problem
from nasbench_suite.spaces import Architecture, CategoricalSpace, CellSpace, Decision, nas_bench_201
from nasbench_suite.tasks.images import Images
from nasbench_suite.tasks.task import Offer
from nasbench_suite.training import CellBuilder, Macro, Recipe, Signature, Task

torch = pytest.importorskip("torch", reason="needs PyTorch (the extra 'live')")

import torch.nn.functional as F  # noqa: E402
from nasbench_strategies.darts import Differentiable, unrolled_gradient  # noqa: E402
from nasbench_strategies.drnas import DirichletMixture  # noqa: E402
from nasbench_strategies.enas import Controller  # noqa: E402
from nasbench_strategies.gdas import GumbelHard  # noqa: E402
from nasbench_strategies.rsps import UniformSharing  # noqa: E402
from torch.func import functional_call  # noqa: E402

from nasbench_suite.building.costs import parts_of  # noqa: E402
from nasbench_suite.building.supernet_costs import (  # noqa: E402
    KINDS as PRICED,
)
from nasbench_suite.building.supernet_costs import (  # noqa: E402
    mixed_parts,
    part_prices,
    sampled_parts,
    supernet_prices,
)
from nasbench_suite.networks.cells.supernet import Mixture, Supernet, everything, single  # noqa: E402
from nasbench_suite.training.sharing import SharingRecipe, SupernetSearch, search_supernet  # noqa: E402

SPACE = nas_bench_201()
KINDS = {
    "darts-first-order": Differentiable,
    "darts-second-order": lambda search: Differentiable(search, second_order=True),
    "gdas": GumbelHard,
    "drnas": DirichletMixture,
    "random-sharing": UniformSharing,
    "enas": Controller,
}
FIVE_NODES = CellSpace("five", 5, SPACE.operations, zero="none", identity="skip_connect")


@pytest.fixture(autouse=True)
def double_precision_on_one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)
    torch.set_num_threads(threads)


CELLS = CellBuilder(SPACE, Macro((1, 6, 6), 3, 4, 1, 2, "pool", shift_of_nothing=False))


def small_task() -> Task:
    macro = CELLS.macro
    rng = np.random.default_rng(1)
    labels = rng.integers(3, size=96)
    pixels = (rng.standard_normal((96, 1, 6, 6)) + labels[:, None, None, None]).astype(np.float32)
    held = Images(pixels, labels, 3)
    recipe = Recipe(epochs=2, batch_size=16, learning_rate=0.1, flip=False, padding=0)
    return Task(
        "small", held.take(slice(0, 64)), held.take(slice(64, 96)), Signature(macro.image, 3), "classification", recipe
    )


def literal_cell(cell: torch.nn.Module, space: CellSpace, x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Every operation on every edge by itself, as in the papers' code."""
    values = [x]
    for target in range(1, space.nodes):
        total = torch.zeros_like(x)
        for number, (source, to) in enumerate(space.edges):
            if to != target:
                continue
            place = [t for t, _ in cell.leaving[source]].index(target)
            for option, operation in enumerate(space.operations):
                value = values[source]
                if operation == "none":
                    continue
                if operation == "avg_pool_3x3":
                    value = F.avg_pool2d(value, 3, 1, 1, count_include_pad=False)
                elif operation.startswith("nor_conv"):
                    kernel = cell.kernels[f"{operation}@{source}"][place]
                    value = F.conv2d(F.relu(value), kernel, padding=kernel.shape[-1] // 2)
                    value = F.batch_norm(value, None, None, training=True)
                total = total + weights[number, option] * value
        values.append(total)
    return values[-1]


@pytest.mark.parametrize("space", [SPACE, FIVE_NODES], ids=lambda space: space.name)
def test_mixed_cells_compute_the_literal_mixture(space: CellSpace) -> None:
    network = Supernet(space, CELLS.macro, 0)
    weights = torch.rand(len(space.edges), len(space.operations), requires_grad=True)
    x = torch.randn(5, 4, 6, 6)
    (cell, *_) = network.stages
    ours = cell(x, Mixture(weights, everything(space)))
    literal = literal_cell(cell, space, x, weights)
    torch.testing.assert_close(ours, literal)
    direction = torch.randn_like(ours)
    for one, other in zip(
        torch.autograd.grad((ours * direction).sum(), [weights, *cell.parameters()]),
        torch.autograd.grad((literal * direction).sum(), [weights, *cell.parameters()]),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_single_cells_are_mixtures_of_one() -> None:
    network = Supernet(SPACE, CELLS.macro, 0)
    images = torch.randn(5, 1, 6, 6)
    rng = np.random.default_rng(0)
    for _ in range(10):
        chosen = SPACE.sample(rng)
        one = single(SPACE, chosen)
        alone = network.mixed(images, one)
        among = network.mixed(images, Mixture(one.weights, everything(SPACE)))
        torch.testing.assert_close(alone, among)


def prepared() -> tuple[SupernetSearch, Differentiable]:
    """A search whose optimizer has moved, so that momentum counts."""
    search = SupernetSearch(CELLS, small_task(), SharingRecipe(epochs=4, learning_rate=0.1), np.random.default_rng(0))
    relaxation = Differentiable(search, second_order=True)
    search.run_epoch(relaxation)
    with torch.no_grad():
        relaxation.numbers.normal_(generator=search.generator)
    return search, relaxation


def loss_ahead(search, relaxation, numbers, training, validation) -> torch.Tensor:  # type: ignore[no-untyped-def]
    """The validation loss after one step, written so that autograd can go through the step."""
    mixture = Mixture(numbers.softmax(1), everything(SPACE))
    network = search.network
    names = [name for name, _ in network.named_parameters()]
    weights = [p.detach().clone().requires_grad_() for p in network.parameters()]

    class Mixed(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.network.mixed(images, mixture)

    def loss(values: Sequence[torch.Tensor], batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        held = {f"network.{name}": value for name, value in zip(names, values, strict=True)}
        return F.cross_entropy(functional_call(Mixed(), held, (batch[0],)), batch[1])

    gradients = torch.autograd.grad(loss(weights, training), weights, create_graph=True)
    stepped = []
    for weight, gradient, parameter in zip(weights, gradients, network.parameters(), strict=True):
        moving = search.optimizer.state[parameter]["momentum_buffer"]
        step = gradient + search.recipe.weight_decay * weight + search.recipe.momentum * moving
        stepped.append(weight - search.learning_rate() * step)
    return loss(stepped, validation)


def test_the_second_order_gradient_is_the_one_through_the_step() -> None:
    search, relaxation = prepared()
    training, validation = search.next_validation(), search.next_validation()
    numbers = relaxation.numbers
    before = [p.detach().clone() for p in search.network.parameters()]
    ours, published = (
        unrolled_gradient(search, numbers, lambda: relaxation.mixture(search), training, validation, reach)
        for reach in (1e-5, 0.01)
    )
    for one, other in zip(before, search.network.parameters(), strict=True):
        assert torch.equal(one, other)
    ahead = loss_ahead(search, relaxation, numbers, training, validation)
    (exact,) = torch.autograd.grad(ahead, [numbers])
    torch.testing.assert_close(ours, exact, rtol=1e-6, atol=1e-9)
    first = torch.autograd.grad(search.loss(validation, relaxation.mixture(search)), [numbers])[0]
    alike = [float(F.cosine_similarity(g.flatten(), exact.flatten(), 0)) for g in (first, published)]
    assert alike[0] < 0.9 < alike[1]
    # The exact gradient itself against central differences of the loss after the step.
    direction = torch.randn_like(numbers)
    sides = [
        float(loss_ahead(search, relaxation, numbers + sign * 1e-5 * direction, training, validation).detach())
        for sign in (1, -1)
    ]
    assert (sides[0] - sides[1]) / 2e-5 == pytest.approx(float((exact * direction).sum()), rel=1e-4, abs=1e-7)


class NoAnswers:
    """Weight sharing asks no benchmark."""

    def ask(self, *_: object) -> tuple[Architecture, float, float]:
        raise AssertionError("a supernet search asked for an evaluation")


def problem(space: CellSpace, budget: float, prices: dict[str, float] | None, **more: Any) -> Problem:
    return Problem(
        space,
        (8,),
        NoAnswers(),
        Budget(budget),
        training=Offer(small_task(), prices, CellBuilder(space, CELLS.macro)),
        **more,
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("space", [SPACE, FIVE_NODES], ids=lambda space: space.name)
def test_every_relaxation_searches_and_repeats(kind: str, space: CellSpace) -> None:
    journals = []
    for _ in range(2):
        searched = problem(space, 5.0, {kind: 2.5})
        search_supernet(searched, KINDS[kind], SharingRecipe(epochs=2), np.random.default_rng(3))
        journals.append(searched.journal)
    assert journals[0] == journals[1]
    assert [event for event in journals[0] if isinstance(event, Charge)] == [
        Charge(f"supernet epoch, {kind}, {number} of 2", 2.5, 1.0) for number in (1, 2)
    ]
    assert [type(event) for event in journals[0]] == [Charge, Recommendation] * 2


def test_epochs_are_paid_before_they_are_trained_where_the_price_is_known() -> None:
    searched = problem(SPACE, 2.4, {"gdas": 1.0})
    with pytest.raises(OutOfBudget):
        search_supernet(searched, KINDS["gdas"], SharingRecipe(epochs=9), np.random.default_rng(0))
    assert [type(event) for event in searched.journal] == [Charge, Recommendation] * 2


def test_measured_epochs_are_replayed_at_their_recorded_cost() -> None:
    whole = problem(SPACE, 1e6, None)
    search_supernet(whole, KINDS["gdas"], SharingRecipe(epochs=3), np.random.default_rng(0))
    charges = [event for event in whole.journal if isinstance(event, Charge)]
    assert len(charges) == 3 and all(charge.cost > 0 for charge in charges)
    resumed = problem(SPACE, 1e6, None, journal=whole.journal[:4])
    search_supernet(resumed, KINDS["gdas"], SharingRecipe(epochs=3), np.random.default_rng(0))
    assert resumed.journal[:4] == whole.journal[:4]
    assert [e for e in resumed.journal if isinstance(e, Recommendation)] == [
        e for e in whole.journal if isinstance(e, Recommendation)
    ]


def test_what_cannot_be_searched_is_refused() -> None:
    arguments = (KINDS["gdas"], SharingRecipe(epochs=1), np.random.default_rng(0))
    categorical = CategoricalSpace("other", [Decision("one", ("a", "b"))])
    for searched in (
        Problem(SPACE, (8,), NoAnswers(), Budget(1)),
        Problem(categorical, (8,), NoAnswers(), Budget(1), training=Offer(small_task(), None, CELLS)),
    ):
        with pytest.raises(QuestionError, match=r"weight sharing needs|nothing can be trained"):
            search_supernet(searched, *arguments)
    with pytest.raises(QuestionError, match="no price"):
        search_supernet(problem(SPACE, 1.0, {"darts": 1.0}), *arguments)


def test_the_supernet_learns() -> None:
    task = small_task()
    search = SupernetSearch(CELLS, task, SharingRecipe(epochs=6, learning_rate=0.1), np.random.default_rng(0))
    relaxation = Differentiable(search)
    validation = (torch.from_numpy(task.valid.pixels).double(), torch.from_numpy(task.valid.labels))
    before = float(search.loss(validation, relaxation.training_mixture(search)).detach())
    for _ in range(6):
        search.run_epoch(relaxation)
    assert float(search.loss(validation, relaxation.training_mixture(search)).detach()) < 0.6 * before


def test_gumbel_samples_are_single_cells_with_soft_gradients() -> None:
    search = SupernetSearch(CELLS, small_task(), SharingRecipe(), np.random.default_rng(0))
    relaxation = GumbelHard(search)
    with torch.no_grad():
        relaxation.numbers[:, 3] = 2.0
    counts = np.zeros(5)
    for _ in range(400):
        weights, active = (
            part.detach() if isinstance(part, torch.Tensor) else part for part in relaxation.mixture(search)
        )
        assert torch.allclose(weights.sum(1), torch.ones(6)) and weights.max() == pytest.approx(1.0)
        for (option,) in active:
            counts[option] += 1
    expected = np.exp([0, 0, 0, 2, 0]) / np.exp([0, 0, 0, 2, 0]).sum()
    assert np.abs(counts / counts.sum() - expected).max() < 0.04
    weights, active = relaxation.mixture(search)
    (gradient,) = torch.autograd.grad(weights[0, active[0][0]], [relaxation.numbers])
    assert gradient[0].abs().sum() > 0 and gradient[1:].abs().sum() == 0


def test_sampled_cells_without_a_path_teach_nothing() -> None:
    search = SupernetSearch(CELLS, small_task(), SharingRecipe(epochs=1), np.random.default_rng(0))
    relaxation = GumbelHard(search)
    with torch.no_grad():
        relaxation.numbers[:, SPACE.zero] = 1e6
    assert SPACE.zero not in search.run_epoch(relaxation)


def test_supernets_train_in_lower_precision() -> None:
    torch.set_default_dtype(torch.float32)
    losses = []
    for precision in ("float32", "bfloat16"):
        search = SupernetSearch(
            CELLS, small_task(), SharingRecipe(epochs=2), np.random.default_rng(0), device="cpu", precision=precision
        )
        relaxation = Differentiable(search)
        search.run_epoch(relaxation)
        losses.append(search.mean_loss())
        assert relaxation.numbers.grad.abs().sum() > 0
    assert losses[0] != losses[1] and losses[0] == pytest.approx(losses[1], abs=0.05)


def counted(space: CellSpace, cell: Architecture) -> np.ndarray:
    """What a supernet computes for one cell, counted while it flows through: every edge whose source has something."""
    something, counts = {0}, np.zeros(6)
    counts[0] = 1
    pooled, rectified, arrived = set(), set(), []
    for (source, target), option in zip(space.edges, cell, strict=True):
        operation = space.operations[option]
        if option == space.zero or source not in something:
            continue
        something.add(target)
        arrived.append(target)
        counts[1] += operation == "nor_conv_1x1"
        counts[2] += operation == "nor_conv_3x3"
        if operation == "avg_pool_3x3":
            pooled.add(source)
        if operation.startswith("nor_conv"):
            rectified.add(source)
    counts[3:] = len(pooled), len(rectified), len(arrived) - len(set(arrived))
    return counts


@pytest.mark.parametrize("drawn", ["uniform", "any"])
def test_the_expected_parts_are_the_mean_over_all_cells(drawn: str) -> None:
    shape = (len(SPACE.edges), len(SPACE.operations))
    probabilities = None if drawn == "uniform" else np.random.default_rng(0).dirichlet(np.ones(shape[1]), shape[0])
    weights = np.full(shape, 1 / shape[1]) if probabilities is None else probabilities
    mean = np.zeros(6)
    for cell in SPACE.architectures():
        mean += np.prod(weights[np.arange(shape[0]), list(cell)]) * counted(SPACE, cell)
    np.testing.assert_allclose(sampled_parts(SPACE, probabilities), mean, rtol=1e-12)


def test_the_expected_parts_of_larger_cells_are_those_of_many_draws() -> None:
    rng = np.random.default_rng(0)
    draws = np.array([counted(FIVE_NODES, FIVE_NODES.sample(rng)) for _ in range(20_000)])
    assert (np.abs(draws.mean(0) - sampled_parts(FIVE_NODES)) <= 5 * draws.std(0) / np.sqrt(20_000) + 1e-12).all()


def test_prices_are_found_in_a_tables_seconds() -> None:
    prices = np.array([5.0, 1.0, 3.0, 0.5, 0.25, 0.125])
    seconds = np.array([parts_of(SPACE, cell, False) @ prices for cell in SPACE.architectures()])
    np.testing.assert_allclose(part_prices(SPACE, seconds), prices, rtol=1e-9)
    found = supernet_prices(SPACE, prices, 16)
    assert set(found) == set(PRICED) == set(KINDS)
    assert found["darts-first-order"] == pytest.approx(2 * mixed_parts(SPACE) @ prices)
    assert found["darts-second-order"] == pytest.approx(2.5 * found["darts-first-order"])
    assert found["random-sharing"] == pytest.approx((1 + 100 / 48) * sampled_parts(SPACE) @ prices)


def test_a_schedule_for_seconds_has_the_epochs_that_they_pay_for() -> None:
    for seconds, price, expected in ((7.0, 2.0, 3), (1.0, 2.0, 1), (100.0, 2.0, 5), (0.0, 2.0, 5)):
        searched = problem(SPACE, 1e6, {"gdas": price})
        search_supernet(searched, KINDS["gdas"], SharingRecipe(epochs=5, seconds=seconds), np.random.default_rng(0))
        charges = [event.what for event in searched.journal if isinstance(event, Charge)]
        assert charges == [f"supernet epoch, gdas, {number + 1} of {expected}" for number in range(expected)]


def test_the_mixtures_rate_is_such_that_it_goes_as_far_in_any_number_of_steps() -> None:
    for epochs in (1, 4):
        search = SupernetSearch(CELLS, small_task(), SharingRecipe(epochs=epochs), np.random.default_rng(0))
        relaxation = Differentiable(search, travel=2.0)
        search.run_epoch(relaxation)
        (group,) = relaxation._optimizer.param_groups
        assert group["lr"] * epochs * search.steps == pytest.approx(2.0)
