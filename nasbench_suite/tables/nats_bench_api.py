"""A stand-in for the package nats_bench that answers from a table: change one line, and a script runs on.

::

    from nats_bench import create                                    # before
    from nasbench_suite.tables.nats_bench_api import create          # after

    api = create(None, "tss", fast_mode=True, verbose=False)         # as it was; None stands for the table's name
    accuracy, latency, seconds, used = api.simulate_train_eval(arch, dataset="cifar10", hp="12")

The table comes from ``nasbench table import nats-bench DIR`` (or ``nasbench table pull nats-bench-tss``); a path that
a script gives for the official files is ignored, a ``.h5`` path is opened. Numbers, units (percent, millions) and
the draws from the ``random`` module are those of nats_bench 1.8. What is not there are the objects that hold whole
records (``query_by_index``, ``query_meta_info_by_index``) and trained weights: tables have neither.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.errors import NotMeasured, UsageError
from nasbench_suite.tables.column import mean_over_seeds
from nasbench_suite.tables.importers.official import DATASETS, SIZE, TOPOLOGY, OfficialFormat
from nasbench_suite.tables.schema import OFFICIAL_INDEX
from nasbench_suite.tables.table import Table, open_table

SPACES = {"tss": TOPOLOGY, "topology": TOPOLOGY, "sss": SIZE, "size": SIZE}
SEARCHED = {"cifar10": "cifar10-valid", "cifar100": "cifar100", "ImageNet16-120": "ImageNet16-120"}
"""The data sets of ``simulate_train_eval`` and the data set keys that answer for them."""
EPOCHS_IN_MEMORY = 64
"""How many (data set, training, epoch) are kept; each takes a few megabytes."""
GENOTYPE = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|"
"""The cell of every network of the size space."""


def create(
    file_path_or_dict: str | Path | None, search_space: str, fast_mode: bool = True, verbose: bool = True
) -> OfficialApi:
    """Make the API of a space.

    Args:
        file_path_or_dict: a ``.h5`` file or the name of a table; anything else means the official table's name.
        search_space: ``"tss"`` or ``"sss"`` (or ``"topology"``, ``"size"``).
        fast_mode: accepted for the sake of scripts; a table is always fast.
        verbose: accepted likewise; nothing is printed.

    Raises:
        UsageError: an unknown space or table.
        TableError: a table that cannot be read.
    """
    del fast_mode
    if search_space not in SPACES:
        raise UsageError(f"search space {search_space!r}: expected one of {', '.join(SPACES)}")
    form = SPACES[search_space]
    text = "" if file_path_or_dict is None or isinstance(file_path_or_dict, dict) else str(file_path_or_dict)
    official = not text or "NATS-" in Path(text).name or "NAS-Bench-201" in Path(text).name
    return OfficialApi(open_table(form.name if official and not text.endswith(".h5") else text), form, verbose)


class OfficialApi:
    """The methods of nats_bench's API that read numbers.

    Args:
        table: made of official records.
        form: of the benchmark.
        verbose: kept, not used.

    Raises:
        UsageError: a table of another space or without official numbers.
    """

    def __init__(self, table: Table, form: OfficialFormat, verbose: bool = False) -> None:
        space = form.space()
        if table.space != space.name or OFFICIAL_INDEX not in table.numberings:
            raise UsageError(f"table {table.name!r} was not made of official records of {form.name}; import those")
        self.table = table
        self.verbose = verbose
        self._form = form
        official = table.numbering(OFFICIAL_INDEX)
        self._rows: list[int] = np.argsort(official).tolist()
        texts = [space.format(architecture) for architecture in space.architectures()]
        self.meta_archs: list[str] = [texts[row] for row in self._rows]
        self.archstr2index = {text: index for index, text in enumerate(self.meta_archs)}
        self._used_time: float = 0
        self._sheet = lru_cache(maxsize=EPOCHS_IN_MEMORY)(self._make_sheet)
        self._quick: dict[tuple[str, str, int | None], tuple[list[Any], ...]] = {}
        self._costs: dict[tuple[str, str], _Costs] = {}

    def __len__(self) -> int:
        return len(self.meta_archs)

    def __getitem__(self, index: int) -> str:
        text: str = self.meta_archs[index]
        return text

    def __repr__(self) -> str:
        return f"<OfficialApi of table {self.table.name}: {len(self):,} architectures>"

    @property
    def search_space_name(self) -> str:
        """``"topology"`` or ``"size"``."""
        return "size" if self._form is SIZE else "topology"

    @property
    def is_size(self) -> bool:
        """Whether this is the size space."""
        return self._form is SIZE

    @property
    def is_topology(self) -> bool:
        """Whether this is the topology space."""
        return self._form is TOPOLOGY

    @property
    def full_train_epochs(self) -> int:
        """Epochs of the longest training."""
        return max(epochs for _, epochs in self._form.trainings.values())

    @property
    def avaliable_hps(self) -> list[str]:
        """The trainings (the official spelling)."""
        return list(self._form.trainings)

    @property
    def evaluated_indexes(self) -> set[int]:
        """Official numbers of the architectures that the table has."""
        dataset = next(iter(self.table.datasets))
        measured = np.zeros(len(self), dtype=bool)
        for outline in self.table.datasets[dataset].trainings:
            held = self.table.training(dataset, outline).metrics["train-accuracy"]
            measured |= ~np.isnan(self.table.column(dataset, outline, "train-accuracy", held[-1])).all(axis=1)
        return {index for index, row in enumerate(self._rows) if measured[row]}

    @property
    def used_time(self) -> float:
        """Seconds that ``simulate_train_eval`` has accounted for."""
        return self._used_time

    def reset_time(self) -> None:
        """Set the accounted seconds to zero."""
        self._used_time = 0

    def arch(self, index: int) -> str:
        """The text of an architecture; raises ``ValueError`` for a number that does not exist."""
        if not 0 <= index < len(self):
            raise ValueError(f"invalid index : {index} vs. {len(self)}.")
        return self[index]

    def random(self) -> int:
        """A random architecture's number."""
        return random.randint(0, len(self) - 1)

    def query_index_by_arch(self, arch: Any) -> int:
        """The official number of a text, a number, or an object with ``tostr()``; -1 if it is not in the space.

        Raises:
            ValueError: a number out of range.
        """
        if isinstance(arch, int | np.integer):
            if 0 <= arch < len(self):
                return int(arch)
            raise ValueError(f"Invalid architecture index {arch} vs [0, {len(self)}].")
        text = arch if isinstance(arch, str) else arch.tostr() if hasattr(arch, "tostr") else ""
        return self.archstr2index.get(text, -1)

    def simulate_train_eval(
        self, arch: Any, dataset: str, iepoch: int | None = None, hp: str = "12", account_time: bool = True
    ) -> tuple[float, float, float, float]:
        """Validation accuracy (percent), latency (s), seconds of this training and validation, seconds so far.

        Raises:
            ValueError: an unknown data set, training, epoch or architecture (``NotMeasured`` for a gap).
        """
        index = self.query_index_by_arch(arch)
        key = (dataset, hp, iepoch)
        quick = self._quick.get(key)
        if quick is None:
            if dataset not in SEARCHED:
                raise ValueError(f"Invalid dataset name : {dataset} vs {tuple(SEARCHED)}")
            if len(self._quick) >= EPOCHS_IN_MEMORY:
                self._quick.clear()
            quick = self._quick[key] = self._make_quick(*key)
        seeds, accuracies, costs, latencies, order = quick
        row = self._rows[index] if index >= 0 else self._refuse(arch)
        if not seeds[row]:
            self._refuse(arch)
        place = order.index(random.choice(seeds[row]))
        accuracy, cost = accuracies[row][place], costs[row][place]
        if accuracy != accuracy:
            raise NotMeasured(f"{self.table.name}: {arch!r} has no validation on {dataset} at epoch {iepoch}")
        if isinstance(cost, list):  # the time of validation comes from a draw of its own, as it does there
            cost = cost[order.index(random.choice(seeds[row]))]
        if account_time:
            self._used_time += cost
        return accuracy, latencies[row], cost, self._used_time

    def get_more_info(
        self, index: Any, dataset: str, iepoch: int | None = None, hp: str = "12", is_random: bool | int = True
    ) -> dict[str, Any]:
        """Losses, accuracies (percent) and seconds after an epoch, by the official names.

        Args:
            index: anything that :meth:`query_index_by_arch` takes.
            dataset: a data set key: ``cifar10-valid``, ``cifar10``, ``cifar100`` or ``ImageNet16-120``.
            iepoch: counted from 0; by default the last.
            hp: the training, e.g. ``"12"``.
            is_random: ``True`` for a random training seed, ``False`` for the mean of all, or a training seed.

        Raises:
            ValueError: any of them does not exist (``NotMeasured`` for a gap).
        """
        number = self.query_index_by_arch(index)
        row = self._rows[number] if number >= 0 else self._refuse(index)
        sheet = self._sheet(dataset, str(hp), iepoch)
        seeds = sheet.seeds[row]
        if not seeds:
            self._refuse(index)
        if is_random is True:
            is_random = random.choice(seeds)
        info: dict[str, Any] = {}
        if is_random is False:
            for name, values in sheet.columns.items():
                found = values[row, sheet.places[row]]
                if not np.isnan(found).any():
                    info[name] = sum(found.tolist()) / len(found)
        else:
            if is_random not in seeds:
                raise ValueError(f"can not find random seed ({is_random}) from {seeds}")
            place = sheet.order.index(is_random)
            for name, values in sheet.columns.items():
                value = values.item(row, place)
                if value == value:
                    info[name] = value
        if "train-loss" not in info:
            raise NotMeasured(f"{self.table.name}: {index!r} has no training metrics on {dataset} at epoch {iepoch}")
        for name in sheet.sets:
            if f"{name}-accuracy" in info and f"{name}-loss" in info:
                info.setdefault(f"{name}-per-time", None)
                info.setdefault(f"{name}-all-time", None)
            else:
                for ending in ("loss", "accuracy", "per-time", "all-time"):
                    info.pop(f"{name}-{ending}", None)
        if dataset in ("cifar10-valid", "cifar10"):
            info["comment"] = f"{DATASETS[dataset].splits['train']}; {DATASETS[dataset].splits['test']}; {hp} epochs"
        return info

    def get_cost_info(self, index: Any, dataset: str, hp: str = "12") -> dict[str, float | None]:
        """FLOPs and parameters (millions), latency (s), and seconds per epoch and in total.

        Raises:
            ValueError: any of them does not exist (``NotMeasured`` for a gap).
        """
        number = self.query_index_by_arch(index)
        row = self._rows[number] if number >= 0 else self._refuse(index)
        costs = self._cost_columns(dataset, str(hp))
        if not self._sheet(dataset, str(hp), None).seeds[row]:
            self._refuse(index)
        return {name: None if values[row] != values[row] else values[row] for name, values in costs.lists.items()}

    def get_latency(self, index: Any, dataset: str, hp: str = "12") -> float | None:
        """Seconds of inference for a batch of 256 images."""
        return self.get_cost_info(index, dataset, hp)["latency"]

    def get_net_config(self, index: int, dataset: str) -> dict[str, Any]:
        """What the official code needs to build the network."""
        classes = {"cifar100": 100, "ImageNet16-120": 120}.get(dataset, 10)
        text = self.arch(index)
        if self.is_size:
            return {"name": "infer.shape.tiny", "channels": text, "genotype": GENOTYPE, "num_classes": classes}
        return {"name": "infer.tiny", "C": 16, "N": 5, "arch_str": text, "num_classes": classes}

    def find_best(
        self,
        dataset: str,
        metric_on_set: str,
        flop_max: float | None = None,
        param_max: float | None = None,
        hp: str = "12",
        enforce_all: bool | None = None,
    ) -> tuple[int, float | None]:
        """The architecture with the highest accuracy, mean over training seeds, within limits in millions.

        Args:
            dataset: as of :meth:`get_more_info`.
            metric_on_set: ``valid``, ``test``, ``train``, or an official set name such as ``x-valid``.
            flop_max, param_max: limits, if any.
            hp: the training.
            enforce_all: accepted for the sake of scripts; all measured architectures are compared.
        """
        del enforce_all
        if dataset == "cifar10" and metric_on_set == "valid":
            dataset = "cifar10-valid"
        names = {**DATASETS[dataset].evaluated, "valid": "valid", "test": "test", "train": "train"}
        training, metric = self._training(str(hp)), f"{names[metric_on_set]}-accuracy"
        held = self.table.training(dataset, training).metrics.get(metric, (self._form.trainings[str(hp)][1],))
        column = mean_over_seeds(self.table.percent(dataset, training, metric, held[-1]))
        costs = self._cost_columns(dataset, str(hp)).lists
        allowed = ~np.isnan(column)
        for limit, name in ((flop_max, "flops"), (param_max, "params")):
            if limit is not None:
                allowed &= np.array(costs[name]) <= limit
        in_order = np.where(allowed, column, -1.0)[self._rows]
        best = int(in_order.argmax())
        return (best, float(in_order[best])) if in_order[best] >= 0 else (-1, None)

    def _refuse(self, arch: object) -> NoReturn:
        raise NotMeasured(f"{self.table.name} has no results of architecture {arch!r}; nothing is imputed")

    def _training(self, hp: str) -> str:
        if hp not in self._form.trainings:
            raise ValueError(f"training {hp!r}: {self.table.name} has {', '.join(self._form.trainings)}")
        return self._form.trainings[hp][0]

    def _make_sheet(self, dataset: str, hp: str, iepoch: int | None) -> _Sheet:
        return _Sheet(self.table, dataset, self._training(hp), self._form.trainings[hp][1], iepoch)

    def _cost_columns(self, dataset: str, hp: str) -> _Costs:
        if (dataset, hp) not in self._costs:
            sheet = self._sheet(dataset, hp, None)
            self._costs[dataset, hp] = _Costs(self.table, dataset, self._training(hp), sheet, self._form)
        return self._costs[dataset, hp]

    def _make_quick(self, dataset: str, hp: str, iepoch: int | None) -> tuple[list[Any], ...]:
        """Per row: training seeds, accuracies, costs, latency, as Python values; then the order of the seeds."""
        key = SEARCHED[dataset]
        sheet = self._sheet(key, str(hp), iepoch)
        mixture = "valid-accuracy" not in sheet.columns
        signal = sheet.columns.get("valtest-accuracy" if mixture else "valid-accuracy")
        if signal is None:
            raise NotMeasured(f"{self.table.name}: no validation on {dataset} at epoch {iepoch} of training {hp}")
        training = sheet.columns["train-all-time"]
        last = self._sheet(key, str(hp), None)
        passes = (last if mixture else sheet).columns["valid-per-time"]
        costs = (training[:, :, None] + passes[:, None, :]).tolist() if mixture else (training + passes).tolist()
        latency = self._cost_columns(dataset, str(hp)).lists["latency"]
        return sheet.seeds, signal.tolist(), costs, latency, sheet.order


_Read = Callable[[str, str, str, int], NDArray[np.floating]]


class _Sheet:
    """One epoch of one training: ``columns[official name]`` is ``[architecture, training seed]``."""

    def __init__(self, table: Table, dataset: str, training: str, epochs: int, iepoch: int | None) -> None:
        epoch = epochs if iepoch is None else iepoch + 1
        if not 1 <= epoch <= epochs:
            raise ValueError(f"invalid iepoch={iepoch} < {epochs}")
        outline = table.training(dataset, training)
        self.order = list(outline.seeds)
        self.columns: dict[str, NDArray[np.float64]] = {}
        self.sets: list[str] = []
        shape = (table.architectures, len(self.order))

        def column(metric: str, at: int, read: _Read = table.column) -> NDArray[np.float64] | None:
            if at not in outline.metrics.get(metric, ()):
                return None
            return np.broadcast_to(read(dataset, training, metric, at).astype(np.float64), shape)

        for name in ("train", *DATASETS[dataset].evaluated.values()):
            official = "valtest" if name == "valid-and-test" else name
            accuracy, loss = column(f"{name}-accuracy", epoch, table.percent), column(f"{name}-loss", epoch)
            if accuracy is None or loss is None:
                continue
            self.sets.append(official)
            self.columns[f"{official}-loss"] = loss
            self.columns[f"{official}-accuracy"] = accuracy
            seconds = column(f"{name}-seconds", epoch)
            if seconds is not None:
                everything = seconds
                if name != "train":
                    along = outline.along.get(f"{name}-seconds", "each")
                    everything = (
                        seconds * epoch if along == "constant" else _total(table, dataset, training, name, epoch)
                    )
                self.columns[f"{official}-per-time"] = everything / epoch
                self.columns[f"{official}-all-time"] = everything
        measured = ~np.isnan(self.columns.get("train-accuracy", np.full(shape, np.nan)))
        for name, values in self.columns.items():
            # A set that one of the training seeds lacks counts as absent, as it does there.
            gap = (np.isnan(values) & measured).any(axis=1, keepdims=True)
            self.columns[name] = np.where(gap, np.nan, values)
        patterns = (measured @ (1 << np.arange(shape[1]))).tolist()
        places = [[place for place in range(shape[1]) if pattern >> place & 1] for pattern in range(1 << shape[1])]
        seeds = [[self.order[place] for place in found] for found in places]
        self.places: list[list[int]] = [places[pattern] for pattern in patterns]
        self.seeds: list[list[int]] = [seeds[pattern] for pattern in patterns]


def _total(table: Table, dataset: str, training: str, name: str, epoch: int) -> NDArray[np.float64]:
    total = np.zeros(1)
    for earlier in range(1, epoch + 1):
        total = total + table.column(dataset, training, f"{name}-seconds", earlier)
    return total


class _Costs:
    """What an architecture costs, by the official names, as lists over rows."""

    def __init__(self, table: Table, dataset: str, training: str, sheet: _Sheet, form: OfficialFormat) -> None:
        outline = table.training(dataset, training)
        measured = np.zeros((table.architectures, len(sheet.order)), dtype=bool)
        for place, seed in enumerate(sheet.order):
            measured[:, place] = [seed in seeds for seeds in sheet.seeds]

        def mean(metric: str, epochs: int) -> NDArray[np.float64]:
            values = np.broadcast_to(table.column(dataset, training, metric, epochs), measured.shape)
            with np.errstate(invalid="ignore"):
                found: NDArray[np.float64] = np.where(measured, values, 0.0).sum(axis=1) / measured.sum(axis=1)
            return found

        last = outline.epochs
        self.lists: dict[str, list[float]] = {}
        for name, metric in (("flops", "flops"), ("params", "parameters"), ("latency", "latency")):
            values = np.full(table.architectures, np.nan)
            if metric in outline.metrics:
                values = mean(metric, last)
                if metric != "latency":
                    values = self._agreed(table, dataset, training, metric, values, sheet, form) / 1e6
            self.lists[name] = values.tolist()
        for official, name in (("train", "train"), *DATASETS[dataset].evaluated.items()):
            metric = f"{name}-seconds"
            held: Mapping[str, tuple[int, ...]] = outline.metrics
            if metric not in held:
                continue
            whole = held[metric] == tuple(range(1, last + 1))
            total = np.full(table.architectures, np.nan)
            if name == "train" and last in held[metric]:
                total = mean(metric, last)
            elif whole and outline.along.get(metric) == "constant":
                total = mean(metric, last) * last
            elif whole:
                total = sum((mean(metric, epoch) for epoch in held[metric]), np.zeros(table.architectures))
            self.lists[f"T-{official}@epoch"] = (total / last).tolist()
            self.lists[f"T-{official}@total"] = total.tolist()

    @staticmethod
    def _agreed(
        table: Table,
        dataset: str,
        training: str,
        metric: str,
        mean: NDArray[np.float64],
        sheet: _Sheet,
        form: OfficialFormat,
    ) -> NDArray[np.float64]:
        """Where training seeds disagree in the fifth decimal, the number of seed 888."""
        values = table.column(dataset, training, metric, table.training(dataset, training).epochs)
        if values.shape[1] == 1:
            return mean
        differ = np.nanmax(np.abs(values - values[:, :1]), axis=1, initial=0.0) >= 5.0
        if form.seed_of_doubt in sheet.order:
            mean = np.where(differ, values[:, sheet.order.index(form.seed_of_doubt)], mean)
        return mean
