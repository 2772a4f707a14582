"""One optimizer step, with nothing in it that waits for the device."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim import Optimizer

from models.ast_autoencoder.batches import NodeBatch, StepBatch
from models.ast_autoencoder.loss import step_terms
from models.ast_autoencoder.network import AstAutoencoder
from models.training import TrainingDiverged

_SUMS = ("programs", "nats", "right_programs", "right_steps", "steps", "grad_norm", "updates")
_REMEDY = "lower lr or clip_norm, or train with precision: float32"


@dataclass(frozen=True, kw_only=True)
class StepSettings:
    """What the step needs of the configuration.

    Attributes:
        clip_norm: largest gradient norm; 0 does not clip.
        autocast: dtype of matrix products, or None for float32 throughout.
        mean_steps: of the training programs. Gradients are those of the nats of a batch over its
            programs and this number, so that their size depends on no program's length.
    """

    clip_norm: float
    autocast: torch.dtype | None
    mean_steps: float


class TrainStep:
    """Forward, backward, clipping and update of one batch; sums metrics on the device.

    Args:
        network: in training mode.
        optimizer: over the network's parameters.
        settings: loss and clipping.
    """

    def __init__(
        self, network: AstAutoencoder, optimizer: Optimizer, settings: StepSettings
    ) -> None:
        self.network = network
        self.optimizer = optimizer
        self.settings = settings
        self.parameters = list(network.parameters())
        device = self.parameters[0].device
        self.sums = torch.zeros(len(_SUMS), dtype=torch.float64, device=device)
        self.first_bad_step = torch.zeros((), dtype=torch.int64, device=device)

    def __call__(self, nodes: NodeBatch, steps: StepBatch) -> Tensor:
        """Train on one batch; return its sums in the order of `_SUMS`, float64, on the device."""
        settings = self.settings
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(
            steps.ids.device.type, dtype=settings.autocast, enabled=settings.autocast is not None
        ):
            latent = self.network.encode(nodes)
            features = self.network.decoder(latent, steps)
            terms = step_terms(self.network.head, features, steps)
        nats = terms.nats.sum()
        (nats / (len(nodes.kind) * settings.mean_steps)).backward()
        grad_norm = self._clip()
        self.optimizer.step()
        return self._record(nats.detach(), terms.wrong, steps, grad_norm)

    def reset(self) -> None:
        """Forget the sums of the last epoch."""
        self.sums.zero_()
        self.first_bad_step.zero_()

    def means(self, epoch: int) -> dict[str, float]:
        """Return the means since `reset`; this is where the host waits for the device.

        Raises:
            TrainingDiverged: a loss or gradient was not finite in one of the steps.
        """
        if int(self.first_bad_step):
            raise TrainingDiverged(
                epoch, int(self.first_bad_step), "the loss or its gradient", _REMEDY
            )
        sums = dict(zip(_SUMS, self.sums.tolist(), strict=True))
        return {**means_of(self.sums), "grad_norm": sums["grad_norm"] / sums["updates"]}

    def _clip(self) -> Tensor:
        """Scale the gradients down to the largest norm; return their norm before."""
        grads = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        norms = torch._foreach_norm(grads)  # pyright: ignore[reportPrivateImportUsage]
        norm = torch.stack(norms).norm()
        if self.settings.clip_norm > 0:
            factor = (self.settings.clip_norm / (norm + 1e-6)).clamp(max=1.0)
            torch._foreach_mul_(grads, factor)  # pyright: ignore[reportPrivateImportUsage]
        return norm

    @torch.no_grad()
    def _record(self, nats: Tensor, wrong: Tensor, steps: StepBatch, grad_norm: Tensor) -> Tensor:
        real = steps.ids >= 0
        num_steps = real.sum()
        num_programs = torch.full_like(nats, steps.ids.shape[1])
        sums = torch.stack(
            [
                num_programs,
                nats,
                (~wrong.any(0)).sum(),
                num_steps - wrong.sum(),
                num_steps,
                grad_norm,
                torch.ones_like(nats),
            ]
        ).double()
        self.sums += sums
        bad = ~(nats.isfinite() & grad_norm.isfinite())
        self.first_bad_step += (bad & (self.first_bad_step == 0)) * self.sums[-1].long()
        return sums


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
