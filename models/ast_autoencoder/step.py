"""One optimizer step, with nothing in it that waits for the device."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim import Optimizer

from models.ast_autoencoder.batches import NodeBatch, StepBatch
from models.ast_autoencoder.loss import step_terms
from models.ast_autoencoder.network import AstAutoencoder
from models.ast_autoencoder.tensors import NodeTensors, StepTensors
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
        self.last_sums = torch.zeros_like(self.sums)
        self.first_bad_step = torch.zeros((), dtype=torch.int64, device=device)

    def __call__(self, nodes: NodeBatch, steps: StepBatch, weight: Tensor | None = None) -> None:
        """Train on one batch; `last_sums` are then its sums.

        Args:
            nodes: graphs of the programs.
            steps: their derivations.
            weight: (batch,) 1 for real rows, 0 for rows that fill up a batch; None: all real.
        """
        settings = self.settings
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(
            steps.ids.device.type, dtype=settings.autocast, enabled=settings.autocast is not None
        ):
            latent = self.network.encode(nodes)
            features = self.network.decoder(latent, steps)
            terms = step_terms(self.network.head, features, steps)
        if weight is None:
            weight = terms.nats.new_ones(len(nodes.kind))
        nats = (terms.nats * weight).sum()
        (nats / (weight.sum() * settings.mean_steps)).backward()
        grad_norm = self._clip()
        self.optimizer.step()
        self._record(nats.detach(), terms.wrong, steps.ids >= 0, weight, grad_norm)

    @property
    def state(self) -> tuple[Tensor, Tensor, Tensor]:
        """The tensors that a call changes besides the parameters and the optimizer's."""
        return self.sums, self.last_sums, self.first_bad_step

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
    def _record(
        self, nats: Tensor, wrong: Tensor, real: Tensor, weight: Tensor, grad_norm: Tensor
    ) -> None:
        num_steps = real.sum(0)
        right = torch.stack([~wrong.any(0), num_steps - wrong.sum(0), num_steps]).float()
        right_programs, right_steps, all_steps = (right @ weight).unbind()
        sums = [
            weight.sum(), nats, right_programs, right_steps, all_steps, grad_norm,
            torch.ones_like(nats),
        ]  # fmt: skip
        self.last_sums.copy_(torch.stack(sums))
        self.sums += self.last_sums
        bad = ~(nats.isfinite() & grad_norm.isfinite())
        self.first_bad_step += (bad & (self.first_bad_step == 0)) * self.sums[-1].long()


class RowsStep:
    """A training step on rows of a data set.

    Args:
        step: the step.
        nodes: graphs of all programs, on the device.
        steps: their derivations, there too.
    """

    def __init__(self, step: TrainStep, nodes: NodeTensors, steps: StepTensors) -> None:
        self.step = step
        self.nodes = nodes
        self.steps = steps

    @property
    def state(self) -> Sequence[Tensor]:
        """All tensors that a call changes but the optimizer's."""
        return *self.step.parameters, *self.step.state

    def __call__(self, rows: Tensor, num_steps: int, weight: Tensor | None) -> None:
        """Train on one batch; see `Work`."""
        # A program has no more nodes than steps, and hardly fewer.
        self.step(
            NodeBatch.select(self.nodes, rows, num_steps),
            StepBatch.select(self.steps, rows, num_steps),
            weight,
        )


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
