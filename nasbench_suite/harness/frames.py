"""Messages between the suite's processes: a mark that nothing else begins with, a kind, a length, the bytes.

Neither side unpickles what a worker sends. A stray write into a pipe shows as a frame without the mark.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Callable
from typing import Any

from nasbench_suite.errors import SuiteError

_HEAD = struct.Struct("<8scI")

MOST_BYTES = 2**28
"""The longest message that is read (256 MiB)."""


class Garbled(SuiteError):
    """Bytes in a pipe of the suite that the suite did not write."""


def new_mark() -> bytes:
    """What the messages of one pair of processes begin with; drawn anew for each pair."""
    return os.urandom(8)


def framed(mark: bytes, kind: bytes, content: bytes) -> bytes:
    """A message as bytes; ``kind`` is a single byte."""
    return _HEAD.pack(mark, kind, len(content)) + content


def read_frame(read: Callable[[int], bytes], mark: bytes) -> tuple[bytes, bytes] | None:
    """The next kind and content; ``None`` at the end.

    Args:
        read: ``read(n)`` returns ``n`` bytes, fewer at the end only.
        mark: what messages begin with.

    Raises:
        Garbled: it is no message.
    """
    head = read(_HEAD.size)
    if not head:
        return None
    if len(head) < _HEAD.size:
        raise Garbled("a message was cut off")
    found, kind, length = _HEAD.unpack(head)
    if found != mark or length > MOST_BYTES:
        raise Garbled("something wrote into the pipe that the suite's processes speak through")
    content = read(length)
    if len(content) < length:
        raise Garbled("a message was cut off")
    return kind, content


def read_exactly(channel: socket.socket, count: int) -> bytes:
    """So many bytes of a socket; fewer at its end only."""
    parts = []
    while count > 0:
        data = channel.recv(min(count, 2**20))
        if not data:
            break
        parts.append(data)
        count -= len(data)
    return b"".join(parts)


def packed_json(value: object) -> bytes:
    """Plain values as bytes."""
    return json.dumps(value, separators=(",", ":")).encode()


def unpacked_json(content: bytes) -> Any:
    """The inverse of :func:`packed_json`.

    Raises:
        Garbled: no JSON.
    """
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise Garbled("a message is not what the suite's processes write") from None
