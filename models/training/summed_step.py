"""What training steps share: sums on the device, and when a value was not finite first."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from models.optimization.parts import PartWorkers
from models.training.loop import TrainingDiverged


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
    """Adds up metrics on the device; only `means` waits for it.

    Args:
        network: in training mode.
        optimizer: over its parameters.
        sums: names of what is added up.
        remedy: what to do where training diverges.
    """

    def __init__(
        self, network: nn.Module, optimizer: Optimizer, sums: Sequence[str], remedy: str
    ) -> None:
        self.optimizer = optimizer
        self.sum_names = sums
        self.remedy = remedy
        self.names, self.parameters = zip(*network.named_parameters(), strict=True)
        device = self.parameters[0].device
        # An epoch adds up millions of nats, next to which float32 would lose those of a row.
        self.sums = torch.zeros(len(sums), dtype=torch.float64, device=device)
        self.first_bad_step = torch.zeros((), dtype=torch.int64, device=device)

    @property
    @abstractmethod
    def state(self) -> tuple[Tensor, ...]:
        """The tensors that a call changes besides the parameters and the optimizer's."""

    @abstractmethod
    def what_is_bad(self) -> str:
        """Return what was not finite first."""

    @abstractmethod
    def means_of(self, sums: Mapping[str, float]) -> dict[str, float]:
        """Return the means from what was added up."""

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


class StepOnRows:
    """A training step on rows of a data set.

    Args:
        step: the step.
        num_parts: of a batch that may be worked on side by side, on a CPU.
    """

    def __init__(self, step: Any, num_parts: int) -> None:
        self.step = step
        self.workers = PartWorkers(num_parts)

    @property
    def state(self) -> Sequence[Tensor]:
        """All tensors that a call changes but the optimizer's."""
        return *self.step.parameters, *self.step.state
