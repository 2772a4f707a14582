"""Programs a chunk at a time: programs of like length together, each chunk cut to its longest."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from models.optimization.parts import most_parts, torch_threads

_CHUNK_STEPS = 1 << 18
"""Rows times steps: what a step works on stays in the cache. Some 200 bytes are held for each
meanwhile."""

ResultT = TypeVar("ResultT")


def chunks_of(lengths: NDArray[np.integer]) -> list[NDArray[np.int64]]:
    """Return the rows of each chunk, the longest programs first; one empty chunk for no rows.

    Args:
        lengths: (N,), steps of each program.
    """
    order = np.argsort(-lengths.astype(np.int64), kind="stable")
    chunks = [order[:0]] if not len(order) else []
    while len(order):
        size = max(1, _CHUNK_STEPS // max(1, int(lengths[order[0]])))
        chunks.append(order[:size])
        order = order[size:]
    return chunks


def work_on(work: Callable[[int], ResultT], num_chunks: int) -> list[ResultT]:
    """Return what is made of each chunk, by number; a few are worked on side by side.

    Python runs in one thread at a time, so that more threads would wait for each other.
    """
    num_threads = min(most_parts(), num_chunks)
    if num_threads < 2:
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
