"""The convolutional encoder: production ids to the mean and log-variance of the posterior."""

from collections.abc import Sequence
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.grammar_vae.network.blocks import ConvBlock, SameConv, TokenConv
from models.grammar_vae.network.fused_encoder import MAX_CHANNELS, fused_blocks, linear_of_many
from models.layers.fast_path import implementation_for
from models.layers.weights import first


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
        self.widest, self.channels = max(channels), channels[-1]
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
        # The fast path on new GPUs is `fused_blocks` in `fused_encoder.py`.
        run = implementation_for(
            ids.device,
            plain=self._run_blocks,
            fused=partial(fused_blocks, self.blocks),
            fits=self.widest <= MAX_CHANNELS,
        )
        x = run(ids)
        if self.pool == "mean":
            total = x.sum(1, dtype=torch.promote_types(x.dtype, torch.float32))
            return self.posterior(total / (ids >= 0).sum(1, keepdim=True))
        flat = x.flatten(1)  # steps cut off are zero, so their weights are cut off too
        weight = first(self.posterior.weight, flat.shape[1], dim=1)
        linear = implementation_for(ids.device, plain=F.linear, fused=linear_of_many)
        return linear(flat, weight, self.posterior.bias)

    def _run_blocks(self, ids: Tensor) -> Tensor:
        """Return the last block's output (batch, time, channels), zero behind each row."""
        real = (ids >= 0).unsqueeze(-1)
        x = torch.where(ids >= 0, ids, self.num_ids)
        for block in self.blocks:
            x = block(x, real)
        return x
