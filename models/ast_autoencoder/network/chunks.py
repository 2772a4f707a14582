"""Programs a chunk at a time: programs of like length together, each chunk cut to its longest."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.optimization.parts import most_parts, torch_threads

_CHUNK_STEPS = {"cpu": 1 << 18, "cuda": 1 << 20}
"""Rows times steps. On a CPU what a step works on stays in the cache; a GPU takes as long for few
rows as for many. Some 200 bytes are held for each meanwhile."""

ResultT = TypeVar("ResultT")


def made_on(wanted: torch.device | str) -> torch.device:
    """Return where arrays are made that are wanted on a device: on the CPU if it is of other kinds.

    Those have no integers of 64 bits, or not all operations on them.
    """
    device = torch.device(wanted)
    return device if device.type in _CHUNK_STEPS else torch.device("cpu")


def chunks_of(lengths: NDArray[np.integer], device: torch.device) -> list[NDArray[np.int64]]:
    """Return the rows of each chunk, the longest programs first; one empty chunk for no rows.

    Args:
        lengths: (N,), steps of each program.
        device: where the chunks are worked on.
    """
    order = np.argsort(-lengths.astype(np.int64), kind="stable")
    chunks = [order[:0]] if not len(order) else []
    while len(order):
        size = max(1, _CHUNK_STEPS[device.type] // max(1, int(lengths[order[0]])))
        chunks.append(order[:size])
        order = order[size:]
    return chunks


def work_on(work: Callable[[int], ResultT], num_chunks: int, device: torch.device) -> list[ResultT]:
    """Return what is made of each chunk, by number; on a CPU a few are worked on side by side.

    Python runs in one thread at a time, so that more threads would wait for each other.
    """
    num_threads = min(most_parts(), num_chunks) if device.type == "cpu" else 1
    if num_threads < 2:  # as in a GPU's queue
        with torch_threads(1):
            return [work(number) for number in range(num_chunks)]
    with torch_threads(1), ThreadPoolExecutor(num_threads) as pool:
        return list(pool.map(work, range(num_chunks)))


def put(array: Tensor, rows: Tensor, values: Tensor) -> None:
    """Write the rows of a chunk into an array; its last column stands for all behind it.

    Args:
        array: (N, T).
        rows: int64 (n,), of the chunk.
        values: (n, steps), of at most T steps.
    """
    steps = values.shape[1]
    values = values.to(array.dtype)
    array[rows, :steps] = values
    if steps < array.shape[1]:
        array[rows, steps:] = values[:, -1:]
