"""The command line as a user meets it: real processes, stdout for results, stderr for messages, exit codes."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from repository import REPOSITORY

ZOO = REPOSITORY / "tests" / "zoo"
NASBENCH = [sys.executable, "-m", "nasbench_suite.cli"]
SMALL = ["--benchmark", "nas-bench-201/cifar10", "--seeds", "2", "--budget", "20000s", "--name", "small"]
PAIR = [*SMALL, "--strategy", "random-search", "--strategy", "regularized-evolution"]


def nasbench(directory: Path, *arguments: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*NASBENCH, *arguments], cwd=directory, capture_output=True, text=True, env={**os.environ, **environment}
    )
    assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def test_run_all_writes_a_leaderboard_and_a_second_one_has_nothing_to_do(tmp_path: Path) -> None:
    first = nasbench(tmp_path, "run-all", *PAIR)
    assert "regularized-evolution" in first.stdout
    assert "leaderboard written to leaderboards/small" in first.stderr
    written = {path.name: path.read_bytes() for path in (tmp_path / "leaderboards" / "small").iterdir()}
    second = nasbench(tmp_path, "run-all", *PAIR)
    assert "nothing was left to do" in second.stderr
    assert second.stdout == first.stdout
    again = {path.name: path.read_bytes() for path in (tmp_path / "leaderboards" / "small").iterdir()}
    assert again == written
    shutil.rmtree(tmp_path / "leaderboards")
    nasbench(tmp_path, "leaderboard", *PAIR)
    assert {path.name: path.read_bytes() for path in (tmp_path / "leaderboards" / "small").iterdir()} == written


def test_pictures_and_parquet_are_written_where_they_are_asked_for(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs matplotlib (pip install -e '.[plots]')")
    pytest.importorskip("pyarrow", reason="needs pyarrow (pip install -e '.[parquet]')")
    nasbench(tmp_path, "run-all", *PAIR, "--pictures", "svg", "--parquet", "--jobs", "1")
    directory = tmp_path / "leaderboards" / "small"
    readme = (directory / "README.md").read_text()
    drawn = sorted(path.name for path in directory.glob("*.svg"))
    assert drawn and all(f"]({name})" in readme for name in drawn)
    assert (directory / "curves.parquet").read_bytes().startswith(b"PAR1")
    nasbench(tmp_path, "leaderboard", *PAIR, "--pictures", "png", "--output", "others")
    assert sorted(path.stem for path in (tmp_path / "others" / "small").glob("*.png")) == [n[:-4] for n in drawn]
    missing = tmp_path / "missing"  # as where matplotlib is not installed
    missing.mkdir()
    (missing / "sitecustomize.py").write_text("import sys\nsys.modules['matplotlib'] = None\n")
    refused = nasbench(tmp_path, "run-all", *PAIR, "--pictures", "svg", code=2, PYTHONPATH=str(missing))
    assert refused.stderr == "error: --pictures needs matplotlib: pip install 'nasbench-suite[plots]'\n"


def test_one_and_two_workers_write_the_same_bytes(tmp_path: Path) -> None:
    boards = []
    for jobs in ("1", "2"):
        nasbench(tmp_path, "run-all", *PAIR, "--jobs", jobs, "--store", f"store{jobs}", "--output", f"boards{jobs}")
        directory = tmp_path / f"boards{jobs}" / "small"
        boards.append({p.name: p.read_bytes() for p in directory.iterdir() if not p.name.startswith("timings")})
    assert boards[0] == boards[1]
    assert {"README.md", "leaderboard.csv", "leaderboard.json"} <= set(boards[0])


def test_run_shows_one_strategy_and_fails_if_it_fails(tmp_path: Path) -> None:
    arguments = ["--benchmark", "nas-bench-201/cifar100", "--budget", "10evaluations"]
    shown = nasbench(tmp_path, "run", "regularized-evolution", *arguments, "-p", "population_size=4")
    assert "regularized-evolution(population_size=4)" in shown.stdout.replace("\n", "")
    program = nasbench(tmp_path, "run", "regularized-evolution", *arguments, "--json")
    assert json.loads(program.stdout)
    failed = nasbench(tmp_path, "run", "zoo-raises", *arguments, "--plugins-dir", str(ZOO), code=1)
    assert "raised ZeroDivisionError" in failed.stdout + failed.stderr


def test_status_tells_what_is_missing_and_what_failed(tmp_path: Path) -> None:
    zoo = ["--plugins-dir", str(ZOO), "--strategy", "zoo-raises", "--strategy", "random-search"]
    before = nasbench(tmp_path, "status", *SMALL, *zoo)
    assert "0 of 4 runs done, 4 missing" in before.stdout
    nasbench(tmp_path, "run-all", *SMALL, *zoo, code=1)
    after = nasbench(tmp_path, "status", *SMALL, *zoo)
    assert "4 of 4 runs done, 0 missing" in after.stdout
    assert "zoo-raises on nas-bench-201/cifar10: 2 failed\n  raised ZeroDivisionError" in after.stdout
    program = json.loads(nasbench(tmp_path, "status", *SMALL, *zoo, "--json").stdout)
    assert (program["done"], program["total"]) == (4, 4)


def test_lists_are_for_people_and_programs(tmp_path: Path) -> None:
    for what in ("strategies", "benchmarks", "spaces", "plugins"):
        shown = nasbench(tmp_path, "list", what).stdout
        assert max(map(len, shown.splitlines())) <= 80
        rows = json.loads(nasbench(tmp_path, "list", what, "--json").stdout)
        assert all(row["name"] for row in rows)
    strategies = json.loads(nasbench(tmp_path, "list", "strategies", "--json").stdout)
    evolution = next(row for row in strategies if row["name"] == "regularized-evolution")
    assert set(evolution["parameters"]) == {"population_size", "tournament_size"}
    assert evolution["package"] == "nasbench-suite"


@pytest.mark.parametrize(
    "architecture",
    [
        "3,3,2,1,3,3",
        "11543",
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_1x1~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|",
    ],
)
def test_query_takes_every_spelling(tmp_path: Path, architecture: str) -> None:
    found = json.loads(nasbench(tmp_path, "query", "nas-bench-201/cifar10", architecture, "--json").stdout)
    assert found["index"] == 11543
    assert found["scores"]["validation"] == pytest.approx(0.9142, abs=1e-4)
    assert "mean over training seeds" in found["provenance"]["score validation"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["run", "random-serch", "--benchmark", "nas-bench-201/cifar10", "--budget", "1"],
            2,
            "did you mean random-search",
        ),
        (["run", "random-search", "--benchmark", "cifar11", "--budget", "1"], 2, "unknown benchmark 'cifar11'"),
        (
            ["run", "random-search", "--benchmark", "nas-bench-201/cifar10", "--budget", "5 apples"],
            2,
            "expected a number and a unit",
        ),
        (
            ["run", "random-search", "--benchmark", "nas-bench-201/cifar10", "--budget", "1", "--seeds", "x"],
            2,
            "expected how many",
        ),
        (
            ["run", "random-search", "--benchmark", "nas-bench-201/cifar10", "--budget", "1", "-p", "size=3"],
            2,
            "unknown parameter",
        ),
        (["run", "random-search"], 2, "Missing option '--benchmark'"),
        (["run-all", "nas-bench-20"], 2, "did you mean nas-bench-201"),
        (["run-all", "no-such-file.toml"], 2, "cannot be read"),
        (["run-all", "--plugins-dir", "nowhere"], 1, "plugins directory nowhere does not exist"),
        (["query", "nas-bench-201/cifar10", "9,9,9,9,9,9"], 1, "options 0 to 4, not 9"),
        (["query", "nas-bench-201/cifar10", "1,1,1,1,1,1", "--epochs", "12"], 1, "12 epochs were not measured"),
        (["run-all", *SMALL, "--store", "/proc/nowhere/store"], 1, "store /proc/nowhere/store cannot be made"),
        (["lsit"], 2, "No such command"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, arguments: list[str], code: int, message: str) -> None:
    done = nasbench(tmp_path, *arguments, code=code)
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
    assert message in done.stderr


def test_a_damaged_table_is_named_in_one_line(tmp_path: Path) -> None:
    for file in (REPOSITORY / "tabular_data").iterdir():
        shutil.copy(file, tmp_path)
    table = tmp_path / "nas-bench-201.h5"
    data = bytearray(table.read_bytes())
    data[len(data) // 2] ^= 1
    table.write_bytes(data)
    done = nasbench(tmp_path, "run-all", code=1, NASBENCH_TABLES=str(tmp_path))
    assert len(done.stderr.splitlines()) == 1
    assert f"table {table} is damaged or was changed" in done.stderr
    table.unlink()
    done = nasbench(tmp_path, "query", "nas-bench-201/cifar10", "0", code=1, NASBENCH_TABLES=str(tmp_path))
    assert f"{table} is missing" in done.stderr


def test_broken_plugins_are_warnings(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "broken.py").write_text("import no_such_module")
    done = nasbench(tmp_path, "run-all", *PAIR, "--plugins-dir", "plugins")
    assert done.stderr.startswith("warning: plugin 'broken' (plugins/broken.py): raises ModuleNotFoundError")
    assert "random-search" in done.stdout


def test_completion_scripts_are_printed(tmp_path: Path) -> None:
    for shell in ("bash", "zsh", "fish"):
        assert "_NASBENCH_COMPLETE" in nasbench(tmp_path, "completion", shell).stdout


def test_a_reader_that_stops_is_no_error(tmp_path: Path) -> None:
    command = " ".join([*NASBENCH, "list", "strategies", "--json", "|", "head", "-1"])
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def in_terminal(directory: Path, *arguments: str, interrupt_after: float | None = None) -> tuple[int, str]:
    """Run in a terminal of 80 columns; returns the exit code and all that appeared."""
    master, slave = pty.openpty()
    environment = {**os.environ, "COLUMNS": "80", "LINES": "24", "TERM": "xterm"}
    process = subprocess.Popen(
        [*NASBENCH, *arguments], cwd=directory, stdin=slave, stdout=slave, stderr=slave, env=environment
    )
    os.close(slave)
    shown = b""
    started = time.monotonic()
    while True:
        if interrupt_after is not None and time.monotonic() - started > interrupt_after:
            process.send_signal(signal.SIGINT)
            interrupt_after = None
        if select.select([master], [], [], 0.1)[0]:
            try:
                data = os.read(master, 65536)
            except OSError:
                break
            if not data:
                break
            shown += data
        elif process.poll() is not None:
            break
    os.close(master)
    return process.wait(), shown.decode()


def test_a_terminal_of_80_columns_shows_bar_and_table(tmp_path: Path) -> None:
    code, shown = in_terminal(tmp_path, "run-all", *PAIR[2:])
    assert code == 0
    assert "/12" in shown  # the bar counts 2 strategies x 3 benchmarks x 2 seeds
    table = shown[shown.rindex("\x1b[") :] if "\x1b[" in shown else shown
    assert all(len(line) <= 80 for line in table.replace("\r", "").splitlines())


def test_ctrl_c_says_how_to_go_on(tmp_path: Path) -> None:
    code, shown = in_terminal(
        tmp_path, "run-all", *SMALL, "--plugins-dir", str(ZOO), "--strategy", "zoo-loops", interrupt_after=3.0
    )
    assert code == 130
    assert "stopped: 0 of 2 runs are done; the same command goes on from here" in shown
    assert "Traceback" not in shown


def test_show_explains_every_parameter(tmp_path: Path) -> None:
    shown = nasbench(tmp_path, "show", "regularized-evolution").stdout
    assert "https://arxiv.org/abs/1802.01548" in shown
    assert "  population_size=" in shown
    assert "architectures alive (P in the paper)." in shown
    assert max(map(len, shown.splitlines())) <= 80
    found = json.loads(nasbench(tmp_path, "show", "regularized-evolution", "--json").stdout)
    assert found["package"] == "nasbench-suite"
    assert [p["name"] for p in found["parameters"]] == ["population_size", "tournament_size"]
    assert "did you mean random-search" in nasbench(tmp_path, "show", "random-serch", code=2).stderr
