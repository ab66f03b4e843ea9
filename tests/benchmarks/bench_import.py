"""Memory and time of importing whole official benchmarks.

The official downloads are large and not at hand everywhere, so both forms are made here from a few real records: the
directory with one file for each of the 15,625 architectures, and the monolithic ``.pth`` of the same size as the
official one. Every architecture has its own text and number and the curves of one of the real cells.

Run: ``python tests/benchmarks/bench_import.py DIRECTORY directory`` (or ``single``) with the official directory or a
part of it, and a number of architectures for a smaller trial. It needs some 8 GB of disk and ten minutes.
"""

from __future__ import annotations

import bz2
import os
import pickle
import pickletools
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from nasbench_suite.tables import open_table
from nasbench_suite.tables.importers.from_nas_bench_201 import MAGIC, PROTOCOL
from nasbench_suite.tables.importers.from_nats_bench import ENDING, META
from nasbench_suite.tables.schema import OFFICIAL_INDEX

INDEX = 0x12345678
TEXT = "@" * 60
HERE, ROOM = struct.pack("<I", 50_000), struct.pack("<I", 50_001)


def cells(directory: Path) -> Iterator[dict[str, Any]]:
    """The real records, with one marker for the number and one for the text."""
    for path in sorted(directory.glob(f"0*{ENDING}")):
        cell = pickle.loads(bz2.decompress(path.read_bytes()))
        for training in cell.values():
            training["arch_index"], training["arch_str"] = INDEX, TEXT
        yield cell


def packed(number: int) -> bytes:
    return b"J" + struct.pack("<i", number)


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def make_directory(source: Path, target: Path, count: int) -> None:
    """One file per architecture: a stream with its text and number, and one with the record that refers to them."""
    target.mkdir()
    (target / META).write_bytes((source / META).read_bytes())
    texts = pickle.loads(bz2.decompress((source / META).read_bytes()))["meta_archs"]
    bodies = []
    for cell in cells(source):
        body = pickle.dumps(cell, 2)[2:].replace(packed(INDEX), b"j" + ROOM).replace(text(TEXT), b"j" + HERE)
        bodies.append(bz2.compress(body))
    for index in range(count):
        head = b"\x80\x02" + text(texts[index]) + b"r" + HERE + b"0" + packed(index) + b"r" + ROOM + b"0"
        (target / f"{index:06d}{ENDING}").write_bytes(bz2.compress(head, 1) + bodies[index % len(bodies)])


class Template:
    """The pickle of a record whose memo numbers, number and text can be set."""

    def __init__(self, cell: dict[str, Any]) -> None:
        raw = pickle.dumps({"less": cell["12"], "full": cell["200"]}, 2)
        ends = [*[place for _, _, place in pickletools.genops(raw)][1:], len(raw)]
        parts: list[bytearray] = [bytearray()]
        self.memos: list[list[int]] = [[]]
        self.count = 0
        for (code, argument, place), end in zip(pickletools.genops(raw), ends, strict=True):
            if code.name in ("PROTO", "STOP"):
                continue
            if code.name in ("BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET"):
                self.memos[-1].append(len(parts[-1]) + 1)
                parts[-1] += (b"r" if "PUT" in code.name else b"j") + struct.pack("<I", argument)
                self.count = max(self.count, argument + 1)
            elif code.name == "BINUNICODE" and argument == TEXT:
                parts.append(bytearray())
                self.memos.append([])
            else:
                parts[-1] += raw[place:end]
        self.parts = [np.frombuffer(part, np.uint8).copy() for part in parts]

    def fill(self, index: int, words: str, memo: int) -> bytes:
        """The record of an architecture whose memo numbers begin at ``memo``."""
        made = []
        for part, places in zip(self.parts, self.memos, strict=True):
            filled = part.copy()
            at = np.array(places)[:, None] + np.arange(4)
            numbers = np.ascontiguousarray(filled[at]).view("<u4") + np.uint32(memo)
            filled[at] = numbers.view(np.uint8).reshape(at.shape)
            made.append(filled.tobytes().replace(packed(INDEX), packed(index)))
        return text(words).join(made)


def make_pth(source: Path, target: Path, count: int) -> None:
    """A file as PyTorch wrote them in 2020, with as many records."""
    texts = pickle.loads(bz2.decompress((source / META).read_bytes()))["meta_archs"]
    templates = [Template(cell) for cell in cells(source)]
    memo = 0
    with target.open("wb") as out:
        for part in (MAGIC, PROTOCOL, {"protocol_version": PROTOCOL, "little_endian": True}):
            out.write(pickle.dumps(part, 2))
        out.write(b"\x80\x02}(" + text("meta_archs") + b"](" + b"".join(map(text, texts)) + b"e")
        out.write(text("arch2infos") + b"}")
        for start in range(0, count, 1000):
            out.write(b"(")
            for index in range(start, min(start + 1000, count)):
                template = templates[index % len(templates)]
                out.write(packed(index) + template.fill(index, texts[index], memo))
                memo += template.count
            out.write(b"u")
        out.write(text("evaluated_indexes") + b"](" + b"".join(map(packed, range(count))) + b"eu.")
        out.write(pickle.dumps([], 2))


def measured(command: list[str]) -> str:
    """Run it: its seconds, processor time, most memory of its own and most resident memory (with mapped files)."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    start, own, resident, busy = time.perf_counter(), 0, 0, 0.0
    while child.poll() is None:
        time.sleep(0.1)
        try:
            place = Path(f"/proc/{child.pid}")
            status = dict(line.split(":", 1) for line in (place / "status").read_text().splitlines() if ":" in line)
            own = max(own, int(status["RssAnon"].split()[0]) // 1024)
            resident = max(resident, int(status["VmRSS"].split()[0]) // 1024)
            fields = (place / "stat").read_text().rpartition(")")[2].split()
            busy = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except (OSError, KeyError):
            continue
    assert child.returncode == 0, command
    seconds = time.perf_counter() - start
    return f"{seconds:,.0f} s ({busy:,.0f} s of processor), {own:,} MiB of its own, {resident:,} MiB resident"


def main(source: Path, form: str, count: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        importing = [sys.executable, "-m", "nasbench_suite.cli", "table", "import"]
        if form == "directory":
            given = place / "records"
            make_directory(source, given, count)
            size = sum(path.stat().st_size for path in given.iterdir())
            command = [*importing, "nats-bench", str(given)]
        else:
            given = place / "NAS-Bench-201-v1_1-096897.pth"
            make_pth(source, given, count)
            size = given.stat().st_size
            command = [*importing, "nas-bench-201", str(given)]
        print(f"{form} of {count:,} records, {size / 1e6:,.0f} MB", flush=True)
        print("imported in", measured([*command, "--target", str(place / "tables")]), flush=True)
        table = open_table(place / "tables" / "nats-bench-tss.h5")
        last = table.numbering(OFFICIAL_INDEX).tolist().index(count - 1)
        print(f"the last record is in it: {table.curves('cifar10', '200-epochs', 'test-accuracy', last)[:, -1]}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 15_625)
