"""The convolutional encoder: production ids to the mean and log-variance of the posterior."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.grammar_vae.network.fused_encoder import MAX_CHANNELS, BlockEnd, convolve, convolve_ids
from models.layers.cuda_kernels import kernels_apply


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
        bound = (num_ids * kernel) ** -0.5
        self.weight = nn.Parameter(torch.empty(kernel, num_ids, channels).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(channels).uniform_(-bound, bound))

    def forward(self, ids: Tensor) -> Tensor:
        """Return (batch, time, channels) for ids (batch, time)."""
        left = (self.kernel - 1) // 2
        if ids.is_cuda:
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

    def run_kernels(self, x: Tensor, ids: Tensor) -> Tensor:
        """Return what `forward` does, in bfloat16 on a GPU.

        Args:
            x: (batch, time, channels) bfloat16, or the ids for the first block.
            ids: (batch, time), negative or the id of padding where a step is not real.
        """
        shortcut = shortcut_bias = None
        if isinstance(self.conv, TokenConv):
            y, bias = convolve_ids(x, self.conv.weight), self.conv.bias
        else:
            assert isinstance(self.conv, SameConv)
            y, bias = convolve(x, self.conv.conv.weight), self.conv.conv.bias
        match self.shortcut:
            case TokenConv():
                shortcut, shortcut_bias = convolve_ids(x, self.shortcut.weight), self.shortcut.bias
            case nn.Linear():
                shortcut, shortcut_bias = F.linear(x, self.shortcut.weight), self.shortcut.bias
            case nn.Identity():
                shortcut = x
        norm = (self.norm.weight, self.norm.bias) if isinstance(self.norm, nn.LayerNorm) else ()
        return BlockEnd.apply(y, bias, shortcut, shortcut_bias, *(norm or (None, None)), ids)  # pyright: ignore[reportReturnType]


class Encoder(nn.Module):
    """Convolution blocks and pooling: ids to the parameters of a diagonal Gaussian.

    Args:
        num_ids: productions of the grammar; `num_ids` itself stands for padding.
        num_steps: longest row, the width of the flattened form.
        z_dim: latent dimensions.
        channels: output channels of each layer.
        kernels: kernel width of each layer.
        residual: blocks with shortcuts and normalisation, or plain convolutions.
        pool: mean over real steps, or all steps side by side.
    """

    def __init__(
        self,
        *,
        num_ids: int,
        num_steps: int,
        z_dim: int,
        channels: Sequence[int],
        kernels: Sequence[int],
        residual: bool,
        pool: Literal["mean", "flatten"],
    ) -> None:
        super().__init__()
        self.num_ids = num_ids
        self.pool = pool
        blocks: list[nn.Module] = []
        for layer, (width, kernel) in enumerate(zip(channels, kernels, strict=True)):
            before = num_ids if layer == 0 else channels[layer - 1]
            conv: nn.Module = SameConv(before, width, kernel)
            shortcut: nn.Module | None = None
            if layer == 0:
                conv = TokenConv(num_ids, width, kernel)
                shortcut = TokenConv(num_ids, width, 1) if residual else None
            elif residual:
                shortcut = nn.Linear(before, width) if before != width else nn.Identity()
            blocks.append(ConvBlock(conv, shortcut, width, normalise=residual))
        self.blocks = nn.ModuleList(blocks)
        self.widest = max(channels)
        features = channels[-1] * (num_steps if pool == "flatten" else 1)
        self.posterior = nn.Linear(features, 2 * z_dim)

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance, each (batch, z_dim), of ids (batch, time), pad -1.

        `time` may be shorter than the longest row of the data: padding never changes a result.
        """
        mean, log_variance = self.side_by_side(ids).chunk(2, dim=-1)
        # Far outside this range exp() overflows in bfloat16 before the KL can pull back.
        return mean.float(), log_variance.float().clamp(-20.0, 20.0)

    def side_by_side(self, ids: Tensor) -> Tensor:
        """Return means and log-variances without limits, (batch, 2 * z_dim); see `forward`."""
        x = self._features(ids)
        if self.pool == "mean":
            total = x.sum(1, dtype=torch.promote_types(x.dtype, torch.float32))
            return self.posterior(total / (ids >= 0).sum(1, keepdim=True))
        flat = x.flatten(1)  # steps cut off are zero, so their weights are cut off too
        return F.linear(flat, self.posterior.weight[:, : flat.shape[1]], self.posterior.bias)

    def _features(self, ids: Tensor) -> Tensor:
        """Return the last block's output (batch, time, channels), zero behind each row."""
        if kernels_apply(ids.device) and self.widest <= MAX_CHANNELS:
            x = ids
            for block in self.blocks:
                assert isinstance(block, ConvBlock)
                x = block.run_kernels(x, ids)
            return x
        real = (ids >= 0).unsqueeze(-1)
        x = torch.where(ids >= 0, ids, self.num_ids)
        for block in self.blocks:
            x = block(x, real)
        return x
