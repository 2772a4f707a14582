"""Memory that a training step frees is kept for the next step."""

import ctypes
import sys
from contextlib import suppress

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h
_LARGEST_MMAP_THRESHOLD = 32 * 1024**2


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
