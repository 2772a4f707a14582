"""Training that can be repeated bit for bit on a GPU."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


def allow_deterministic_products() -> None:
    """Make cuBLAS's workspaces a fixed size, without which torch refuses to be deterministic.

    It looks at the environment when it is first used, so call this before.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


@contextmanager
def deterministic_operations() -> Iterator[None]:
    """Let torch add up in a fixed order, where it would be a little faster without one."""
    before = torch.are_deterministic_algorithms_enabled()
    settings: Any = torch.utils.deterministic  # whose attributes no type checker sees
    filled = settings.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    settings.fill_uninitialized_memory = False  # nothing reads it
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        settings.fill_uninitialized_memory = filled
