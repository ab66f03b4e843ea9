"""Attempts to reach other processes and the network, to outlive a run, and to undo limits."""

import ctypes
import os
import resource
import signal
import socket
import subprocess
import sys
import zlib
from pathlib import Path

from nasbench_suite import hookimpl, strategy

MADE = []


class Prevented(Exception):
    """The attempt was in vain."""


class Unspeakable(Exception):
    """An exception whose text raises."""

    def __str__(self):
        raise RuntimeError("no text")


def search_named(name):
    def made(body):
        MADE.append(strategy(name)(body))
        return body

    return made


def attempt(name):
    """Make a strategy that evaluates once, tries something, and finishes only if it got what it wanted."""

    def made(attack):
        def search(problem, rng):
            problem.evaluate(problem.space.sample(rng))
            try:
                found = attack(problem)
            except Exception as error:
                raise Prevented(type(error).__name__) from None
            if not found:
                raise Prevented("nothing came of it")

        search.__doc__ = attack.__doc__
        MADE.append(strategy(name)(search))
        return attack

    return made


@attempt("zoo-opens-a-socket")
def opens_socket(problem):
    """Open a socket to the network."""
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM)


@attempt("zoo-opens-a-socket-of-version-6")
def opens_socket_6(problem):
    """Open a socket to the network of addresses of version 6."""
    return socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)


@attempt("zoo-downloads-by-program")
def downloads(problem):
    """Have another program open a socket to the network."""
    code = "import socket; socket.socket(socket.AF_INET)"
    return subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


@attempt("zoo-traces-its-parent")
def traces(problem):
    """Attach to the process that started this one as a debugger does."""
    return ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0) == 0


@attempt("zoo-signals-by-c")
def signals_by_c(problem):
    """End the process that started this one by C code."""
    return ctypes.CDLL(None).kill(os.getppid(), signal.SIGKILL) == 0


@attempt("zoo-signals-by-descriptor")
def signals_by_descriptor(problem):
    """End the process that started this one through a descriptor of it."""
    return signal.pidfd_send_signal(os.pidfd_open(os.getppid()), signal.SIGKILL) is None


@attempt("zoo-stops-parent-by-shell")
def stops(problem):
    """Freeze the suite from a shell."""
    grandparent = Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()[1]
    return subprocess.run(["sh", "-c", f"kill -STOP {grandparent}"], capture_output=True).returncode == 0


@attempt("zoo-undoes-its-limit")
def undoes(problem):
    """Raise its own limit of memory."""
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return True


@attempt("zoo-asks-from-a-child")
def asks_from_child(problem):
    """Ask from a forked child, into the socket of its parent."""
    pid = os.fork()
    if pid == 0:
        try:
            problem.evaluate([0] * len(problem.space.decisions))
            os._exit(0)
        except BaseException:
            os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


@search_named("zoo-kills-its-group")
def kills_group(problem, rng):
    """End all processes of its group."""
    problem.evaluate(problem.space.sample(rng))
    os.killpg(0, signal.SIGKILL)


@search_named("zoo-leaves-quietly")
def leaves(problem, rng):
    """End its process with status 0, as if all were well."""
    problem.evaluate(problem.space.sample(rng))
    os._exit(0)


@search_named("zoo-writes-garbage")
def garbage(problem, rng):
    """Write garbage into every descriptor that is open."""
    problem.evaluate(problem.space.sample(rng))
    for number in range(3, 64):
        try:
            os.write(number, b"\0garbage\n" * 9)
        except OSError:
            continue
    problem.evaluate(problem.space.sample(rng))


@search_named("zoo-claims-to-be-done")
def claims(problem, rng):
    """Write a false end into the socket of its questions, with an outcome that is none."""
    text = b'{"end":{"outcome":"won","reason":"","version":"x"}}'
    for number in range(3, 64):
        try:
            os.write(number, b"\x02" + len(text).to_bytes(4, "little") + text)
        except OSError:
            continue
    problem.evaluate(problem.space.sample(rng))


@search_named("zoo-closes-everything")
def closes(problem, rng):
    """Close every descriptor."""
    problem.evaluate(problem.space.sample(rng))
    os.closerange(3, 256)
    problem.evaluate(problem.space.sample(rng))


@search_named("zoo-freezes-itself")
def freezes(problem, rng):
    """Stop its own process."""
    problem.evaluate(problem.space.sample(rng))
    os.kill(os.getpid(), signal.SIGSTOP)


@search_named("zoo-raises-the-unspeakable")
def unspeakable(problem, rng):
    """Raise an exception whose text cannot be had."""
    problem.evaluate(problem.space.sample(rng))
    raise Unspeakable


@search_named("zoo-raises-a-surrogate")
def surrogate(problem, rng):
    """Raise an exception whose text no file can hold."""
    problem.evaluate(problem.space.sample(rng))
    raise ValueError("half a character: \udc80\x1b[31m")


@search_named("zoo-raises-at-length")
def at_length(problem, rng):
    """Raise an exception with a text of a megabyte."""
    problem.evaluate(problem.space.sample(rng))
    raise ValueError("x" * 2**20)


@search_named("zoo-breaks-compression")
def breaks_compression(problem, rng):
    """Replace what journals are compressed with."""
    zlib.compress = lambda *arguments: b"nothing"
    problem.evaluate(problem.space.sample(rng))


@search_named("zoo-leaves-sleepers")
def sleepers(problem, rng):
    """Leave programs behind that run on in sessions of their own."""
    problem.evaluate(problem.space.sample(rng))
    for _ in range(5):
        subprocess.Popen(["sh", "-c", "sleep 4711 & sleep 4711"], start_new_session=True)


@search_named("zoo-carries-a-list")
def carries(problem, rng):
    """Know good architectures from its own source."""
    for architecture in ([2, 2, 2, 2, 2, 2], [3, 3, 3, 3, 3, 3]):
        problem.evaluate(
            [option % len(d.options) for option, d in zip(architecture, problem.space.decisions, strict=False)]
        )


@hookimpl
def nasbench_strategies():
    return MADE
