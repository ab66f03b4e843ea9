"""How DARTS collapses on NAS-Bench-201's space: ``python tests/benchmarks/darts_collapse.py docs/darts [mnist.npz]``.

Trains the supernet (first order) on the scattered digits and, given the file, on MNIST, and writes after every
epoch what the mixture prefers, which cell DARTS would return, and what that cell is worth when trained from scratch.
Writes ``<data set>.csv`` and ``collapse.svg`` into the directory. A data set whose CSV is complete is not trained
again; about ten minutes of one core in all.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from nasbench_strategies.darts import Differentiable

from nasbench_suite.networks.machine import cpu_threads, keep_freed_memory
from nasbench_suite.plugins import load_registry
from nasbench_suite.spaces import Architecture, nas_bench_201
from nasbench_suite.tasks.digits import Scattering
from nasbench_suite.tasks.images import Dataset, Images, npz
from nasbench_suite.training import (
    CellBuilder,
    Network,
    Recipe,
    SharingRecipe,
    SupernetSearch,
    Task,
    digits_cells,
    digits_task,
    nas_bench_201_task,
    train,
)

SPACE = nas_bench_201()
SHORT = {"none": "none", "skip_connect": "skip", "nor_conv_1x1": "1x1", "nor_conv_3x3": "3x3", "avg_pool_3x3": "pool"}
SEED = 0


@dataclass(frozen=True)
class Setting:
    """One curve.

    Attributes:
        cells: the space and the network around a cell.
        task: the images.
        sharing: how the shared weights learn.
        rate: of the mixture's Adam. The paper's 3e-4 is for some 20,000 steps; there are fewer here.
        every: after so many epochs the returned cell is trained from scratch.
    """

    cells: CellBuilder
    task: Task
    sharing: SharingRecipe
    rate: float
    every: int


def digits() -> Setting:
    """The scattered digits with three cells in each of the two stages: deep enough for skip connections to matter."""
    recipe = Recipe(epochs=12, batch_size=50, learning_rate=0.1, flip=False, padding=0)
    task, _ = digits_task(recipe, Scattering(canvas=10, clutter=1, patch=4, noise=0.2, placed=(2, 2, 2)))
    macro = replace(digits_cells().macro, image=task.signature.inputs, cells=3)
    return Setting(CellBuilder(SPACE, macro), task, SharingRecipe(epochs=60, batch_size=50), 3e-3, 5)


def mnist(path: Path) -> Setting:
    """3,200 images of MNIST, averaged to 7×7 in a frame of 8×8, in the network of the digits."""
    published = npz(path)
    assert published.test is not None
    parts = []
    for images, count in ((published.train, 3200), (published.test, 100)):
        some = images.take(np.random.default_rng(SEED).permutation(len(images))[:count])
        small = some.pixels.reshape(count, 1, 7, 4, 7, 4).mean((3, 5)).astype(np.float32)
        small = np.pad(small, ((0, 0), (0, 0), (0, 1), (0, 1)))  # an even number at every stage
        parts.append(Images(small, some.labels, 10))
    recipe = Recipe(epochs=8, batch_size=50, learning_rate=0.1, flip=False, padding=0)
    task, _ = nas_bench_201_task(Dataset("mnist", *parts, published.source), 1600, recipe)
    macro = replace(digits().cells.macro, image=task.signature.inputs)
    return Setting(CellBuilder(SPACE, macro), task, SharingRecipe(epochs=60, batch_size=50), 3e-3, 5)


def follow(setting: Setting, path: Path) -> None:
    """Train the supernet and write the curve; the file appears when it is whole."""
    recorded = next(iter(load_registry().benchmark("nas-bench-201/cifar10").scores().values())).of
    known: dict[Architecture, float] = {}

    def from_scratch(cell: Architecture) -> float:
        if cell not in known:
            (training,) = train(Network(setting.cells, cell), setting.task, [SEED])
            known[cell] = training.epochs[-1].splits["valid"].accuracy
        return known[cell]

    search = SupernetSearch(setting.cells, setting.task, setting.sharing, np.random.default_rng(SEED))
    relaxation = Differentiable(search, travel=setting.rate * search.recipe.epochs * search.steps)
    partial_path = path.with_name(path.name + ".partial")
    with partial_path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        columns = [f"weight {SHORT[name]}" for name in SPACE.operations] + [
            f"edges {SHORT[name]}" for name in SPACE.operations
        ]
        writer.writerow(["epoch", *columns, "cell", "from scratch", "nas-bench-201 cifar10"])
        for epoch in range(1, setting.sharing.epochs + 1):
            cell = search.run_epoch(relaxation)
            weights = relaxation.numbers.detach().softmax(1).mean(0).tolist()
            edges = [cell.count(option) for option in range(len(SPACE.operations))]
            scratch = f"{from_scratch(cell):.4f}" if epoch == 1 or epoch % setting.every == 0 else ""
            row = [epoch, *(f"{w:.4f}" for w in weights), *edges, SPACE.format(cell), scratch, f"{recorded(cell):.4f}"]
            writer.writerow(row)
            file.flush()
            print(path.stem, *row, file=sys.stderr, flush=True)
    partial_path.rename(path)


def draw(paths: list[Path], target: Path) -> None:
    """A column per data set: mean weights above, edges in the middle, what the returned cell is worth below."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    from nasbench_suite.leaderboards.pictures import STYLE

    colours = {"none": "#5f6772", "skip": "#d55e00", "1x1": "#56b4e9", "3x3": "#0072b2", "pool": "#009e73"}
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.2 * len(paths), 7.2))
        axes = figure.subplots(3, len(paths), sharex="col", squeeze=False)
        for column, path in enumerate(paths):
            with path.open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            epochs = [int(row["epoch"]) for row in rows]
            for name, colour in colours.items():
                weight = [float(row[f"weight {name}"]) for row in rows]
                axes[0, column].plot(epochs, weight, color=colour, label=name, linewidth=2 if name == "skip" else 1)
            shares = [[int(row[f"edges {name}"]) for row in rows] for name in colours]
            axes[1, column].stackplot(epochs, shares, colors=list(colours.values()), step="mid", linewidth=0)
            tried = [(int(row["epoch"]), float(row["from scratch"])) for row in rows if row["from scratch"]]
            axes[2, column].plot(*zip(*tried, strict=True), "ko-", markersize=3, label="from scratch, this task")
            recorded = [float(row["nas-bench-201 cifar10"]) for row in rows]
            axes[2, column].plot(epochs, recorded, color="#cc79a7", label="NAS-Bench-201's table, CIFAR-10")
            axes[0, column].set_title(f"DARTS, first order, {path.stem}")
            axes[2, column].set_ylim(0, 1)
            axes[2, column].set_xlabel("epochs of the supernet")
        axes[0, 0].set_ylabel("mean weight of an operation")
        axes[1, 0].set_ylabel("edges of the returned cell")
        axes[2, 0].set_ylabel("validation accuracy of that cell")
        axes[0, 0].legend(ncols=2)
        axes[2, 0].legend()
        FigureCanvasSVG(figure).print_svg(str(target), metadata={"Date": None, "Creator": None})


def main(directory: Path, mnist_path: Path | None) -> None:
    torch.manual_seed(SEED)
    keep_freed_memory()
    directory.mkdir(parents=True, exist_ok=True)
    settings: dict[str, Callable[[], Setting]] = {"digits": digits}
    if mnist_path is not None:
        settings["mnist"] = partial(mnist, mnist_path)
    with cpu_threads(1):
        for name, make in settings.items():
            if not (directory / f"{name}.csv").exists():
                follow(make(), directory / f"{name}.csv")
    draw([directory / f"{name}.csv" for name in settings], directory / "collapse.svg")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: python tests/benchmarks/darts_collapse.py DIRECTORY [mnist.npz]")
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) == 3 else None)
