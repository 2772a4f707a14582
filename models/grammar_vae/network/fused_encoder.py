"""Convolution blocks on the GPU: matrix products, and one kernel for all between them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.grammar_vae.network.blocks import ConvBlock, SameConv, TokenConv
from models.grammar_vae.network.fused_convolution import convolve, one_hot_windows
from models.layers.column_sums import column_sums
from models.layers.cuda_kernels import Kernel, load_kernel

MAX_CHANNELS = 1024
"""More than this does not fit the registers of a warp."""
_SOURCES = tuple(Path(__file__).with_name(f"{n}_kernels.cu") for n in ("shared", "block"))
_BLOCK_ROWS = 8
_MAX_BACKWARD_BLOCKS = 528
"""Four for each multiprocessor of an H100; each leaves one row of partial sums."""


class BlockEnd(torch.autograd.Function):
    """`(gelu(norm(y + bias)) + shortcut + shortcut_bias)` where ids are real, else 0.

    y and the shortcut are (batch, time, channels) bfloat16; the parameters are (channels,)
    float32; the shortcut and its bias may be None, and so may the scale and shift of the norm.
    """

    @staticmethod
    def forward(  # noqa: PLR0917 (autograd passes by position)
        ctx: Any,
        y: Tensor,
        bias: Tensor,
        shortcut: Tensor | None,
        shortcut_bias: Tensor | None,
        gamma: Tensor | None,
        beta: Tensor | None,
        ids: Tensor,
    ) -> Tensor:
        """Return (batch, time, channels), bfloat16."""
        y, ids = y.contiguous(), ids.contiguous()
        out = torch.empty_like(y)
        kernel = _block_kernel("block_forward", y.shape[-1], gamma is not None, y.device)
        rows = ids.numel()
        kernel(
            -(-rows // _BLOCK_ROWS), 32 * _BLOCK_ROWS,
            y, bias, None if shortcut is None else shortcut.contiguous(), shortcut_bias,
            gamma, beta, ids, out, rows,
        )  # fmt: skip
        ctx.save_for_backward(y, bias, gamma, beta, ids)
        ctx.shortcuts = (shortcut is not None, shortcut_bias is not None)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of `forward`'s tensors."""
        y, bias, gamma, beta, ids = ctx.saved_tensors
        has_shortcut, has_shortcut_bias = ctx.shortcuts
        rows, channels = ids.numel(), y.shape[-1]
        d_y = torch.empty_like(y)
        d_shortcut = torch.empty_like(y) if has_shortcut else None
        blocks = min(-(-rows // _BLOCK_ROWS), _MAX_BACKWARD_BLOCKS)
        partial = torch.empty(blocks, 4, channels, device=y.device)
        _block_kernel("block_backward", channels, gamma is not None, y.device)(
            blocks, 32 * _BLOCK_ROWS,
            grads[0].contiguous(), y, bias, gamma, beta, ids, d_y, d_shortcut, partial, rows,
        )  # fmt: skip
        d_bias, d_shortcut_bias, d_gamma, d_beta = column_sums(partial)
        return (
            d_y,
            d_bias,
            d_shortcut,
            d_shortcut_bias if has_shortcut_bias else None,
            d_gamma if gamma is not None else None,
            d_beta if gamma is not None else None,
            None,
        )


class _LinearOfMany(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return F.linear(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        return grads[0] @ weight, grads[0].mT @ x, grads[0].sum(0)


def linear_of_many(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return `F.linear` in bfloat16; the weight, of many columns, may be a part of a larger one.

    Of such a weight PyTorch's own has the gradient in the other order, and copies it.
    """
    half = torch.bfloat16
    return _LinearOfMany.apply(x.to(half), weight.to(half), bias.to(half))  # pyright: ignore[reportReturnType]


def fused_blocks(blocks: Iterable[nn.Module], ids: Tensor) -> Tensor:
    """Return what the blocks make of ids (batch, time): (batch, time, channels), bfloat16.

    Steps whose ids are negative or the id of padding are not real and stay zero.
    """
    x = ids
    for block in blocks:
        assert isinstance(block, ConvBlock)
        x = _fused_block(block, x, ids)
    return x


def _fused_block(block: ConvBlock, x: Tensor, ids: Tensor) -> Tensor:
    """Return what a block does; x is (batch, time, channels), or the ids for the first one."""
    shortcut = shortcut_bias = None
    if isinstance(block.conv, TokenConv):
        y, bias = convolve_ids(x, block.conv.weight), block.conv.bias
        if isinstance(block.shortcut, TokenConv):
            shortcut = convolve_ids(x, block.shortcut.weight)
            shortcut_bias = block.shortcut.bias
    else:
        assert isinstance(block.conv, SameConv)
        step_matrix = None
        if isinstance(block.shortcut, nn.Linear):
            step_matrix = block.shortcut.weight.to(torch.bfloat16)
            shortcut_bias = block.shortcut.bias
        matrix, bias = _as_matrix(block.conv.conv.weight), block.conv.conv.bias
        y, shortcut = convolve(x, matrix, step_matrix)
        if isinstance(block.shortcut, nn.Identity):
            shortcut = x
    norm = (block.norm.weight, block.norm.bias) if isinstance(block.norm, nn.LayerNorm) else ()
    return BlockEnd.apply(y, bias, shortcut, shortcut_bias, *(norm or (None, None)), ids)  # pyright: ignore[reportReturnType]


def _as_matrix(weight: Tensor) -> Tensor:
    """Return the weight (out, in, kernel) of a convolution as (out, kernel * in), bfloat16."""
    matrix = weight.permute(0, 2, 1)
    return matrix.to(torch.bfloat16, memory_format=torch.contiguous_format).flatten(1)


def convolve_ids(ids: Tensor, weight: Tensor) -> Tensor:
    """Return (batch, time, out channels) without bias for a weight (kernel, ids, out)."""
    kernel, num_ids, _ = weight.shape
    return one_hot_windows(ids, num_ids, kernel) @ weight.flatten(0, 1)


def _block_kernel(name: str, channels: int, normalise: bool, device: torch.device) -> Kernel:
    sizes = (("CHANNELS", channels), ("NORMALISE", int(normalise)))
    return load_kernel(_SOURCES, name, sizes, 0, device)
