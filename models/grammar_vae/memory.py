"""Memory: how much is free, and what to say when training runs out of it."""

import resource
from collections.abc import Iterator
from pathlib import Path

import torch

from models.errors import UserError
from models.grammar_vae.config import GrammarVaeConfig
from models.grammar_vae.cost import memory_of
from models.grammar_vae.data import DerivationDataset

_MB = 1e6
_SAYS_SO = ("out of memory", "can't allocate memory", "cannot allocate memory", "alloc_failed")
_USABLE = 0.85
"""Share of the free memory to fill: the estimate is not exact, and memory fragments."""


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
    """Tell whether an exception of torch or Python says that memory has run out."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(phrase in text for phrase in _SAYS_SO)


def out_of_memory(
    config: GrammarVaeConfig, dataset: DerivationDataset, device: str, free_mb: float
) -> OutOfMemory:
    """Build the error for a training that ran out of memory.

    Args:
        config: what was tried.
        dataset: on what.
        device: where.
        free_mb: memory that was free before.
    """
    sizes = {"num_productions": dataset.num_productions, "num_steps": int(dataset.ids.shape[1])}
    needed = memory_of(config, **sizes)
    fits = needed.largest_batch_size(free_mb * _USABLE)
    smaller = (
        f"--batch_size {fits} should fit"
        if 0 < fits < config.batch_size
        else "try half the --batch_size"
        if fits
        else "no batch size fits"
    )
    return OutOfMemory(
        f"out of memory on {device}: tried --batch_size {config.batch_size} with rows of "
        f"{sizes['num_steps']} steps and {needed.num_parameters:,} parameters, about "
        f"{needed.total_mb(config.batch_size):,.0f} MB where {free_mb:,.0f} MB were free. "
        f"{smaller}; or lower --encoder_hidden, --encoder_conv_layers, --decoder_hidden or "
        "--decoder_layers, or leave out the longest rows"
    )


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
