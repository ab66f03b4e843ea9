"""Training seeds side by side: every member is what it would be alone, whatever its layers."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from nasbench_suite.errors import UsageError
from nasbench_suite.spaces.dense import dense, dense_wide
from nasbench_suite.tasks.tabular import tabular_task, wine
from nasbench_suite.training import (
    Network,
    Recipe,
    Signature,
    dense_network,
    network_builder,
    wide_dense_network,
)

torch = pytest.importorskip("torch", reason="needs PyTorch (the extra 'live')")

from torch import nn  # noqa: E402

from nasbench_suite.networks.members import Looped, Stacked  # noqa: E402
from nasbench_suite.training import Trainer, train  # noqa: E402

RECIPE = Recipe(epochs=3, batch_size=16, learning_rate=0.05, flip=False, padding=0)


@network_builder("dropping", space="dense")
def dropping(architecture: tuple[int, ...], signature: Signature) -> nn.Module:
    return nn.Sequential(nn.Linear(*signature.inputs, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, 3))


@pytest.mark.parametrize(("builder", "kind"), [(dense_network, Stacked), (dropping, Looped)], ids=["dense", "dropout"])
def test_members_train_as_they_would_alone(builder: object, kind: type) -> None:
    task, _ = wine(RECIPE)
    network = Network(builder, dense().parse("8-8"))  # type: ignore[arg-type]
    together = Trainer(network, task, [1, 2, 3])
    assert isinstance(together.network, kind)
    for member, training in enumerate(train(network, task, [1, 2, 3])):
        (alone,) = train(network, task, [training.seed])
        for one, other in zip(training.epochs, alone.epochs, strict=True):
            assert one.train_loss == pytest.approx(other.train_loss, abs=1e-5), member
            assert one.splits["valid"].metrics == pytest.approx(other.splits["valid"].metrics, abs=0.05)


def test_side_by_side_networks_compute_what_plain_ones_do() -> None:
    signature = Signature((2, 3), 4)
    inputs = torch.randn(2, 5, 2, 3)
    for builder, text, space in ((dense_network, "5-5-5", dense()), (wide_dense_network, "32-16", dense_wide())):
        members = builder.members(space.parse(text), signature, [7, 8])
        for member, seed in enumerate((7, 8)):
            with torch.random.fork_rng():
                torch.manual_seed(seed)
                plain = builder(space.parse(text), signature)
            torch.testing.assert_close(members.apart(inputs)[member], plain(inputs[member]))


def test_a_random_training_is_resumed_to_the_same_numbers(tmp_path: Path) -> None:
    task, _ = wine(RECIPE)
    network = Network(dropping, (0, 0))
    whole = train(network, task, [1, 2])
    path = tmp_path / "state.npz"
    train(network, task, [1, 2], epochs=1, checkpoint=path)
    torch.rand(5)  # whatever else draws in between
    assert train(network, task, [1, 2], checkpoint=path)[1].epochs[-1].splits == whole[1].epochs[-1].splits


def test_making_and_training_leave_the_global_generator_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    task, _ = wine(RECIPE)
    train(Network(dropping, (0, 0)), task, [1, 2], epochs=1)
    assert torch.equal(torch.rand(3), expected)


def test_builders_can_be_sent_to_other_processes() -> None:
    assert pickle.loads(pickle.dumps(dense_network)) is dense_network
    network = pickle.loads(pickle.dumps(Network(dropping, (1, 2))))
    assert network == Network(dropping, (1, 2)) and network.identity == Network(dropping, (1, 2)).identity


def test_a_builder_that_builds_nothing_is_named() -> None:
    @network_builder("nothing", space="dense")
    def nothing(architecture: tuple[int, ...], signature: Signature) -> nn.Module:
        return None  # type: ignore[return-value]

    with pytest.raises(UsageError, match="builder 'nothing' returned None"):
        nothing((0, 0), Signature((4,), 2))


def test_regression_learns_and_records_its_metrics() -> None:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((300, 4))
    targets = np.stack([rows[:, 0] * 100 + 5, rows[:, 1] - rows[:, 2]], 1)
    task, test = tabular_task("sums", rows, targets, recipe=Recipe(30, 16, 0.05, flip=False, padding=0))
    (training,) = train(Network(wide_dense_network, dense_wide().parse("32")), task, [0], held_out={"test": test})
    found = training.epochs[-1].splits["test"]
    assert list(found.metrics) == ["r2", "mse", "mae"] and found.signal == found.metrics["r2"] > 0.95
    assert found.loss == pytest.approx(found.metrics["mse"], rel=1e-4)
