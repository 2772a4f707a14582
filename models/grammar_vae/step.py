"""One optimizer step, with nothing in it that waits for the device."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.optim import Optimizer

from models.grammar_vae.loss import KlWeight, kl_per_dimension, reconstruction, weighted_kl
from models.grammar_vae.network.fused_step import FusedBackward
from models.grammar_vae.network.network import GrammarVae
from models.grammar_vae.rules import Rules
from models.layers.fast_path import implementation_for
from models.optimization.parts import PartWorkers, set_gradients
from models.training.summed_step import StepOnRows, SummedStep, UpdateSettings

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


@dataclass(frozen=True, kw_only=True)
class StepSettings(UpdateSettings):
    """What the step needs of the configuration.

    Attributes:
        free_bits: nats of KL a row that cost nothing.
    """

    free_bits: float


class TrainStep(SummedStep):
    """Forward, backward, clipping and update of one batch; sums metrics on the device.

    Args:
        network: the network, in training mode.
        optimizer: over the network's parameters.
        rules: the grammar's tables on the device.
        settings: loss and clipping.
    """

    def __init__(
        self, network: GrammarVae, optimizer: Optimizer, rules: Rules, settings: StepSettings
    ) -> None:
        super().__init__(network, optimizer, _SUMS, _REMEDY)
        self.network = network
        self.rules = rules
        self.settings = settings
        # Which of recon, kl and the gradients was not finite when that first happened, and when.
        device = self.parameters[0].device
        self.first_bad = torch.zeros(2 + len(self.names), dtype=torch.bool, device=device)
        # It keeps the tensors of `state`: they are changed in place and never replaced.
        self._fused = FusedBackward(
            network=network,
            competitors=rules.competitors,
            state=self.state,
            free_bits=settings.free_bits,
            clip_norm=settings.clip_norm,
        )

    def __call__(
        self,
        ids: Tensor,
        beta: Tensor,
        weight: Tensor | None = None,
        workers: PartWorkers | None = None,
    ) -> None:
        """Train on one batch.

        Args:
            ids: (batch, time) int64, padded with -1.
            beta: () weight of the KL term, on the device.
            weight: (batch,) 1 for real rows, 0 for rows that fill up a batch; None: all real.
            workers: work on parts of the batch side by side, on a CPU; all rows are real then.
        """
        self.optimizer.zero_grad(set_to_none=True)
        parts = [ids] if workers is None else workers.split(ids)
        if workers is not None and len(parts) > 1:
            finish = self._backward_in_parts(workers, parts, beta)
        else:
            with self._autocast(ids):
                # The fast path on new GPUs is `FusedBackward` in `network/fused_step.py`.
                backward = implementation_for(ids.device, plain=self._backward, fused=self._fused)
                finish = backward(ids, beta, weight)
        grads = [parameter.grad for parameter in self.parameters]
        norms = torch.stack(torch._foreach_norm(grads))  # pyright: ignore[reportPrivateImportUsage]
        factor = finish(norms)
        if self.settings.clip_norm > 0:
            torch._foreach_mul_(grads, factor)  # pyright: ignore[reportPrivateImportUsage]
        self.optimizer.step()

    @property
    def state(self) -> tuple[Tensor, Tensor, Tensor]:
        """The tensors that a call changes besides the parameters and the optimizer's."""
        return self.sums, self.first_bad, self.first_bad_step

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
        }

    def _autocast(self, ids: Tensor) -> torch.autocast:
        dtype = self.settings.autocast
        return torch.autocast(ids.device.type, dtype=dtype, enabled=dtype is not None)

    def _backward(
        self, ids: Tensor, beta: Tensor, weight: Tensor | None
    ) -> Callable[[Tensor], Tensor]:
        """Give every parameter its gradient; return `_finish`, which waits for their norms."""
        noise = torch.randn(len(ids), self.network.z_dim, device=ids.device)
        row_loss, columns = self._forward(ids, noise, beta)
        with torch.autocast(ids.device.type, enabled=False):
            weight = torch.ones_like(row_loss) if weight is None else weight
            ((row_loss * weight).sum() / weight.sum()).backward()
        return partial(self._finish, columns, weight)

    def _backward_in_parts(
        self, workers: PartWorkers, parts: list[Tensor], beta: Tensor
    ) -> Callable[[Tensor], Tensor]:
        """Do what `_backward` does, each part of the batch in a thread of its own."""
        # The noise is drawn here: threads would draw theirs in an order that differs each time.
        noise = workers.split(torch.randn(sum(map(len, parts)), self.network.z_dim))

        def gradients(part: tuple[Tensor, Tensor]) -> tuple[Sequence[Tensor | None], Tensor]:
            # Autocast holds for a thread, and `backward()` would add up in `parameter.grad`,
            # which all threads share.
            with self._autocast(part[0]):
                row_loss, columns = self._forward(*part, beta)
            total = row_loss.sum()  # divided by the rows of all parts below
            return torch.autograd.grad(total, self.parameters, allow_unused=True), columns

        found = workers.run(gradients, list(zip(parts, noise, strict=True)))
        columns = torch.cat([each for _, each in found], dim=1)
        set_gradients(self.parameters, [grads for grads, _ in found], 1 / columns.shape[1])
        return partial(self._finish, columns, torch.ones_like(columns[0]))

    def _forward(self, ids: Tensor, noise: Tensor, beta: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss of each row, (batch,), and the first seven of `_SUMS`, (7, batch)."""
        posterior = self.network.encode(ids)
        z = posterior.sample(noise)
        logits = self.network.decode(z, ids.shape[1])
        with torch.autocast(ids.device.type, enabled=False):
            terms = reconstruction(logits, ids, self.rules.competing(ids))
            kl = kl_per_dimension(posterior).sum(1)
            row_loss = terms.recon + weighted_kl(
                kl, KlWeight(beta=beta, free_bits=self.settings.free_bits)
            )
            rights = (terms.correct_rows, terms.correct_steps, terms.num_steps)
            columns = torch.stack([torch.ones_like(kl), terms.recon, kl, row_loss, *rights])
        return row_loss, columns.detach()

    @torch.no_grad()
    def _finish(self, columns: Tensor, weight: Tensor, grad_norms: Tensor) -> Tensor:
        """Add a batch to the sums and note the first value not finite.

        Args:
            columns: the first seven of `_SUMS`, (7, batch).
            weight: (batch,) of the rows.
            grad_norms: (parameters,), of each gradient.

        Returns:
            What the gradients are multiplied with, so that their norm keeps to the largest, ().
        """
        grad_norm = grad_norms.norm()
        self.sums += torch.cat([columns @ weight, torch.stack([grad_norm, grad_norm.new_ones(())])])
        finite = torch.cat([columns[1:3].sum(1).isfinite(), grad_norms.isfinite()])
        # Nothing may wait for the device, so that what is bad is noted there, without a branch;
        # `means` raises it at the end of the epoch.
        new = (self.first_bad_step == 0) & ~finite.all()
        self.first_bad |= new & ~finite
        self.first_bad_step += new * self.sums[-1].long()
        # A norm of zero must not be divided by; an infinite one gives 0 and is raised anyway.
        return (self.settings.clip_norm / (grad_norm + 1e-6)).clamp(max=1.0)


class RowsStep(StepOnRows):
    """A training step on rows of a data set.

    Args:
        step: the step.
        ids: (rows, time), padded with -1, on the device.
        beta: () weight of the KL term, there too.
        num_parts: of a batch that may be worked on side by side, on a CPU.
    """

    def __init__(self, step: TrainStep, ids: Tensor, beta: Tensor, *, num_parts: int = 1) -> None:
        super().__init__(step, num_parts)
        self.ids = ids
        self.beta = beta

    def __call__(self, rows: Tensor, num_steps: int, weight: Tensor | None) -> None:
        """Train on one batch; see `Work`."""
        # The data set is kept as int16; indices have to be int64.
        ids = self.ids[rows, :num_steps].long()
        self.step(ids, self.beta, weight, self.workers)
