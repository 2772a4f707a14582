"""Limits that a worker process sets on itself before it runs anything."""

import contextlib
import ctypes
import math
import os
import resource
import signal
import sys
import time

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def enter(memory_mb: int, parent: int) -> None:
    """Limit this process: memory, no files written, no core dumps, no children, no orphan's life.

    Args:
        memory_mb: of address space.
        parent: process whose end ends this one, at once on Linux; elsewhere a worker ends when it
            finds its connection closed.
    """
    die_with(parent)
    _lower(resource.RLIMIT_AS, memory_mb << 20)
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_NPROC, 0)


def allow_cpu(seconds: float) -> None:
    """Let this process use so much more processor time; more than that ends it."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = math.ceil(time.process_time() + seconds) + 1  # whole seconds only
    resource.setrlimit(resource.RLIMIT_CPU, (_within(soft, hard), hard))


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent ends, where the kernel can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before we asked
        os._exit(1)


def _lower(which: int, limit: int) -> None:
    _, hard = resource.getrlimit(which)
    limit = _within(limit, hard)
    with contextlib.suppress(ValueError, OSError):  # macOS refuses some limits
        resource.setrlimit(which, (limit, limit))


def _within(limit: int, hard: int) -> int:
    return limit if hard == resource.RLIM_INFINITY else min(limit, hard)
