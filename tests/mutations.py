"""Inputs for a campaign: sound ones of every form that the suite reads, and ways of damaging them."""

from __future__ import annotations

import io
import json
import pickle
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from repository import REPOSITORY

INTERESTING = (
    *("", " ", "nan", "NaN", "inf", "-inf", "1e400", "-1", "0", "-0.0", "1e-320", "18446744073709551616", "9" * 400),
    *(
        "true",
        "null",
        "[]",
        "{}",
        '"',
        "'",
        "\\",
        "\x00",
        "\x1b[2J",
        "\n",
        "\r\n",
        ";",
        "\t",
        "=1+1",
        "../../x",
        "é",
        "\ufeff",
    ),
    *(
        "\u202e",
        "1_000",
        "0x10",
        "1,5",
        "1..9",
        "..",
        "a" * 5000,
        "[" * 5000,
        "200.0",
        "2026-11-26",
        "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    ),
)

CSV = (
    "depth,width,seed,epochs,seconds,valid-accuracy\n"
    "1,8,0,1,10,0.5\n1,8,0,2,20,0.6\n2,8,0,1,11,0.55\n2,8,1,1,11,\n2,16,0,2,30,0.7\n"
)
SPACE = 'name = "tiny"\n[decisions]\ndepth = [1, 2]\nwidth = [8, 16]\n'
COMPARISON = (
    'name = "mine"\ntitle = "Mine"\nseeds = 3\nstrategies = ["random-search", {name = "pnas", label = "p"}]\n'
    '[[benchmarks]]\nname = "nas-bench-201/cifar10"\nbudget = "100 evaluations"\n'
)
MAPPING = (REPOSITORY / "tests" / "tables" / "nas_bench_201_npz.toml").read_text()
EVENTS = (
    '["evaluate",[0,1,2,3,4,0],200,0.9137,1234.5]',
    '["resume",[0,1,2,3,4,0],200,0.9137,1000.5,12,50]',
    '["charge","supernet epoch",30.5,1.0]',
    '["recommend",[0,1,2,3,4,0]]',
)
COMMANDS = ("node search.js", "python3 -c 'print(1)'", 'sh -c "exit 1"', "/bin/cat --show-all")


def arrays() -> bytes:
    """A sound ``.npz`` of own results."""
    held = io.BytesIO()
    np.savez(
        held,
        **{
            "depth": np.array(["1", "1", "2"]),
            "width": np.array(["8", "16", "8"]),
            "seed": np.zeros(3, int),
            "epochs": np.ones(3, int),
            "seconds": np.array([10.0, 11.0, 12.0]),
            "valid-accuracy": np.array([0.5, 0.6, 0.7]),
        },
    )
    return held.getvalue()


def parquet() -> bytes | None:
    """A sound Parquet file of own results; ``None`` where nothing here can write one."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        return None
    rows = [line.split(",") for line in CSV.splitlines()]
    table = pyarrow.table({name: [row[place] for row in rows[1:]] for place, name in enumerate(rows[0])})
    held = io.BytesIO()
    pyarrow.parquet.write_table(table, held)
    return held.getvalue()


def plain_pickle(rng: random.Random) -> bytes:
    """A sound pickle of plain data."""
    value = {"a": [1, 2.5, "x", None, True], "b": {"c": (1, 2)}, "d": [rng.random() for _ in range(20)]}
    return pickle.dumps(value, protocol=rng.choice([2, 4]))


def bundle() -> bytes:
    """A sound bundle."""
    return (REPOSITORY / "tests" / "publishing" / "another-machine.nasbench.zip").read_bytes()


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Bytes with one to five damages: flipped, cut, repeated, moved, or exchanged for something interesting."""
    for _ in range(rng.randint(1, 5)):
        data = rng.choice(_DAMAGES)(data, rng)
    return data


def _flip(data: bytes, rng: random.Random) -> bytes:
    if not data:
        return b"\xff"
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 8, 64])):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _cut(data: bytes, rng: random.Random) -> bytes:
    begin, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return rng.choice([data[:end], data[begin:], data[:begin] + data[end:]])


def _repeat(data: bytes, rng: random.Random) -> bytes:
    begin, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return data[:end] + data[begin : min(end, begin + 2000)] * rng.choice([1, 2, 50]) + data[end:]


def _insert(data: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(data) + 1)
    return data[:place] + rng.choice(INTERESTING).encode("utf-8", "surrogatepass") + data[place:]


def _exchange(data: bytes, rng: random.Random) -> bytes:
    """Exchange what stands between two separators, so that the damaged text still has its form."""
    separators = [place for place, byte in enumerate(data) if byte in b',:="\n[]{} ']
    if len(separators) < 2:
        return _insert(data, rng)
    number = rng.randrange(len(separators) - 1)
    begin, end = separators[number] + 1, separators[number + 1]
    return data[:begin] + rng.choice(INTERESTING).encode("utf-8", "surrogatepass") + data[end:]


def _recode(data: bytes, rng: random.Random) -> bytes:
    text = data.decode("utf-8", "replace")
    return text.encode(rng.choice(["utf-16", "utf-32", "latin-1", "cp1252"]), "replace")


_DAMAGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    *(_flip, _cut, _repeat, _insert),
    *(_exchange, _exchange, _exchange, _recode),
)


def damaged_json(value: object, rng: random.Random) -> object:
    """A JSON value with one place exchanged for another value."""
    odd: list[object] = [
        None,
        True,
        -1,
        2**70,
        1e308,
        "",
        "x" * 1000,
        "\x1b[2J",
        [],
        {},
        [[]] * 3,
        {"a": {"b": []}},
        0.5,
    ]
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(sorted(value))
        kind = rng.random()
        if kind < 0.1:
            return {k: v for k, v in value.items() if k != key}
        if kind < 0.2:
            return {**value, rng.choice(["more", "", key + " "]): rng.choice(odd)}
        return {**value, key: damaged_json(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.9:
        place = rng.randrange(len(value))
        return [*value[:place], damaged_json(value[place], rng), *value[place + 1 :]]
    return rng.choice(odd)


def damaged_bundle(rng: random.Random) -> bytes:
    """A bundle with damaged bytes, or with one damaged part inside a sound archive."""
    whole = bundle()
    if rng.random() < 0.3:
        return damaged(whole, rng)
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice(sorted(parts))
    if name.endswith(".json"):
        parts[name] = json.dumps(damaged_json(json.loads(parts[name]), rng)).encode()
    elif name.endswith(".jsonl"):
        lines = parts[name].decode().splitlines()
        place = rng.randrange(len(lines))
        lines[place] = json.dumps(damaged_json(json.loads(lines[place]), rng), separators=(",", ":"))
        parts[name] = ("\n".join(lines) + "\n").encode()
    else:
        parts[name] = damaged(parts[name], rng)
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    return held.getvalue()


def table_files(directory: Path) -> list[bytes]:
    """Sound HDF5 tables, small enough to be damaged a thousand times."""
    from nasbench_suite.spaces import read_space
    from nasbench_suite.tables.importers.from_files import import_rows

    (directory / "space.toml").write_text(SPACE)
    (directory / "own.csv").write_text(CSV)
    made = import_rows(directory / "own.csv", read_space(directory / "space.toml"), directory, "own")
    return [made.path.read_bytes()]
