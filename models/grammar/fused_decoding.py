"""Constrained decoding on the GPU by one kernel, where the loop takes some 20 for each step."""

from pathlib import Path

import torch
from torch import Tensor

from models.layers.cuda_kernels import load_kernel

MAX_PLACES = 4096
"""Of a stack: with more, those of a block do not fit the memory that it has for itself."""
_SOURCE = Path(__file__).with_name("decode_kernels.cu")
_WARPS = 4


def decode_rows(
    scores: Tensor,
    net_steps: Tensor,
    pushed: Tensor,
    num_pushed: Tensor,
    *,
    start: int,
    min_length: int,
) -> Tensor:
    """Return what `constrained_decode` does without a machine, int64 (batch, time).

    Args:
        scores: float32 (batch, time, productions), what is maximised.
        net_steps: see `DeviceTables`, and so the others.
        pushed: nonterminals of the right-hand sides.
        num_pushed: how many they are.
        start: index of the start symbol.
        min_length: steps of the shortest derivation.
    """
    rows, steps, productions = scores.shape
    assert places(steps, pushed) <= MAX_PLACES
    scores = scores if scores.stride(2) == 1 else scores.contiguous()
    ids = torch.empty(rows, steps, dtype=torch.int64, device=scores.device)
    sizes = (
        ("PLACES", places(steps, pushed)),
        ("PRODUCTIONS", productions),
        ("PUSHED", pushed.shape[1]),
    )
    load_kernel((_SOURCE,), "decode_rows", sizes, 0, scores.device)(
        -(-rows // _WARPS), 32 * _WARPS,
        scores, net_steps, pushed, num_pushed, ids,
        rows, steps, *scores.stride()[:2], start, min_length,
    )  # fmt: skip
    return ids


def places(steps: int, pushed: Tensor) -> int:
    """Return how many places a stack has: each open nonterminal needs a step."""
    return steps + pushed.shape[1]
