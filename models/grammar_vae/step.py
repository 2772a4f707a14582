"""The training step of a Grammar-VAE: its loss, and what of it was not finite."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam

from models.grammar_vae.loss import KlWeight, kl_per_dimension, reconstruction, weighted_kl
from models.grammar_vae.network.fused_step import FusedStep
from models.grammar_vae.network.network import GrammarVae
from models.grammar_vae.rules import Rules
from models.layers.fast_path import implementation_for
from models.optimization.fused_adam import MAX_PARAMETERS
from models.training.summed_step import SummedStep, UpdateSettings, with_norm

# In the order in which `step_kernels.cu` adds up, too.
_SUMS = (
    "rows",
    "recon",
    "kl",
    "loss",
    "correct_rows",
    "correct_steps",
    "steps",
    "grad_norm",
    "updates",
)
_REMEDY = "lower lr or clip_norm, raise kl_anneal_epochs, or train with precision: float32"


class TrainStep(SummedStep):
    """A step on rows of productions.

    Args:
        network: the network, in training mode.
        optimizer: over its parameters.
        settings: clipping and precision.
        rules: the grammar's tables on the device.
        free_bits: nats of KL a row that cost nothing.
    """

    def __init__(
        self,
        network: GrammarVae,
        optimizer: Adam,
        settings: UpdateSettings,
        *,
        rules: Rules,
        free_bits: float,
    ) -> None:
        super().__init__(network, optimizer, settings, _SUMS, _REMEDY)
        self.network = network
        self.rules = rules
        self.free_bits = free_bits
        # Which of recon, kl and the gradients was not finite when that first happened, and when.
        self.first_bad = torch.zeros(2 + len(self.names), dtype=torch.bool, device=self.device)
        self.state += (self.first_bad,)
        with self.autocast():
            # The fast path on new GPUs is in `network/fused_step.py`.
            build = implementation_for(
                self.device, plain=None, fused=FusedStep, fits=len(self.names) <= MAX_PARAMETERS
            )
        self._fused: FusedStep | None = None
        if build is not None:
            # It keeps tensors of `state`: they are changed in place and never replaced.
            self._fused = build(
                network,
                optimizer,
                competitors=rules.competitors,
                state=(self.sums, self.first_bad, self.first_bad_step),
                free_bits=free_bits,
                clip_norm=settings.clip_norm,
            )
            self.copies = self._fused.copies

    def draw(self, num_rows: int) -> tuple[Tensor]:
        """Return the noise of the posterior's samples, (rows, z_dim)."""
        return (torch.randn(num_rows, self.network.z_dim, device=self.device),)

    def forward(self, ids: Tensor, beta: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return the losses, and the first seven of `_SUMS`; see `SummedStep.forward`.

        Args:
            ids: (batch, time) int64, padded with -1.
            beta: () weight of the KL term, on the device.
            noise: (batch, z_dim).
        """
        with self.autocast():
            posterior = self.network.encode(ids)
            z = posterior.sample(noise)
            logits = self.network.decode(z, ids.shape[1])
        terms = reconstruction(logits, ids, self.rules.competing(ids))
        kl = kl_per_dimension(posterior).sum(1)
        loss = terms.recon + weighted_kl(kl, KlWeight(beta=beta, free_bits=self.free_bits))
        rights = (terms.correct_rows, terms.correct_steps, terms.num_steps)
        columns = torch.stack([torch.ones_like(kl), terms.recon, kl, loss, *rights])
        return loss, columns.detach()

    def reset(self) -> None:
        """Forget the sums of the last epoch; weights may have been loaded since."""
        super().reset()
        if self._fused is not None:
            self._fused.adam.refresh()

    def backward(self, inputs: tuple[Any, ...], weight: Tensor, num_rows: Tensor | None) -> Tensor:
        """Do what `SummedStep.backward` does, by kernels where they apply."""
        if self._fused is None:
            return super().backward(inputs, weight, num_rows)
        with self.autocast():
            return self._fused.backward(*inputs, weight=weight, num_rows=num_rows)

    def update(self, sums: Tensor) -> None:
        """Do what `SummedStep.update` does, by kernels where they apply."""
        if self._fused is None:
            super().update(sums)
        else:
            self._fused.update(sums)

    def finish(self, sums: Tensor, norms: Tensor) -> Tensor:
        """Add a batch; note which value was the first that is not finite."""
        norm = norms.norm()
        finite = torch.cat([sums[1:3], norms]).isfinite()
        new = self.add(with_norm(sums, norm), bad=~finite.all())
        self.first_bad |= new & ~finite
        return self.clipping_factor(norm)

    def what_is_bad(self) -> str:
        """Return which loss term or gradient was not finite first."""
        bad = int(self.first_bad.nonzero()[0])
        names = ("the cross-entropy", "the KL divergence", *self.names)
        return names[bad] if bad < 2 else f"the gradient of {names[bad]}"

    def means_of(self, sums: Mapping[str, float]) -> dict[str, float]:
        """Return the means over rows, steps and updates."""
        rows = sums["rows"]
        return {
            "loss": sums["loss"] / rows,
            "recon": sums["recon"] / rows,
            "kl": sums["kl"] / rows,
            "seq_acc": sums["correct_rows"] / rows,
            "token_acc": sums["correct_steps"] / sums["steps"],
            "grad_norm": sums["grad_norm"] / sums["updates"],
            "kl_per_dim": sums["kl"] / rows / self.network.z_dim,
        }
