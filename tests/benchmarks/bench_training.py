"""How fast we train beside plain, well-written loops: ``python tests/benchmarks/bench_training.py [cpu|cuda|whole]``.

Prints a table: images per second of the plain network and loop, of ours with one and with several training seeds,
and supernet steps of a literal mixture and of ours. Timings of the sides alternate; the least of each counts.
``whole`` times whole steps of NAS-Bench-201's own size (batch 64, two threads, seconds of the clock) and their memory.
"""

from __future__ import annotations

import math
import resource
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "training"))

from nasbench_strategies.darts import Differentiable
from plain_torch import PlainCell, PlainNetwork

from nasbench_suite.networks.cells.supernet import Mixture, Supernet, everything
from nasbench_suite.networks.machine import keep_freed_memory
from nasbench_suite.spaces import CellSpace, nas_bench_201
from nasbench_suite.tasks.images import Images
from nasbench_suite.tasks.task import Recipe
from nasbench_suite.training import (
    CellBuilder,
    CellNetwork,
    Macro,
    SharingRecipe,
    Signature,
    SupernetSearch,
    Task,
    digits_cells,
    digits_task,
)
from nasbench_suite.training.goals import member_losses
from nasbench_suite.training.steps import Descent

SPACE = nas_bench_201()
CELLS = {"cheap": (2, 0, 0, 1, 1, 4), "median": (3, 1, 4, 2, 3, 0), "all 3×3": (3,) * 6}


class LiteralCell(nn.Module):
    """Every operation of every edge by itself, as in the authors' code."""

    def __init__(self, space: CellSpace, channels: int) -> None:
        super().__init__()
        self.space = space

        def convolution(size: int) -> nn.Sequential:
            layer = nn.Conv2d(channels, channels, size, padding=size // 2, bias=False)
            norm = nn.BatchNorm2d(channels, affine=False, track_running_stats=False)
            return nn.Sequential(nn.ReLU(), layer, norm)

        make: dict[str, Callable[[], nn.Module]] = {
            "none": nn.Identity,
            "skip_connect": nn.Identity,
            "nor_conv_1x1": lambda: convolution(1),
            "nor_conv_3x3": lambda: convolution(3),
            "avg_pool_3x3": lambda: nn.AvgPool2d(3, 1, 1, count_include_pad=False),
        }
        self.edges = nn.ModuleList(nn.ModuleList(make[o]() for o in space.operations) for _ in space.edges)

    def forward(self, x: Tensor, mixture: Mixture) -> Tensor:
        values = [x]
        for target in range(1, self.space.nodes):
            arriving = []
            for number, (source, to) in enumerate(self.space.edges):
                if to == target:
                    for option, layer in enumerate(self.edges[number]):
                        if option not in mixture.active[number]:
                            continue
                        value = values[source] * 0.0 if option == self.space.zero else layer(values[source])
                        arriving.append(value * mixture.weights[number, option])
            values.append(sum(arriving))
        return values[-1]


class LiteralSupernet(PlainNetwork):
    """The plain network around literal cells, in PyTorch's default layout or channels-last."""

    def __init__(self, space: CellSpace, macro: Macro, layout: torch.memory_format = torch.contiguous_format) -> None:
        super().__init__(space, (space.zero,) * len(space.edges), macro)
        for place, stage in enumerate(self.stages):
            if isinstance(stage, PlainCell):
                self.stages[place] = LiteralCell(space, macro.channels * 2 ** (place // (macro.cells + 1)))
        self.layout = layout
        self.to(memory_format=layout)  # type: ignore[call-overload]

    def mixed(self, images: Tensor, mixture: Mixture) -> Tensor:
        x = self.stem(images.contiguous(memory_format=self.layout))
        for stage in self.stages:
            x = stage(x, mixture) if isinstance(stage, LiteralCell) else stage(x)
        scores: Tensor = self.linear(F.relu(self.last(x)).mean((2, 3)))
        return scores


def alternating(
    sides: Sequence[Callable[[], object]], repeats: int, device: str, clock: Callable[[], float] | None = None
) -> list[float]:
    """Seconds of each side, the least of so many turns: of the processor on a CPU, of the wall on a GPU."""
    clock = clock or (time.process_time if device == "cpu" else time.perf_counter)
    least = [np.inf] * len(sides)
    for turn in range(repeats + 1):
        for number, side in enumerate(sides):
            if device != "cpu":
                torch.cuda.synchronize()
            started = clock()
            side()
            if device != "cpu":
                torch.cuda.synchronize()
            if turn:
                least[number] = min(least[number], clock() - started)
    return least


Step = Callable[[Tensor, Tensor], None]
"""``(images, labels)``"""


def plain_step(network: PlainNetwork) -> Step:
    optimizer = torch.optim.SGD(network.parameters(), 0.1, 0.9, weight_decay=5e-4, nesterov=True)

    def step(images: Tensor, labels: Tensor) -> None:
        loss = F.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def our_step(network: CellNetwork, recipe: Recipe, device: str) -> Step:
    descent = Descent(network, recipe, device)
    return lambda images, labels: descent.step(member_losses(network(images), labels).sum())


def compare(title: str, macro: Macro, batch: int, members: int, steps: int, repeats: int, device: str) -> None:
    recipe = Recipe(batch_size=batch)
    for name, cell in CELLS.items():
        plain = PlainNetwork(SPACE, cell, macro).to(device)
        sides: list[tuple[Step, tuple[int, ...]]] = [(plain_step(plain), (batch,))]
        for count in (1, members):
            network = CellNetwork(SPACE, cell, macro, range(count)).to(device)
            sides.append((our_step(network, recipe, device), (count, batch)))

        def side(step: Step, shape: tuple[int, ...]) -> Callable[[], None]:
            channels = macro.image[0] * math.prod(shape) // batch
            images = torch.randn(batch, channels, *macro.image[1:], device=device)
            labels = torch.randint(macro.classes, shape, device=device)

            def run() -> None:
                for _ in range(steps):
                    step(images, labels)

            return run

        least = alternating([side(*one) for one in sides], repeats, device)
        rates = [steps * math.prod(shape) / seconds for seconds, (_, shape) in zip(least, sides, strict=True)]
        print(
            f"{title:8} {name:8} plain {rates[0]:9,.0f}  one {rates[1]:9,.0f} ({rates[1] / rates[0]:.2f}×)"
            f"  {members} seeds {rates[2]:9,.0f} ({rates[2] / rates[0]:.2f}×) images/s",
            flush=True,
        )


def kept_bytes(network: Supernet | LiteralSupernet, images: Tensor) -> int:
    """Bytes that the backward pass of a step needs, each counted once."""
    kept: dict[int, int] = {}
    alive = []

    def keep(tensor: Tensor) -> Tensor:
        alive.append(tensor)
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    weights = torch.full((6, 5), 0.2, device=images.device, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        network.mixed(images, Mixture(weights, everything(SPACE)))
    return sum(kept.values())


def compare_supernets(title: str, macro: Macro, batch: int, steps: int, repeats: int, device: str) -> None:
    images = torch.randn(batch, *macro.image, device=device)
    labels = torch.randint(macro.classes, (batch,), device=device)
    networks: dict[str, Supernet | LiteralSupernet] = {
        "literal": LiteralSupernet(SPACE, macro).to(device),
        "literal, channels-last": LiteralSupernet(SPACE, macro, torch.channels_last).to(device),
        "ours": Supernet(SPACE, macro, 0).to(device),
    }
    sides, memory = [], []
    for network in networks.values():
        memory.append(kept_bytes(network, images) / 2**20)
        numbers = torch.zeros(6, 5, device=device, requires_grad=True)

        def run(network: Supernet | LiteralSupernet = network, numbers: Tensor = numbers) -> None:
            """The two halves of a first-order step: architecture, then weights."""
            for _ in range(steps):
                loss = F.cross_entropy(network.mixed(images, Mixture(numbers.softmax(1), everything(SPACE))), labels)
                torch.autograd.grad(loss, [numbers])
                fixed = Mixture(numbers.detach().softmax(1), everything(SPACE))
                torch.autograd.grad(
                    F.cross_entropy(network.mixed(images, fixed), labels), list(network.parameters()), allow_unused=True
                )

        sides.append(run)
    least = alternating(sides, repeats, device)
    for name, seconds, kept in zip(networks, least, memory, strict=True):
        print(
            f"{title:8} supernet, first order: {name:22} {seconds / steps:.3f} s ({seconds / least[-1]:.2f}× ours)  "
            f"keeps {kept:,.0f} MiB",
            flush=True,
        )


def whole_steps() -> None:
    """Training steps and steps of a DARTS search (architecture and weights) at NAS-Bench-201's size on two threads."""
    torch.set_num_threads(2)
    keep_freed_memory()
    macro, batch = Macro((3, 32, 32), 10), 64
    images = torch.randn(batch, *macro.image)
    labels = torch.randint(macro.classes, (1, batch))

    def seconds(action: Callable[[], object]) -> float:
        return alternating([action], 3, "cpu", time.perf_counter)[0]

    for name, cell in CELLS.items():
        step = our_step(CellNetwork(SPACE, cell, macro, [0]), Recipe(batch_size=batch), "cpu")
        print(f"{name:8} {batch / seconds(partial(step, images, labels)):7,.0f} images/s", flush=True)
    shown = Images(images.numpy(), labels[0].numpy(), macro.classes)
    signature = Signature(macro.image, macro.classes)
    task = Task("noise", shown, shown, signature, "classification", Recipe(batch_size=batch))
    for second_order in (False, True):
        search = SupernetSearch(CellBuilder(SPACE, macro), task, SharingRecipe(), np.random.default_rng(0))
        relaxation = Differentiable(search, second_order=second_order)
        each = seconds(partial(search.run_epoch, relaxation))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"{relaxation.kind:18} {each:.2f} s a step, process at most {peak:.2f} GiB so far", flush=True)


def main(device: str) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    keep_freed_memory()  # for all sides alike: otherwise the system's pages are timed, and differently every time
    digits, _ = digits_task()
    cifar = Macro((3, 32, 32), 10)
    quick = device == "cpu"
    compare("digits", digits_cells().macro, digits.recipe.batch_size, 3, 20, 8, device)
    compare_supernets("digits", digits_cells().macro, digits.recipe.batch_size, 3, 8, device)
    compare("CIFAR", cifar, 32 if quick else 256, 2, 1 if quick else 10, 5, device)
    compare_supernets("CIFAR", cifar, 16 if quick else 256, 1 if quick else 5, 5, device)


if __name__ == "__main__":
    if sys.argv[1:] == ["whole"]:
        whole_steps()
    else:
        main(sys.argv[1] if len(sys.argv) > 1 else "cpu")
