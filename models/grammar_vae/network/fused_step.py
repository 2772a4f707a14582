"""A training step's gradients on the GPU, and kernels for its small work.

The small work is latents, row weights, clipping and sums.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.optim import Adam

from models.grammar_vae.network.fused_loss import fused_terms
from models.grammar_vae.network.fused_weights import network_weights
from models.grammar_vae.network.network import GrammarVae
from models.layers.cuda_kernels import Kernel, load_kernel
from models.optimization.fused_adam import FusedAdam

_SOURCES = tuple(Path(__file__).with_name(f"{n}_kernels.cu") for n in ("shared", "step"))
_BLOCK_THREADS = 256
_BLOCK_ROWS = 8


class FusedStep:
    """What `backward` and `update` of `TrainStep` do, by kernels.

    Args:
        network: the network.
        optimizer: over its parameters.
        competitors: (productions, productions), of the grammar's rules.
        state: sums, first_bad and first_bad_step of the training step.
        free_bits: nats of KL a row that cost nothing.
        clip_norm: largest total norm of the gradients; 0 does not clip.
    """

    def __init__(
        self,
        network: GrammarVae,
        optimizer: Adam,
        *,
        competitors: Tensor,
        state: tuple[Tensor, Tensor, Tensor],
        free_bits: float,
        clip_norm: float,
    ) -> None:
        self.path = _Path(network, competitors)
        self.weights = network_weights(network)
        self.adam = FusedAdam(optimizer, list(self.weights.values()))
        self.state = state
        self.free_bits = free_bits
        self.clip_norm = clip_norm
        self.leaves: Mapping[str, Tensor] = {}

    @property
    def copies(self) -> tuple[Tensor, ...]:
        """The copies of weights, which an update changes with the parameters."""
        return tuple(w.copy for w in self.weights.values() if w.copy is not None)

    def backward(
        self, ids: Tensor, beta: Tensor, noise: Tensor, weight: Tensor, num_rows: Tensor | None
    ) -> Tensor:
        """Find the gradients of a part of a batch, and add its sums; see `SummedStep.backward`.

        Returns:
            What was not finite, which `update` takes; of several parts their sum.
        """
        if num_rows is None:
            self.leaves = self._leaves(ids.shape[1])
        else:  # gradients of parts are added up in float32
            self.leaves = {name: w.parameter for name, w in self.weights.items()}
        terms, kl = functional_call(self.path, dict(self.leaves), (ids, noise))
        with torch.autocast("cuda", enabled=False):
            weighed = (weight, num_rows, beta, self.state[0], self.free_bits)
            loss, bad = Loss.apply(terms, kl, *weighed)  # pyright: ignore[reportGeneralTypeIssues]
            loss.backward()
        return bad

    def update(self, bad: Tensor) -> None:
        """Clip the gradients, update, and note their norms and what was not finite."""
        grads = []
        for name, leaf in self.leaves.items():
            assert leaf.grad is not None, name
            is_swapped = self.weights[name].is_swapped
            grads.append(leaf.grad.mT.contiguous().mT if is_swapped else leaf.grad.contiguous())
        self.leaves = {}
        norms = self.adam.norms(grads)
        factor = finish_step(norms, bad=bad, state=self.state, clip_norm=self.clip_norm)
        self.adam.update(grads, factor)

    def _leaves(self, num_steps: int) -> dict[str, Tensor]:
        """Return what the gradients of a batch with so many steps are of."""
        cuts = {"decoder.step_input": (num_steps, 0), "decoder.step_weight": (num_steps, 0)}
        encoder = self.path.encoder
        if encoder.pool == "flatten":
            cuts["encoder.posterior.weight"] = (num_steps * encoder.channels, 1)
        leaves = {}
        for name, weight in self.weights.items():
            count, dim = cuts.get(name, (1, 0))
            is_cut = name in cuts and count < weight.parameter.shape[dim]
            leaves[name] = weight.leaf(count, dim) if is_cut else weight.leaf()
        return leaves


class _Path(nn.Module):
    """The network from rows to the terms of their loss, under the names of its weights."""

    def __init__(self, network: GrammarVae, competitors: Tensor) -> None:
        super().__init__()
        self.encoder = network.encoder
        self.decoder = network.decoder
        self.competitors = competitors

    def forward(self, ids: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return the terms (3, batch) and the KL (batch,) of ids (batch, time)."""
        posterior = self.encoder.side_by_side(ids)
        z, kl = Latent.apply(posterior, noise)  # pyright: ignore[reportGeneralTypeIssues]
        return fused_terms(self.decoder(z, ids.shape[1]), ids, self.competitors), kl


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


class Loss(torch.autograd.Function):
    """Where backward starts: `weigh_rows`, with a loss that nobody reads and so has no value.

    A mean over rows would be a handful of kernels more. To start from the gradients of terms and
    KL, PyTorch would import sympy: 3 s in every process.
    """

    @staticmethod
    def forward(  # noqa: PLR0917 (autograd passes by position)
        ctx: Any,
        terms: Tensor,
        kl: Tensor,
        weight: Tensor,
        num_rows: Tensor | None,
        beta: Tensor,
        sums: Tensor,
        free_bits: float,
    ) -> tuple[Tensor, Tensor]:
        """Return a number to begin at, (), and what was not finite, (2,)."""
        d_terms, d_kl, bad = weigh_rows(
            terms, kl, weight, beta=beta, sums=sums, free_bits=free_bits, num_rows=num_rows
        )
        ctx.save_for_backward(d_terms, d_kl)
        ctx.mark_non_differentiable(bad)
        ctx.set_materialize_grads(False)
        return kl.new_empty(()), bad

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of terms and KL, whatever the loss is said to weigh."""
        return *ctx.saved_tensors, None, None, None, None, None


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
