"""Fetching from a server that breaks off, serves wrong bytes, redirects, stalls, or is not there."""

from __future__ import annotations

import hashlib
import os
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from nasbench_suite.errors import TableError, UsageError
from nasbench_suite.tables import open_table
from nasbench_suite.tables.importers.pull import fetch, pull, sources
from nasbench_suite.tables.manifest import shipped_directory

pytest.importorskip("pooch")
CONTENT = (shipped_directory() / "nas-bench-201.h5").read_bytes()
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Behaves as the path says; counts what it was asked and from which byte."""

    asked: ClassVar[list[tuple[str, int]]] = []

    def do_GET(self) -> None:
        kind = self.path.split("/")[1]
        start = int((re.search(r"bytes=(\d+)-", self.headers.get("Range", "")) or [0, 0])[1])
        self.asked.append((kind, start))
        if kind == "moved":
            self.send_response(302)
            self.send_header("Location", "/good/table.h5")
            self.end_headers()
            return
        if kind == "gone":
            self.send_error(404)
            return
        body = CONTENT[::-1] if kind == "wrong" else b"<html>" if kind == "page" else CONTENT
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Type", "text/html" if kind == "page" else "application/octet-stream")
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        if kind == "broken":
            self.wfile.write(body[start : start + 300_000])
            return
        if kind == "stalled" and not start:
            self.wfile.write(body[:300_000])
            self.wfile.flush()
            time.sleep(1.5)
            return
        self.wfile.write(body[start:])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Handler.asked.clear()
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def get(urls: list[str], cache: Path, sha256: str | None = SHA256) -> bytes:
    return fetch("table.h5", urls, cache, sha256=sha256, stall=0.5).read_bytes()


def test_good_file_is_fetched_once(server: str, tmp_path: Path) -> None:
    assert get([f"{server}/good/table.h5"], tmp_path) == CONTENT
    assert get([f"{server}/good/table.h5"], tmp_path) == CONTENT
    assert Handler.asked == [("good", 0)]


@pytest.mark.parametrize("kind", ["broken", "stalled"])
def test_interrupted_download_goes_on(server: str, tmp_path: Path, kind: str) -> None:
    assert get([f"{server}/{kind}/table.h5"], tmp_path) == CONTENT
    starts = [start for asked, start in Handler.asked if asked == kind]
    assert starts[0] == 0 and len(starts) >= 2 and starts == sorted(starts) and starts[1] > 0


def test_redirects_and_mirrors(server: str, tmp_path: Path) -> None:
    urls = [f"{server}/{kind}/table.h5" for kind in ("gone", "page", "wrong", "moved")]
    assert get(urls, tmp_path) == CONTENT
    assert [kind for kind, _ in Handler.asked] == ["gone", "page", "wrong", "moved", "good"]


def test_nothing_right_says_what_to_put_where(server: str, tmp_path: Path) -> None:
    with pytest.raises(TableError) as caught:
        get([f"{server}/wrong/table.h5", "http://127.0.0.1:9/table.h5"], tmp_path)
    assert "wrong bytes" in str(caught.value) and "127.0.0.1:9" in str(caught.value)
    assert f"put the file table.h5 into {tmp_path}" in str(caught.value)
    assert not (tmp_path / "table.h5").exists()
    (tmp_path / "table.h5").write_bytes(CONTENT)
    assert get([], tmp_path) == CONTENT


def test_file_put_by_hand_is_checked_and_never_lost(server: str, tmp_path: Path) -> None:
    (tmp_path / "table.h5").write_bytes(b"something else")
    with pytest.raises(TableError, match=r"renamed to table\.h5\.refused"):
        get([f"{server}/gone/table.h5"], tmp_path)
    assert (tmp_path / "table.h5.refused").read_bytes() == b"something else"


def test_mirrors_of_ones_own_come_first(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables, institute = tmp_path / "tables", tmp_path / "institute"
    institute.mkdir()
    monkeypatch.setenv("NASBENCH_TABLES", f"{tables}{os.pathsep}{institute}")
    listed = [f"{server}/{kind}/table.h5" for kind in ("gone", "broken")]
    (institute / "mirrors.toml").write_text(
        f'["nats-bench-tss"]\nmirrors = ["{server}/good/x.tar"]\n["mine"]\nmirrors = {listed}\nsha256 = "{SHA256}"\n'
    )
    known = sources()
    assert known["nats-bench-tss"].mirrors[0] == f"{server}/good/x.tar"
    assert len(known["nats-bench-tss"].mirrors) == 4 and known["nats-bench-tss"].sha256
    assert pull("mine", cache=tmp_path / "cache").path == tables / "mine.h5"
    assert [kind for kind, _ in Handler.asked[:2]] == ["gone", "broken"]
    (institute / "mirrors.toml").write_text('["mine"]\nfile = "x.tar"\n')
    with pytest.raises(TableError, match="is no list of mirrors"):
        pull("mine", cache=tmp_path / "cache")


def test_every_known_file_has_several_mirrors() -> None:
    for source in sources().values():
        assert len(source.mirrors) >= 2 and all(url.startswith("https://") for url in source.mirrors)
        assert source.file.endswith((".tar", ".pth"))


def test_pulled_table_is_listed(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASBENCH_TABLES", str(tmp_path / "tables"))
    made = pull("mine", urls=[f"{server}/good/table.h5"], sha256=SHA256, cache=tmp_path)
    assert open_table("mine").listed and made.measured == 15625
    with pytest.raises(UsageError, match="unknown table to pull"):
        pull("nats-bench-tsss", cache=tmp_path)
