"""The reconstruction term on the GPU: one kernel over the logits forward, one backward."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.layers.cuda_kernels import load_kernel

_SOURCES = tuple(Path(__file__).with_name(f"{n}_kernels.cu") for n in ("shared", "loss"))
_BLOCK_THREADS = 256


class _Reconstruction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, ids: Tensor, competitors: Tensor) -> Tensor:
        batch, time, productions = logits.shape
        ids = ids.contiguous()
        terms = torch.empty(3, batch, device=logits.device)
        sizes = (("PRODUCTIONS", productions),)
        load_kernel(_SOURCES, "loss_forward", sizes, 0, logits.device)(
            batch, _BLOCK_THREADS, logits, ids, competitors, terms, batch, time, *_strides(logits)
        )
        ctx.save_for_backward(logits, ids, competitors)
        return terms

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        logits, ids, competitors = ctx.saved_tensors
        batch, time, productions = logits.shape
        d_logits = torch.empty_like(logits)  # keeps the strides
        sizes = (("PRODUCTIONS", productions),)
        load_kernel(_SOURCES, "loss_backward", sizes, 0, logits.device)(
            batch, _BLOCK_THREADS,
            logits, ids, competitors, grads[0][0].contiguous(), d_logits,
            batch, time, *_strides(logits),
        )  # fmt: skip
        return d_logits, None, None


def fused_terms(logits: Tensor, ids: Tensor, competitors: Tensor) -> Tensor:
    """Return the `RowTerms` that `loss.reconstruction` computes, (3, batch).

    Args:
        logits: (batch, time, productions), bfloat16.
        ids: (batch, time) int64, padded with -1.
        competitors: (productions, productions) bool: which ones compete with the right one.
    """
    return _Reconstruction.apply(logits, ids, competitors)  # pyright: ignore[reportReturnType]


def _strides(logits: Tensor) -> tuple[int, int]:
    row, step, production = logits.stride()
    assert production == 1
    return row, step
