"""Identity of code and of records: what changes a number changes a hash, and nothing else does.

Code is hashed as its tokens without comments and docstrings, file by file, found on disk without importing anything.
A file is followed to the modules that it imports, as far as they belong to the same plugin or to those rooms of the
suite that are named; versions of other libraries are recorded elsewhere, not hashed. Records are hashed as canonical
JSON without the fields that have their default, so a new field with a default changes nothing.

Three functions are enough for most: :func:`record_hash` for values, :func:`code_hash` for functions and classes, and
:func:`strategy_sources` for what the version of a strategy is made of.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import enum
import functools
import hashlib
import importlib.util
import io
import itertools
import json
import math
import os
import pkgutil
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from importlib.metadata import PackageNotFoundError, distribution, distributions
from pathlib import Path, PurePath
from types import CodeType, FunctionType, MethodType
from typing import Any

import numpy as np

from nasbench_suite.errors import SuiteError

SUITE = "nasbench_suite"
BUILT_IN = "nasbench_strategies"

STRATEGY_ROOMS = ("training", "networks", "tasks", "search.adapters", "search.external")
"""What belongs to the version of a strategy that imports it: trainings, and the fitting of foreign optimizers."""

TRAINING_ROOMS = ("training", "networks", "tasks", "spaces")
"""What decides the digits of a training."""

SPACE_ROOMS = ("spaces",)

LONGEST_NAME = 250
"""A text in a program that is longer names neither a file nor a module."""

_IMPORTERS = frozenset({"import_module", "__import__", "exec", "runpy", "pkgutil", "spec_from_file_location"})
"""Code with one of these names may import what no import statement names."""

_STAMP_BYTES = 16
"""Of a compiled module: magic number, flags, and when its source was written."""

_CACHES = frozenset({"__pycache__", "node_modules"})
_QUIET = frozenset({tokenize.COMMENT, tokenize.NL, tokenize.ENCODING, tokenize.ENDMARKER})
_FSTRING_START = getattr(tokenize, "FSTRING_START", -1)
_FSTRING_END = getattr(tokenize, "FSTRING_END", -1)


# Records


def record_hash(*parts: object) -> str:
    """64 hexadecimal digits of the sha256 of values as canonical JSON.

    Args:
        parts: plain values, numbers and arrays of NumPy, mappings, sequences, sets, enums, functions and classes (by
            their code, see :func:`code_hash`), and dataclasses of these. Of a dataclass count its name and the fields
            that differ from their default; fields with ``compare=False`` do not count.

    Raises:
        SuiteError: a value that has no canonical form, such as a path or an open file.

    A field that got a new default would keep its hash, so the default of a field is never changed: add another field.
    """
    text = json.dumps([canonical(part) for part in parts], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def canonical(value: object) -> Any:
    """A value as plain JSON of one form; raises :class:`SuiteError` if it has none (see :func:`record_hash`)."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, enum.Enum):
        return {"enum": f"{type(value).__name__}.{value.name}"}
    if isinstance(value, (int, np.integer)):
        return str(int(value)) if abs(int(value)) >= 2**63 else int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else {"float": str(float(value))}
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, np.ndarray) and value.dtype != object:
        digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return {"array": [value.dtype.str, list(value.shape), digest]}
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"bytes": hashlib.sha256(value).hexdigest()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {"record": [type(value).__name__, _fields(value)]}
    if isinstance(value, Mapping):
        pairs = [[canonical(key), canonical(held)] for key, held in value.items()]
        return {"map": sorted(pairs, key=lambda pair: json.dumps(pair[0], sort_keys=True))}
    if isinstance(value, (list, tuple)):
        return [canonical(held) for held in value]
    if isinstance(value, (set, frozenset)):
        return {"set": sorted((canonical(held) for held in value), key=lambda held: json.dumps(held, sort_keys=True))}
    if isinstance(value, functools.partial):
        return {"partial": [canonical(value.func), canonical(value.args), canonical(value.keywords)]}
    if isinstance(value, (type, FunctionType)) or (callable(value) and not isinstance(value, PurePath)):
        name = getattr(value, "__qualname__", type(value).__qualname__)
        return {"code": [f"{value.__module__}.{name}", code_hash(value, rooms=TRAINING_ROOMS)]}
    raise SuiteError(f"{value!r} ({type(value).__name__}) cannot be part of an identity; expected plain values")


def _fields(record: Any) -> dict[str, Any]:
    """The fields of a dataclass that differ from their defaults."""
    found = {}
    for field in dataclasses.fields(record):
        if not field.compare:
            continue
        held = canonical(getattr(record, field.name))
        if field.default is not dataclasses.MISSING and held == canonical(field.default):
            continue
        if field.default_factory is not dataclasses.MISSING and held == canonical(field.default_factory()):
            continue
        found[field.name] = held
    return found


# Files


@dataclass(frozen=True)
class SourceFile:
    """One file that code is made of.

    Attributes:
        name: of the module, or of a data file after its package and a slash.
        path: where it lies; ``None`` inside an archive.
        data: its bytes.
    """

    name: str
    path: Path | None
    data: bytes = dataclasses.field(repr=False)

    @property
    def digest(self) -> bytes:
        """Of its tokens if it is Python, else of its bytes."""
        module = "/" not in self.name and self.path is None
        return file_digest(f"{self.name}.py" if module else str(self.path), self.data)


@dataclass(frozen=True)
class _Text:
    """What is kept of a Python file: the hash of its tokens, what it imports, what it could name."""

    digest: bytes
    imports: tuple[tuple[str, tuple[str, ...]], ...]
    texts: tuple[str, ...]
    imports_by_name: bool


def file_digest(name: str, data: bytes) -> bytes:
    """The sha256 of a file: of its tokens without comments and docstrings if its name is that of a Python file."""
    return _text(data).digest if _is_python(name) else hashlib.sha256(data).digest()


def files_hash(files: Iterable[tuple[str, bytes]]) -> str:
    """8 hexadecimal digits for ``(name, data)`` of files in their order: the first part of a strategy's hash."""
    return _joined(file_digest(name, data) for name, data in files)


def former_files_hash(files: Iterable[tuple[str, bytes]]) -> str:
    """What the version of a strategy ended with under plugin API 1: the same for files byte by byte."""
    return _joined(hashlib.sha256(data).digest() for _, data in files)


def _joined(digests: Iterable[bytes]) -> str:
    whole = hashlib.sha256()
    for digest in digests:
        whole.update(digest)
    return whole.hexdigest()[:8]


def _is_python(name: str) -> bool:
    return name.endswith(".py")


@functools.lru_cache(maxsize=4096)
def _text(data: bytes) -> _Text:
    """Read a Python file; one that is not Python counts by its bytes and imports nothing."""
    digest = hashlib.sha256()
    imports: list[tuple[str, tuple[str, ...]]] = []
    texts: list[str] = []
    words: set[str] = set()
    try:
        for statement in _statements(data):
            if all(kind == "string" for kind, _ in statement):  # a docstring, or a text that does nothing
                continue
            for kind, word in statement:
                digest.update(f"{kind} {len(word)} {word}\n".encode(errors="surrogatepass"))
                if kind == "string" and len(word) < LONGEST_NAME:
                    texts.append(word)
            imports += _imports([word for _, word in statement])
            words.update(word for kind, word in statement if kind == "name")
    except (tokenize.TokenError, SyntaxError, UnicodeDecodeError):
        return _Text(hashlib.sha256(data).digest(), (), (), False)
    return _Text(digest.digest(), tuple(imports), tuple(texts), bool(words & _IMPORTERS))


Token = tuple[str, str]
"""``(kind, text)``; the same for the same code under every version of Python."""

_KINDS = {
    tokenize.NAME: "name",
    tokenize.NUMBER: "number",
    tokenize.OP: "operator",
    tokenize.STRING: "string",
    tokenize.INDENT: "indent",
    tokenize.DEDENT: "dedent",
}


def _statements(data: bytes) -> Iterator[list[Token]]:
    """The logical lines of a Python file as tokens, without comments; indentation stands alone."""
    statement: list[Token] = []
    for kind, word in _tokens(data):
        if kind == "end":
            if statement:
                yield statement
            statement = []
        elif kind in ("indent", "dedent"):
            yield [(kind, "")]
        else:
            statement.append((kind, word))
    if statement:
        yield statement


def _tokens(data: bytes) -> Iterator[Token]:
    """Kinds and texts; an f-string is one token, as it was before Python 3.12."""
    lines = _decoded(data).splitlines(keepends=True)
    start = (0, 0)
    depth = 0
    for token in tokenize.tokenize(io.BytesIO(data).readline):
        if token.type == _FSTRING_START:
            start = start if depth else token.start
            depth += 1
        elif token.type == _FSTRING_END:
            depth -= 1
            if not depth:
                yield "string", _between(lines, start, token.end)
        elif depth:
            continue
        elif token.type == tokenize.NEWLINE:
            yield "end", ""
        elif token.type not in _QUIET:
            yield _KINDS.get(token.type, "other"), token.string


def _decoded(data: bytes) -> str:
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    return io.TextIOWrapper(io.BytesIO(data), encoding, newline=None).read()


def _between(lines: list[str], start: tuple[int, int], end: tuple[int, int]) -> str:
    """The text from one place (line from 1, column) to another."""
    (first, left), (last, right) = start, end
    if first == last:
        return lines[first - 1][left:right]
    return "".join([lines[first - 1][left:], *lines[first : last - 1], lines[last - 1][:right]])


def _imports(words: list[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What a statement imports: ``(module, names from it)``, or ``("", modules)``."""
    for place, word in enumerate(words):
        if word not in ("from", "import") or (place and words[place - 1] not in (":", ";")):
            continue
        rest = list(itertools.takewhile(lambda text: text != ";", words[place + 1 :]))
        if word == "from" and "import" in rest:
            cut = rest.index("import")
            yield "".join(rest[:cut]), _names(rest[cut + 1 :])
        elif word == "import":
            yield "", _names(rest)


def _names(words: Iterable[str]) -> tuple[str, ...]:
    """The names of ``a.b as c, (d, e)`` without what they are called afterwards."""
    groups = [[]]  # type: list[list[str]]
    for word in words:
        if word == ",":
            groups.append([])
        elif word not in "()":
            groups[-1].append(word)
    return tuple("".join(itertools.takewhile(lambda text: text != "as", group)) for group in groups if group)


# Modules


@dataclass(frozen=True)
class _Module:
    """A module that was found and not imported: its file and, of a package, where its modules lie."""

    name: str
    spec: ModuleSpec

    @property
    def is_package(self) -> bool:
        return self.spec.submodule_search_locations is not None

    @property
    def package(self) -> str:
        """What a relative import starts from."""
        return self.name if self.is_package else self.name.rpartition(".")[0]

    @property
    def path(self) -> Path | None:
        """Its file, if it lies on the disk."""
        origin = self.spec.origin
        return Path(origin) if self.spec.has_location and origin and os.path.isfile(origin) else None

    @property
    def directories(self) -> list[Path]:
        """Of a package, the directories that hold it."""
        return [Path(place) for place in self.spec.submodule_search_locations or () if os.path.isdir(place)]

    def read(self) -> bytes:
        """Its text, or its bytes where it has none; empty if neither can be had."""
        loader, origin = self.spec.loader, self.spec.origin or ""
        data = b""
        with contextlib.suppress(OSError, ImportError):
            if self.path is not None:
                data = _read(self.path)
            elif loader is not None and origin and hasattr(loader, "get_data"):
                data = bytes(loader.get_data(origin))
        return data[_STAMP_BYTES:] if origin.endswith(".pyc") else data


_kept: dict[tuple[str, int, int, int], bytes] = {}


def _read(path: Path) -> bytes:
    """The bytes of a file, read once for as long as it is not written."""
    told = path.stat()
    stamp = (str(path), told.st_mtime_ns, told.st_size, told.st_ino)
    if stamp not in _kept:
        _kept[stamp] = path.read_bytes()
    return _kept[stamp]


def _find(name: str) -> _Module | None:
    """A module by its full name, imported or not; nothing is imported to find it."""
    parent, _, _ = name.rpartition(".")
    imported = sys.modules.get(name)
    spec = getattr(imported, "__spec__", None)
    try:
        if spec is None and not parent:
            spec = importlib.util.find_spec(name) if imported is None else None
        elif spec is None:
            package = _find(parent)
            spec = None if package is None else _find_in(package, name)
    except (ImportError, ValueError, AttributeError, OSError):
        return None
    return None if spec is None else _Module(name, spec)


def _find_in(package: _Module, name: str) -> ModuleSpec | None:
    """A module of a package; of a part without ``__init__.py`` all places count."""
    portions: list[str] = []
    for place in package.spec.submodule_search_locations or ():
        finder = pkgutil.get_importer(place)
        spec = None if finder is None else finder.find_spec(name)
        if spec is not None and spec.loader is not None:
            return spec
        portions += (spec.submodule_search_locations or []) if spec is not None else []
    if not portions:
        return None
    namespace = ModuleSpec(name, None, is_package=True)
    namespace.submodule_search_locations = portions
    return namespace


class _Reach:
    """What code is made of: files found from where it starts, as far as they belong to it.

    Args:
        own: top-level names that belong to it in any case.
        rooms: rooms of the suite that are followed.
    """

    def __init__(self, own: Iterable[str], rooms: Iterable[str]) -> None:
        self.rooms = tuple(rooms)
        self._own = dict.fromkeys(own, True)
        self.modules: dict[str, _Module] = {}
        self.files: dict[str, SourceFile] = {}

    def follow(self, names: Iterable[str]) -> None:
        """Take modules, and what they import, and so on."""
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name in self.modules or not self.belongs(name):
                continue
            module = _find(name)
            if module is None:
                continue
            self.modules[name] = module
            data = module.read()
            if module.path is not None or data:
                self.files[name] = SourceFile(name, module.path, data)
            text = _text(data) if self._is_text(module) else _Text(b"", (), (), False)
            waiting += self._imported(module, text)
            if name.partition(".")[0] != SUITE:
                waiting += self._named(module, text)
                self._take_data(module, text)

    @staticmethod
    def _is_text(module: _Module) -> bool:
        return (module.spec.origin or "").endswith(".py")

    def belongs(self, name: str) -> bool:
        top, _, rest = name.partition(".")
        if top == SUITE:
            return name in self._own or any(rest == room or rest.startswith(room + ".") for room in self.rooms)
        if top not in self._own:
            self._own[top] = self._is_own(top)
        return self._own[top]

    @staticmethod
    def _is_own(top: str) -> bool:
        """Whether a top-level package is part of a plugin, and not a library that one uses."""
        if top in sys.stdlib_module_names or top in _PYTHONS_OWN:
            return False
        if top == BUILT_IN or top in _tops_of_plugins():
            return True
        module = _find(top)
        if module is None:
            return False
        places = [Path(module.spec.origin)] if module.spec.has_location and module.spec.origin else module.directories
        installed = any({"site-packages", "dist-packages"} & set(place.parts) for place in places)
        return not installed and not _is_distribution(top)

    def _imported(self, module: _Module, text: _Text) -> Iterator[str]:
        """The modules that a module imports; of a package itself only where something is taken from it."""
        for start, names in text.imports:
            base = _resolved(start, module.package) if start else ""
            if start and not base:  # a relative import outside of a package
                continue
            if base == SUITE:
                yield from _origins_in_suite(names)
                continue
            for name in names:
                full = f"{base}.{name}" if base else name
                inside = name != "*" and self.belongs(full) and (not base or _find(full) is not None)
                yield full if inside else base or full

    def _named(self, module: _Module, text: _Text) -> Iterator[str]:
        """Modules that code may import by a name that it makes: those that it writes out, and all of its package."""
        if not text.imports_by_name:
            return
        for written in text.texts:
            name = _literal(written)
            if re.fullmatch(r"\.*[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", name):
                found = _resolved(name, module.package)
                if self.belongs(found):
                    yield found
        package = _find(module.name.partition(".")[0])
        if package is not None and package.is_package:
            yield from _modules_of(package)

    def _take_data(self, module: _Module, text: _Text) -> None:
        """Files that are no code: those of a package, and those beside a loose module that it names."""
        if module.path is None:
            return
        top = _find(module.name.partition(".")[0])
        if top is not None and top.is_package:
            directories = top.directories if top.path is not None else [module.path.parent]
            for directory in directories:
                for path in _data_files(directory):
                    self._take_file(f"{top.name}/{path.relative_to(directory).as_posix()}", path)
            return
        for written in text.texts:
            name = _literal(written)
            if 0 < len(name) < LONGEST_NAME and "\0" not in name and not name.endswith(".py"):
                path = module.path.parent / name
                if path.is_relative_to(module.path.parent) and _is_file(path):
                    self._take_file(f"{module.name}/{name}", path)

    def _take_file(self, name: str, path: Path) -> None:
        with contextlib.suppress(OSError):
            self.files[name] = SourceFile(name, path, _read(path))


_PYTHONS_OWN = frozenset({"__main__", "__mp_main__", "builtins"})


def _resolved(name: str, package: str) -> str:
    """An absolute name; empty for a relative one outside of a package."""
    try:
        return importlib.util.resolve_name(name, package) if name.startswith(".") else name
    except ImportError:
        return ""


def _origins_in_suite(names: Iterable[str]) -> Iterator[str]:
    """The modules of the suite that define what is imported from its top."""
    root = _find(SUITE)
    made = {} if root is None else {name: start for start, held in _text(root.read()).imports for name in held}
    for name in names:
        yield made.get(name, f"{SUITE}.{name}")


def _modules_of(package: _Module) -> Iterator[str]:
    """All modules of a package on the disk, at any depth."""
    for directory in package.directories:
        for path in sorted(directory.rglob("*.py")):
            inside = path.relative_to(directory).with_suffix("")
            parts = [part for part in inside.parts if part != "__init__"]
            if not _CACHES & set(parts):
                yield ".".join([package.name, *parts])


@functools.lru_cache(maxsize=64)
def _data_files(directory: Path) -> tuple[Path, ...]:
    """The files below a directory that are no Python code and not hidden."""
    found = []
    for place, directories, files in os.walk(directory):
        directories[:] = sorted(name for name in directories if name not in _CACHES and not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and not name.endswith((".py", ".pyc", ".pyo")) and _is_file(Path(place, name)):
                found.append(Path(place, name))
    return tuple(found)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


@functools.lru_cache(maxsize=4096)
def _literal(written: str) -> str:
    """The text that a literal stands for; empty for bytes and f-strings."""
    try:
        value = ast.literal_eval(written)
    except (ValueError, SyntaxError):
        return ""
    return value if isinstance(value, str) else ""


@functools.lru_cache(maxsize=256)
def _is_distribution(name: str) -> bool:
    try:
        distribution(name)
    except (PackageNotFoundError, ValueError):
        return False
    return True


@functools.cache
def _tops_of_plugins() -> frozenset[str]:
    """The top-level modules and packages of all distributions that are plugins."""
    found: set[str] = set()
    for held in distributions():
        with contextlib.suppress(Exception):  # a broken installation of somebody's is not the question here
            if any(point.group == SUITE for point in held.entry_points):
                found |= {file.parts[0].removesuffix(".py") for file in held.files or () if file.parts}
                found |= {
                    point.value.partition(":")[0].partition(".")[0]
                    for point in held.entry_points
                    if point.group == SUITE
                }
    return frozenset(found) - {SUITE}


# Functions and classes


def code_hash(*things: object, rooms: Iterable[str] = STRATEGY_ROOMS) -> str:
    """64 hexadecimal digits for the code of functions and classes: the files that define them and what those import.

    Args:
        things: functions, classes (with the classes that they derive from), methods, partial functions, callables.
        rooms: the rooms of the suite that are followed, e.g. :data:`TRAINING_ROOMS`.
    """
    made = _made_of(things, "", rooms, defining=True)
    digest = hashlib.sha256()
    for file in made.files:
        digest.update(f"{file.name}\0".encode() + file.digest)
    digest.update(made.captured)
    return digest.hexdigest()


@dataclass(frozen=True)
class MadeOf:
    """What code is made of.

    Attributes:
        own: the files of the plugin, sorted by name.
        suite: the files of the suite that they use, sorted by name.
        captured: a hash of what functions hold besides their text: constants that were bound to them, and the code of
            those that have no file; empty if there is nothing.
    """

    own: tuple[SourceFile, ...]
    suite: tuple[SourceFile, ...]
    captured: bytes = b""

    @property
    def files(self) -> tuple[SourceFile, ...]:
        return self.own + self.suite

    @property
    def hash(self) -> str:
        """``own`` or ``own.rest``: 8 digits for the plugin's files, and 8 for all else if there is any."""
        own = _joined(file.digest for file in self.own)
        if not self.suite and not self.captured:
            return own
        return f"{own}.{_joined([*(file.digest for file in self.suite), self.captured])}"


def strategy_sources(strategy: object, function: object, home: str = "") -> MadeOf:
    """What the version of a strategy is made of.

    Its own files are those of its package that it imports, anywhere in their text, and all files of that package that
    are no code; where it imports modules by names that it makes, all modules of the package. Of the suite those of
    :data:`STRATEGY_ROOMS` count.

    Args:
        strategy: the strategy, for what its class overrides.
        function: what it calls.
        home: the module of the plugin that offers it; it counts where nothing else of the plugin does, as with a partial
            function of a library.
    """
    return _made_of([function, type(strategy)], home, STRATEGY_ROOMS)


def _made_of(things: Iterable[object], home: str, rooms: Iterable[str], *, defining: bool = False) -> MadeOf:
    walk = _Walk()
    for thing in things:
        walk.visit(thing)
    top = home.partition(".")[0]
    in_suite = {name for name in walk.modules if defining and name.partition(".")[0] == SUITE}
    reach = _Reach(({top} | in_suite) - {"", SUITE}, rooms)
    reach.follow(walk.modules)
    if home and top not in {name.partition(".")[0] for name in reach.files}:
        reach.follow([home])
    homeless = [code for name, code in walk.code if reach.belongs(name) and name not in reach.files]
    files = sorted(reach.files.values(), key=lambda file: file.name)
    return MadeOf(
        tuple(file for file in files if file.name.partition(".")[0] != SUITE),
        tuple(file for file in files if file.name.partition(".")[0] == SUITE),
        _captured(walk.constants, homeless, home),
    )


def _captured(constants: Iterable[object], homeless: Iterable[CodeType], home: str) -> bytes:
    told = [json.dumps(_told(value, home), sort_keys=True).encode() for value in constants]
    told += [_code_digest(code) for code in homeless]
    return hashlib.sha256(b"\n".join(told)).digest() if told else b""


class _Walk:
    """The functions and classes that a callable leads to: wrapped, partial, bound, or held in a closure."""

    def __init__(self) -> None:
        self.modules: dict[str, None] = {}
        self.code: list[tuple[str, CodeType]] = []
        self.constants: list[object] = []
        self._seen: set[int] = set()
        self._held: list[object] = []  # so that no number in _seen is given again

    def visit(self, thing: object) -> None:
        if id(thing) in self._seen:
            return
        self._seen.add(id(thing))
        self._held.append(thing)
        if isinstance(thing, functools.partial):
            self.visit(thing.func)
            for value in (*thing.args, *(held for pair in sorted(thing.keywords.items()) for held in pair)):
                self._hold(value)
        elif isinstance(thing, MethodType):
            self.visit(thing.__func__)
            self.visit(thing.__self__ if isinstance(thing.__self__, type) else type(thing.__self__))
        elif isinstance(thing, type):
            for base in thing.__mro__:
                self._home(base)
        elif isinstance(thing, FunctionType):
            self._home(thing)
            self.code.append((thing.__module__ or "", thing.__code__))
            self.visit(getattr(thing, "__wrapped__", thing))
            for cell in thing.__closure__ or ():
                with contextlib.suppress(ValueError):  # a cell that is not filled yet
                    self._hold(cell.cell_contents)
        elif callable(thing):
            self.visit(getattr(thing, "__wrapped__", type(thing)))
            self.visit(type(thing))

    def _home(self, thing: Any) -> None:
        if isinstance(thing.__module__, str):
            self.modules[thing.__module__] = None

    def _hold(self, value: object) -> None:
        if _is_constant(value):
            self.constants.append(value)
        elif callable(value):
            self.visit(value)


def _is_constant(value: object) -> bool:
    if isinstance(value, (tuple, frozenset)):
        return all(map(_is_constant, value))
    return value is None or type(value) in (bool, int, float, complex, str, bytes)


def _told(value: object, home: str) -> Any:
    """A constant in plain form; a text that is the path of a file counts by the file's name and content."""
    if isinstance(value, (tuple, frozenset)):
        told = [_told(held, home) for held in value]
        return told if isinstance(value, tuple) else sorted(told, key=repr)
    if isinstance(value, str) and 0 < len(value) < LONGEST_NAME and "\0" not in value:
        module = _find(home) if home else None
        beside = module.path.parent if module is not None and module.path is not None else Path()
        path = next((path for path in (Path(value), beside / value) if _is_file(path)), None)
        if path is not None:
            with contextlib.suppress(OSError):
                return [path.name, file_digest(path.name, _read(path)).hex()]
    return [type(value).__name__, repr(value)]


def _code_digest(code: CodeType) -> bytes:
    """Of a function without a file: its instructions, names and constants."""
    constants = [held for held in code.co_consts if not isinstance(held, CodeType)]
    digest = hashlib.sha256(code.co_code + repr((code.co_names, code.co_varnames, constants)).encode())
    for held in code.co_consts:
        if isinstance(held, CodeType):
            digest.update(_code_digest(held))
    return digest.digest()
