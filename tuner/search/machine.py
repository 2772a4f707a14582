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
    """

    cpu: int
    gpu: int
    memory_gb: float


def this_machine() -> Machine:
    """Return what this machine has."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(cpu=os.cpu_count() or 1, gpu=_num_gpus(), memory_gb=pages / 1e9)


def _num_gpus() -> int:
    """Return how many cards there are, less those that CUDA_VISIBLE_DEVICES hides."""
    count = ctypes.c_uint(0)
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
        if library.nvmlInit_v2() != 0:
            return 0
        library.nvmlDeviceGetCount_v2(ctypes.byref(count))
        library.nvmlShutdown()
    except (OSError, AttributeError):  # no driver, or an old one
        return 0
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    if shown is None:
        return count.value
    return min(
        count.value, len([part for part in shown.split(",") if part.strip() not in ("", "-1")])
    )
