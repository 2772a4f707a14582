"""One optimizer step, with nothing in it that waits for the device."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim import Optimizer

from models.grammar_vae.loss import KlWeight, kl_per_dimension, reconstruction, weighted_kl
from models.grammar_vae.network.fused_loss import fused_terms
from models.grammar_vae.network.fused_step import Latent, finish_step, weigh_rows
from models.grammar_vae.network.network import GrammarVae
from models.grammar_vae.rules import Rules
from models.layers.cuda_kernels import kernels_apply
from models.optimization.parts import PartWorkers, set_gradients
from models.training.loop import TrainingDiverged

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
class StepSettings:
    """What the step needs of the configuration.

    Attributes:
        free_bits: nats of KL a row that cost nothing.
        clip_norm: largest gradient norm; 0 does not clip.
        autocast: dtype of matrix products, or None for float32 throughout.
    """

    free_bits: float
    clip_norm: float
    autocast: torch.dtype | None


class TrainStep:
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
        self.network = network
        self.optimizer = optimizer
        self.rules = rules
        self.settings = settings
        self.names, self.parameters = zip(*network.named_parameters(), strict=True)
        device = self.parameters[0].device
        self.sums = torch.zeros(len(_SUMS), dtype=torch.float64, device=device)
        # Which of recon, kl and the gradients was not finite when that first happened, and when.
        self.first_bad = torch.zeros(2 + len(self.names), dtype=torch.bool, device=device)
        self.first_bad_step = torch.zeros((), dtype=torch.int64, device=device)

    def __call__(self, ids: Tensor, beta: Tensor, weight: Tensor | None = None) -> None:
        """Train on one batch.

        Args:
            ids: (batch, time) int64, padded with -1.
            beta: () weight of the KL term, on the device.
            weight: (batch,) 1 for real rows, 0 for rows that fill up a batch; None: all real.
        """
        self.optimizer.zero_grad(set_to_none=True)
        device = ids.device
        with torch.autocast(
            device.type, dtype=self.settings.autocast, enabled=self.settings.autocast is not None
        ):
            work = self._run_kernels if kernels_apply(device) else self._run_torch
            work(ids, beta, weight)

    def in_parts(
        self, workers: PartWorkers, parts: Sequence[tuple[Tensor, Tensor]], beta: Tensor
    ) -> None:
        """Train on one batch whose parts are worked on side by side, on a CPU.

        Args:
            workers: one for each part.
            parts: ids (rows, time) int64, padded with -1, and noise (rows, z_dim) of each.
            beta: () weight of the KL term.
        """
        autocast = self.settings.autocast

        def gradients(part: tuple[Tensor, Tensor]) -> tuple[Sequence[Tensor | None], Tensor]:
            with torch.autocast("cpu", dtype=autocast, enabled=autocast is not None):
                row_loss, columns = self._forward(*part, beta)
            total = row_loss.sum()
            return torch.autograd.grad(total, self.parameters, allow_unused=True), columns

        found = workers.run(gradients, parts)
        columns = torch.cat([each for _, each in found], dim=1)
        set_gradients(self.parameters, [grads for grads, _ in found], 1 / columns.shape[1])
        grad_norms = self._clip()
        self.optimizer.step()
        self._record(columns, torch.ones_like(columns[0]), grad_norms)

    @property
    def state(self) -> tuple[Tensor, Tensor, Tensor]:
        """The tensors that a call changes besides the parameters and the optimizer's."""
        return self.sums, self.first_bad, self.first_bad_step

    def reset(self) -> None:
        """Forget the sums of the last epoch."""
        self.sums.zero_()
        self.first_bad.zero_()
        self.first_bad_step.zero_()

    def means(self, epoch: int) -> dict[str, float]:
        """Return the means since `reset`; this is where the host waits for the device.

        Raises:
            TrainingDiverged: a loss or gradient was not finite in one of the steps.
        """
        if int(self.first_bad_step):
            bad = int(self.first_bad.nonzero()[0])
            names = ("the cross-entropy", "the KL divergence", *self.names)
            what = names[bad] if bad < 2 else f"the gradient of {names[bad]}"
            raise TrainingDiverged(epoch, int(self.first_bad_step), what, _REMEDY)
        sums = dict(zip(_SUMS, self.sums.tolist(), strict=True))
        rows = sums["rows"]
        return {
            "loss": sums["loss"] / rows,
            "recon": sums["recon"] / rows,
            "kl": sums["kl"] / rows,
            "seq_acc": sums["correct_rows"] / rows,
            "token_acc": sums["correct_steps"] / sums["steps"],
            "grad_norm": sums["grad_norm"] / sums["updates"],
        }

    def _run_torch(self, ids: Tensor, beta: Tensor, weight: Tensor | None) -> None:
        noise = torch.randn(len(ids), self.network.z_dim, device=ids.device)
        row_loss, columns = self._forward(ids, noise, beta)
        with torch.autocast(ids.device.type, enabled=False):
            weight = torch.ones_like(row_loss) if weight is None else weight
            ((row_loss * weight).sum() / weight.sum()).backward()
            grad_norms = self._clip()
            self.optimizer.step()
            self._record(columns, weight, grad_norms)

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

    def _run_kernels(self, ids: Tensor, beta: Tensor, weight: Tensor | None) -> None:
        posterior = self.network.encoder.side_by_side(ids)
        noise = torch.randn(len(ids), self.network.z_dim, device=ids.device)
        z, kl = Latent.apply(posterior, noise)  # pyright: ignore[reportGeneralTypeIssues]
        logits = self.network.decoder(z, ids.shape[1])
        terms = fused_terms(logits, ids, self.rules.competitors)
        with torch.autocast("cuda", enabled=False):
            self._update(terms, kl, beta, weight)

    def _update(self, terms: Tensor, kl: Tensor, beta: Tensor, weight: Tensor | None) -> None:
        d_terms, d_kl, bad = weigh_rows(
            terms.detach(),
            kl.detach(),
            weight,
            beta=beta,
            sums=self.sums,
            free_bits=self.settings.free_bits,
        )
        torch.autograd.backward((terms, kl), (d_terms, d_kl))
        grads = [parameter.grad for parameter in self.parameters]
        norms = torch.stack(torch._foreach_norm(grads))  # pyright: ignore[reportPrivateImportUsage]
        factor = finish_step(norms, bad, self.state, self.settings.clip_norm)
        if self.settings.clip_norm > 0:
            torch._foreach_mul_(grads, factor)  # pyright: ignore[reportPrivateImportUsage]
        self.optimizer.step()

    def _clip(self) -> Tensor:
        """Scale the gradients down to the largest norm; return their norms, (parameters,)."""
        grads = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        norms = torch.stack(torch._foreach_norm(grads))  # pyright: ignore[reportPrivateImportUsage]
        if self.settings.clip_norm > 0:
            factor = (self.settings.clip_norm / (norms.norm() + 1e-6)).clamp(max=1.0)
            torch._foreach_mul_(grads, factor)  # pyright: ignore[reportPrivateImportUsage]
        return norms

    @torch.no_grad()
    def _record(self, columns: Tensor, weight: Tensor, grad_norms: Tensor) -> None:
        """Add up the first seven of `_SUMS`, (7, batch), and note the first value not finite."""
        update = torch.stack([grad_norms.norm(), torch.ones_like(grad_norms[0])])
        self.sums += torch.cat([columns @ weight, update])
        finite = torch.cat([columns[1:3].sum(1).isfinite(), grad_norms.isfinite()])
        new = (self.first_bad_step == 0) & ~finite.all()
        self.first_bad |= new & ~finite
        self.first_bad_step += new * self.sums[-1].long()


class RowsStep:
    """A training step on rows of a data set.

    Args:
        step: the step.
        ids: (rows, time), padded with -1, on the device.
        beta: () weight of the KL term, there too.
        num_parts: of a batch that may be worked on side by side, on a CPU.
    """

    def __init__(self, step: TrainStep, ids: Tensor, beta: Tensor, *, num_parts: int = 1) -> None:
        self.step = step
        self.ids = ids
        self.beta = beta
        self.workers = PartWorkers(num_parts)

    @property
    def state(self) -> Sequence[Tensor]:
        """All tensors that a call changes but the optimizer's."""
        return *self.step.parameters, *self.step.state

    def __call__(self, rows: Tensor, num_steps: int, weight: Tensor | None) -> None:
        """Train on one batch; see `Work`."""
        ids = self.ids[rows, :num_steps].long()
        parts = self.workers.split(ids)
        if len(parts) == 1:
            self.step(ids, self.beta, weight)
            return
        noise = self.workers.split(torch.randn(len(rows), self.step.network.z_dim))
        self.step.in_parts(self.workers, list(zip(parts, noise, strict=True)), self.beta)
