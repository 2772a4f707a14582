"""One optimizer step, with nothing in it that waits for the device."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.optim import Optimizer

from models.ast_autoencoder.loss import StepTerms, step_terms
from models.ast_autoencoder.network.batches import NodeBatch, StepBatch
from models.ast_autoencoder.network.network import AstAutoencoder
from models.ast_autoencoder.network.tensors import NodeTensors, StepTensors
from models.optimization.determinism import deterministic_operations
from models.optimization.parts import PartWorkers, set_gradients, torch_threads
from models.training.summed_step import StepOnRows, SummedStep, UpdateSettings

_SUMS = ("programs", "nats", "right_programs", "right_steps", "steps", "grad_norm", "updates")
_REMEDY = "lower lr or clip_norm, or train with precision: float32"


@dataclass(frozen=True, kw_only=True)
class StepSettings(UpdateSettings):
    """What the step needs of the configuration.

    Attributes:
        mean_steps: of the training programs. Gradients are those of the nats of a batch over its
            programs and this number, so that their size depends on no program's length.
    """

    mean_steps: float


class TrainStep(SummedStep):
    """Forward, backward, clipping and update of one batch; sums metrics on the device.

    Args:
        network: in training mode.
        optimizer: over the network's parameters.
        settings: loss and clipping.
    """

    def __init__(
        self, network: AstAutoencoder, optimizer: Optimizer, settings: StepSettings
    ) -> None:
        super().__init__(network, optimizer, _SUMS, _REMEDY)
        self.network = network
        self.settings = settings
        self.last_sums = torch.zeros_like(self.sums)

    def __call__(self, nodes: NodeBatch, steps: StepBatch, weight: Tensor | None = None) -> None:
        """Train on one batch; `last_sums` are then its sums.

        Args:
            nodes: graphs of the programs.
            steps: their derivations.
            weight: (batch,) 1 for real rows, 0 for rows that fill up a batch; None: all real.
        """
        self.optimizer.zero_grad(set_to_none=True)
        terms = self._terms(nodes, steps)
        if weight is None:
            weight = terms.nats.new_ones(len(nodes.kind))
        nats = (terms.nats * weight).sum()
        (nats / (weight.sum() * self.settings.mean_steps)).backward()
        self._update(_sums_of(terms, steps, weight))

    def in_parts(
        self, workers: PartWorkers, parts: Sequence[Callable[[], tuple[NodeBatch, StepBatch]]]
    ) -> None:
        """Train on one batch whose parts are worked on side by side, on a CPU.

        Args:
            workers: one for each part.
            parts: each makes the graphs and derivations of its programs.
        """
        found = workers.run(self._gradients, parts)
        sums = torch.stack([part_sums for _, part_sums in found]).sum(0)
        scale = float(1 / (sums[0] * self.settings.mean_steps))
        set_gradients(self.parameters, [grads for grads, _ in found], scale)
        self._update(sums)

    @property
    def state(self) -> tuple[Tensor, Tensor, Tensor]:
        """The tensors that a call changes besides the parameters and the optimizer's."""
        return self.sums, self.last_sums, self.first_bad_step

    def what_is_bad(self) -> str:
        """Return what was not finite; gradients are not told apart."""
        return "the loss or its gradient"

    def means_of(self, sums: Mapping[str, float]) -> dict[str, float]:
        """Return the means over programs, steps and updates."""
        return {**means_of(self.sums), "grad_norm": sums["grad_norm"] / sums["updates"]}

    def _terms(self, nodes: NodeBatch, steps: StepBatch) -> StepTerms:
        """Compare what the network gives back with the programs."""
        autocast = self.settings.autocast
        with torch.autocast(steps.ids.device.type, dtype=autocast, enabled=autocast is not None):
            latent = self.network.encode(nodes)
            features = self.network.decoder(latent, steps)
            return step_terms(self.network.head, features, steps)

    def _gradients(
        self, part: Callable[[], tuple[NodeBatch, StepBatch]]
    ) -> tuple[Sequence[Tensor | None], Tensor]:
        """Return the gradients of the nats of a part, and its sums."""
        nodes, steps = part()
        terms = self._terms(nodes, steps)
        # `backward()` would add up in `parameter.grad`, which all threads share.
        grads = torch.autograd.grad(terms.nats.sum(), self.parameters, allow_unused=True)
        return grads, _sums_of(terms, steps, torch.ones(len(nodes.kind)))

    @torch.no_grad()
    def _update(self, sums: Tensor) -> None:
        """Clip, step and keep the sums of a batch, the first five of `_SUMS`."""
        grad_norm = self._clip()
        self.optimizer.step()
        update = torch.stack([grad_norm, torch.ones_like(grad_norm)])
        self.last_sums.copy_(torch.cat([sums, update]))
        self.sums += self.last_sums
        # Nothing may wait for the device, so that what is bad is noted there, without a branch;
        # `means` raises it at the end of the epoch.
        bad = ~(sums[1].isfinite() & grad_norm.isfinite())
        self.first_bad_step += (bad & (self.first_bad_step == 0)) * self.sums[-1].long()

    def _clip(self) -> Tensor:
        """Scale the gradients down to the largest norm; return their norm before."""
        grads = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        norms = torch._foreach_norm(grads)  # pyright: ignore[reportPrivateImportUsage]
        norm = torch.stack(norms).norm()
        if self.settings.clip_norm > 0:
            factor = (self.settings.clip_norm / (norm + 1e-6)).clamp(max=1.0)
            torch._foreach_mul_(grads, factor)  # pyright: ignore[reportPrivateImportUsage]
        return norm


class RowsStep(StepOnRows):
    """A training step on rows of a data set.

    Args:
        step: the step.
        nodes: graphs of all programs, on the device.
        steps: their derivations, there too.
        num_parts: of a batch that may be worked on side by side, on a CPU.
        num_threads: for operations of torch where a batch has one part.
        deterministic: add up in a fixed order on a GPU.
    """

    def __init__(
        self,
        step: TrainStep,
        nodes: NodeTensors,
        steps: StepTensors,
        *,
        num_parts: int = 1,
        num_threads: int | None = None,
        deterministic: bool = False,
    ) -> None:
        super().__init__(step, num_parts)
        self.nodes = nodes
        self.steps = steps
        self.deterministic = deterministic
        self.num_threads = torch.get_num_threads() if num_threads is None else num_threads

    def __call__(self, rows: Tensor, num_steps: int, weight: Tensor | None) -> None:
        """Train on one batch; see `Work`."""
        if rows.is_cuda:
            with deterministic_operations() if self.deterministic else nullcontext():
                self.step(*self._select(rows, num_steps), weight)
            return
        parts = self.workers.split(rows)
        if len(parts) == 1:
            with torch_threads(self.num_threads):
                self.step(*self._select(rows, num_steps), weight)
            return
        self.step.in_parts(self.workers, [partial(self._select, p, num_steps) for p in parts])

    def _select(self, rows: Tensor, num_steps: int) -> tuple[NodeBatch, StepBatch]:
        # A program has no more nodes than steps, and hardly fewer.
        nodes = NodeBatch.select(self.nodes, rows, num_steps)
        return nodes, StepBatch.select(self.steps, rows, num_steps)


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


@torch.no_grad()
def _sums_of(terms: StepTerms, steps: StepBatch, weight: Tensor) -> Tensor:
    """Return the first five of `_SUMS` for a batch, float64."""
    num_steps = (steps.ids >= 0).sum(0)
    right = torch.stack([~terms.wrong.any(0), num_steps - terms.wrong.sum(0), num_steps])
    nats = terms.nats.sum(0)
    columns = torch.cat([torch.stack([torch.ones_like(nats), nats]), right.float()])
    return (columns @ weight).double()
