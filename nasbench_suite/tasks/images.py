"""Images with labels from the user's local files in their official formats, and splits fixed by hash.

Nothing is downloaded and no pickle is executed: CIFAR's and ImageNet16's python batches are read as plain data, their
arrays put together by hand.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench_suite.errors import DataError, UsageError, unknown
from nasbench_suite.plain.pickles import Maker, load_plain
from nasbench_suite.tasks.task import Arrays


@dataclass(frozen=True)
class Images(Arrays):
    """Labelled images: ``inputs`` ``[image, channel, height, width]``, uint8 or float32; ``targets`` ``[image]`` int64.

    Attributes:
        classes: how many labels there are; labels are 0 to ``classes - 1``.

    Raises:
        DataError: shapes or labels that do not fit.
    """

    classes: int

    def __post_init__(self) -> None:
        if self.inputs.ndim != 4 or self.targets.shape != self.inputs.shape[:1]:
            raise DataError(
                f"images of shape {self.inputs.shape} with labels of shape {self.targets.shape}: expected "
                "[image, channel, height, width] and one label per image"
            )
        if len(self) and not (self.targets.min() >= 0 and self.targets.max() < self.classes):
            raise DataError(
                f"labels from {self.targets.min()} to {self.targets.max()}: expected 0 to {self.classes - 1} "
                f"for {self.classes} classes"
            )

    @property
    def pixels(self) -> NDArray[Any]:
        """The inputs."""
        return self.inputs

    @property
    def labels(self) -> NDArray[np.int64]:
        """The targets."""
        return self.targets


@dataclass(frozen=True)
class Dataset:
    """A data set as it is published: images to learn from, and the official test images if there are any.

    Attributes:
        name: of the data set.
        train: to be split into training and validation (and test, if ``test`` is ``None``).
        test: the official test images.
        source: where they came from, in words.
    """

    name: str
    train: Images
    test: Images | None
    source: str

    def splits(self, valid: float | int, test: float | int | None = None) -> tuple[Images, Images, Images]:
        """Training, validation and test images; which image is where depends on its own bytes alone.

        The images are put in the order of a hash of their pixels (equal images stay together) and cut.

        Args:
            valid: how many, or which fraction, of ``train`` is for validation.
            test: likewise for the test; only where there are no official test images.

        Raises:
            UsageError: more than there are, or both or no test images.
        """
        total = len(self.train)
        if (test is None) == (self.test is None):
            raise UsageError(
                f"data set {self.name!r} has {'no' if self.test is None else 'official'} test images; "
                f"{'say how many to set aside' if self.test is None else 'do not set others aside'}"
            )
        counts = [round(total * part) if isinstance(part, float) else part for part in (test or 0, valid)]
        if min(counts) < 0 or counts[1] < 1 or sum(counts) >= total:
            raise UsageError(f"data set {self.name!r} has {total} images; cannot set {counts[1]} and {counts[0]} aside")
        order = hash_order(self.train.pixels, self.name)
        aside, validation, training = np.split(order, np.cumsum(counts))
        return (
            self.train.take(np.sort(training)),
            self.train.take(np.sort(validation)),
            self.test or self.train.take(np.sort(aside)),
        )


def hash_order(pixels: NDArray[Any], salt: str) -> NDArray[np.intp]:
    """The places of images in the order of the hash of their bytes: ``[image]``."""
    keys = [hashlib.sha256(salt.encode() + b"\0" + image.tobytes()).digest() for image in pixels]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.intp)


def digits() -> Dataset:
    """The 1,797 handwritten digits of scikit-learn, 8×8, values 0 to 16 (UCI, Alpaydin & Kaynak 1998)."""
    from sklearn.datasets import load_digits

    found = load_digits()
    pixels = found.images.astype(np.uint8)[:, None]
    images = Images(pixels, found.target.astype(np.int64), 10)
    return Dataset("digits", images, None, "scikit-learn, UCI optical recognition of handwritten digits")


def idx(directory: Path, name: str = "mnist") -> Dataset:
    """MNIST, Fashion-MNIST and their like: four IDX files, plain or gzipped, under their official names.

    Raises:
        DataError: a file that is missing or not IDX.
    """
    parts = []
    for kind in ("train", "t10k"):
        pixels = _read_idx(_existing(directory, f"{kind}-images-idx3-ubyte", f"{kind}-images.idx3-ubyte"), 3)
        labels = _read_idx(_existing(directory, f"{kind}-labels-idx1-ubyte", f"{kind}-labels.idx1-ubyte"), 1)
        parts.append((pixels[:, None], labels.astype(np.int64)))
    classes = int(max(labels.max() for _, labels in parts)) + 1
    train, test = (Images(pixels, labels, classes) for pixels, labels in parts)
    return Dataset(name, train, test, f"IDX files in {directory.name}")


def cifar(directory: Path) -> Dataset:
    """CIFAR-10 or CIFAR-100 from the binary or the python version, whichever lies there.

    Raises:
        DataError: neither version is there, or a file is damaged.
    """
    for name, classes, train, test in (
        ("cifar10", 10, [f"data_batch_{n}" for n in range(1, 6)], "test_batch"),
        ("cifar100", 100, ["train"], "test"),
    ):
        if (directory / f"{train[0]}.bin").is_file():
            parts = [[_cifar_binary(directory / f"{file}.bin", classes) for file in files] for files in (train, [test])]
        elif (directory / train[0]).is_file():
            parts = [[_cifar_python(directory / file, classes) for file in files] for files in (train, [test])]
        else:
            continue
        joined = [_joined(part) for part in parts]
        return Dataset(name, joined[0], joined[1], f"{name} batches in {directory.name}")
    raise DataError(
        f"{directory} has neither CIFAR-10 (data_batch_1[.bin], …) nor CIFAR-100 (train[.bin], test[.bin]); "
        "give the directory with the unpacked batches"
    )


def imagenet16(directory: Path, classes: int = 120) -> Dataset:
    """ImageNet16-120: the first 120 classes of ImageNet at 16×16 (Chrabaszcz et al. 2017), validation as the test.

    Raises:
        DataError: a batch that is missing or damaged.
    """
    parts = []
    for files in ([f"train_data_batch_{n}" for n in range(1, 11)], ["val_data"]):
        found = []
        for file in files:
            batch = _python_batch(_existing(directory, file))
            labels = np.asarray(batch["labels"], dtype=np.int64) - 1
            kept = labels < classes
            pixels = np.asarray(batch["data"], dtype=np.uint8).reshape(len(labels), 3, 16, 16)
            found.append(Images(pixels[kept], labels[kept], classes))
        parts.append(_joined(found))
    return Dataset(f"imagenet16-{classes}", parts[0], parts[1], f"ImageNet16 batches in {directory.name}")


def npz(path: Path) -> Dataset:
    """Arrays ``x_train``, ``y_train`` and, if there is an official test, ``x_test``, ``y_test`` (images first).

    Images are ``[image, height, width]``, ``[image, channel, height, width]`` or, with 1 or 3 channels, channels last.

    Raises:
        DataError: not such a file.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            held = {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is no .npz file of plain arrays ({error})") from None
    if missing := {"x_train", "y_train"} - set(held):
        raise DataError(f"{path} has no {' and no '.join(sorted(missing))}; it has {', '.join(sorted(held))}")
    classes = int(max(held[name].max() for name in ("y_train", "y_test") if name in held)) + 1

    def images(part: str) -> Images:
        return Images(_channels_first(held[f"x_{part}"]), held[f"y_{part}"].astype(np.int64).ravel(), classes)

    return Dataset(path.stem, images("train"), images("test") if "x_test" in held else None, f"arrays in {path.name}")


def image_folder(directory: Path, side: int = 32) -> Dataset:
    """Image files in ``train/<class>/`` and, if there is one, ``test/<class>/``; or ``<class>/`` without a test.

    Images are made RGB and ``side`` × ``side`` by averaging. Needs Pillow.

    Raises:
        UsageError: Pillow is not installed.
        DataError: no images, a file that is none, or test classes that the training does not have.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise UsageError("reading image files needs Pillow; pip install 'nasbench-suite[live]'") from None
    root = directory / "train" if (directory / "train").is_dir() else directory
    names = sorted(path.name for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    if not names:
        raise DataError(f"{directory} has no train/<class>/ and no <class>/ directories with images")

    def read(top: Path) -> Images:
        pixels, labels = [], []
        for place in sorted(path for path in top.iterdir() if path.is_dir()):
            if place.name not in names:
                raise DataError(f"{place} is a class without training images")
            for file in sorted(path for path in place.iterdir() if path.is_file()):
                try:
                    with Image.open(file) as image:
                        small = image.convert("RGB").resize((side, side), Image.Resampling.BOX)
                except (UnidentifiedImageError, OSError) as error:
                    raise DataError(f"{file} is no readable image ({error})") from None
                pixels.append(np.asarray(small, dtype=np.uint8).transpose(2, 0, 1))
                labels.append(names.index(place.name))
        if not pixels:
            raise DataError(f"{top} has no images")
        return Images(np.stack(pixels), np.asarray(labels, dtype=np.int64), len(names))

    test = read(directory / "test") if root != directory and (directory / "test").is_dir() else None
    return Dataset(directory.name, read(root), test, f"image files in {directory.name}")


READERS: Mapping[str, Callable[[Path], Dataset]] = {
    "idx": idx,
    "cifar": cifar,
    "imagenet16": imagenet16,
    "npz": npz,
    "folder": image_folder,
}


def read_dataset(kind: str, path: Path | None = None) -> Dataset:
    """Read a data set of a kind: ``digits`` (no path), ``idx``, ``cifar``, ``imagenet16``, ``npz`` or ``folder``.

    Raises:
        UsageError: an unknown kind, or no path where one is needed.
        DataError: files that are missing or damaged.
    """
    if kind == "digits":
        return digits()
    if kind not in READERS:
        raise unknown("kind of data set", kind, ["digits", *READERS])
    if path is None:
        raise UsageError(f"data of kind {kind!r} is read from files; say where they are")
    return READERS[kind](path)


def _channels_first(pixels: NDArray[Any]) -> NDArray[Any]:
    if pixels.ndim == 3:
        return pixels[:, None]
    if pixels.ndim == 4 and pixels.shape[1] not in (1, 3) and pixels.shape[3] in (1, 3):
        return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
    return pixels


def _joined(parts: Sequence[Images]) -> Images:
    return Images(
        np.concatenate([part.pixels for part in parts]),
        np.concatenate([part.labels for part in parts]),
        parts[0].classes,
    )


def _existing(directory: Path, *names: str) -> Path:
    for name in names:
        for path in (directory / name, directory / f"{name}.gz"):
            if path.is_file():
                return path
    raise DataError(f"{directory} has no {names[0]}; give the directory with the official files")


def _bytes(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError) as error:
        raise DataError(f"{path} cannot be read ({error})") from None


def _read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    raw = _bytes(path)
    shape = tuple(int.from_bytes(raw[4 + 4 * n : 8 + 4 * n], "big") for n in range(dimensions))
    if raw[:4] != bytes((0, 0, 8, dimensions)) or len(raw) != 4 + 4 * dimensions + int(np.prod(shape)):
        raise DataError(f"{path} is not an IDX file of {dimensions} dimensions of bytes, or it is cut off")
    return np.frombuffer(raw, dtype=np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def _cifar_binary(path: Path, classes: int) -> Images:
    """Rows of one label byte (CIFAR-100: coarse, then fine) and 3,072 pixels."""
    raw = _bytes(_existing(path.parent, path.name))
    extra = 2 if classes == 100 else 1
    if not raw or len(raw) % (3072 + extra):
        raise DataError(f"{path} is no CIFAR batch: {len(raw)} bytes are no multiple of {3072 + extra}")
    rows = np.frombuffer(raw, dtype=np.uint8).reshape(-1, 3072 + extra)
    return Images(rows[:, extra:].reshape(-1, 3, 32, 32), rows[:, extra - 1].astype(np.int64), classes)


def _cifar_python(path: Path, classes: int) -> Images:
    batch = _python_batch(_existing(path.parent, path.name))
    key = "fine_labels" if classes == 100 else "labels"
    if key not in batch:
        raise DataError(f"{path} has no {key!r}; it has {', '.join(map(str, batch))}")
    pixels = np.asarray(batch["data"], dtype=np.uint8).reshape(-1, 3, 32, 32)
    return Images(pixels, np.asarray(batch[key], dtype=np.int64), classes)


class _PlainType:
    """A numpy dtype in a pickle, of which only the simple ones are known."""

    def __init__(self, text: Any, *_: Any) -> None:
        self.text = text.decode() if isinstance(text, bytes) else str(text)
        self.order = "|"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = state[1].decode() if isinstance(state[1], bytes) else str(state[1])

    def dtype(self) -> np.dtype[Any]:
        if self.text[:1] not in "biuf" or not self.text[1:].isdigit():
            raise DataError(f"an array of type {self.text!r}; only numbers are read")
        return np.dtype(self.order.replace("|", "=") + self.text)


class _PlainArray:
    """A numpy array in a pickle, put together from its shape, type and bytes."""

    values: NDArray[Any]

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, fortran, raw = state
        if not isinstance(kind, _PlainType) or not isinstance(raw, bytes | str):
            raise DataError("an array that is not of plain numbers")
        data = raw.encode("latin1") if isinstance(raw, str) else raw
        self.values = np.frombuffer(data, kind.dtype()).reshape(shape, order="F" if fortran else "C")


class _NoArray:
    """Stands for the class ``numpy.ndarray`` where a pickle names it; nothing is made of it."""


def _start_array(*_: Any) -> _PlainArray:
    return _PlainArray()


def _latin_bytes(text: str, encoding: str) -> bytes:
    """How Python 3 writes bytes into old pickles."""
    return text.encode("latin1" if encoding == "latin1" else "ascii")


_ALLOWED: Mapping[tuple[str, str], Maker] = {
    ("numpy.core.multiarray", "_reconstruct"): Maker("numpy array", _start_array),
    ("numpy._core.multiarray", "_reconstruct"): Maker("numpy array", _start_array),
    ("numpy", "ndarray"): Maker("numpy.ndarray", _NoArray),
    ("numpy", "dtype"): Maker("numpy.dtype", _PlainType),
    ("_codecs", "encode"): Maker("_codecs.encode", _latin_bytes),
}


def _python_batch(path: Path) -> dict[str, Any]:
    """A python batch as plain values by name."""
    held = load_plain(_bytes(path), str(path), _ALLOWED, encoding="bytes")
    if not isinstance(held, dict):
        raise DataError(f"{path} holds a {type(held).__name__}, expected the dict of a batch")
    names = {key.decode() if isinstance(key, bytes) else str(key): value for key, value in held.items()}
    return {key: value.values if isinstance(value, _PlainArray) else value for key, value in names.items()}
