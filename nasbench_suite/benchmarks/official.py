"""Benchmarks on tables of the official NAS-Bench-201 and NATS-Bench records: which number may be the signal, which not.

Honest validation accuracies are ``valid-accuracy``: on CIFAR-10 of the training on half of the images at every
epoch, on CIFAR-100 and ImageNet16-120 after the 12-epoch training and after the whole one. At other epochs of the
long training those two only have the mixture of validation and test images (``valid-and-test-accuracy``), which is
offered nowhere here. Scores are test accuracies after the whole training, mean over training seeds; on CIFAR-10 the
network is trained anew on all training images.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from nasbench_suite.benchmarks.cifar import cifar10_training
from nasbench_suite.benchmarks.tabular import Measure, TabularBenchmark
from nasbench_suite.errors import TableError, UsageError
from nasbench_suite.tables import Table, known_tables, open_table
from nasbench_suite.tables.importers.official import SIZE, TOPOLOGY, OfficialFormat

DATASETS = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet16-120": "ImageNet16-120"}
"""Name in benchmarks -> data set key of the networks that are scored."""
SEARCHED = {**DATASETS, "cifar10": "cifar10-valid"}
"""Name in benchmarks -> data set key of the networks that the search sees."""
CURVES = {
    ("nats-bench-tss", "cifar10"): ("200-epochs",),
    ("nats-bench-tss", "cifar100"): ("12-epochs", "200-epochs"),
    ("nats-bench-tss", "imagenet16-120"): ("12-epochs", "200-epochs"),
    ("nats-bench-sss", "cifar10"): ("90-epochs",),
    ("nats-bench-sss", "cifar100"): ("90-epochs",),
    ("nats-bench-sss", "imagenet16-120"): ("90-epochs",),
}
"""The trainings that answer in the benchmark of all fidelities."""
LAST_ONLY = "12-epochs"


def official_benchmarks() -> dict[str, Callable[[], TabularBenchmark]]:
    """Name -> function that opens it.

    ``nats-bench-tss/cifar10`` answers at every honest fidelity, ``nats-bench-tss/cifar10-12-epochs`` after the
    12-epoch training alone, as the published protocols do; likewise for the other data sets and the size space. On the
    first of them supernets are trained on CIFAR-10 where the user has its images.
    """
    offered: dict[str, Callable[[], TabularBenchmark]] = {}
    for form in (TOPOLOGY, SIZE):
        for dataset in DATASETS:
            offered[f"{form.name}/{dataset}"] = partial(_open, form, dataset, CURVES[form.name, dataset], "")
            offered[f"{form.name}/{dataset}-{LAST_ONLY}"] = partial(_open, form, dataset, (LAST_ONLY,), f"-{LAST_ONLY}")
    return offered


def _open(form: OfficialFormat, dataset: str, trainings: tuple[str, ...], suffix: str) -> TabularBenchmark:
    table = _table(form)
    lengths = dict(form.trainings.values())
    signal = [
        Measure(SEARCHED[dataset], training, "valid-accuracy", _honest(training, trainings, lengths[training]))
        for training in trainings
    ]
    return TabularBenchmark(
        f"{form.name}/{dataset}{suffix}",
        form.space(),
        table,
        signal=signal,
        scores=_scores(form, dataset, table),
        training=cifar10_training() if (form, dataset, suffix) == (TOPOLOGY, "cifar10", "") else None,
    )


def _honest(training: str, trainings: tuple[str, ...], length: int) -> tuple[int, ...] | None:
    """A lone long training answers at all its epochs; the 12-epoch training, and a pair, at the last ones."""
    return None if trainings == (training,) and training != LAST_ONLY else (length,)


def _scores(form: OfficialFormat, dataset: str, table: Table) -> Mapping[str, Measure]:
    """Test accuracies of all data sets, the searched one first, then validation; those that the table has."""
    longest = list(form.trainings.values())[-1][0]
    order = [dataset, *(name for name in DATASETS if name != dataset)]
    wanted = {f"{name} test": Measure(DATASETS[name], longest, "test-accuracy") for name in order}
    wanted |= {f"{name} validation": Measure(SEARCHED[name], longest, "valid-accuracy") for name in order}
    present = {name: measure for name, measure in wanted.items() if _has(table, measure)}
    if f"{dataset} test" not in present:
        raise UsageError(
            f"table {table.name!r} has no {wanted[f'{dataset} test']}, which {form.name}/{dataset} is scored by"
        )
    return present


def _has(table: Table, measure: Measure) -> bool:
    dataset = table.datasets.get(measure.dataset)
    training = dataset.trainings.get(measure.training) if dataset else None
    return training is not None and measure.metric in training.metrics


def _table(form: OfficialFormat) -> Table:
    if form.name not in known_tables():
        files = {"nats-bench-tss": "NATS-tss-v1_0-3ffb9-simple", "nats-bench-sss": "NATS-sss-v1_0-50262-simple"}
        raise TableError(
            f"table {form.name!r} is not here; get it with 'nasbench table pull {form.name}', or import the official "
            f"directory with 'nasbench table import nats-bench {files[form.name]}'"
        )
    return open_table(form.name)
