"""What training steps share: gradients of parts of a batch, clipping, the update, and sums.

All of it stays on the device; only `means` waits for it, after an epoch.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from models.optimization.parts import PartWorkers, set_gradients
from models.training.loop import TrainingDiverged

Part: TypeAlias = Callable[[], tuple[Any, ...]]
"""Makes what `forward` takes of some rows of a batch."""


@dataclass(frozen=True, kw_only=True)
class UpdateSettings:
    """What every step needs of the configuration.

    Attributes:
        clip_norm: largest gradient norm; 0 does not clip.
        autocast: dtype of matrix products, or None for float32 throughout.
    """

    clip_norm: float
    autocast: torch.dtype | None


class SummedStep(ABC):
    """Forward, backward, clipping and update of one batch, with nothing that waits for the device.

    Args:
        network: in training mode.
        optimizer: over its parameters.
        settings: clipping and precision.
        sums: names of what is added up: `rows` or the like, the loss, other columns of `forward`,
            then the norm of the gradients and the number of updates.
        remedy: what to do where training diverges.

    Attributes:
        state: the tensors that a batch changes besides the parameters and the optimizer's, and
            which an epoch begins with as zeros.
        copies: the tensors that a batch changes as it does the parameters.
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: Optimizer,
        settings: UpdateSettings,
        sums: Sequence[str],
        remedy: str,
    ) -> None:
        self.optimizer = optimizer
        self.settings = settings
        self.sum_names = sums
        self.remedy = remedy
        self.names, self.parameters = zip(*network.named_parameters(), strict=True)
        self.device = self.parameters[0].device
        # An epoch adds up millions of nats, next to which float32 would lose those of a row.
        self.sums = torch.zeros(len(sums), dtype=torch.float64, device=self.device)
        self.first_bad_step = torch.zeros((), dtype=torch.int64, device=self.device)
        self.state: tuple[Tensor, ...] = (self.sums, self.first_bad_step)
        self.copies: tuple[Tensor, ...] = ()

    @abstractmethod
    def forward(self, *inputs: Any, **named: Any) -> tuple[Tensor, Tensor]:
        """Return the loss of each row, (batch,), and what the rows add to the sums.

        The latter is without gradient, (sums - 2, batch): first 1 for each row, then its loss.
        """

    @abstractmethod
    def means_of(self, sums: Mapping[str, float]) -> dict[str, float]:
        """Return the means from what was added up."""

    def finish(self, sums: Tensor, norms: Tensor) -> Tensor:
        """Add a batch with `add`; return what its gradients are multiplied with, ().

        Args:
            sums: what `backward` returned, added up over the parts of the batch.
            norms: (parameters with a gradient,), of each gradient.
        """
        norm = norms.norm()
        self.add(with_norm(sums, norm), bad=~(sums[1].isfinite() & norm.isfinite()))
        return self.clipping_factor(norm)

    def what_is_bad(self) -> str:
        """Return what was not finite first; gradients are not told apart."""
        return "the loss or its gradient"

    def draw(self, num_rows: int) -> tuple[Tensor, ...]:
        """Return random numbers for the rows of a whole batch, which `forward` takes behind others.

        Parts of a batch would draw theirs in another order than the batch does.
        """
        return ()

    def divisor(self, num_rows: Any) -> Any:
        """Return what the losses of a batch of so many rows are divided by."""
        return num_rows

    def train(self, parts: Sequence[Part], weights: Sequence[Tensor]) -> None:
        """Train on one batch whose parts are worked on one after another.

        Args:
            parts: the whole batch, or parts of it, whose gradients are added up: memory is needed
                for one at a time.
            weights: of their rows: 1 for real ones, 0 for rows that fill up a batch.
        """
        self.optimizer.zero_grad(set_to_none=True)
        if len(parts) == 1:
            sums = self.backward(parts[0](), weights[0], None)
        else:
            num_rows = torch.stack([weight.sum() for weight in weights]).sum()
            each = zip(parts, weights, strict=True)
            found = [self.backward(part(), weight, num_rows) for part, weight in each]
            sums = torch.stack(found).sum(0)
        self.update(sums)

    def train_side_by_side(self, workers: PartWorkers, parts: Sequence[Part]) -> None:
        """Train on one batch, all of its rows real, with a thread for each part, on a CPU."""

        def gradients(part: Part) -> tuple[Sequence[Tensor | None], Tensor]:
            losses, columns = self.forward(*part())
            # `backward()` would add up in `parameter.grad`, which all threads share.
            grads = torch.autograd.grad(losses.sum(), self.parameters, allow_unused=True)
            return grads, columns.double().sum(1)

        found = workers.run(gradients, parts)
        sums = torch.stack([part_sums for _, part_sums in found]).sum(0)
        scale = 1 / self.divisor(float(sums[0]))
        set_gradients(self.parameters, [grads for grads, _ in found], scale)
        self.update(sums)

    def backward(self, inputs: tuple[Any, ...], weight: Tensor, num_rows: Tensor | None) -> Tensor:
        """Add to every parameter its gradient; return the sums of the part, float64.

        Args:
            inputs: of `forward`.
            weight: (rows of the part,).
            num_rows: () of the whole batch; None: the part is the batch.
        """
        losses, columns = self.forward(*inputs)
        num_rows = weight.sum() if num_rows is None else num_rows
        ((losses * weight).sum() / self.divisor(num_rows)).backward()
        return (columns @ weight).double()

    def autocast(self) -> torch.autocast:
        """Return the context in which the network's products are made."""
        dtype = self.settings.autocast
        return torch.autocast(self.device.type, dtype=dtype, enabled=dtype is not None)

    def add(self, batch: Tensor, bad: Tensor) -> Tensor:
        """Add all sums of a batch; return whether it is the first since `reset` that is bad, ().

        Args:
            batch: see `with_norm`.
            bad: () whether something of it was not finite.
        """
        self.sums += batch
        # Nothing may wait for the device, so that what is bad is noted there, without a branch;
        # `means` raises it at the end of the epoch.
        new = bad & (self.first_bad_step == 0)
        self.first_bad_step += new * self.sums[-1].long()
        return new

    def clipping_factor(self, norm: Tensor) -> Tensor:
        """Return what brings the gradients down to the largest norm, where theirs is larger."""
        # A norm of zero must not be divided by; an infinite one gives 0 and is raised anyway.
        return (self.settings.clip_norm / (norm + 1e-6)).clamp(max=1.0)

    def reset(self) -> None:
        """Forget the sums of the last epoch."""
        for tensor in self.state:
            tensor.zero_()

    def means(self, epoch: int) -> dict[str, float]:
        """Return the means since `reset`; this is where the host waits for the device.

        Raises:
            TrainingDiverged: a loss or gradient was not finite in one of the steps.
        """
        if step := int(self.first_bad_step):
            raise TrainingDiverged(epoch, step, self.what_is_bad(), self.remedy)
        return self.means_of(dict(zip(self.sum_names, self.sums.tolist(), strict=True)))

    @torch.no_grad()
    def update(self, sums: Tensor) -> None:
        """Clip the gradients of all parameters and update them; see `finish` on `sums`."""
        grads = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        norms = torch._foreach_norm(grads)  # pyright: ignore[reportPrivateImportUsage]
        factor = self.finish(sums, torch.stack(norms))
        if self.settings.clip_norm > 0:
            torch._foreach_mul_(grads, factor)  # pyright: ignore[reportPrivateImportUsage]
        self.optimizer.step()


def with_norm(sums: Tensor, norm: Tensor) -> Tensor:
    """Return all sums of a batch: those of its rows, the norm of its gradients, one update."""
    return torch.cat([sums, torch.stack([norm, torch.ones_like(norm)])])
