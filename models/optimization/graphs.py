"""CUDA graphs: work of fixed shape, captured once and replayed without the host.

A captured graph holds the addresses of its tensors, so whatever it reads and writes must stay
where it is: update tensors in place. Keep a `GraphCache` referenced as long as its tensors.
"""

import gc
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch

_FIRST_WARM_UPS = 2
"""The first ones also create the optimizer's moments and the libraries' handles."""


class GraphCache:
    """Captures a body of work on first use of its key and replays it from then on.

    Args:
        preserve: called before a capture's warm-up runs; returns what undoes their effects.
    """

    def __init__(self, preserve: Callable[[], Callable[[], None]]) -> None:
        self._preserve = preserve
        self._graphs: dict[Hashable, torch.cuda.CUDAGraph] = {}
        self._pool: Any = None  # torch has no public name for the type of a pool's handle
        self._holds_cache = False

    def run(self, key: Hashable, body: Callable[[], None]) -> None:
        """Replay the graph of `key`; capture it from `body` first where there is none."""
        if key not in self._graphs:
            self._graphs[key] = self._capture(body)
        self._graphs[key].replay()

    def give_back(self) -> None:
        """Give back the memory that captures needed beside what their graphs keep."""
        if self._holds_cache:
            torch.cuda.empty_cache()
            self._holds_cache = False

    def _capture(self, body: Callable[[], None]) -> torch.cuda.CUDAGraph:
        # What runs for the first time allocates workspaces and loads kernels, which a capture must
        # not see. Captures run on a side stream, and so does the warm-up.
        restore = self._preserve()
        stream = _warm_up_stream(torch.cuda.current_device())
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(1 if self._graphs else _FIRST_WARM_UPS):
                body()
                restore()  # a second run starts where the first did
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        torch.cuda.synchronize()
        # `torch.cuda.graph` would give back the memory of the warm-up each time, which the next one
        # asks for again: both wait for the device, and beside other processes for a long time.
        with _no_collection(), torch.cuda.stream(stream):
            graph.capture_begin(**({} if self._pool is None else {"pool": self._pool}))
            try:
                body()
            finally:
                graph.capture_end()
        self._holds_cache = True
        self._pool = graph.pool()  # graphs run one after another and can share their memory
        return graph


@cache
def _warm_up_stream(device: int) -> torch.cuda.Stream:
    # One for all captures: cuBLAS keeps 32 MB of workspace for every stream it ever worked on.
    return torch.cuda.Stream(device)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Collect no garbage inside: freeing an older graph would break a capture."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
