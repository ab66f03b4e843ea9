"""How fast a GPU trains here beside a plain loop: ``python tests/benchmarks/bench_gpu.py``, under 8 minutes on one GPU.

Prints images per second of a plain network fed by a DataLoader in float32, and of the engine with one and with several
networks; supernet steps of a literal mixture and of ours; how much of the measured memory bandwidth and matrix rate a
training achieves; and accuracies in bfloat16 beside float32. ``--device cpu --smoke`` goes through all of it at a tiny
size, to see that it runs; its numbers mean nothing.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "training"))

from bench_training import CELLS, LiteralSupernet
from nasbench_strategies.darts import Differentiable
from nasbench_strategies.gdas import GumbelHard
from plain_torch import PlainNetwork

from nasbench_suite.networks.counting import profile
from nasbench_suite.spaces import Architecture, nas_bench_201
from nasbench_suite.tasks.images import Images
from nasbench_suite.training import (
    CellBuilder,
    Macro,
    Network,
    Recipe,
    Relaxation,
    SharingRecipe,
    Signature,
    SupernetSearch,
    Task,
    Trainer,
    digits_cells,
    digits_task,
    train,
)
from nasbench_suite.training.steps import Precision, algorithms

SPACE = nas_bench_201()
RELAXATIONS: dict[str, Callable[[SupernetSearch], Relaxation]] = {
    "DARTS, first order": Differentiable,
    "DARTS, second order": lambda search: Differentiable(search, second_order=True),
    "GDAS": GumbelHard,
}


@dataclass(frozen=True)
class Size:
    """What is measured: the network, images per step, images in the data set, seconds per measurement."""

    macro: Macro
    batch: int
    images: int
    seconds: float
    members: tuple[int, ...]
    processes: tuple[int, ...]
    supernet_steps: int
    accuracy_epochs: int


CIFAR = Size(Macro((3, 32, 32), 10), 256, 25_600, 3.0, (2, 4), (2, 4), 5, 12)
TINY = Size(Macro((3, 8, 8), 10, 4, 1, 2), 8, 32, 0.05, (2,), (2,), 1, 1)


def synchronised(device: str) -> float:
    """The time, once the device has nothing left to do."""
    if device != "cpu":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def per_second(action: Callable[[], int], seconds: float, device: str) -> float:
    """How many of what an action returns it does per second, after one turn that does not count."""
    action()
    started = now = synchronised(device)
    done = 0
    while now - started < seconds:
        done += action()
        now = synchronised(device)
    return done / (now - started)


def task_of(size: Size) -> Task:
    """Noise of the right size: how fast it goes does not depend on what is in the images."""
    rng = np.random.default_rng(0)
    count = size.images + size.batch
    pixels = rng.standard_normal((count, *size.macro.image), dtype=np.float32)
    held = Images(pixels, rng.integers(size.macro.classes, size=count), size.macro.classes)
    recipe = Recipe(batch_size=size.batch, learning_rate=0.01)
    train_images, valid_images = held.take(slice(0, size.images)), held.take(slice(size.images, count))
    signature = Signature(size.macro.image, size.macro.classes)
    return Task("noise", train_images, valid_images, signature, "classification", recipe)


class Augmented(Dataset[tuple[Tensor, int]]):
    """A map-style data set with random crops and flips, as anybody would write it."""

    def __init__(self, task: Task) -> None:
        self.images, self.labels = torch.from_numpy(task.train.pixels), task.train.labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        padded = F.pad(self.images[place], (4, 4, 4, 4))
        side = self.images.shape[-1]
        top, left = torch.randint(9, (2,)).tolist()
        image = padded[:, top : top + side, left : left + side]
        if torch.rand(()) < 0.5:
            image = image.flip(-1)
        return image, int(self.labels[place])


def plain_rate(cell: Architecture, task: Task, size: Size, device: str) -> float:
    """Images per second of the plain network with a DataLoader, float32."""
    network = PlainNetwork(SPACE, cell, size.macro).to(device)
    optimizer = torch.optim.SGD(network.parameters(), 0.01, 0.9, weight_decay=5e-4, nesterov=True)
    workers = 0 if device == "cpu" else min(8, os.cpu_count() or 1)
    loader = DataLoader(
        Augmented(task),
        size.batch,
        shuffle=True,
        num_workers=workers,
        pin_memory=device != "cpu",
        persistent_workers=workers > 0,
        drop_last=True,
    )

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            yield from loader

    endless = batches()

    def step() -> int:
        for _ in range(4):
            images, labels = (part.to(device, non_blocking=True) for part in next(endless))
            loss = F.cross_entropy(network(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return 4 * size.batch

    return per_second(step, size.seconds, device)


def engine_rate(
    cell: Architecture, task: Task, size: Size, device: str, members: int, precision: Precision, capture: bool = True
) -> float:
    """Images per second of the engine, over all members."""
    trainer = Trainer(
        Network(CellBuilder(SPACE, size.macro), cell),
        task,
        range(members),
        device=device,
        precision=precision,
        capture=capture,
    )

    def epoch() -> int:
        with algorithms(False):
            trainer.run_steps()
        return members * len(task.train)

    return per_second(epoch, size.seconds, device)


def _in_process(cell: Architecture, size: Size, device: str, gate: object, results: object) -> None:
    torch.set_num_threads(1)
    task = task_of(size)
    gate.wait()  # type: ignore[attr-defined]
    results.put(engine_rate(cell, task, size, device, 1, "bfloat16"))  # type: ignore[attr-defined]


def processes_rate(cell: Architecture, size: Size, device: str, count: int) -> float:
    """Images per second of several processes on one device, as a table is built."""
    context = multiprocessing.get_context("spawn")
    gate, results = context.Barrier(count), context.Queue()
    several = [context.Process(target=_in_process, args=(cell, size, device, gate, results)) for _ in range(count)]
    for process in several:
        process.start()
    rates = [results.get(timeout=240) for _ in several]
    for process in several:
        process.join()
    return sum(rates)


def supernet_rate(
    make: Callable[[SupernetSearch], Relaxation], task: Task, size: Size, device: str, ours: bool
) -> float:
    """Steps per second: the literal supernet in float32, or ours in bfloat16."""
    search = SupernetSearch(
        CellBuilder(SPACE, size.macro),
        task,
        SharingRecipe(batch_size=size.batch),
        np.random.default_rng(0),
        device=device,
        precision="bfloat16" if ours else "float32",
    )
    if not ours:
        search.network = LiteralSupernet(SPACE, size.macro).to(device)
        search.optimizer = torch.optim.SGD(search.network.parameters(), 0.025, 0.9, weight_decay=5e-4, nesterov=True)
    relaxation = make(search)

    def steps() -> int:
        search.run_epoch(relaxation, size.supernet_steps)
        return size.supernet_steps

    return per_second(steps, size.seconds, device)


def device_rates(size: Size, device: str) -> tuple[float, float]:
    """Measured bytes per second of copying, and multiply-adds per second of bfloat16 matrix products."""
    smoke = size is TINY
    source = torch.empty(2**16 if smoke else 2**28, device=device)
    target = torch.empty_like(source)
    side = 64 if smoke else 8192
    left, right = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))

    def copy() -> int:
        target.copy_(source)
        return 2 * source.nbytes

    def multiply() -> int:
        torch.mm(left, right)
        return side**3

    return per_second(copy, size.seconds / 3, device), per_second(multiply, size.seconds / 3, device)


def accuracies(size: Size, device: str) -> None:
    """The digits in both precisions: means over seeds must agree within the noise of the seeds."""
    task, _ = digits_task(Recipe(epochs=size.accuracy_epochs, batch_size=50, flip=False, padding=0))
    if size is TINY:
        task = replace(task, train=task.train.take(slice(0, 100)), valid=task.valid.take(slice(0, 100)))
    found: dict[str, list[float]] = {}
    precisions: tuple[Precision, ...] = ("float32", "bfloat16")
    for precision in precisions:
        trainings = train(Network(digits_cells(), CELLS["median"]), task, range(4), device=device, precision=precision)
        found[precision] = [training.epochs[-1].splits["valid"].accuracy for training in trainings]
    noise = float(np.std(found["float32"], ddof=1))
    difference = float(np.mean(found["bfloat16"]) - np.mean(found["float32"]))
    print(
        f"validation accuracy of the digits, mean of 4 seeds: float32 {np.mean(found['float32']):.4f}  bfloat16 "
        f"{np.mean(found['bfloat16']):.4f}  difference {difference:+.4f}, one seed's noise {noise:.4f}"
    )


def main(device: str, size: Size) -> None:
    torch.manual_seed(0)
    task = task_of(size)
    bandwidth, products = device_rates(size, device)
    name = torch.cuda.get_device_name(device) if device != "cpu" else "CPU"
    print(f"{name}: copies {bandwidth / 1e9:,.0f} GB/s, bfloat16 products {products / 1e12:,.1f} T multiply-adds/s")
    macro = size.macro
    print(f"\nimages/s at C={macro.channels}, N={macro.cells}, {macro.image[1]}×{macro.image[2]}, batch {size.batch}")
    cells = {"median": CELLS["median"]} if size is TINY else CELLS
    for cell_name, cell in cells.items():
        plain = plain_rate(cell, task, size, device)
        rates = {
            "float32": engine_rate(cell, task, size, device, 1, "float32"),
            "bfloat16": engine_rate(cell, task, size, device, 1, "bfloat16"),
            "not captured": engine_rate(cell, task, size, device, 1, "bfloat16", capture=False),
        }
        rates |= {f"{n} members": engine_rate(cell, task, size, device, n, "bfloat16") for n in size.members}
        rates |= {f"{n} processes": processes_rate(cell, size, device, n) for n in size.processes}
        told = "  ".join(f"{what} {rate:,.0f} ({rate / plain:.2f}×)" for what, rate in rates.items())
        print(f"{cell_name:8} plain with DataLoader, float32 {plain:,.0f}  {told}", flush=True)
        # Backward passes compute twice what forward passes do; what is kept for them is written once and read once.
        counted = profile(CellBuilder(SPACE, macro), cell, task, repeats=1)
        one = rates["bfloat16"]
        compute = 3 * counted.flops * one / products
        traffic = counted.memory / size.batch * one / bandwidth
        print(
            f"{'':8} one network in bfloat16 achieves {compute:.1%} of the matrix rate; keeping its activations alone takes "
            f"{traffic:.1%} of the bandwidth",
            flush=True,
        )
    print("\nsupernet steps/s")
    for relaxation, make in RELAXATIONS.items():
        literal = supernet_rate(make, task, size, device, ours=False)
        ours = supernet_rate(make, task, size, device, ours=True)
        print(
            f"{relaxation:20} literal, float32 {literal:.2f}  ours, bfloat16 {ours:.2f} ({ours / literal:.2f}×)",
            flush=True,
        )
    print()
    accuracies(size, device)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure training on a GPU.")
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1, … or cpu")
    parser.add_argument("--smoke", action="store_true", help="a tiny size, to see that it runs")
    options = parser.parse_args()
    if options.device != "cpu" and not torch.cuda.is_available():
        sys.exit("there is no GPU here that PyTorch can use; --device cpu --smoke shows that the script runs")
    main(options.device, TINY if options.smoke else CIFAR)
