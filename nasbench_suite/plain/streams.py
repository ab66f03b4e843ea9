"""Reading a pickled dict of very many records one record at a time, as plain data and in little memory.

The single files of NAS-Bench-201 and NATS-Bench are one dict, and one of its values is the dict of all records: a few
gigabytes of pickle that become six times as much when they are unpickled. ``pickle`` puts a record into its dict only
after a thousand of them are complete, and keeps everything that it ever made in case it is referred to again. Here a
small machine for the opcodes of plain data (no other opcode exists for it) hands a record over as soon as the next
one begins, and then forgets it; that it was whole is checked when the dict is filled. What later records can refer to is kept: texts, tuples, small lists and dicts, and
the makers of the allow-list, each distinct value once; the numbers under which they were memoized are kept compressed.
"""

from __future__ import annotations

import bisect
import pickletools
import struct
import zlib
from array import array
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, NoReturn

from nasbench_suite.errors import TableError
from nasbench_suite.plain.pickles import Maker, NumberType, not_allowed

BLOCK = 1 << 20
"""Bytes read at a time."""
LONGEST = 1 << 26
"""Bytes that one text may have; official ones have a few dozen."""
SMALL = 32
"""Entries up to which a list or a dict is kept for later records."""
NAMES = {opcode.code: opcode.name for opcode in pickletools.opcodes}
NUMBERS = 1 << 15
"""Distinct values after which no more numbers are kept."""
DISTINCT = 1 << 20
"""Distinct values kept for later records; official files have some twenty thousand."""


GONE = object()
"""In the place of a record that was handed over."""


class PlainStream:
    """A pickled dict, one entry of which is handed out record by record.

    Args:
        source: the pickle.
        name: of the file, for messages.
        field: key of the dict of records.
        allowed: as of :func:`~nasbench_suite.plain.pickles.load_plain`.

    Attributes:
        before: the entries of the outer dict that precede the records, once the first record was handed out.
        root: the outer dict without the records, once all were handed out.
    """

    def __init__(self, source: BinaryIO, name: str, field: str, allowed: Mapping[tuple[str, str], Maker]) -> None:
        self.before: dict[Any, Any] = {}
        self.root: Any = None
        self._source = source
        self._name = name
        self._field = field
        self._allowed = allowed
        self._data = b""
        self._texts: dict[bytes, str] = {}
        self._live: dict[int, Any] = {}
        self._settled = _Settled(name)

    def records(self) -> Iterator[tuple[Any, Any]]:
        """Key and value of every record, in the order of the file; may be iterated over once.

        Raises:
            TableError: a global that is not allowed (its name is told), an opcode that plain data does not need (its
                name is told), a damaged pickle, or a record that refers into an earlier one.
        """
        try:
            yield from self._run()
        except TableError:
            raise
        except Exception as error:  # a damaged pickle can raise almost anything
            raise TableError(f"{self._name} is not a readable pickle ({type(error).__name__}: {error})") from None

    def _run(self) -> Iterator[tuple[Any, Any]]:
        unpack = struct.Struct(">d").unpack_from
        int2, int4 = struct.Struct("<H").unpack_from, struct.Struct("<i").unpack_from
        uint4, uint8 = struct.Struct("<I").unpack_from, struct.Struct("<Q").unpack_from
        texts, live, settled = self._texts, self._live, self._settled
        stack: list[Any] = []
        frames: list[list[Any]] = []
        found = False  # whether the records have begun
        level = -1  # how many frames there are around the items of the records' dict
        counted = 0  # memoized so far
        gone = 0  # values in the records' dict that were handed over before their items were set
        data, place, end = b"", 0, 0

        while True:
            if end - place < 16:
                data, place, end = self._more(data, place, 1)
            code = data[place]
            place += 1
            if code == 0x47:  # BINFLOAT
                stack.append(unpack(data, place)[0])
                place += 8
            elif code == 0x72:  # LONG_BINPUT
                live[uint4(data, place)[0]] = stack[-1]
                counted += 1
                place += 4
            elif code == 0x58 or code == 0x8C or code == 0x8D:  # BINUNICODE, SHORT_BINUNICODE, BINUNICODE8
                if code == 0x58:
                    (length,) = uint4(data, place)
                    place += 4
                elif code == 0x8C:
                    length = data[place]
                    place += 1
                else:
                    (length,) = uint8(data, place)
                    place += 8
                if end - place < length:
                    data, place, end = self._more(data, place, self._sane(length))
                raw = data[place : place + length]
                place += length
                text = texts.get(raw)
                if text is None:
                    if len(texts) >= DISTINCT:
                        texts.clear()
                    text = texts[raw] = raw.decode("utf-8", "surrogatepass")
                stack.append(text)
            elif code == 0x4B or code == 0x4D or code == 0x4A:  # BININT1, BININT2, BININT
                if len(frames) == level and stack and not len(stack) % 2 and _is_record(stack[-1]):
                    yield stack[-2], stack[-1]
                    stack[-1] = GONE
                    gone += 1
                    settled.take(live)
                if code == 0x4B:
                    stack.append(data[place])
                    place += 1
                elif code == 0x4D:
                    stack.append(int2(data, place)[0])
                    place += 2
                else:
                    stack.append(int4(data, place)[0])
                    place += 4
            elif code == 0x68 or code == 0x6A:  # BINGET, LONG_BINGET
                if code == 0x68:
                    number = data[place]
                    place += 1
                else:
                    (number,) = uint4(data, place)
                    place += 4
                stack.append(live[number] if number in live else settled.get(number))
            elif code == 0x71:  # BINPUT
                live[data[place]] = stack[-1]
                counted += 1
                place += 1
            elif code == 0x94:  # MEMOIZE
                live[counted] = stack[-1]
                counted += 1
            elif code == 0x28:  # MARK
                if len(frames) < 2 and self._begins(stack):
                    found = found or self._found(stack, frames)
                    level = len(frames) + 1
                frames.append(stack)
                stack = []
            elif code == 0x75:  # SETITEMS
                items = stack
                if len(frames) == level:
                    if len(items) % 2:
                        raise ValueError("a key without a value")
                    for at in range(0, len(items), 2):
                        if items[at + 1] is GONE:
                            gone -= 1
                        else:
                            yield items[at], items[at + 1]
                    if gone:
                        raise TableError(f"{self._name}: the records cannot be told apart")
                    settled.take(live)
                    stack = frames.pop()
                    level = -1
                else:
                    stack = frames.pop()
                    _dict(stack[-1]).update(_pairs(items))
            elif code == 0x73:  # SETITEM
                value = stack.pop()
                key = stack.pop()
                if len(frames) < 2 and self._begins(stack):
                    found = found or self._found(stack, frames)
                    yield key, value
                    settled.take(live)
                else:
                    _dict(stack[-1])[key] = value
            elif code == 0x7D:  # EMPTY_DICT
                stack.append({})
            elif code == 0x5D:  # EMPTY_LIST
                stack.append([])
            elif code == 0x29:  # EMPTY_TUPLE
                stack.append(())
            elif code == 0x8F:  # EMPTY_SET
                stack.append(set())
            elif code == 0x85:  # TUPLE1
                stack[-1:] = [(stack[-1],)]
            elif code == 0x86:  # TUPLE2
                stack[-2:] = [(stack[-2], stack[-1])]
            elif code == 0x87:  # TUPLE3
                stack[-3:] = [(stack[-3], stack[-2], stack[-1])]
            elif code == 0x74:  # TUPLE
                items, stack = stack, frames.pop()
                stack.append(tuple(items))
            elif code == 0x61:  # APPEND
                value = stack.pop()
                _list(stack[-1]).append(value)
            elif code == 0x65:  # APPENDS
                items, stack = stack, frames.pop()
                _list(stack[-1]).extend(items)
            elif code == 0x90:  # ADDITEMS
                items, stack = stack, frames.pop()
                if type(stack[-1]) is not set:
                    raise ValueError("items added to something that is no set")
                stack[-1].update(items)
            elif code == 0x4E:  # NONE
                stack.append(None)
            elif code == 0x88 or code == 0x89:  # NEWTRUE, NEWFALSE
                stack.append(code == 0x88)
            elif code == 0x8A:  # LONG1
                length = data[place]
                if end - place <= length:
                    data, place, end = self._more(data, place, length + 1)
                stack.append(int.from_bytes(data[place + 1 : place + 1 + length], "little", signed=True))
                place += 1 + length
            elif code == 0x43 or code == 0x42:  # SHORT_BINBYTES, BINBYTES
                if code == 0x43:
                    length = data[place]
                    place += 1
                else:
                    (length,) = uint4(data, place)
                    place += 4
                if end - place < length:
                    data, place, end = self._more(data, place, self._sane(length))
                stack.append(data[place : place + length])
                place += length
            elif code == 0x63 or code == 0x69:  # GLOBAL, INST
                words = []
                for _ in range(2):
                    while (stop := data.find(b"\n", place)) < 0:
                        data, place, end = self._more(data, place, self._sane(end - place + 1))
                    words.append(data[place:stop].decode("utf-8"))
                    place = stop + 1
                if code == 0x69:
                    not_allowed(self._name, *words)
                stack.append(self._maker(*words))
            elif code == 0x93:  # STACK_GLOBAL
                name, module = stack.pop(), stack.pop()
                stack.append(self._maker(module, name))
            elif code == 0x52:  # REDUCE
                arguments, maker = stack.pop(), stack.pop()
                if type(maker) is not Maker or type(arguments) is not tuple:
                    raise TableError(f"{self._name} calls something that is no name; nothing was run")
                stack.append(maker(*arguments))
            elif code == 0x62:  # BUILD
                state = stack.pop()
                if type(stack[-1]) is Maker:
                    stack[-1].__setstate__(state)
                if type(stack[-1]) is not NumberType:
                    raise TableError(f"{self._name} sets the state of a {type(stack[-1]).__name__}; nothing was run")
                stack[-1].__setstate__(state)
            elif code == 0x95:  # FRAME
                place += 8
            elif code == 0x80:  # PROTO
                place += 1
            elif code == 0x2E:  # STOP
                break
            else:
                self._refuse(code)
        if frames or len(stack) != 1:
            raise ValueError("the pickle ends within a value")
        self.root = stack[0]
        if type(self.root) is dict:
            self.root.pop(self._field, None)
        while self._source.read(BLOCK):  # what is checked at the end of the source, is checked
            pass

    def _begins(self, stack: list[Any]) -> bool:
        """Whether what is on top is the dict of records."""
        return len(stack) > 1 and type(stack[-1]) is dict and type(stack[-2]) is str and stack[-2] == self._field

    def _found(self, stack: list[Any], frames: list[list[Any]]) -> bool:
        """Note what precedes the records, and keep all of it that can be referred to."""
        self.before = _pairs((stack if frames else stack[1:])[:-2])
        self._settled.keep(self._live)
        return True

    def _more(self, data: bytes, place: int, needed: int) -> tuple[bytes, int, int]:
        """The data from the current place on, at least ``needed`` bytes of it; the place; and the length."""
        parts = [data[place:]]
        have = len(parts[0])
        while have < needed + 16:
            block = self._source.read(BLOCK)
            if not block:
                break
            parts.append(block)
            have += len(block)
        if have < needed:
            raise EOFError("the file ends in the middle")
        return b"".join(parts), 0, have

    @staticmethod
    def _sane(length: int) -> int:
        if length > LONGEST:
            raise ValueError(f"a text of {length:,} bytes")
        return length

    def _maker(self, module: object, name: object) -> Maker:
        try:
            return self._allowed[module, name]  # type: ignore[index]  # anything else is not in it
        except (KeyError, TypeError):
            not_allowed(self._name, module, name)

    def _refuse(self, code: int) -> NoReturn:
        known = NAMES.get(chr(code))
        what = f"the opcode {known}" if known else f"byte {code} where an opcode was expected"
        raise TableError(f"{self._name} has {what}; only plain data is read, nothing was run")


class _Settled:
    """What was memoized in records that were handed over: number -> value, in little memory."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._values: list[Any] = [None]
        self._numbers: dict[Any, int] = {}
        self._starts: list[int] = []
        self._blocks: list[bytes] = []
        self._kept: dict[int, Any] = {}
        self._recent: dict[int, dict[int, int]] = {}

    def keep(self, live: dict[int, Any]) -> None:
        """Keep for good what was memoized before the first record."""
        self._kept.update(live)
        live.clear()

    def take(self, live: dict[int, Any]) -> None:
        """Forget what a record memoized, but for what others may refer to."""
        fresh = list(live)
        if not fresh:
            return
        if fresh[0] <= (self._starts[-1] if self._starts else -1) or fresh != sorted(fresh):
            raise ValueError("memo numbers that do not rise")
        numbers, values = self._numbers, self._values
        places = array("I")
        for number in fresh:
            value = live[number]
            number_or_bytes = type(value) is float or type(value) is bytes  # each record has its own
            form = None if number_or_bytes and len(values) > NUMBERS else _form(value)
            at = numbers.get(form, 0) if form is not None else 0
            if not at and form is not None and len(values) < DISTINCT:
                at = numbers[form] = len(values)
                values.append(value)
            places.append(at)
        self._starts.append(fresh[0])
        self._blocks.append(zlib.compress(array("Q", fresh).tobytes() + places.tobytes(), 1))
        live.clear()

    def get(self, number: int) -> Any:
        """What was memoized under a number.

        Raises:
            TableError: it was forgotten.
        """
        if number in self._kept:
            return self._kept[number]
        which = bisect.bisect_right(self._starts, number) - 1
        block = self._block(which) if which >= 0 else {}
        if number not in block:
            raise ValueError(f"nothing was memoized under {number}")
        if not block[number]:
            raise TableError(
                f"{self._name}: a record refers into an earlier one, so they cannot be read one by one; write each "
                "into a file of its own, as the directory format has them"
            )
        return self._values[block[number]]

    def _block(self, which: int) -> dict[int, int]:
        if which not in self._recent:
            raw = zlib.decompress(self._blocks[which])
            count = len(raw) // 12
            keys, places = array("Q", raw[: 8 * count]), array("I", raw[8 * count :])
            if len(self._recent) >= 16:
                self._recent.pop(next(iter(self._recent)))
            self._recent[which] = dict(zip(keys, places, strict=True))
        return self._recent[which]


def _form(value: Any) -> Any:
    """What stands for a value in the table of distinct ones; ``None`` for what is too large to be kept."""
    kind = type(value)
    if kind is str:
        return value
    if kind is float:
        return kind, value.hex()
    if kind is Maker:
        return kind, id(value)
    if kind is NumberType:
        return kind, value.code, value.order
    if kind in (tuple, list, set, dict):
        if len(value) > SMALL:
            return None
        inner = [_form(part) for part in value]
        if kind is dict:
            inner += [_form(part) for part in value.values()]
        return None if None in inner else (kind, *inner)
    return kind, value


def _is_record(value: Any) -> bool:
    """Whether a value that is followed by a number is a whole record, as the official ones are: dicts in a dict."""
    return type(value) is dict and bool(value) and all(type(part) is dict for part in value.values())


def _pairs(items: list[Any]) -> dict[Any, Any]:
    if len(items) % 2:
        raise ValueError("a key without a value")
    return dict(zip(items[::2], items[1::2], strict=True))


def _dict(value: Any) -> dict[Any, Any]:
    if type(value) is Maker:
        value.update  # noqa: B018  # refuses, and says whose name it is
    if type(value) is not dict:
        raise ValueError(f"items set in a {type(value).__name__}")
    return value


def _list(value: Any) -> list[Any]:
    if type(value) is Maker:
        value.append  # noqa: B018  # likewise
    if type(value) is not list:
        raise ValueError(f"items appended to a {type(value).__name__}")
    return value
