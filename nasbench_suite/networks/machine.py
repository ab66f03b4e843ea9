"""The machine that networks run on: threads, devices, and the memory of a process."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

import torch

from nasbench_suite.errors import UsageError


@contextmanager
def cpu_threads(threads: int | None) -> Iterator[None]:
    """Use so many CPU threads inside, and as many as before afterwards."""
    before = torch.get_num_threads()
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def check_devices(names: Sequence[str]) -> None:
    """Raise :class:`UsageError` for a device that PyTorch does not have here."""
    for name in names:
        try:
            torch.empty(0, device=name)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).partition("\n")[0]
            raise UsageError(
                f"device {name!r} cannot be used ({reason}); name another, such as cpu or cuda:0"
            ) from None


@cache
def keep_freed_memory() -> bool:
    """Let this process keep the memory of freed activations for the next ones, for as long as it lives.

    By default glibc gives large blocks back to the system when they are freed, so that every step of a training faults
    its activations in anew, page by page. Does nothing where the C library is not glibc.

    Returns:
        Whether it was done.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    top_pad, trim_threshold, mmap_threshold = -2, -1, -3  # names and numbers of malloc.h
    # Before glibc 2.35 the first may be 32 MiB at most.
    return (
        any(mallopt(mmap_threshold, size) == 1 for size in (1 << 30, 1 << 25))
        and mallopt(trim_threshold, (1 << 31) - 1) == 1
        and mallopt(top_pad, 1 << 28) == 1
    )


@contextmanager
def telling_of_memory() -> Iterator[None]:
    """Turn PyTorch's ways of saying that memory ran out into the one that Python has for it."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise MemoryError(
            f"the network does not fit the accelerator's memory: {str(error).partition('.')[0]}"
        ) from None
    except RuntimeError as error:
        if "can't allocate memory" not in str(error):
            raise
        raise MemoryError("the network does not fit the memory; use smaller batches") from None
