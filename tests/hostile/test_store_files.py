"""The store and the files: nothing of others is changed, nothing is half written, and each fault gets its own advice."""

from __future__ import annotations

import errno
import json
import os
import resource
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from nasbench_suite import Budget, Evaluation, OutOfBudget, SuiteError
from nasbench_suite.cli import cli
from nasbench_suite.errors import OutputError, StoreError
from nasbench_suite.harness import EngineSettings, LocalExecutor, Result, Run, Store, make_executor
from nasbench_suite.harness.runs import MACHINE, is_machine_failure
from nasbench_suite.leaderboards.write import check_writable, write_file

NASBENCH = [sys.executable, "-m", "nasbench_suite.cli"]
RUN = ["run", "random-search", "--benchmark", "nas-bench-201/cifar10", "--budget", "3evaluations", "--jobs", "1"]
ALL = [
    "run-all", "nas-bench-201", "--benchmark", "nas-bench-201/cifar10", "--strategy", "random-search", "--seeds", "2",
    "--budget", "3evaluations", "--name", "own", "--jobs", "1",
]  # fmt: skip


def command(*arguments: str | Path, **keywords: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **keywords.pop("env", {})}  # type: ignore[dict-item]
    return subprocess.run(
        [*NASBENCH, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
        **keywords,  # type: ignore[call-overload]
    )


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The error of a command that failed in one line."""
    assert done.returncode in (1, 2), (done.returncode, done.stderr)
    assert "Traceback" not in done.stderr, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    return line


def limited(size: int) -> Callable[[], None]:
    """Let a process write no file larger than this, which is what a full disk looks like to it."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


# Databases of others


def study(path: Path, mode: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")
        connection.execute("CREATE TABLE trials (value REAL)")
        connection.execute("INSERT INTO trials VALUES (0.5)")
        connection.commit()


def application(path: Path, mode: str) -> None:
    study(path, mode)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA application_id = 42")
        connection.execute("PRAGMA user_version = 1")


def unfinished(path: Path, mode: str) -> None:
    """A database whose writer was killed: in write-ahead mode all of it is in the log."""
    code = (
        "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('PRAGMA journal_mode = ' + sys.argv[2]);"
        "c.execute('CREATE TABLE trials (value REAL)'); c.commit(); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(path), mode], check=True)


@pytest.mark.parametrize("mode", ["DELETE", "WAL", "PERSIST"])
@pytest.mark.parametrize("made", [study, application, unfinished])
@pytest.mark.parametrize("what", ["status", "leaderboard", "run-all"])
def test_a_database_of_others_is_refused_unchanged(
    tmp_path: Path, what: str, made: Callable[[Path, str], None], mode: str
) -> None:
    path = tmp_path / "study.db"
    made(path, mode)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    arguments = [what, "nas-bench-201", "--strategy", "random-search", "--store", str(path), "--name", "own"]
    if what != "status":
        arguments += ["--output", str(tmp_path.parent / "boards")]
    done = CliRunner().invoke(cli, arguments)
    assert isinstance(done.exception, StoreError) and "no nasbench-suite store" in str(done.exception)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_looking_makes_nothing(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["status", "nas-bench-201", "--store", str(tmp_path / "deep" / "runs.db")])
    assert done.exit_code == 0 and "0 of" in done.output
    assert not list(tmp_path.iterdir())


# Addresses


@pytest.mark.parametrize("given", ["sqlite:///{}/x.db", "{}/x.db"])
def test_a_store_may_be_written_as_other_tools_write_it(tmp_path: Path, given: str) -> None:
    done = command(*RUN, "--store", given.format(tmp_path))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "x.db").is_file()


@pytest.mark.parametrize("option", ["--store", "--output", "--curves"])
@pytest.mark.parametrize("address", ["s3://bucket/x", "postgresql://host/db", "https://host/x", "file:///tmp/x"])
def test_an_address_is_no_path(tmp_path: Path, option: str, address: str) -> None:
    done = CliRunner().invoke(cli, [*ALL, option, address])
    assert done.exit_code == 2 and "is an address" in done.output
    assert not Path(address.partition("/")[0]).exists()


# Advice


def test_a_store_that_may_only_be_read_answers(tmp_path: Path) -> None:
    path = tmp_path / "store"
    assert command(*ALL, "--store", path, "--output", tmp_path / "boards").returncode == 0
    path.chmod(stat.S_IRUSR)
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        options = [*ALL[1:-2], "--store", str(path)]
        done = CliRunner().invoke(cli, ["status", *options])
        assert "2 of 2 runs done" in done.output
    finally:
        tmp_path.chmod(stat.S_IRWXU)


def test_a_store_of_the_release_before_this_one_stays_readable_and_usable(tmp_path: Path) -> None:
    path = tmp_path / "store"
    run = Run("random-search", "1", {}, "nas-bench-201/cifar10", "ab" * 32, Budget(1), 0)
    result = Result(run, "finished", "", (Evaluation((1,), 1, 0.5, 0.5, 1),), (0.0,), 1.0, 1.0)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(
            "CREATE TABLE runs (id TEXT PRIMARY KEY, recipe TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL, "
            "journal BLOB NOT NULL, own BLOB NOT NULL, wall_seconds REAL NOT NULL, cpu_seconds REAL NOT NULL) WITHOUT ROWID"
        )
        connection.execute("CREATE TABLE claims (id TEXT PRIMARY KEY, owner TEXT NOT NULL, expires REAL NOT NULL)")
        connection.execute("INSERT INTO claims VALUES ('x', 'host/1/1', 99999999999)")
        connection.execute(f"PRAGMA application_id = {0x6E617362}")
        connection.execute("PRAGMA user_version = 1")
        connection.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?)", result.packed()[:8])
        connection.commit()
    before = path.read_bytes()
    with Store(path, read_only=True) as store:
        assert store.results([run.id]) == {run.id: result}
        assert store.loaded([run.id]) == {}
    assert path.read_bytes() == before
    with Store(path) as store:
        assert store.results([run.id]) == {run.id: result}
        assert store.claim(["x", run.id]) == ["x"]


def test_runs_of_another_identity_are_not_used_and_the_reason_is_said(tmp_path: Path) -> None:
    assert command(*ALL, "--store", tmp_path / "store", "--output", tmp_path / "boards").returncode == 0
    with Store(tmp_path / "store") as store:
        recipes = store.recipes()
        old = [Run.from_recipe(json.dumps({**json.loads(recipe), "version": "0.0.1+old"})) for recipe in recipes]
        found = store.results(Run.from_recipe(recipe).id for recipe in recipes)
        store.forget(found)
        store.put(Result(run, "finished").packed() for run in old)
    done = command(*ALL, "--store", tmp_path / "store", "--output", tmp_path / "boards")
    assert done.returncode == 0
    assert "2 runs of the store are not used, since the code of random-search is another" in done.stderr
    assert "2 runs done" in done.stderr


def test_a_locked_store_is_to_be_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, **{**k, "timeout": 0.1}))
    Store(tmp_path / "store").close()
    with closing(connect(tmp_path / "store", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with (
            pytest.raises(StoreError, match="another process has held it") as raised,
            Store(tmp_path / "store") as store,
        ):
            store.claim(["a"])
        assert "move it away" not in str(raised.value)


def test_a_full_disk_under_the_store_loses_nothing_that_was_stored(tmp_path: Path) -> None:
    store = tmp_path / "store"
    assert command(*ALL, "--store", store, "--output", tmp_path / "boards").returncode == 0
    size = store.stat().st_size
    done = command(
        *RUN, "--seeds", "60", "--store", store, preexec_fn=limited(size), env={"NASBENCH_STORE": "", "TMPDIR": "/tmp"}
    )
    line = one_line(done)
    assert "store" in line and "move it away" not in line
    again = command(*ALL, "--store", store, "--output", tmp_path / "boards")
    assert again.returncode == 0 and "nothing was left to do" in again.stderr
    assert command(*RUN, "--seeds", "60", "--store", store).returncode == 0


def test_a_damaged_store_is_to_be_moved_away(tmp_path: Path) -> None:
    Store(tmp_path / "store").close()
    data = bytearray((tmp_path / "store").read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    (tmp_path / "store").write_bytes(data)
    with pytest.raises(StoreError, match="move it away"), Store(tmp_path / "store") as store:
        store.outcomes(["a"])


# Home


@pytest.mark.parametrize("home", [None, "/nonexistent/home", "/dev/null"])
@pytest.mark.parametrize("arguments", [["list", "strategies"], ["list", "benchmarks"], ["status"]])
def test_commands_need_no_home(tmp_path: Path, arguments: list[str], home: str | None) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "HOME"}
    environment |= {} if home is None else {"HOME": home}
    done = subprocess.run(
        [*NASBENCH, *arguments], capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=100
    )
    assert done.returncode == 0, done.stderr


# Output


@pytest.mark.parametrize("where", ["file", "file/below", "file/deep/below"])
def test_an_output_that_cannot_be_is_told_before_anything_runs(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_text("mine")
    done = command(*ALL, "--store", tmp_path / "store", "--output", tmp_path / where)
    assert "cannot be written" in one_line(done) or "is a file" in one_line(done)
    assert (tmp_path / "file").read_text() == "mine"
    assert not (tmp_path / "store").exists()


def test_the_place_of_one_comparison_is_looked_at_too(tmp_path: Path) -> None:
    (tmp_path / "boards").mkdir()
    (tmp_path / "boards" / "own").write_text("mine")
    line = one_line(command(*ALL, "--store", tmp_path / "store", "--output", tmp_path / "boards"))
    assert "cannot be written" in line
    assert not (tmp_path / "store").exists()


def test_a_leaderboard_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    options = ("--store", tmp_path / "store", "--output", tmp_path / "boards")
    assert command(*ALL, *options).returncode == 0
    board = tmp_path / "boards" / "own"
    before = {path.name: path.read_bytes() for path in board.iterdir()}
    largest = max(map(len, before.values()))
    done = command("leaderboard", *ALL[1:-2], *options, preexec_fn=limited(largest // 2))
    assert "cannot be written" in one_line(done)
    assert {path.name: path.read_bytes() for path in board.iterdir()} == before


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EACCES, errno.EDQUOT, errno.EROFS])
def test_no_part_of_a_file_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    def cut(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:3])
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(Path, "write_bytes", cut)
    with pytest.raises(OutputError, match="cannot be written"):
        write_file(tmp_path / "file", "whole")
    assert not list(tmp_path.iterdir())


def test_a_place_that_can_be_written_is_left_as_it_was(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "deep")
    assert not list(tmp_path.iterdir())


def test_a_table_is_exported_whole_or_not_at_all(tmp_path: Path) -> None:
    done = command("table", "export", "digits-201", tmp_path / "table.csv", preexec_fn=limited(100_000))
    assert "cannot be written" in one_line(done)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("before", [None, "the shipped one"])
def test_a_store_without_runs_replaces_no_leaderboard(tmp_path: Path, before: str | None) -> None:
    board = tmp_path / "boards" / "own"
    if before is not None:
        board.mkdir(parents=True)
        (board / "leaderboard.json").write_text(before)
    options = [*ALL[1:-2], "--store", str(tmp_path / "store"), "--output", str(tmp_path / "boards")]
    done = CliRunner().invoke(cli, ["leaderboard", *options])
    assert isinstance(done.exception, SuiteError) and "has none of the 2 runs" in str(done.exception)
    if before is not None:
        assert [path.read_text() for path in board.iterdir()] == [before]
    assert not (tmp_path / "store").exists()


# Limits


@pytest.mark.parametrize(("key", "value"), [("time_limit", -5), ("time_limit", 0), ("memory_limit", -1)])
def test_limits_that_nothing_can_keep_are_refused(tmp_path: Path, key: str, value: int) -> None:
    (tmp_path / "own.toml").write_text(
        f'name = "own"\n{key} = {value}\n[[benchmarks]]\nname = "nas-bench-201/cifar10"\nbudget = "3evaluations"\n'
    )
    done = CliRunner().invoke(cli, ["run-all", str(tmp_path / "own.toml"), "--store", str(tmp_path / "store")])
    assert key in str(done.exception) and done.exit_code != 0
    assert not (tmp_path / "store").exists()


# The machine's failures


def test_what_the_machine_does_is_no_outcome_of_a_run() -> None:
    assert is_machine_failure(OSError(errno.ENOSPC, "no room"))
    wrapped = RuntimeError("cannot save")
    wrapped.__cause__ = OSError(errno.EIO, "broken")
    assert is_machine_failure(wrapped)
    for innocent in (OSError(errno.ENOENT, "none"), OSError(errno.EFBIG, "large"), ValueError(), OutOfBudget(), None):
        assert not is_machine_failure(innocent)


FAILS = """
import os
from nasbench_suite import hookimpl, strategy

@strategy("fails", family="other")
def fails(problem, rng):
    \"\"\"Meets a disk that is full or broken, as long as a file says so.\"\"\"
    problem.evaluate(problem.space.sample(rng))
    if os.path.exists({path!r}):
        raise OSError({error}, os.strerror({error}))

@hookimpl
def nasbench_strategies():
    return [fails]
"""


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_a_run_that_met_a_broken_machine_is_done_again(tmp_path: Path, error: int) -> None:
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    broken = tmp_path / "broken"
    broken.touch()
    (plugins / "fails.py").write_text(FAILS.format(path=str(broken), error=error))
    run = ["run", "fails", *RUN[2:], "--plugins-dir", plugins, "--store", tmp_path / "store", "--trust", "fails"]
    done = command(*run)
    assert done.returncode == 1 and "because the machine failed" in done.stderr, done.stderr
    with Store(tmp_path / "store", read_only=True) as store:
        assert store.recipes() == []
    broken.unlink()
    done = command(*run)
    assert done.returncode == 0 and "1 finished" in done.stderr, done.stderr


@pytest.mark.parametrize("outcome", [MACHINE, "lost"])
def test_such_an_outcome_is_never_read_from_a_store(tmp_path: Path, outcome: str) -> None:
    run = Run("random-search", "1", {}, "nas-bench-201/cifar10", "ab" * 32, Budget(1), 0)
    with pytest.raises(StoreError, match="does not fit"):
        Result(run, "finished").packed()._replace(outcome=outcome).unpacked()


# Engines


def test_the_engine_of_this_machine_goes_by_its_name() -> None:
    assert isinstance(make_executor("local", EngineSettings(jobs=1), {}), LocalExecutor)
    with pytest.raises(SuiteError, match="did you mean local"):
        make_executor("locale", EngineSettings(), {})


@pytest.mark.parametrize("engine", [lambda settings: object(), lambda settings: 1 / 0])
def test_an_engine_that_is_none_is_said(engine: Callable[[EngineSettings], LocalExecutor]) -> None:
    with pytest.raises(SuiteError, match="engine 'own'"):
        make_executor("own", EngineSettings(), {"own": engine})
