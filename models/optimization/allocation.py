"""Memory that a training step frees is kept for the next step, and what lives on is left alone."""

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3  # of malloc.h
_PAD = 64 * 1024**2
"""How far the heap grows at a time."""
_LARGEST_MMAP_THRESHOLD = 32 * 1024**2
"""glibc refuses more and then changes nothing."""


def keep_freed_memory() -> None:
    """Let this process keep freed blocks instead of handing them back to the system.

    glibc returns large blocks at once, and every step then has thousands of pages mapped anew:
    10 to 25 % of a training step on a CPU. The process keeps its peak size, which it reaches
    anyway. Without glibc nothing happens.
    """
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)
        libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
        libc.mallopt(_TOP_PAD, _PAD)


@contextmanager
def nothing_old_collected() -> Iterator[None]:
    """Let Python's collector look at nothing that is there already.

    Modules and data are hundreds of thousands of objects that live on; looking at them again and
    again takes some 8 % of a training step on a CPU.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
