"""What the machine has on which a search is to run, so that one that cannot fit is told at once.

Neither torch nor Ray is asked, whose imports take longer than all other checks.
"""

import ctypes
import os
from dataclasses import dataclass

from models.commands.process import usable_cores
from tuner.search.blocks import Resources

_MAX_NAME = 96  # NVML_DEVICE_UUID_V2_BUFFER_SIZE and NVML_DEVICE_NAME_V2_BUFFER_SIZE
_NICENESS_VARIABLE, _RAY_NICENESS = "RAY_worker_niceness", 15


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A machine.

    Attributes:
        cpu: processors that this process may use.
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
    cards = [card.memory_gb for card in all_cards()]
    return Machine(
        cpu=usable_cores(),
        gpu=_num_shown(len(cards)),
        memory_gb=pages / 1e9,
        card_gb=min((known for known in cards if known), default=None),
    )


def worker_niceness() -> int:
    """Return by how much nicer than itself Ray starts workers.

    What measures how fast they will be must not get more of a machine, on which others may work.
    """
    said = os.environ.get(_NICENESS_VARIABLE, "")
    return int(said) if said.isdecimal() else _RAY_NICENESS


def num_side_by_side(resources: Resources, machine: Machine) -> int:
    """Return how many trials that take so much the machine runs side by side."""
    pairs = ((machine.cpu, resources.cpu), (machine.gpu, resources.gpu))
    return min((int(has / wanted + 1e-9) for has, wanted in pairs if wanted), default=0)


class _Memory(ctypes.Structure):
    """What `nvmlDeviceGetMemoryInfo` fills in, in bytes."""

    _fields_ = [(name, ctypes.c_ulonglong) for name in ("total", "free", "used")]


@dataclass(frozen=True, kw_only=True)
class Card:
    """A card as its driver tells of it.

    Attributes:
        uuid: the name that is its own everywhere.
        product: what it is called by its maker.
        memory_gb: 0 where the driver does not say.
    """

    uuid: str
    product: str
    memory_gb: float


def all_cards() -> list[Card]:
    """Return the cards of this machine, those too that CUDA_VISIBLE_DEVICES hides."""
    found: list[Card] = []
    count, handle = ctypes.c_uint(0), ctypes.c_void_p()
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
        if library.nvmlInit_v2() != 0:
            return []
        library.nvmlDeviceGetCount_v2(ctypes.byref(count))
        for index in range(count.value):
            there = library.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle)) == 0
            found.append(_card(library, handle if there else None))
        library.nvmlShutdown()
    except (OSError, AttributeError):  # no driver, or an old one
        return []
    return found


def _card(library: ctypes.CDLL, handle: ctypes.c_void_p | None) -> Card:
    if handle is None:
        return Card(uuid="", product="", memory_gb=0.0)
    memory = _Memory()
    failed = library.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory))
    words = []
    for ask in (library.nvmlDeviceGetUUID, library.nvmlDeviceGetName):
        text = ctypes.create_string_buffer(_MAX_NAME)
        words.append("" if ask(handle, text, _MAX_NAME) else text.value.decode())
    uuid, product = words
    return Card(uuid=uuid, product=product, memory_gb=0.0 if failed else memory.total / 1e9)


def _num_shown(num_cards: int) -> int:
    """Return how many of the cards CUDA_VISIBLE_DEVICES does not hide."""
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    if shown is None:
        return num_cards
    return min(
        num_cards, len([part for part in shown.split(",") if part.strip() not in ("", "-1")])
    )
