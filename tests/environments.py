"""The wheel alone, in environments that no developer has: ``python tests/environments.py [PYTHON ...]``.

For each Python (by default 3.10 and 3.13, where they are) the wheel is built once and installed into a fresh virtual
environment, without PyTorch, matplotlib, pandas or pyarrow. There every command below is typed, in a directory that is
no checkout, and some of them again without a home, with a home that cannot be written, in the C locale and in code page
1252, with a notebook's matplotlib backend, and with output that is closed or full. None may end in a traceback, and
what should work must.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
PYTHONS = ("python3.10", "python3.13")

CSV = "depth,width,seed,epochs,seconds,valid-accuracy\n1,8,0,1,10,0.5\n2,8,0,1,11,0.55\n1,16,0,1,12,0.6\n2,16,0,1,13,0.7\n"
SPACE = 'name = "tiny"\n[decisions]\ndepth = [1, 2]\nwidth = [8, 16]\n'


@dataclass(frozen=True)
class Typed:
    """A command as a user types it.

    Attributes:
        words: after ``nasbench``.
        status: the exit status that it must have.
        says: a text that its output must have.
    """

    words: tuple[str, ...]
    status: int = 0
    says: str = ""


def typed(line: str, status: int = 0, says: str = "") -> Typed:
    return Typed(tuple(line.split()), status, says)


LIGHT = (
    typed("--version"),
    typed("--help", says="run-all"),
    typed("list strategies", says="regularized-evolution"),
    typed("list benchmarks", says="nas-bench-201/cifar10"),
    typed("list spaces", says="nas-bench-201"),
    typed("query nas-bench-201/cifar10 3,3,2,1,3,3"),
    typed("query nas-bench-201/cifar99 3,3,2,1,3,3", 2, "nas-bench-201/cifar10"),
    typed("no-such-command", 2),
)
COMMANDS = (
    *LIGHT,
    typed("list strategies --json", says="["),
    typed("list benchmarks --json", says="["),
    typed("query live/digits 3,3,2,1,3,3", 1, "nasbench-suite[live]"),
    typed("show pnas"),
    typed("run regularized-evolution --benchmark nas-bench-201/cifar100 --budget 40evaluations --seeds 3"),
    typed("run darts --benchmark live/digits --budget 60s", 1, "nasbench-suite[live]"),
    typed(
        "run-all nas-bench-201 --strategy tpe --strategy random-search --seeds 3 --budget 30evaluations --name first"
    ),
    typed(
        "run-all nas-bench-201 --strategy tpe --strategy random-search --seeds 3 --budget 30evaluations --name first"
    ),
    typed("status"),
    typed(
        "leaderboard nas-bench-201 --strategy tpe --strategy random-search --seeds 3 --budget 30evaluations --name first"
    ),
    typed("run-all nas-bench-201 --strategy random-search --seeds 2 --pictures svg", 2, "nasbench-suite[plots]"),
    typed("publish leaderboards/first"),
    typed("verify leaderboards/first/first.nasbench.zip --rerun 1", says="verified"),
    typed("compare leaderboards/first leaderboards/first"),
    typed("table import csv mine.csv --space space.toml --name mine"),
    typed("table info mine"),
    typed("table verify mine"),
    typed("table export mine again.csv"),
    typed("table export mine again.parquet", 2, "nasbench-suite[parquet]"),
    typed("table verify nas-bench-201"),
    typed("table build digits", 1, "nasbench-suite[live]"),
    typed("plugin new my-search"),
    typed("completion bash"),
)


@dataclass(frozen=True)
class Surroundings:
    """What is odd about an environment: variables to set (``None`` removes one), and where the output goes."""

    name: str
    variables: Mapping[str, str | None] = field(default_factory=dict)
    output: str = ""


def surroundings(directory: Path) -> Iterator[Surroundings]:
    file = directory / "a-file"
    file.write_text("")
    yield Surroundings("no home", {"HOME": None, "XDG_CACHE_HOME": None, "XDG_DATA_HOME": None})
    yield Surroundings("a home that is a file", {"HOME": str(file)})
    yield Surroundings("a home below a file", {"HOME": str(file / "home")})
    yield Surroundings("the C locale", {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})
    yield Surroundings("code page 1252", {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"})
    yield Surroundings("ASCII output", {"PYTHONIOENCODING": "ascii"})
    yield Surroundings("a notebook's backend", {"MPLBACKEND": "module://matplotlib_inline.backend_inline"})
    yield Surroundings("20 columns", {"COLUMNS": "20"})
    yield Surroundings("full output", output="/dev/full")
    yield Surroundings("closed output", output="closed")


class Environment:
    """A fresh virtual environment with the wheel and what it needs, and nothing else."""

    def __init__(self, python: str, wheel: Path, directory: Path) -> None:
        self.python, self.directory = python, directory
        self.place = directory / "work"
        self.place.mkdir(parents=True)
        subprocess.run([python, "-m", "venv", str(directory / "venv")], check=True)
        self.bin = directory / "venv" / "bin"
        constraints = str(REPOSITORY / "constraints.txt")
        command = [str(self.bin / "python"), "-m", "pip", "install", "-q", "-c", constraints, str(wheel)]
        subprocess.run(command, check=True, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
        held = subprocess.run([str(self.bin / "python"), "-m", "pip", "list"], capture_output=True, text=True).stdout
        strange = [name for name in ("torch", "matplotlib", "pandas", "pyarrow") if f"\n{name} " in held]
        assert not strange, f"{python}: the wheel alone brought {strange}"
        (self.place / "mine.csv").write_text(CSV)
        (self.place / "space.toml").write_text(SPACE)

    def type(self, command: Typed, around: Surroundings) -> str:
        """What is wrong with how a command ends, in words; empty if nothing is."""
        variables = {"PATH": f"{self.bin}:/usr/bin:/bin", "HOME": str(self.directory / "home"), "LANG": "C.UTF-8"}
        variables |= {"NASBENCH_TABLES": str(self.directory / "tables"), "COLUMNS": "80"}
        for name, value in around.variables.items():
            variables.pop(name, None)
            if value is not None:
                variables[name] = value
        words = [str(self.bin / "nasbench"), *command.words]
        if around.output == "closed":
            words = ["sh", "-c", 'exec "$@" >&-', "sh", *words]
        elif around.output:
            words = ["sh", "-c", f'exec "$@" >{around.output}', "sh", *words]
        done = subprocess.run(
            words, cwd=self.place, env=variables, capture_output=True, stdin=subprocess.DEVNULL, timeout=600
        )
        told = (done.stdout + done.stderr).decode(errors="replace")
        if "Traceback" in told or "Exception ignored" in told:
            return f"traceback: …{told[-400:]}"
        if around.output:
            return "" if done.returncode in (0, 1, 2) else f"status {done.returncode}: {told[-300:]}"
        if done.returncode != command.status:
            return f"status {done.returncode}, expected {command.status}: {told[-400:]}"
        if command.says and command.says not in told and around.name != "20 columns":
            return f"does not say {command.says!r}: {told[-400:]}"
        return ""


def build_wheel(directory: Path) -> Path:
    """The wheel of this checkout."""
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(directory), str(REPOSITORY)]
    subprocess.run(command, check=True)
    (wheel,) = directory.glob("nasbench_suite-*.whl")
    return wheel


def faults(python: str, wheel: Path) -> Iterator[str]:
    """Everything that is wrong in the environments of one Python, a line each."""
    with tempfile.TemporaryDirectory() as directory:
        environment = Environment(python, wheel, Path(directory))
        plain = Surroundings("plain")
        for command in COMMANDS:
            if wrong := environment.type(command, plain):
                yield f"{python}, nasbench {' '.join(command.words)}: {wrong}"
        for around in surroundings(Path(directory)):
            for command in LIGHT:
                if wrong := environment.type(command, around):
                    yield f"{python}, {around.name}, nasbench {' '.join(command.words)}: {wrong}"


def main(pythons: list[str]) -> int:
    """Try every Python that is here."""
    wrong = 0
    with tempfile.TemporaryDirectory() as directory:
        wheel = build_wheel(Path(directory))
        for python in pythons or PYTHONS:
            if shutil.which(python) is None:
                print(f"{python} is not here and was not tried")
                continue
            for fault in faults(python, wheel):
                wrong += 1
                print(fault)
            print(f"{python}: {len(COMMANDS)} commands plainly, {len(LIGHT)} in odd surroundings")
    print(f"{wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
