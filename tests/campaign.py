"""An attack on the suite that anyone can run: ``python tests/campaign.py --minutes 30``.

It draws damaged inputs for every reader, kills parents and workers, fills disks, and runs good strategies beside bad
ones. A reader must accept its input or refuse it with an error of the suite, in bounded time and memory; a comparison
that was disturbed must end in the same bytes as one that was not, and leave no process behind. The campaign prints its
seed, what it tried, what held and what was wrong. Inputs that were wrong are kept with ``--keep DIRECTORY``; those in
``tests/hostile/corpus`` are tried by every test run.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import resource
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import mutations
from repository import REPOSITORY

MEMORY = 3 * 2**30
"""Bytes of address space for a process that reads damaged inputs."""

SECONDS = 90
"""An input that takes a reader longer is wrong; a table of nobody known may take 30 before it is given up."""

BATCH = 200
"""Inputs for one process."""

SLOW = {"table": 20}
"""Fewer of those whose reader starts a process for each."""

CORPUS = Path(__file__).resolve().parent / "hostile" / "corpus"
ZOO = Path(__file__).resolve().parent / "zoo"


# Readers: each takes a file and returns, or raises an error of the suite.


def _read_rows(path: Path) -> None:
    from nasbench_suite.spaces import read_space
    from nasbench_suite.tables.importers.from_files import import_rows

    (path.parent / "space.toml").write_text(mutations.SPACE)
    import_rows(path, read_space(path.parent / "space.toml"), path.parent / "made", "own")


def _read_space(path: Path) -> None:
    from nasbench_suite.spaces import read_space

    space = read_space(path)
    space.format(space.sample(__import__("numpy").random.default_rng(0)))


def _read_mapping(path: Path) -> None:
    from nasbench_suite.spaces import nas_bench_201
    from nasbench_suite.tables.importers.from_files import import_arrays

    arrays = path.parent / "arrays.npz"
    if not arrays.exists():
        arrays.write_bytes(mutations.arrays())
    import_arrays(arrays, path, nas_bench_201(), path.parent / "made", "own")


def _read_comparison(path: Path) -> None:
    from nasbench_suite.comparisons import load_comparison

    load_comparison(str(path))


def _read_command(path: Path) -> None:
    from nasbench_suite.search.external import parse_command

    parse_command(path.read_bytes().decode("utf-8", "surrogateescape"))


def _read_journal(path: Path) -> None:
    from nasbench_suite.errors import StoreError
    from nasbench_suite.search.journal import decode_event

    for line in path.read_bytes().split(b"\n"):
        try:
            decode_event(line.decode())
        except UnicodeDecodeError:
            raise StoreError("not UTF-8") from None


def _read_packed(path: Path) -> None:
    from nasbench_suite.search.journal import decode_journal

    decode_journal(path.read_bytes())


def _read_pickle(path: Path) -> None:
    from nasbench_suite.plain.pickles import load_plain

    with path.open("rb") as stream:
        load_plain(stream, "pickle")


def _read_table(path: Path) -> None:
    from nasbench_suite.tables import open_table

    open_table(path)


def _read_bundle(path: Path) -> None:
    from nasbench_suite.publishing import read_bundle

    read_bundle(path)


def _read_manifest(path: Path) -> None:
    from nasbench_suite.tables.manifest import read_manifest

    path.rename(path.with_name("manifest.toml"))
    read_manifest(path.parent)


@dataclass(frozen=True)
class Reader:
    """A reader with sound inputs of its form.

    Attributes:
        read: tries a file.
        suffix: of the file.
        draw: makes a damaged input.
    """

    read: Callable[[Path], None]
    suffix: str
    draw: Callable[[random.Random], bytes]


def _of_text(*texts: str) -> Callable[[random.Random], bytes]:
    return lambda rng: mutations.damaged(rng.choice(texts).encode(), rng)


def _of_bytes(make: Callable[[], bytes]) -> Callable[[random.Random], bytes]:
    held: list[bytes] = []

    def draw(rng: random.Random) -> bytes:
        held[:] = held or [make()]
        return mutations.damaged(held[0], rng)

    return draw


def _table() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        return mutations.table_files(Path(directory))[0]


def _packed() -> bytes:
    from nasbench_suite.search.journal import decode_event, encode_journal

    return encode_journal(map(decode_event, mutations.EVENTS))


READERS = {
    "csv": Reader(_read_rows, ".csv", _of_text(mutations.CSV)),
    "npz": Reader(_read_rows, ".npz", _of_bytes(mutations.arrays)),
    "parquet": Reader(_read_rows, ".parquet", _of_bytes(lambda: mutations.parquet() or b"")),
    "space": Reader(_read_space, ".toml", _of_text(mutations.SPACE)),
    "mapping": Reader(_read_mapping, ".toml", _of_text(mutations.MAPPING)),
    "comparison": Reader(_read_comparison, ".toml", _of_text(mutations.COMPARISON)),
    "command": Reader(_read_command, ".txt", _of_text(*mutations.COMMANDS)),
    "journal": Reader(_read_journal, ".jsonl", _of_text("\n".join(mutations.EVENTS))),
    "packed journal": Reader(_read_packed, ".bin", _of_bytes(_packed)),
    "pickle": Reader(_read_pickle, ".pickle", lambda rng: mutations.damaged(mutations.plain_pickle(rng), rng)),
    "table": Reader(_read_table, ".h5", _of_bytes(_table)),
    "bundle": Reader(_read_bundle, ".nasbench.zip", mutations.damaged_bundle),
    "manifest": Reader(_read_manifest, ".toml", _of_text((REPOSITORY / "tabular_data" / "manifest.toml").read_text())),
}


class TooSlow(BaseException):
    """An input took longer than :data:`SECONDS`."""


def fault_of(reader: Reader, data: bytes) -> str:
    """What is wrong with how a reader takes an input, in one line; empty if it accepts or refuses it."""
    from nasbench_suite.errors import SuiteError

    def too_slow(*_: object) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGALRM, too_slow)
    signal.alarm(SECONDS)
    try:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / f"input{reader.suffix}"
            path.write_bytes(data)
            reader.read(path)
    except SuiteError as error:
        told = str(error)
        return "" if told and not any(c in told for c in "\x1b\x07\x9b") else f"says {told[:80]!r}"
    except TooSlow:
        return f"took more than {SECONDS} s"
    except BaseException as error:  # whatever escapes a reader is what the campaign looks for
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {str(error)[:100]!r} ({Path(place.filename).name}:{place.lineno})"
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    return ""


def try_batch(name: str, seed: int, count: int) -> None:
    """Try inputs in this process, whose memory is bounded; each is announced before it is tried, in case all ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    reader = READERS[name]
    for number in range(count):
        data = reader.draw(random.Random(f"{name} {seed} {number}"))
        print(json.dumps({"try": number}), flush=True)
        if fault := fault_of(reader, data):
            print(json.dumps({"wrong": number, "fault": fault}), flush=True)
    print(json.dumps({"done": count}), flush=True)


@dataclass
class Tally:
    """What a campaign tried, and what was wrong."""

    tried: Counter[str] = field(default_factory=Counter)
    wrong: list[tuple[str, str]] = field(default_factory=list)
    seen: set[tuple[str, str]] = field(default_factory=set)

    def add(self, part: str, fault: str, told: str = "") -> bool:
        """Count a trial that was wrong; whether it is a fault not seen before."""
        kind = (part, fault.partition("'")[0])
        new = kind not in self.seen
        self.seen.add(kind)
        self.wrong.append((part, f"{fault}{told}"))
        return new


def fuzz(rng: random.Random, tally: Tally, keep: Path | None) -> None:
    """One batch of damaged inputs for one reader."""
    name, seed = rng.choice(sorted(READERS)), rng.getrandbits(32)
    count = str(SLOW.get(name, BATCH))
    command = [sys.executable, __file__, "--batch", name, "--seed", str(seed), "--count", count]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS * 5)
        output, ended = done.stdout, f"the process ended with status {done.returncode} {done.stderr[-200:]!r}"
    except subprocess.TimeoutExpired as late:
        output, ended = (late.stdout or b"").decode(), "the batch did not end"  # type: ignore[union-attr]
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    tried = sum("try" in line for line in lines)
    tally.tried[name] += tried
    faults = [(line["wrong"], line["fault"]) for line in lines if "wrong" in line]
    if not any("done" in line for line in lines):
        faults.append((max(tried - 1, 0), ended))
    for number, fault in faults:
        if tally.add(name, fault, f" [seed {seed}, number {number}]") and keep is not None:
            data = READERS[name].draw(random.Random(f"{name} {seed} {number}"))
            folder = keep / name.replace(" ", "-")
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{hashlib.sha256(data).hexdigest()[:16]}{READERS[name].suffix}").write_bytes(data)


# Comparisons that are disturbed.

COMPARISON = """
name = "campaign"
title = "Campaign"
seeds = 4
strategies = ["random-search", "regularized-evolution", "tpe"{more}]
time_limit = 20
[[benchmarks]]
name = "nas-bench-201/cifar10"
budget = "60 evaluations"
"""
GOOD = ("random-search", "regularized-evolution", "tpe")


class Ground:
    """A directory with a comparison, and what an undisturbed run of it writes."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.reference = self.scores(self.run(directory / "reference"))

    def comparison(self, place: Path, more: tuple[str, ...] = ()) -> Path:
        place.mkdir(parents=True, exist_ok=True)
        path = place / "campaign.toml"
        path.write_text(COMPARISON.format(more="".join(f', "{name}"' for name in more)))
        return path

    def command(self, place: Path, *options: str, more: tuple[str, ...] = ()) -> list[str]:
        return [
            *(sys.executable, "-m", "nasbench_suite.cli", "run-all", str(self.comparison(place, more))),
            *("--store", str(place / "store"), "--output", str(place / "out"), "--jobs", "2", *options),
        ]

    def run(self, place: Path, *options: str, more: tuple[str, ...] = ()) -> Path:
        """An undisturbed call."""
        done = subprocess.run(self.command(place, *options, more=more), capture_output=True, text=True, timeout=300)
        assert "Traceback" not in done.stderr, done.stderr[-500:]
        return place / "out" / "campaign" / "leaderboard.json"

    @staticmethod
    def scores(leaderboard: Path) -> dict[str, object]:
        """The good rows' scores by label, which nothing may change."""
        document = json.loads(leaderboard.read_text())
        return {
            row["label"]: row["scores"]
            for board in document["benchmarks"]
            for row in board["ranked"]
            if row["label"] in GOOD
        }

    def left_behind(self, place: Path) -> list[str]:
        """Processes that still name the place."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if str(place) in line and int(process.name) != os.getpid():
                    found.append(line[:80])
        return found


@contextlib.contextmanager
def _place(ground: Ground) -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(dir=ground.directory))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def kill(rng: random.Random, tally: Tally, ground: Ground) -> None:
    """Kill the parent or a worker at random moments, then go on: the same bytes, and nobody left."""
    whom = rng.choice(["parent", "worker", "worker", "stop worker"])
    tally.tried[f"kill {whom}"] += 1
    with _place(ground) as place:
        process = subprocess.Popen(
            ground.command(place), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
        )
        time.sleep(rng.uniform(0.2, 4))
        victims = [process.pid] if whom == "parent" else _children(process.pid)
        if victims:
            sign = signal.SIGSTOP if whom == "stop worker" else signal.SIGKILL
            with contextlib.suppress(ProcessLookupError):
                os.kill(rng.choice(victims), sign)
        try:
            _, told = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            tally.add(f"kill {whom}", "the call did not end within two minutes")
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            _, told = process.communicate()
        if b"Traceback" in told:
            tally.add(f"kill {whom}", f"traceback: {told[-300:]!r}")
        time.sleep(1.5)
        if left := ground.left_behind(place):
            tally.add(f"kill {whom}", f"left behind {left[0]!r}")
        _same_again(f"kill {whom}", tally, ground, place)


def _same_again(
    part: str, tally: Tally, ground: Ground, place: Path, *options: str, more: tuple[str, ...] = ()
) -> None:
    try:
        found = ground.scores(ground.run(place, *options, more=more))
    except (AssertionError, OSError, ValueError, subprocess.TimeoutExpired) as error:
        tally.add(part, f"the next call failed: {str(error)[:300]!r}")
    else:
        if found != ground.reference:
            tally.add(part, f"other scores: {str(found)[:100]}")


def fill_disk(rng: random.Random, tally: Tally, ground: Ground) -> None:
    """Let no file grow beyond a size while a comparison runs; afterwards, with space, all is as ever."""
    tally.tried["full disk"] += 1
    size = rng.choice([0, 512, 4096, 20_000, 60_000, 200_000])

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    with _place(ground) as place:
        try:
            done = subprocess.run(ground.command(place), capture_output=True, timeout=120, preexec_fn=limited)
            if b"Traceback" in done.stderr:
                tally.add("full disk", f"traceback with {size} bytes: {done.stderr[-300:]!r}")
            elif (
                done.returncode == 0
                and ground.scores(place / "out" / "campaign" / "leaderboard.json") != ground.reference
            ):
                tally.add("full disk", f"success with other scores with {size} bytes")
        except subprocess.TimeoutExpired:
            tally.add("full disk", f"did not end with {size} bytes")
        except (OSError, ValueError) as error:
            tally.add("full disk", f"said success with {size} bytes and left {str(error)[:80]!r}")
        _same_again("full disk", tally, ground, place)


def add_bad_plugins(rng: random.Random, tally: Tally, ground: Ground) -> None:
    """Run two bad plugins beside the good strategies: the good rows are the same."""
    tally.tried["bad plugins"] += 1
    with _place(ground) as place:
        plugins = place / "plugins"
        plugins.mkdir(parents=True)
        for path in rng.sample(sorted(ZOO.glob("*.py")), 2):
            shutil.copy(path, plugins)
        names = sorted(_names(plugins))
        _same_again("bad plugins", tally, ground, place, "--plugins-dir", str(plugins), more=tuple(names))
        time.sleep(0.5)
        if left := ground.left_behind(place):
            tally.add("bad plugins", f"{', '.join(names)} left behind {left[0]!r}")


def _names(plugins: Path) -> set[str]:
    """The names of the strategies that a directory of loose plugins adds."""
    done = subprocess.run(
        [sys.executable, "-m", "nasbench_suite.cli", "list", "strategies", "--json", "--plugins-dir", str(plugins)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    return {item["name"] for item in json.loads(done.stdout) if item["name"].startswith("zoo-")}


def campaign(seconds: float, seed: int, keep: Path | None = None, disturb: bool = True) -> Tally:
    """Attack for so long.

    Args:
        seconds: of wall clock; what is under way is finished.
        seed: decides all inputs; moments of kills are drawn from it, too, but their effect depends on the machine.
        keep: directory for inputs that were wrong.
        disturb: whether whole comparisons are disturbed besides the readers.
    """
    rng, tally, until = random.Random(seed), Tally(), time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as directory:
        ground = Ground(Path(directory)) if disturb else None
        while time.monotonic() < until:
            fuzz(rng, tally, keep)
            if ground is not None:
                rng.choice([kill, kill, fill_disk, add_bad_plugins])(rng, tally, ground)
    return tally


def main() -> int:
    """Run a campaign, or one batch of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, help="decides the inputs [default: a new one]")
    parser.add_argument("--keep", type=Path, help="directory for inputs that were wrong")
    parser.add_argument("--readers-only", action="store_true", help="damage inputs, disturb no comparison")
    parser.add_argument("--batch", help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, default=BATCH, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    seed = secrets.randbits(32) if chosen.seed is None else chosen.seed
    if chosen.batch:
        try_batch(chosen.batch, seed, chosen.count)
        return 0
    print(f"seed {seed}", flush=True)
    tally = campaign(60 * chosen.minutes, seed, chosen.keep, not chosen.readers_only)
    for part, count in sorted(tally.tried.items()):
        print(f"{part:>16}: {count:7,} tried, {sum(name == part for name, _ in tally.wrong)} wrong")
    for part, fault in tally.wrong[:50]:
        print(f"wrong: {part}: {fault}")
    tried = tally.tried.total()
    print(f"tried {tried:,}, held {tried - len(tally.wrong):,}, wrong {len(tally.wrong)}")
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
