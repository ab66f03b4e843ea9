"""NAS-Bench-201's single official file, ``NAS-Bench-201-v1_1-096897.pth``, read without PyTorch.

PyTorch wrote such files in two ways: as a ZIP archive with the pickle in ``data.pkl``, or as several pickles in a
row, the fourth of which is the data. Both hold plain values only. The file is read as a whole, which takes about six
times its size in memory (28 GB for the official one); the directory format of NATS-Bench has the same numbers and
needs no more than one record at a time (see ``from_nats_bench.py``).
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from nasbench_suite.errors import TableError
from nasbench_suite.tables.from_nats_bench import Imported, import_mapping
from nasbench_suite.tables.official import TOPOLOGY
from nasbench_suite.tables.plain_pickle import OFFICIAL_NAMES, load_plain
from nasbench_suite.tables.staging import Progress
from nasbench_suite.tables.table import file_sha256

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
        progress: called now and then with the architectures done and to do.

    Raises:
        TableError: not such a file, or it holds anything but plain records.
    """
    digest = bytes.fromhex(file_sha256(source))
    return import_mapping(
        read_pth(source),
        source,
        digest,
        target,
        TOPOLOGY,
        name=name,
        double=double,
        progress=progress,
        command="nas-bench-201 FILE",
        rename=TRAININGS,
    )


def read_pth(source: Path) -> Any:
    """The plain content of a file written by ``torch.save``; raises :class:`TableError` for anything else."""
    try:
        if zipfile.is_zipfile(source):
            with zipfile.ZipFile(source) as archive:
                pickles = [entry for entry in archive.namelist() if entry.endswith("/data.pkl")]
                if len(pickles) != 1:
                    raise TableError(f"{source} is a ZIP archive without data.pkl; expected a file of torch.save")
                with archive.open(pickles[0]) as stream:
                    return load_plain(stream, str(source), OFFICIAL_NAMES)  # type: ignore[arg-type]  # reads bytes
        with source.open("rb") as stream:
            if load_plain(stream, str(source)) != MAGIC or load_plain(stream, str(source)) != PROTOCOL:
                raise TableError(f"{source} is no file of torch.save: its first pickles are other ones")
            load_plain(stream, str(source))
            return load_plain(stream, str(source), OFFICIAL_NAMES)
    except (OSError, zipfile.BadZipFile) as error:
        raise TableError(f"{source} cannot be read: {error}") from None
