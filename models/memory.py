"""Memory: how much is free, and whether it has run out."""

import errno
import resource
from collections.abc import Iterator
from pathlib import Path

import torch

from models.errors import UserError

_MB = 1e6
SAYS_SO = (
    "out of memory",  # CUDA, MPS
    "can't allocate memory",  # torch's allocator on a CPU
    "not enough memory",  # the same on other systems
    "cannot allocate memory",  # the C library
    "alloc_failed",  # cuBLAS, cuDNN, cuSOLVER
)
"""What a RuntimeError says, in lower case, when memory has run out."""
USABLE = 0.85
"""Share of the free memory to fill: estimates are not exact, and memory fragments."""


class OutOfMemory(UserError):
    """Training needs more memory than there is."""


def free_memory_mb(device: str) -> float:
    """Return how much memory this process may still take on a device, in MB.

    On a CPU the least of: what the machine has available, what the control group leaves, what
    `ulimit -v` leaves.
    """
    if device.startswith("cuda"):
        return torch.cuda.mem_get_info(device)[0] / _MB
    return min(_host_limits(), default=float("inf")) / _MB


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an exception of torch, Python or this project says that memory has run out."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError | OutOfMemory):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(phrase in text for phrase in SAYS_SO)


def smaller_batch(fits: int, batch_size: int) -> str:
    """Say what to do about a batch size.

    Args:
        fits: the largest that should fit; 0 for none.
        batch_size: that was tried.
    """
    if fits < 1:
        return "no batch size fits"
    return f"--batch_size {fits} should fit" if fits < batch_size else "try half the --batch_size"


def _host_limits() -> Iterator[float]:
    """Yield what each limit of the host leaves free, in bytes."""
    for line in _lines(Path("/proc/meminfo")):
        if line.startswith("MemAvailable:"):
            yield float(line.split()[1]) * 1024
    for used, most in (
        ("memory.current", "memory.max"),  # control groups, version 2 and version 1
        ("memory/memory.usage_in_bytes", "memory/memory.limit_in_bytes"),
    ):
        folder = Path("/sys/fs/cgroup")
        numbers = [line for name in (used, most) for line in _lines(folder / name)]
        if len(numbers) == 2 and all(number.isdigit() for number in numbers):
            yield float(numbers[1]) - float(numbers[0])
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY:
        yield limit - sum(_pages(line) for line in _lines(Path("/proc/self/statm")))


def _pages(line: str) -> float:
    return float(line.split(maxsplit=1)[0]) * resource.getpagesize()


def _lines(path: Path) -> list[str]:
    """Return the lines of a file of the kernel, none where it has no such file."""
    try:
        return path.read_text(encoding="ascii").splitlines()
    except OSError:
        return []
