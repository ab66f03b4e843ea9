"""The leaderboards of a directory on a local page: read only, to this machine only, nothing outside the directory."""

from __future__ import annotations

import html
import json
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from nasbench_suite.errors import BundleError
from nasbench_suite.leaderboards.badges import Badge, read_badges

HOST = "127.0.0.1"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".tex": "text/plain; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".parquet": "application/vnd.apache.parquet",
    ".zip": "application/zip",
}
"""The kinds of files that are served; no other file of the directory is."""

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline' data: blob:; form-action 'none'; base-uri 'none'",
}

_STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
article { border-top: 1px solid; padding: .5rem 0 1rem }
h2 { margin: .5rem 0 }
p { margin: .25rem 0 }
.files a { margin-right: .75rem; white-space: nowrap }
"""


@dataclass(frozen=True)
class Shelf:
    """One leaderboard of a directory: its folder, what its document says, its files, and how its rows were checked."""

    folder: str
    document: dict[str, Any]
    files: tuple[str, ...]
    badges: Counter[Badge]


@dataclass(frozen=True)
class Unreadable:
    """A folder whose leaderboard cannot be shown, and why."""

    folder: str
    reason: str


def make_server(directory: Path, port: int = 0) -> ThreadingHTTPServer:
    """A server of a directory of leaderboards; ``serve_forever()`` starts it, ``server_address`` says where.

    Args:
        directory: of directories with a ``leaderboard.json``, or one of these.
        port: 0 takes one that is free.

    Raises:
        BundleError: no directory, or a port that is taken.
    """
    root = directory.resolve()
    if not root.is_dir():
        raise BundleError(f"{directory} is no directory")

    class Handler(_Handler):
        served = root

    try:
        return _Server((HOST, port), Handler)
    except (OSError, OverflowError) as error:
        raise BundleError(f"port {port} cannot be used: {getattr(error, 'strerror', None) or error}") from None


def shelves(root: Path) -> Iterator[Shelf | Unreadable]:
    """Every leaderboard in a directory, by folder; with the reason where its document cannot be read."""
    for path in sorted([root, *(item for item in root.iterdir() if item.is_dir() and not item.is_symlink())]):
        file = path / "leaderboard.json"
        folder = "" if path == root else path.name + "/"
        try:
            text = file.read_text(encoding="utf-8")
            document = json.loads(text)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            yield Unreadable(folder, error.strerror or str(error))
            continue
        except (ValueError, RecursionError):
            yield Unreadable(folder, "it is not JSON in UTF-8")
            continue
        if not _is_leaderboard(document):
            yield Unreadable(folder, "it is not the document of a leaderboard")
            continue
        files = tuple(sorted(item.name for item in path.iterdir() if item.is_file() and _is_served(item)))
        yield Shelf(folder, document, files, Counter(read_badges(path, text).values()))


def _is_leaderboard(document: Any) -> bool:
    """Whether a document has the form that the page needs; what is in its texts does not matter, they are escaped."""

    def objects(value: Any) -> bool:
        return isinstance(value, list) and all(isinstance(item, dict) for item in value)

    return (
        isinstance(document, dict)
        and isinstance(document.get("comparison"), dict)
        and isinstance(document["comparison"].get("title"), str)
        and isinstance(document["comparison"].get("seeds", []), list)
        and objects(document.get("strategies"))
        and objects(document.get("benchmarks"))
        and all(
            objects(board.get("ranked", [])) and isinstance(board.get("budget", {}), dict)
            for board in document["benchmarks"]
        )
    )


def index_page(root: Path) -> str:
    """The page that lists the leaderboards of a directory."""
    found = list(shelves(root))
    body = (
        "".join(_article(shelf) if isinstance(shelf, Shelf) else _unreadable(shelf) for shelf in found)
        or "<p>No leaderboards here yet: <code>nasbench run-all</code> makes one.</p>"
    )
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>Leaderboards</title><style>{_STYLE}</style><h1>Leaderboards</h1>{body}</html>"
    )


def _unreadable(shelf: Unreadable) -> str:
    return (
        f"<article><h2>{_text(shelf.folder or 'this directory')}</h2>"
        f"<p>leaderboard.json cannot be shown: {_text(shelf.reason)}</p></article>"
    )


def _article(shelf: Shelf) -> str:
    document, comparison = shelf.document, shelf.document["comparison"]
    main = next((name for name in ("index.html", "README.md") if name in shelf.files), "leaderboard.json")
    lines = []
    for board in document["benchmarks"]:
        ranked = board.get("ranked", [])
        best = ", ".join(str(row.get("label")) for row in ranked if row.get("position") == 1)
        budget = board.get("budget", {})
        lines.append(
            f"<p>{_text(board.get('name'))}, {_text(budget.get('amount'))} {_text(budget.get('unit'))}: "
            f"first of {len(ranked)} {_text(best) or 'nobody'}</p>"
        )
    checked = "".join(f"; {count} {_text(badge)}" for badge, count in sorted(shelf.badges.items()))
    files = "".join(f"<a href='{_link(shelf.folder + name)}'>{_text(name)}</a>" for name in shelf.files)
    return (
        f"<article><h2><a href='{_link(shelf.folder + main)}'>{_text(comparison['title'])}</a></h2>"
        f"<p>{_text(comparison.get('description', ''))}</p>"
        f"<p>{len(document['strategies'])} strategies, {len(comparison.get('seeds', []))} seeds{checked}</p>"
        f"{''.join(lines)}<p class=files>{files}</p></article>"
    )


def _text(value: object) -> str:
    return html.escape(str(value))


def _link(path: str) -> str:
    return html.escape(urllib.parse.quote("./" + path))


def _is_served(path: Path) -> bool:
    return path.suffix in TYPES and not path.name.startswith(".") and not path.is_symlink()


class _Server(ThreadingHTTPServer):
    """Serves on when a reader goes away in the middle of an answer, and says nothing of it."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that was cut is the reader's own doing."""


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD; ``served`` is the directory."""

    served: Path
    server_version = "nasbench"
    sys_version = ""
    timeout = 30

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing; the page is for one reader."""

    def _answer(self, with_body: bool) -> None:
        status, kind, body = self._found()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def _found(self) -> tuple[HTTPStatus, str, bytes]:
        plain = "text/plain; charset=utf-8"
        # A page elsewhere that points its own name at this machine must not read what is here.
        host = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get("Host", "")
        if host not in (HOST, "localhost"):
            return HTTPStatus.FORBIDDEN, plain, b"this server is for localhost\n"
        try:
            path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        except ValueError:
            return HTTPStatus.BAD_REQUEST, plain, b"this is no address\n"
        if path == "/":
            return HTTPStatus.OK, TYPES[".html"], index_page(self.served).encode()
        file = self._file(path)
        try:
            if file is not None:
                kind = TYPES[file.suffix]
                return HTTPStatus.OK, kind, file.read_bytes()
        except OSError:
            pass
        return HTTPStatus.NOT_FOUND, plain, b"not found\n"

    def _file(self, path: str) -> Path | None:
        """The file of a URL's path; ``None`` unless it truly lies within the directory."""
        parts = path.strip("/").split("/")
        if not all(parts) or any(part.startswith(".") or "\\" in part or "\0" in part or ":" in part for part in parts):
            return None
        try:
            file = self.served.joinpath(*parts).resolve()
            if file.is_dir():
                file = file / "index.html"
            inside = file.is_relative_to(self.served) and file.resolve().is_relative_to(self.served)
            return file if inside and file.is_file() and _is_served(file) else None
        except (OSError, ValueError):
            return None
