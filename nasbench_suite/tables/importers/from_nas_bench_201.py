"""NAS-Bench-201's single official file, ``NAS-Bench-201-v1_1-096897.pth``, read without PyTorch.

PyTorch wrote such files in two ways: as a ZIP archive with the pickle in ``data.pkl``, or as several pickles in a
row, the fourth of which is the data. Both hold plain values only. Unpickled as a whole, the official file takes 28 GB
of memory; here its records are read one at a time (see ``plain_stream.py``).
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from nasbench_suite.errors import TableError
from nasbench_suite.plain.pickles import load_plain
from nasbench_suite.tables.importers.from_nats_bench import Imported, import_stream
from nasbench_suite.tables.importers.staging import Progress

MAGIC = 0x1950A86A20F9469CFC6C
"""What the first pickle of PyTorch's older format holds."""
PROTOCOL = 1001
TRAININGS = {"less": "12", "full": "200"}
"""The names of the trainings in this file."""


def import_pth(
    source: Path, target: Path, *, name: str = "", double: bool = True, progress: Progress | None = None
) -> Imported:
    """Make a table of the official single file.

    Args:
        source: the file.
        target: the directory of the table; it is listed in the manifest there.
        name: of the table; by default ``nats-bench-tss``, as the numbers are the same.
        double: whether to keep curves as float64, exactly as recorded, or as float32 in half the space.
        progress: called with the bytes of the file that were read and their number.

    Raises:
        TableError: not such a file, or it holds anything but plain records.
    """
    return import_stream(
        partial(opened_pth, source),
        source,
        target,
        name=name,
        double=double,
        progress=progress,
        command="nas-bench-201 FILE",
        rename=TRAININGS,
    )


@contextmanager
def opened_pth(source: Path) -> Iterator[tuple[BinaryIO, Callable[[], int]]]:
    """The pickle in a file written by ``torch.save``, and how many bytes of the file were read.

    Raises:
        TableError: not such a file.
    """
    try:
        with source.open("rb") as file:
            if zipfile.is_zipfile(file):
                with zipfile.ZipFile(file) as archive:
                    pickles = [entry for entry in archive.namelist() if entry.endswith("/data.pkl")]
                    if len(pickles) != 1:
                        raise TableError(f"{source} is a ZIP archive without data.pkl; expected a file of torch.save")
                    with archive.open(pickles[0]) as stream:
                        yield cast(BinaryIO, stream), file.tell
                return
            file.seek(0)
            if load_plain(file, str(source)) != MAGIC or load_plain(file, str(source)) != PROTOCOL:
                raise TableError(f"{source} is no file of torch.save: its first pickles are other ones")
            load_plain(file, str(source))
            yield file, file.tell
    except (OSError, zipfile.BadZipFile) as error:
        raise TableError(f"{source} cannot be read: {error}") from None
