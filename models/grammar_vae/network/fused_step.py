"""A training step's gradients on the GPU, and kernels for its small work.

The small work is latents, row weights, clipping and sums.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.grammar_vae.network.fused_loss import fused_terms
from models.grammar_vae.network.network import GrammarVae
from models.layers.cuda_kernels import Kernel, load_kernel

_SOURCES = tuple(Path(__file__).with_name(f"{n}_kernels.cu") for n in ("shared", "step"))
_BLOCK_THREADS = 256
_BLOCK_ROWS = 8


@dataclass(frozen=True, kw_only=True)
class FusedBackward:
    """What `backward` and `finish` of `TrainStep` do, by kernels.

    Attributes:
        network: the network.
        competitors: (productions, productions), of the grammar's rules.
        state: sums, first_bad and first_bad_step of the training step.
        free_bits: nats of KL a row that cost nothing.
        clip_norm: largest total norm of the gradients; 0 does not clip.
    """

    network: GrammarVae
    competitors: Tensor
    state: tuple[Tensor, Tensor, Tensor]
    free_bits: float
    clip_norm: float

    def __call__(
        self, ids: Tensor, beta: Tensor, noise: Tensor, weight: Tensor, num_rows: Tensor | None
    ) -> Tensor:
        """Add the gradients of a part of a batch, and its sums; see `SummedStep.backward`.

        Returns:
            What was not finite, which `finish` takes; of several parts their sum.
        """
        posterior = self.network.encoder.side_by_side(ids)
        z, kl = Latent.apply(posterior, noise)  # pyright: ignore[reportGeneralTypeIssues]
        logits = self.network.decoder(z, ids.shape[1])
        terms = fused_terms(logits, ids, self.competitors)
        # Backward starts from the terms' gradients and not from a loss, which nobody reads: a mean
        # over rows would be a handful of kernels more.
        with torch.autocast("cuda", enabled=False):
            d_terms, d_kl, bad = weigh_rows(
                terms.detach(),
                kl.detach(),
                weight,
                beta=beta,
                sums=self.state[0],
                free_bits=self.free_bits,
                num_rows=num_rows,
            )
            torch.autograd.backward((terms, kl), (d_terms, d_kl))
        return bad

    def finish(self, bad: Tensor, norms: Tensor) -> Tensor:
        """Note the norms of the gradients and what was not finite; return the clipping factor."""
        return finish_step(norms, bad=bad, state=self.state, clip_norm=self.clip_norm)


class Latent(torch.autograd.Function):
    """Samples of the posterior and its KL divergence from the prior."""

    @staticmethod
    def forward(ctx: Any, posterior: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return z (batch, z_dim) and the KL (batch,), float32.

        Args:
            ctx: autograd's.
            posterior: (batch, 2 * z_dim) bfloat16, means and log-variances side by side.
            noise: (batch, z_dim) standard normal.
        """
        batch, z_dim = noise.shape
        posterior = posterior.contiguous()
        z, kl = torch.empty_like(noise), noise.new_empty(batch)
        _kernel("latent_forward", noise)(
            -(-batch // _BLOCK_ROWS), _BLOCK_THREADS, posterior, noise, z, kl, batch, z_dim
        )
        ctx.save_for_backward(posterior, noise)
        return z, kl

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        """Return the gradient of the posterior."""
        posterior, noise = ctx.saved_tensors
        batch, z_dim = noise.shape
        d_posterior = torch.empty_like(posterior)
        _kernel("latent_backward", noise)(
            -(-noise.numel() // _BLOCK_THREADS), _BLOCK_THREADS,
            posterior, noise, grads[0].contiguous(), grads[1].contiguous(), d_posterior,
            batch, z_dim,
        )  # fmt: skip
        return d_posterior, None


def weigh_rows(
    terms: Tensor,
    kl: Tensor,
    weight: Tensor | None,
    *,
    beta: Tensor,
    sums: Tensor,
    free_bits: float,
    num_rows: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Add a batch to `sums` and return what the backward pass starts from.

    Args:
        terms: (3, batch) cross-entropy, right steps and steps of each row.
        kl: (batch,).
        weight: (batch,) or None for 1.
        beta: () weight of the KL term.
        sums: (9,) float64, of which the first seven grow.
        free_bits: nats of KL a row that cost nothing.
        num_rows: () sum of the weights, of which these may be a part; None: of these.

    Returns:
        Gradients of the mean loss for `terms` (only the first row counts) and `kl`, and whether
        the cross-entropy and the KL are not finite, (2,) with 1 for true.
    """
    d_terms, d_kl, bad = torch.empty_like(terms), torch.empty_like(kl), kl.new_empty(2)
    _kernel("weigh_rows", kl)(
        1, _BLOCK_THREADS,
        terms, kl, weight, num_rows, beta, d_terms, d_kl, sums, bad, len(kl), free_bits,
    )  # fmt: skip
    return d_terms, d_kl, bad


def finish_step(
    norms: Tensor, bad: Tensor, state: tuple[Tensor, Tensor, Tensor], clip_norm: float
) -> Tensor:
    """Add the gradients' norms (parameters,) to `state`; return the factor that clips, ().

    Args:
        norms: of each gradient.
        bad: as `weigh_rows` returns it, for each part of the batch, added up.
        state: sums, first_bad and first_bad_step of the training step.
        clip_norm: largest total norm; 0 does not clip.
    """
    factor = norms.new_empty(())
    _kernel("finish_step", norms)(1, 32, norms, bad, factor, *state, len(norms), clip_norm)
    return factor


def _kernel(name: str, like: Tensor) -> Kernel:
    return load_kernel(_SOURCES, name, (), 0, like.device)
