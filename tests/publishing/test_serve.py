"""The local page: what is there is shown, and nothing else can be reached."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from bundles import small_bundle

from nasbench_suite.errors import BundleError
from nasbench_suite.leaderboards.badges import badges_text
from nasbench_suite.publishing import make_server


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    board = home / "boards" / "small"
    board.mkdir(parents=True)
    title = '"title": "<script>alert(1)</script>"'
    text = small_bundle().leaderboard
    line = next(line for line in text.splitlines() if '"title"' in line)
    text = text.replace(line.strip().rstrip(","), title)
    (board / "leaderboard.json").write_text(text)
    (board / "README.md").write_text("# Small")
    (board / "badges.json").write_text(badges_text({"local-search": "re-run", "random-search": "replayed"}, text))
    (board / ".hidden.md").write_text("hidden")
    (board / "run.py").write_text("code")
    (home / "secret.md").write_text("secret")
    (board / "link.md").symlink_to(home / "secret.md")
    (home / "boards" / "away").symlink_to(home)
    (home / "boards" / "broken").mkdir()
    (home / "boards" / "broken" / "leaderboard.json").write_text("{")
    return home / "boards"


@pytest.fixture(scope="module")
def port(root: Path) -> Iterator[int]:
    with make_server(root) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield int(server.server_address[1])
        server.shutdown()
        thread.join()


def get(port: int, path: str, method: str = "GET", host: str | None = None) -> tuple[int, str, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.putrequest(method, path, skip_host=True)
        connection.putheader("Host", host or f"localhost:{port}")
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), dict(answer.getheaders())
    finally:
        connection.close()


def test_the_index_lists_the_leaderboards_and_escapes_their_words(port: int) -> None:
    status, page, headers = get(port, "/")
    assert status == 200 and headers["Content-Type"].startswith("text/html")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page and "<script>" not in page
    for text in (
        "3 strategies, 6 seeds; 1 re-run; 1 replayed",
        "nas-bench-201/cifar10, 15 evaluations",
        "./small/README.md",
    ):
        assert text in page
    for text in ("run.py", "hidden", "link.md", "secret"):
        assert text not in page, text


def test_a_leaderboard_that_cannot_be_shown_is_named_and_hides_no_other(port: int) -> None:
    _, page, _ = get(port, "/")
    assert "broken/" in page and "cannot be shown: it is not JSON in UTF-8" in page and "./small/README.md" in page


def test_files_are_served_with_their_kind(port: int, root: Path) -> None:
    status, text, headers = get(port, "/small/leaderboard.json")
    assert (status, text) == (200, (root / "small" / "leaderboard.json").read_text())
    assert headers["Content-Type"].startswith("application/json") and headers["X-Content-Type-Options"] == "nosniff"
    assert get(port, "/small/README.md?x=1")[:2] == (200, "# Small")
    status, body, headers = get(port, "/small/README.md", "HEAD")
    assert (status, body, headers["Content-Length"]) == (200, "", "7")


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.md",
        "/small/../../secret.md",
        "/%2e%2e/secret.md",
        "/small/%2e%2e/%2e%2e/secret.md",
        "/..%2fsecret.md",
        "/small/..%5c..%5csecret.md",
        "//etc/hostname",
        "/small//README.md",
        "/small/link.md",
        "/away/secret.md",
        "/small/.hidden.md",
        "/small/run.py",
        "/small/%00README.md",
        "/small",
        "/nothing",
        "/" + "a" * 5000 + ".md",
    ],
)
def test_nothing_else_is_reached(port: int, path: str) -> None:
    status, text, _ = get(port, path)
    assert status == 404 and "secret" not in text


def test_it_is_read_only_and_for_this_machine_alone(port: int) -> None:
    for method in ("POST", "PUT", "DELETE"):
        assert get(port, "/small/README.md", method)[0] == 501
    assert get(port, "/", host="evil.example:80")[0] == 403


def test_a_missing_directory_and_a_taken_port_are_refused(root: Path) -> None:
    with pytest.raises(BundleError, match="is no directory"):
        make_server(root / "none")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(BundleError, match="cannot be used"):
            make_server(root, taken.getsockname()[1])
