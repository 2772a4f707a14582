"""The convolution blocks of the encoder, in plain PyTorch."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class TokenConv(nn.Module):
    """A convolution over one-hot ids, computed as a gather where that is faster.

    A one-hot convolution picks and adds rows of its weight. On a CPU the gather does just that;
    on a GPU the matrix product is faster and its backward needs no atomic additions.

    Args:
        num_ids: ids are 0 ... num_ids - 1; id `num_ids` is padding and contributes zero.
        channels: output channels.
        kernel: width; an even one looks one step further to the right.
    """

    def __init__(self, num_ids: int, channels: int, kernel: int) -> None:
        super().__init__()
        self.num_ids = num_ids
        self.kernel = kernel
        bound = (num_ids * kernel) ** -0.5  # as nn.Conv1d draws its weights
        self.weight = nn.Parameter(torch.empty(kernel, num_ids, channels).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(channels).uniform_(-bound, bound))

    def forward(self, ids: Tensor) -> Tensor:
        """Return (batch, time, channels) for ids (batch, time)."""
        left = (self.kernel - 1) // 2
        if ids.is_cuda:
            # Padding has a column of its own, which is cut off: it contributes zero.
            hot = F.one_hot(ids, self.num_ids + 1)[..., : self.num_ids]
            weight = self.weight.permute(2, 1, 0)
            padded = F.pad(hot.to(self.weight.dtype).mT, (left, self.kernel - 1 - left))
            return F.conv1d(padded, weight, self.bias).mT
        batch, time = ids.shape
        padding = self.kernel * self.num_ids  # one index for every padded place
        offsets = torch.arange(self.kernel, device=ids.device) * self.num_ids
        windows = F.pad(ids, (left, self.kernel - 1 - left), value=self.num_ids)
        windows = windows.unfold(1, self.kernel, 1)  # (batch, time, kernel)
        places = torch.where(windows == self.num_ids, padding, windows + offsets)
        table = F.pad(self.weight.flatten(0, 1), (0, 0, 0, 1))
        summed = F.embedding_bag(
            places.reshape(batch * time, self.kernel), table, mode="sum", padding_idx=padding
        )
        return summed.view(batch, time, -1) + self.bias


class SameConv(nn.Module):
    """A convolution along time that keeps the length, also for even kernels.

    Args:
        in_channels: input channels.
        out_channels: output channels.
        kernel: width; an even one looks one step further to the right.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        left = (kernel - 1) // 2
        self.padding = (left, kernel - 1 - left)
        self.conv = nn.Conv1d(in_channels, out_channels, kernel)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, time, out_channels) for x (batch, time, in_channels)."""
        return self.conv(F.pad(x.mT, self.padding)).mT


class ConvBlock(nn.Module):
    """Convolution, layer normalisation and GELU, with a 1x1 shortcut when `residual`.

    Normalisation is over the channels of a step, so a row's result depends neither on the other
    rows nor on the padding behind it.
    """

    def __init__(
        self, conv: nn.Module, shortcut: nn.Module | None, channels: int, *, normalise: bool
    ) -> None:
        super().__init__()
        self.conv = conv
        self.shortcut = shortcut
        self.norm = nn.LayerNorm(channels) if normalise else nn.Identity()

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        """Return (batch, time, channels), zero where `real` (batch, time, 1) is false."""
        out = F.gelu(self.norm(self.conv(x)))
        if self.shortcut is not None:
            out = out + self.shortcut(x)
        return out * real
