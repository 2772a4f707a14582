"""The training step of an AST autoencoder: its loss, and the sums that are logged."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.optim import Optimizer

from models.ast_autoencoder.loss import step_terms
from models.ast_autoencoder.network.batches import NodeBatch, StepBatch
from models.ast_autoencoder.network.network import AstAutoencoder
from models.training.summed_step import SummedStep, UpdateSettings

_SUMS = ("programs", "nats", "right_programs", "right_steps", "steps", "grad_norm", "updates")
_REMEDY = "lower lr or clip_norm, or train with precision: float32"


class TrainStep(SummedStep):
    """A step on programs; `last_sums` are then its sums.

    Args:
        network: in training mode.
        optimizer: over the network's parameters.
        settings: clipping and precision.
        mean_steps: of the training programs. Gradients are those of the nats of a batch over its
            programs and this number, so that their size depends on no program's length.
    """

    def __init__(
        self,
        network: AstAutoencoder,
        optimizer: Optimizer,
        settings: UpdateSettings,
        *,
        mean_steps: float,
    ) -> None:
        super().__init__(network, optimizer, settings, _SUMS, _REMEDY)
        self.network = network
        self.mean_steps = mean_steps
        self.last_sums = torch.zeros_like(self.sums)
        self.state += (self.last_sums,)

    def divisor(self, num_rows: Tensor | float) -> Tensor | float:
        """Return the steps of so many programs of mean length."""
        return num_rows * self.mean_steps

    def forward(self, nodes: NodeBatch, steps: StepBatch) -> tuple[Tensor, Tensor]:
        """Compare what the network gives back with the programs; see `SummedStep.forward`."""
        with self.autocast():
            latent = self.network.encode(nodes)
            features = self.network.decoder(latent, steps)
            terms = step_terms(self.network.head, features, steps)
        nats = terms.nats.sum(0)
        with torch.no_grad():
            num_steps = (steps.ids >= 0).sum(0)
            right = torch.stack([~terms.wrong.any(0), num_steps - terms.wrong.sum(0), num_steps])
            columns = torch.cat([torch.stack([torch.ones_like(nats), nats]), right.float()])
        return nats, columns

    def add(self, batch: Tensor, bad: Tensor) -> Tensor:
        """Add a batch, and keep its sums."""
        self.last_sums.copy_(batch)
        return super().add(batch, bad)

    def means_of(self, sums: Mapping[str, float]) -> dict[str, float]:
        """Return the means over programs, steps and updates."""
        return {**means_of(self.sums), "grad_norm": sums["grad_norm"] / sums["updates"]}


def means_of(sums: Tensor) -> dict[str, float]:
    """Return loss, similarity and exact matches from added up results of steps."""
    total = dict(zip(_SUMS, sums.tolist(), strict=True))
    loss = total["nats"] / total["programs"]
    return {
        "loss": loss,
        "reconstruction_loss": loss,
        "similarity_score": total["right_steps"] / total["steps"],
        "exact_match_rate": total["right_programs"] / total["programs"],
    }
