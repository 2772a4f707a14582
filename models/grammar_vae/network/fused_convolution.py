"""Convolutions along time on the GPU: cuDNN's with channels last, or products over windows.

Windows are written, and read by two products; their gradient is written and folded. With several
trainings on a card that is a fifth of the memory traffic, which they wait for; cuDNN needs no
windows. It is asked where it is known to be fast: numbers of channels that tensor cores take, and
kernels that look as far to the left as to the right.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from models.layers.cuda_kernels import Kernel, load_kernel

_SOURCES = tuple(Path(__file__).with_name(f"{n}_kernels.cu") for n in ("shared", "block"))
_BLOCK_THREADS = 256


def convolve(x: Tensor, matrix: Tensor, step_matrix: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Return a convolution along time and a map of every step, without bias.

    Both are (batch, time, out channels) of the same x.

    Args:
        x: (batch, time, channels), bfloat16.
        matrix: (out channels, kernel * channels), bfloat16; of an even kernel the longer side is
            on the right.
        step_matrix: (out channels, channels), bfloat16; None leaves the map out.
    """
    (out, width), channels = matrix.shape, x.shape[-1]
    suits = out % 8 == 0 and channels % 8 == 0 and width // channels % 2 == 1
    return (_ByCudnn if suits else _ByWindows).apply(x, matrix, step_matrix)  # pyright: ignore[reportReturnType]


class _ByCudnn(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, matrix: Tensor, step_matrix: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        kernel, x = matrix.shape[1] // x.shape[-1], x.contiguous()
        ctx.save_for_backward(x, matrix, step_matrix)
        y = F.conv2d(_as_image(x), _as_filter(matrix, kernel), padding=(0, kernel // 2))
        mapped = None if step_matrix is None else F.linear(x, step_matrix)
        return y.squeeze(2).mT.contiguous(), mapped

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, matrix, step_matrix = ctx.saved_tensors
        kernel = matrix.shape[1] // x.shape[-1]
        with _in_fixed_order():
            d_image, d_filter, _ = torch.ops.aten.convolution_backward(
                _as_image(grads[0].contiguous()), _as_image(x), _as_filter(matrix, kernel),
                None, [1, 1], [0, kernel // 2], [1, 1], False, [0, 0], 1, [True, True, False],
            )  # fmt: skip
        d_x = d_image.squeeze(2).mT.contiguous()
        d_matrix = d_filter.squeeze(2).mT.reshape(matrix.shape)
        if step_matrix is None:
            return d_x, d_matrix, None
        d_mapped = grads[1].flatten(0, 1)
        d_x.flatten(0, 1).addmm_(d_mapped, step_matrix)
        return d_x, d_matrix, d_mapped.mT @ x.flatten(0, 1)


def _as_image(x: Tensor) -> Tensor:
    """Return x (batch, time, channels) as (batch, channels, 1, time), channels last in memory."""
    return x.mT.unsqueeze(2)


def _as_filter(matrix: Tensor, kernel: int) -> Tensor:
    """Return a matrix (out, kernel * in) as (out, in, 1, kernel)."""
    return matrix.unflatten(1, (kernel, -1)).mT.unsqueeze(2)


@contextmanager
def _in_fixed_order() -> Iterator[None]:
    """Let cuDNN add up a filter's gradient in a fixed order, so that training can be repeated."""
    before = torch.backends.cudnn.deterministic
    torch.backends.cudnn.deterministic = True
    try:
        yield
    finally:
        torch.backends.cudnn.deterministic = before


class _ByWindows(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, matrix: Tensor, step_matrix: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        x = x.contiguous()
        seen = _windows(x, matrix.shape[1] // x.shape[-1])
        ctx.save_for_backward(x, seen, matrix, step_matrix)
        return F.linear(seen, matrix), None if step_matrix is None else F.linear(x, step_matrix)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, seen, matrix, step_matrix = ctx.saved_tensors
        d_y = grads[0].flatten(0, 1)
        more = d_step_matrix = None
        if step_matrix is not None:
            d_mapped = grads[1].flatten(0, 1)
            more, d_step_matrix = d_mapped @ step_matrix, d_mapped.mT @ x.flatten(0, 1)
        d_matrix = d_y.mT @ seen.flatten(0, 1)
        return _folded(d_y @ matrix, more, x), d_matrix, d_step_matrix


def _windows(x: Tensor, kernel: int) -> Tensor:
    """Return what a convolution multiplies, (batch, time, kernel * channels), of contiguous x.

    They are zero outside the row; of an even kernel the longer side is on the right.
    """
    batch, time, channels = x.shape
    out = x.new_empty(batch, time, kernel * channels)
    count = out.numel() // _vector(channels)
    _window_kernel("windows", channels, kernel, x.device)(
        -(-count // _BLOCK_THREADS), _BLOCK_THREADS, x, out, batch, time
    )
    return out


def _folded(d_windows: Tensor, more: Tensor | None, x: Tensor) -> Tensor:
    """Return the gradient of x from that of its windows and what else comes to it, or None."""
    (batch, time, channels), kernel = x.shape, d_windows.shape[1] // x.shape[-1]
    d_x = torch.empty_like(x)
    count = d_x.numel() // _vector(channels)
    _window_kernel("fold", channels, kernel, x.device)(
        -(-count // _BLOCK_THREADS), _BLOCK_THREADS, d_windows, more, d_x, batch, time
    )
    return d_x


def one_hot_windows(ids: Tensor, num_ids: int, kernel: int) -> Tensor:
    """Return one-hot windows (batch, time, kernel * num_ids), bfloat16, of ids (batch, time).

    Ids that are negative or `num_ids` and more are zero throughout.
    """
    batch, time = ids.shape
    out = torch.empty(batch, time, kernel * num_ids, dtype=torch.bfloat16, device=ids.device)
    count = out.numel() // _vector(num_ids)
    _window_kernel("one_hot_windows", num_ids, kernel, ids.device)(
        -(-count // _BLOCK_THREADS), _BLOCK_THREADS, ids.contiguous(), out, batch, time
    )
    return out


def _vector(channels: int) -> int:
    """Return how many values a thread moves at once: 16 bytes where rows allow it."""
    return 8 if channels % 8 == 0 else 1


def _window_kernel(name: str, channels: int, kernel: int, device: torch.device) -> Kernel:
    sizes = (("CHANNELS", channels), ("KERNEL", kernel), ("VECTOR", _vector(channels)))
    return load_kernel(_SOURCES, name, sizes, 0, device)
