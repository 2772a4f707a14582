"""What the machine has on which a search is to run, so that one that cannot fit is told at once.

Neither torch nor Ray is asked, whose imports take longer than all other checks.
"""

import ctypes
import os
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A machine.

    Attributes:
        cpu: processors.
        gpu: cards that this process may use.
        memory_gb: main memory.
        card_gb: memory of the smallest card; None where it is not known.
    """

    cpu: int
    gpu: int
    memory_gb: float
    card_gb: float | None = None


def this_machine() -> Machine:
    """Return what this machine has."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    cards = _cards_gb()
    return Machine(
        cpu=os.cpu_count() or 1,
        gpu=_num_shown(len(cards)),
        memory_gb=pages / 1e9,
        card_gb=min((known for known in cards if known), default=None),
    )


class _CardMemory(ctypes.Structure):
    """What `nvmlDeviceGetMemoryInfo` fills in, in bytes."""

    _fields_ = [(name, ctypes.c_ulonglong) for name in ("total", "free", "used")]


def _cards_gb() -> list[float]:
    """Return the memory of every card as its driver says it; 0 where it does not."""
    found: list[float] = []
    count, handle, memory = ctypes.c_uint(0), ctypes.c_void_p(), _CardMemory()
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
        if library.nvmlInit_v2() != 0:
            return []
        library.nvmlDeviceGetCount_v2(ctypes.byref(count))
        for index in range(count.value):
            failed = library.nvmlDeviceGetHandleByIndex_v2(
                index, ctypes.byref(handle)
            ) or library.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory))
            found.append(0.0 if failed else memory.total / 1e9)
        library.nvmlShutdown()
    except (OSError, AttributeError):  # no driver, or an old one
        return []
    return found


def _num_shown(num_cards: int) -> int:
    """Return how many of the cards CUDA_VISIBLE_DEVICES does not hide."""
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    if shown is None:
        return num_cards
    return min(
        num_cards, len([part for part in shown.split(",") if part.strip() not in ("", "-1")])
    )
