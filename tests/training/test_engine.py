"""The engine: against a plain loop, seed by seed, and interrupted anywhere."""

from __future__ import annotations

import math
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nasbench_suite.errors import DataError, SpaceError
from nasbench_suite.spaces import Architecture, CellSpace, nas_bench_201
from nasbench_suite.tasks.images import Dataset, Images
from nasbench_suite.training import (
    CellBuilder,
    Macro,
    Network,
    Recipe,
    Signature,
    Task,
    digits_cells,
    digits_task,
    nas_bench_201_cells,
    nas_bench_201_task,
)

torch = pytest.importorskip("torch", reason="needs PyTorch (the extra 'live')")

from plain_torch import PlainNetwork, plain_epochs  # noqa: E402

from nasbench_suite.networks.cells.cell_network import live_edges  # noqa: E402
from nasbench_suite.networks.counting import profile  # noqa: E402
from nasbench_suite.training import CellNetwork, Trainer, train  # noqa: E402
from nasbench_suite.training.augmenting import changed, draw_changes  # noqa: E402
from nasbench_suite.training.goals import macro_report  # noqa: E402
from nasbench_suite.training.steps import in_precision  # noqa: E402

SPACE = nas_bench_201()
CELLS = ["333333", "142031", "431234", "013131", "000313"]
"""Among them idle edges, a convolution of nothing, and two edges that share an input."""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def double_precision() -> Iterator[None]:
    """So that a difference in what is computed cannot hide behind one in rounding."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def cell(text: str) -> Architecture:
    return tuple(map(int, text))


SMALL = Macro((2, 8, 8), 3, 4, 1, 2, "pool", shift_of_nothing=False)


def net(text: str, macro: Macro = SMALL) -> Network:
    return Network(CellBuilder(SPACE, macro), cell(text))


def small_task(macro: Macro = SMALL, images: int = 150, epochs: int = 3, rate: float = 0.05) -> Task:
    rng = np.random.default_rng(1)
    labels = rng.integers(macro.classes, size=images)
    pixels = rng.standard_normal((images, *macro.image)).astype(np.float32) + labels[:, None, None, None] * 0.5
    held = Images(pixels.astype(np.float32), labels, macro.classes)
    recipe = Recipe(epochs=epochs, batch_size=32, learning_rate=rate, flip=False, padding=0)
    parts = held.take(slice(0, images - 50)), held.take(slice(images - 50, images))
    return Task("small", *parts, Signature(macro.image, macro.classes), "classification", recipe)


DIGITS = digits_cells().macro
RESIDUAL = Macro((3, 8, 8), 3, 4, 2, 2)


def copied(ours: CellNetwork, space: CellSpace, chosen: Architecture, macro: Macro) -> PlainNetwork:
    """A plain network with the weights of ours."""
    plain = PlainNetwork(space, chosen, macro)

    def convolution(layer, conv, norm, place=0) -> None:  # type: ignore[no-untyped-def]
        part = slice(place * len(conv.weight), (place + 1) * len(conv.weight))
        with torch.no_grad():
            conv.weight.copy_(layer.weight[part])
            if norm is not None:
                norm.weight.copy_(layer.norm.weight[part])
                norm.bias.copy_(layer.norm.bias[part])

    convolution(ours.stem, plain.stem[0], plain.stem[1])
    for one, other in zip(ours.stages, plain.stages, strict=True):
        if hasattr(one, "fans"):
            for key, edges in one.fans.items():
                for place, (source, target) in enumerate(edges):
                    _, conv, norm = other.edges[f"{target}_{source}"]
                    convolution(one.layers[key], conv, norm, place)
        elif hasattr(one, "beside"):
            convolution(one.first, other.inner[0][1], other.inner[0][2])
            convolution(one.second, other.inner[1][1], other.inner[1][2])
            convolution(one.beside, other.outer[1], None)
        else:
            convolution(one.convolution, other[1][1], other[1][2])
    with torch.no_grad():
        plain.linear.weight.copy_(ours.head.weight[0].T)
        plain.linear.bias.copy_(ours.head.bias[0, 0])
    return plain


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("text", CELLS)
@pytest.mark.parametrize("macro", [SMALL, RESIDUAL], ids=["pool", "residual"])
def test_the_losses_are_those_of_a_plain_loop(text: str, macro: Macro) -> None:
    chosen = cell(text)
    task = small_task(macro)
    # Where nothing arrives a plain network gives a shift; ours does so if told to.
    macro = replace(macro, shift_of_nothing=True)
    trainer = Trainer(net(text, macro), task, [5])
    plain = copied(trainer.network, SPACE, chosen, macro)
    steps = plain_epochs(plain, task, 5, 1)
    trainer.run_epoch()
    weights = [32, 32, 32, 4]
    expected = float(np.average(steps, weights=weights))
    assert trainer.history[0][0].train_loss == pytest.approx(expected, abs=1e-9)
    images = torch.from_numpy(task.valid.pixels).double()
    plain.eval()
    with torch.no_grad():
        scores = plain(images)
    torch.testing.assert_close(trainer.outputs("valid")[0][0], scores, atol=1e-8, rtol=1e-8)


@pytest.mark.usefixtures("double_precision")
def test_digits_losses_are_those_of_a_plain_loop_step_by_step() -> None:
    task, _ = digits_task(training=200)
    for text in ["333333", "231234", "431234", "113131", "303313"]:
        trainer = Trainer(net(text, DIGITS), task, [3])
        plain = copied(trainer.network, SPACE, cell(text), DIGITS)
        steps = plain_epochs(plain, task, 3, 1)
        trainer.run_epoch()
        assert trainer.history[0][0].train_loss == pytest.approx(float(np.mean(steps)), abs=1e-9)


@pytest.mark.parametrize("text", [*CELLS, "444444", "111111", "310313"])
def test_built_networks_have_the_counted_parameters(text: str) -> None:
    chosen = cell(text)
    macro = Macro((3, 32, 32), 10)
    with torch.device("meta"):
        plain = PlainNetwork(SPACE, chosen, macro)
    assert sum(p.numel() for p in plain.parameters()) == macro.parameters(SPACE, chosen)
    ours = CellNetwork(SPACE, chosen, macro, [0])
    built = sum(p.numel() for p in ours.parameters())
    live = live_edges(SPACE, chosen, True)
    idle = sum(
        ({2: 1, 3: 9}[option] * c * c + 2 * c) * macro.cells
        for edge, option in zip(SPACE.edges, chosen, strict=True)
        if option in (2, 3) and edge not in live
        for c, _ in macro.levels()
    )
    weightless = sum(
        {2: 1, 3: 9}[option] * c * c * macro.cells
        for edge, option in zip(SPACE.edges, chosen, strict=True)
        if live.get(edge) == "shift"
        for c, _ in macro.levels()
    )
    assert built + idle + weightless == macro.parameters(SPACE, chosen)


def test_members_train_as_they_would_alone() -> None:
    task = small_task()
    together = train(net("231334"), task, [1, 2, 3])
    for member, seed in enumerate((1, 2, 3)):
        (alone,) = train(net("231334"), task, [seed])
        for one, other in zip(together[member].epochs, alone.epochs, strict=True):
            assert one.train_loss == pytest.approx(other.train_loss, abs=1e-4)
    assert len({member.epochs[0].train_loss for member in together}) == 3


def test_the_same_seed_gives_the_same_numbers() -> None:
    task = small_task()
    outcomes = [
        [(e.train_loss, e.splits["valid"]) for t in train(net("231334"), task, [1, 2]) for e in t.epochs]
        for _ in range(2)
    ]
    assert outcomes[0] == outcomes[1]


def test_a_training_learns_and_measures() -> None:
    task = small_task(images=400)
    (training,) = train(net("133133"), task, [0], held_out={"test": task.valid})
    last = training.epochs[-1]
    assert last.train_loss < training.epochs[0].train_loss
    assert last.splits["valid"].accuracy > 0.6
    assert last.splits["test"] == last.splits["valid"]
    assert last.splits["valid"].metrics["top5"] == 1.0
    assert len(training.epochs) == 3 and training.diverged is None


def numbers(trainer: Trainer) -> list[object]:
    return [(e.train_loss, e.train.metrics, e.splits) for member in trainer.history for e in member]


def test_a_resumed_training_ends_in_the_same_numbers(tmp_path: Path) -> None:
    task = replace(small_task(), recipe=Recipe(epochs=3, batch_size=32, learning_rate=0.05, flip=True, padding=1))
    whole = Trainer(net("231334"), task, [1, 2])
    for _ in range(3):
        whole.run_epoch()
    path = tmp_path / "state.npz"
    for _ in range(3):
        trainer = Trainer(net("231334"), task, [1, 2])
        if path.exists():
            trainer.load(path)
        trainer.run_epoch()
        trainer.save(path)
    assert numbers(trainer) == numbers(whole)
    for one, other in zip(trainer.network.parameters(), whole.network.parameters(), strict=True):
        assert torch.equal(one, other)
    with pytest.raises(DataError, match="another architecture"):
        Trainer(net("231333"), task, [1, 2]).load(path)
    arrays = trainer.state()
    renamed = {name.replace("stem", "trunk"): value for name, value in arrays.items()}
    with pytest.raises(DataError, match="another version"):
        Trainer(net("231334"), task, [1, 2]).restore(renamed)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match="cannot be read"):
        trainer.load(path)


KILLED = """
import os, signal, sys
from pathlib import Path
from nasbench_suite.networks.machine import cpu_threads
from nasbench_suite.training import Network, Trainer, digits_cells, digits_task
task, _ = digits_task()
with cpu_threads(1):
    trainer = Trainer(Network(digits_cells(), (0, 1, 0, 2, 0, 0)), task, [0])
    for _ in range(2):
        trainer.run_epoch()
        trainer.save(Path(sys.argv[1]))
    trainer.network.head.register_forward_hook(lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    trainer.run_epoch()
"""


def test_a_killed_training_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "killed.npz"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    task, _ = digits_task()
    resumed = Trainer(net("010200", DIGITS), task, [0])
    resumed.load(path)
    assert resumed.done == 2
    whole = Trainer(net("010200", DIGITS), task, [0])
    while whole.done < 4:
        whole.run_epoch()
    while resumed.done < 4:
        resumed.run_epoch()
    assert numbers(resumed) == numbers(whole)


def test_divergence_is_an_outcome_and_spares_its_neighbours() -> None:
    task = small_task(epochs=2)
    trainer = Trainer(net("233333"), task, [1, 2])
    with torch.no_grad():
        trainer.network.head.bias[0] = math.nan
    trainer.run_epoch()
    trainer.run_epoch()
    lost, kept = trainer.trainings()
    assert (lost.diverged, kept.diverged) == (1, None)
    assert math.isnan(lost.epochs[1].train_loss) and lost.epochs[1].splits["valid"].accuracy == 0.0
    (alone,) = train(net("233333"), task, [2])
    assert kept.epochs[1].train_loss == pytest.approx(alone.epochs[1].train_loss, abs=1e-4)


def test_memory_that_runs_out_is_a_memory_error() -> None:
    task = small_task()
    trainer = Trainer(net("233333"), task, [1])
    trainer.network.stages[0].register_forward_hook(lambda *_: torch.empty(2**60))
    with pytest.raises(MemoryError, match="smaller batches"):
        trainer.run_epoch()


def test_augmentation_moves_and_mirrors_within_the_padding() -> None:
    images = torch.arange(2 * 6 * 3 * 5 * 5, dtype=torch.float32).reshape(2, 6, 3, 5, 5) + 1
    recipe = Recipe(padding=2, flip=True)
    # Two batches of an epoch, of 4 and 2 images.
    small = replace(recipe, batch_size=4)
    drawn = draw_changes(small, [np.random.default_rng(n) for n in (0, 1)], 6, "cpu")
    assert [changes.mirrored.shape[1] for changes in drawn] == [4, 2]
    parts = [changed(images[:, :4], recipe, drawn[0]), changed(images[:, 4:], recipe, drawn[1])]
    moved = torch.cat(parts, 1)
    assert moved.shape == images.shape
    for member, seed in enumerate((0, 1)):
        rng = np.random.default_rng(seed)
        pairs = [(rng.integers(5, size=(2, count)), rng.random(count) < 0.5) for count in (4, 2)]
        offsets, mirrored = np.concatenate([o for o, _ in pairs], 1), np.concatenate([m for _, m in pairs])
        for number in range(6):
            padded = np.pad(images[member, number].numpy(), ((0, 0), (2, 2), (2, 2)))
            top, left = offsets[:, number]
            expected = padded[:, top : top + 5, left : left + 5]
            expected = expected[..., ::-1] if mirrored[number] else expected
            np.testing.assert_array_equal(moved[member, number].numpy(), expected)


def test_lower_precision_trains_as_well() -> None:
    task = small_task(images=250, epochs=6)
    with in_precision("cpu", "bfloat16"):
        assert torch.nn.functional.linear(torch.ones(1, 2), torch.ones(2, 2)).dtype == torch.bfloat16
    (full,), (half,) = (train(net("133133"), task, [0], precision=precision) for precision in ("float32", "bfloat16"))
    losses = np.array([[e.train_loss for e in training.epochs] for training in (full, half)])
    assert not np.array_equal(losses[0], losses[1])
    np.testing.assert_allclose(losses[1], losses[0], atol=0.08)
    assert half.epochs[-1].train_loss < half.epochs[0].train_loss
    identities = {Trainer(net("133133"), task, [0], precision=p).identity for p in ("float32", "bfloat16")}
    assert len(identities) == 2


def test_graphs_are_for_gpus_only() -> None:
    trainer = Trainer(net("133133"), small_task(), [0], deterministic=True)
    trainer.run_epoch()
    assert not trainer.captured


def test_reports_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import precision_recall_fscore_support

    rng = np.random.default_rng(0)
    labels, guesses = rng.integers(5, size=200), rng.integers(4, size=200)
    expected = precision_recall_fscore_support(labels, guesses, average="macro", zero_division=0)
    report = macro_report(guesses, labels, 7)
    assert (report.precision, report.recall, report.f1) == pytest.approx(expected[:3])
    task = small_task(images=400)
    trainer = Trainer(net("133133"), task, [0])
    trainer.run_epoch()
    assert 0 < trainer.measure("valid")[0].metrics["f1"] <= 1


def test_profiles_count_and_time() -> None:
    task, _ = digits_task()
    cheap, dear = (profile(digits_cells(), cell(text), task, repeats=3) for text in ("000200", "333333"))
    assert cheap.flops < dear.flops and cheap.parameters < dear.parameters
    assert 0 < cheap.memory < dear.memory and 0 < cheap.latency < 1


def test_the_published_recipe_on_other_images() -> None:
    rng = np.random.default_rng(0)
    images = Images(rng.integers(256, size=(60, 3, 32, 32), dtype=np.uint8), np.arange(60) % 10, 10)
    task, test = nas_bench_201_task(Dataset("made", images, images, ""))
    assert (len(task.train), len(task.valid), len(test)) == (30, 30, 60)
    assert task.recipe == Recipe(200, 256, 0.1, 0.9, 5e-4, True, 4)
    assert nas_bench_201_cells(task.signature).macro == Macro((3, 32, 32), 10, 16, 5, 3, "residual")
    assert abs(float(task.train.pixels.mean())) < 1e-3


def test_isomorphic_digits_networks_are_the_same_function() -> None:
    """Idle parts differ, what is computed does not: the same seed gives the same training."""
    task = small_task()
    groups: dict[str, list[Architecture]] = {}
    rng = np.random.default_rng(3)
    for _ in range(3000):
        drawn = SPACE.sample(rng)
        groups.setdefault(SPACE.canonical(drawn), []).append(drawn)
    compared = 0
    for members in groups.values():
        one, other = members[0], members[-1]
        if list(live_edges(SPACE, one, False).values()) == list(live_edges(SPACE, other, False).values()) != []:
            losses = [
                train(Network(CellBuilder(SPACE, SMALL), c), task, [4], epochs=1)[0].epochs[0].train_loss
                for c in (one, other)
            ]
            assert losses[0] == pytest.approx(losses[1], abs=1e-4)
            compared += one != other
        if compared == 3:
            return
    raise AssertionError("no isomorphic cells were drawn")


def test_cells_of_other_spaces_are_refused() -> None:
    with pytest.raises(SpaceError):
        CellNetwork(SPACE, (1, 2), SMALL, [0])


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these settings")
def test_freed_memory_is_kept() -> None:
    probe = """
import resource, sys, torch
from nasbench_suite.networks.machine import keep_freed_memory
assert sys.argv[1] == "no" or keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def step():  # blocks of 64 MiB, which the C library gives back whatever else lies in memory
    del [torch.ones(1 << 24) for _ in range(2)][:]
for _ in range(4):
    step()
before = faults()
for _ in range(10):
    step()
print(faults() - before)
"""
    faults = [int(subprocess.check_output([sys.executable, "-c", probe, word])) for word in ("no", "yes")]
    assert faults[1] < faults[0] / 10
