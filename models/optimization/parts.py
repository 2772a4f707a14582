"""Parts of a batch worked on side by side, each by a thread of its own.

PyTorch spreads single operations over threads, and those of a batch of short sequences are too
small for it: the threads wait for each other longer than they work. Whole parts need no waiting.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor

LEAST_ROWS = 16
"""Of a part: with fewer, the work on a part hardly shrinks (tests/benchmarks/LOG.md)."""

_LEAST_WORK = 5000
"""Rows of a part times the width of the network: below, Python and the calls of small operations
take most of a part's time, and two threads are slower than one (tests/benchmarks/LOG.md)."""

_MOST_PARTS = 4
"""Python runs in one thread at a time, which takes an eighth to a quarter of the work on a part:
more parts would wait for each other. They share out the threads of torch instead."""

PartT = TypeVar("PartT")
ResultT = TypeVar("ResultT")


def least_rows(width: int | None) -> int:
    """Return how many rows a part has at least in a network with so many numbers a layer.

    A network of no known width has parts as small as those of a wide one.
    """
    return LEAST_ROWS if width is None else max(LEAST_ROWS, math.ceil(_LEAST_WORK / width))


def count_parts(num_rows: int, least: int = LEAST_ROWS) -> int:
    """Return how many parts a batch is best worked on in, with the threads that torch may use.

    Args:
        num_rows: of the batch.
        least: as many rows has a part at least.
    """
    return max(1, min(most_parts(), num_rows // least))


def most_parts() -> int:
    """Return how many threads of Python can work at the same time with those of torch."""
    return min(torch.get_num_threads(), _MOST_PARTS)


def dealt_out(rows: Tensor, num_parts: int) -> list[Tensor]:
    """Return the rows of each part of a batch; sorted ones give parts of like length, too."""
    # Kernels of our own take no strides.
    return [rows[first::num_parts].contiguous() for first in range(num_parts)]


def set_gradients(
    parameters: Sequence[Tensor], of_parts: Sequence[Sequence[Tensor | None]], scale: float
) -> None:
    """Give parameters the sum of the gradients of parts, always in the same order, times `scale`.

    Args:
        parameters: of the network.
        of_parts: for each part the gradient of each parameter, None where it has none.
        scale: for example 1 over the rows of the batch.
    """
    for parameter, grads in zip(parameters, zip(*of_parts, strict=True), strict=True):
        there = [grad for grad in grads if grad is not None]
        parameter.grad = torch.stack(there).sum(0).mul_(scale) if there else None


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let operations of torch use at most so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class PartWorkers:
    """Works on parts at the same time; the threads that torch may use are shared out.

    Args:
        num_parts: at most.
        least: as many rows has a part at least.
    """

    def __init__(self, num_parts: int, least: int = LEAST_ROWS) -> None:
        self.num_parts = num_parts
        self.least = least
        self._threads_a_part = max(1, torch.get_num_threads() // num_parts)
        # OpenMP has a number of threads for each thread, torch one for all.
        self._others = ThreadPoolExecutor(
            max(1, num_parts - 1),
            thread_name_prefix="part",
            initializer=torch.set_num_threads,
            initargs=(self._threads_a_part,),
        )

    def count(self, num_rows: int) -> int:
        """Return how many parts a batch is worked on in, one where there are few rows."""
        return min(self.num_parts, count_parts(num_rows, self.least))

    def run(self, work: Callable[[PartT], ResultT], parts: Sequence[PartT]) -> list[ResultT]:
        """Return the result of each part, in order; the first is worked on in this thread."""
        with torch_threads(self._threads_a_part):
            others = [self._others.submit(work, part) for part in parts[1:]]
            try:
                first = work(parts[0])
            finally:
                wait(others)  # whatever happens, nothing works on behind our back
        return [first, *(other.result() for other in others)]
