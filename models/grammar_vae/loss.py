"""The loss of a Grammar-VAE: masked cross-entropy summed over a row, and the KL divergence.

Kusner et al. 2017, section 3: at every step only the productions of the left-most open
nonterminal compete, so a forced step costs nothing.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from models.grammar.decoding import best_production
from models.grammar_vae.network import Posterior


@dataclass(frozen=True, kw_only=True)
class RowTerms:
    """What each row of a batch contributes, all of shape (batch,).

    Attributes:
        recon: cross-entropy in nats, summed over the row's real steps.
        correct_steps: real steps at which decoding would choose the right production: of equal
            logits it takes the first, and NaN only where there is nothing else.
        num_steps: real steps.
    """

    recon: Tensor
    correct_steps: Tensor
    num_steps: Tensor

    @property
    def correct_rows(self) -> Tensor:
        """(batch,) whether every step is right."""
        return self.correct_steps == self.num_steps


def reconstruction(logits: Tensor, ids: Tensor, allowed: Tensor) -> RowTerms:
    """Compare logits with the rows they should decode to.

    Args:
        logits: (batch, time, productions), float32.
        ids: (batch, time), padded with -1.
        allowed: (batch, time, productions), the productions that compete at each step.
    """
    real = ids >= 0
    target = ids.clamp(min=0)
    masked = logits.masked_fill(~allowed, torch.finfo(logits.dtype).min)
    nats = F.cross_entropy(masked.flatten(0, 1), target.flatten(), reduction="none")
    right = (best_production(logits.detach(), allowed) == target) & real
    return RowTerms(
        recon=(nats.view_as(real) * real).sum(1),
        correct_steps=right.sum(1),
        num_steps=real.sum(1),
    )


def kl_per_dimension(posterior: Posterior) -> Tensor:
    """Return KL(posterior || standard normal), (batch, z_dim), in nats, in closed form.

    Kingma and Welling 2014, appendix B.
    """
    mean, log_variance = posterior.mean, posterior.log_variance
    return 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance)


@dataclass(frozen=True, kw_only=True)
class KlWeight:
    """How the KL enters the loss: `beta` (a number or a () tensor) and `free_bits` in nats."""

    beta: Tensor | float
    free_bits: float


def weighted_kl(kl: Tensor, weight: KlWeight) -> Tensor:
    """Return beta * max(kl, free_bits) for the total KL (batch,) of each row.

    Free bits bound the total, not each dimension (Kingma et al. 2016, section 2.4 bounds groups;
    here all dimensions are one group).
    """
    return weight.beta * kl.clamp(min=weight.free_bits)
