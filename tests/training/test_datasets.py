"""Reading images in their official formats, and splitting them by hash."""

from __future__ import annotations

import gzip
import itertools
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nasbench_suite.errors import DataError, SuiteError, TableError, UsageError
from nasbench_suite.tasks.images import (
    Dataset,
    Images,
    cifar,
    digits,
    hash_order,
    idx,
    image_folder,
    imagenet16,
    npz,
    read_dataset,
)


def made(count: int, side: int = 32, classes: int = 10, seed: int = 0) -> tuple[np.ndarray[Any, Any], list[int]]:
    rng = np.random.default_rng(seed)
    return rng.integers(256, size=(count, 3, side, side), dtype=np.uint8), rng.integers(classes, size=count).tolist()


def test_digits_are_those_of_scikit_learn() -> None:
    found = digits()
    assert found.train.pixels.shape == (1797, 1, 8, 8)
    assert (found.train.pixels.max(), found.train.classes) == (16, 10)


def test_splits_depend_on_the_images_alone() -> None:
    found = digits()
    parts = found.splits(200, 300)
    assert [len(part) for part in parts] == [1297, 200, 300]
    mixed = np.random.default_rng(0).permutation(1797)
    again = Dataset("digits", found.train.take(mixed), None, "").splits(200, 300)
    for one, other in zip(parts, again, strict=True):
        assert sorted(i.tobytes() for i in one.pixels) == sorted(i.tobytes() for i in other.pixels)
    assert [len(part) for part in found.splits(0.1, 0.5)] == [1797 - 180 - 898, 180, 898]


@pytest.mark.parametrize(("valid", "test"), [(200, None), (1000, 900), (0, 10), (-1, 10)])
def test_impossible_splits_are_refused(valid: int, test: int | None) -> None:
    with pytest.raises(UsageError, match="digits"):
        digits().splits(valid, test)


def test_official_tests_stay_apart() -> None:
    images = Images(np.arange(40, dtype=np.uint8).reshape(10, 1, 2, 2), np.zeros(10, np.int64), 2)
    dataset = Dataset("made", images, images.take(slice(3)), "")
    training, validation, test = dataset.splits(4)
    assert (len(training), len(validation), len(test)) == (6, 4, 3)
    with pytest.raises(UsageError, match="official test images"):
        dataset.splits(4, 2)


def test_equal_images_are_neighbours_in_the_order() -> None:
    pixels = np.array([1, 2, 1, 3, 2], dtype=np.uint8).reshape(5, 1, 1, 1)
    order = pixels.ravel()[hash_order(pixels, "made")].tolist()
    assert sorted(order) == [1, 1, 2, 2, 3]
    assert sum(a != b for a, b in itertools.pairwise(order)) == 2


@pytest.mark.parametrize("zipped", [False, True])
def test_idx(tmp_path: Path, zipped: bool) -> None:
    rng = np.random.default_rng(0)
    held = {}
    for kind, count in (("train", 12), ("t10k", 5)):
        images, labels = rng.integers(256, size=(count, 4, 3), dtype=np.uint8), (np.arange(count) % 10).astype(np.uint8)
        held[kind] = images
        for name, values in ((f"{kind}-images-idx3-ubyte", images), (f"{kind}-labels-idx1-ubyte", labels)):
            raw = (
                bytes((0, 0, 8, values.ndim)) + b"".join(n.to_bytes(4, "big") for n in values.shape) + values.tobytes()
            )
            path = tmp_path / (name + ".gz" if zipped else name)
            path.write_bytes(gzip.compress(raw) if zipped else raw)
    found = idx(tmp_path)
    np.testing.assert_array_equal(found.train.pixels[:, 0], held["train"])
    assert found.test is not None and found.test.labels.tolist() == [0, 1, 2, 3, 4]
    if not zipped:
        path = tmp_path / "train-images-idx3-ubyte"
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(DataError, match="cut off"):
            idx(tmp_path)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_cifar_python_batches(tmp_path: Path, protocol: int) -> None:
    for number, name in enumerate([*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]):
        pixels, labels = made(4, seed=number)
        batch = {b"data": pixels.reshape(4, -1), b"labels": labels, b"batch_label": b"made"}
        (tmp_path / name).write_bytes(pickle.dumps(batch, protocol=protocol))
    found = cifar(tmp_path)
    assert (found.name, len(found.train)) == ("cifar10", 20)
    np.testing.assert_array_equal(found.train.pixels[8:12], made(4, seed=2)[0])
    assert found.test is not None and found.test.labels.tolist() == made(4, seed=5)[1]


def test_batches_pickled_by_python_2(tmp_path: Path) -> None:
    # What Python 2 writes: texts and array bytes are "str", opcodes U (short) and T (long).
    def text(value: bytes) -> bytes:
        return (
            b"U" + bytes([len(value)]) + value if len(value) < 256 else b"T" + len(value).to_bytes(4, "little") + value
        )

    pixels, labels = made(2, classes=100)
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00t" + text(b"b") + b"tR(K\x01K\x02M\x00\x0c\x86"
        b"cnumpy\ndtype\n"
        + text(b"u1")
        + b"K\x00K\x01\x87R(K\x03"
        + text(b"|")
        + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff"
        b"K\x00tb\x89" + text(pixels.tobytes()) + b"tb"
    )
    fine = b"(" + b"".join(b"K" + bytes([label]) for label in labels) + b"l"
    raw = b"\x80\x02}" + text(b"data") + array + b"s" + text(b"fine_labels") + fine + b"s."
    for name in ("train", "test"):
        (tmp_path / name).write_bytes(raw)
    found = cifar(tmp_path)
    assert found.name == "cifar100"
    np.testing.assert_array_equal(found.train.pixels, pixels)
    assert found.train.labels.tolist() == labels


def test_cifar_binary_batches(tmp_path: Path) -> None:
    for number, name in enumerate(["train.bin", "test.bin"]):
        pixels, labels = made(3, classes=100, seed=number)
        rows = np.column_stack([np.zeros(3, np.uint8), np.array(labels, np.uint8), pixels.reshape(3, -1)])
        (tmp_path / name).write_bytes(rows.tobytes())
    found = cifar(tmp_path)
    assert (found.name, found.train.classes) == ("cifar100", 100)
    np.testing.assert_array_equal(found.train.pixels, made(3, classes=100)[0])
    assert found.train.labels.tolist() == made(3, classes=100)[1]
    (tmp_path / "test.bin").write_bytes(b"\0" * 100)
    with pytest.raises(DataError, match="no CIFAR batch"):
        cifar(tmp_path)


def test_imagenet16_keeps_the_first_classes(tmp_path: Path) -> None:
    for name in (*(f"train_data_batch_{n}" for n in range(1, 11)), "val_data"):
        pixels, _ = made(4, side=16)
        batch = {"data": pixels.reshape(4, -1), "labels": [1, 120, 121, 1000], "mean": pixels.mean(0)}
        (tmp_path / name).write_bytes(pickle.dumps(batch, protocol=4))
    found = imagenet16(tmp_path)
    assert (found.train.pixels.shape, found.train.labels[:2].tolist()) == ((20, 3, 16, 16), [0, 119])


class Runs:
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        import os

        return os.system, ("touch was-run",)


def test_no_pickle_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("train", "test"):
        (tmp_path / name).write_bytes(pickle.dumps({"data": Runs()}))
    with pytest.raises(TableError, match="system"):
        cifar(tmp_path)
    assert not (tmp_path / "was-run").exists()
    (tmp_path / "train").write_bytes(pickle.dumps({"data": np.array([{}], dtype=object), "fine_labels": [0]}))
    with pytest.raises(SuiteError, match=r"plain|numbers"):
        cifar(tmp_path)


@pytest.mark.parametrize("shape", [(6, 5, 4), (6, 5, 4, 3), (6, 3, 5, 4)])
def test_npz(tmp_path: Path, shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)
    np.savez(tmp_path / "made.npz", x_train=pixels, y_train=np.arange(6) % 3)
    found = npz(tmp_path / "made.npz")
    assert found.train.pixels.shape == (6, 1 if len(shape) == 3 else 3, 5, 4)
    assert (found.test, found.name, found.train.classes) == (None, "made", 3)
    np.savez(tmp_path / "other.npz", images=pixels)
    with pytest.raises(DataError, match="no x_train and no y_train"):
        npz(tmp_path / "other.npz")


def test_mnist(real_data: Path) -> None:
    found = npz(real_data / "mnist.npz")
    assert found.test is not None
    assert (found.train.pixels.shape, found.test.pixels.shape) == ((60_000, 1, 28, 28), (10_000, 1, 28, 28))


def test_image_folder(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="needs Pillow")
    for name, colour in (("train/blue", (0, 0, 255)), ("train/red", (255, 0, 0)), ("test/red", (250, 0, 0))):
        (tmp_path / name).mkdir(parents=True)
        image.new("RGB", (40, 20), colour).save(tmp_path / name / "one.png")
    found = image_folder(tmp_path, side=8)
    assert found.train.pixels.shape == (2, 3, 8, 8)
    assert found.train.pixels[:, :, 0, 0].tolist() == [[0, 0, 255], [255, 0, 0]]
    assert found.test is not None and found.test.labels.tolist() == [1]


def test_unknown_kinds_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean cifar"):
        read_dataset("cifra", tmp_path)
    with pytest.raises(UsageError, match="say where"):
        read_dataset("idx")
    for kind in ("idx", "cifar", "imagenet16", "npz"):
        with pytest.raises(DataError, match=tmp_path.name):
            read_dataset(kind, tmp_path / "nothing" if kind == "npz" else tmp_path)
    with pytest.raises(DataError, match="labels from"):
        Images(np.zeros((1, 1, 2, 2)), np.array([3]), 3)
