"""Memory: how much is free, and whether it has run out."""

import errno
import resource
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

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


@dataclass(frozen=True, kw_only=True)
class MemoryNeed:
    """What a model says of the memory of its training.

    Attributes:
        rows: what batches are made of, in words, for example `rows of 97 steps`.
        num_parameters: trainable parameters.
        mb: estimate by batch size; each further row takes as much as the one before.
        other_ways: what takes less besides smaller batches, in words.
    """

    rows: str
    num_parameters: int
    mb: Callable[[int], float]
    other_ways: str


def need_by_cost(
    describe_cost: Callable[[Any, Any], Any],
    config: Any,
    dataset: Any,
    *,
    rows: str = "rows",
    other_ways: str = "take a smaller network",
) -> MemoryNeed:
    """Return what a model needs by what it says of its cost; see `ModelSpec.describe_cost`."""
    return MemoryNeed(
        rows=rows,
        num_parameters=describe_cost(config, dataset).num_parameters,
        mb=lambda size: describe_cost(replace(config, batch_size=size), dataset).memory_mb,
        other_ways=other_ways,
    )


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


def out_of_memory(need: MemoryNeed, batch_size: int, device: str, free_mb: float) -> OutOfMemory:
    """Build the error for a training that ran out of memory.

    Args:
        need: what the model says of it.
        batch_size: that was tried.
        device: where.
        free_mb: memory that was free before.
    """
    fits = int((free_mb * USABLE - need.mb(1)) / (need.mb(2) - need.mb(1)) + 1)
    return OutOfMemory(
        f"out of memory on {device}: tried --batch_size {batch_size} with {need.rows} and "
        f"{need.num_parameters:,} parameters, about {need.mb(batch_size):,.0f} MB where "
        f"{free_mb:,.0f} MB were free. {_smaller_batch(fits, batch_size)}; or {need.other_ways}"
    )


def peak_memory_bytes() -> float:
    """Return the most main memory that this process has held, in bytes.

    `getrusage` is for systems that tell no more: on Linux it begins with the peak of the parent.
    """
    for line in _lines(Path("/proc/self/status")):
        if line.startswith("VmHWM:"):
            return float(line.split()[1]) * 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * 1024


def _smaller_batch(fits: int, batch_size: int) -> str:
    """Say what to do about a batch size that was tried, where the largest that fits is known."""
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
